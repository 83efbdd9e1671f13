//! The state that a network carries from one piece of a sequence to the next.

use burn::tensor::Tensor;

/// What a network remembers of B sequences, layer by layer; cut off from the gradient.
#[derive(Debug, Clone)]
pub struct State {
    /// The state of each layer, the lowest first.
    pub layers: Vec<CellState>,
}

impl State {
    /// What is remembered of the first `batch_size` sequences.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn first(self, batch_size: usize) -> Self {
        let narrow = |layer: CellState| layer.map(|part| part.narrow(0, 0, batch_size));
        Self {
            layers: self.layers.into_iter().map(narrow).collect(),
        }
    }
}

/// What one cell remembers.
#[derive(Debug, Clone)]
pub struct CellState {
    /// `[B, H]`, which is also the cell's output.
    pub hidden: Tensor<2>,
    /// `[B, H]`, the protected cell of an LSTM.
    pub cell: Option<Tensor<2>>,
}

impl CellState {
    pub(crate) fn map(self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            cell: self.cell.map(&change),
            hidden: change(self.hidden),
        }
    }

    pub(crate) fn detach(self) -> Self {
        self.map(Tensor::detach)
    }
}
