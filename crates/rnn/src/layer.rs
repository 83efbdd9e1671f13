//! A layer: the cell that reads forward, and in a bidirectional network the one that reads back.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Device, Tensor};

use crate::elman::Elman;
use crate::gru::Gru;
use crate::lengths::Lengths;
use crate::lstm::Lstm;
use crate::sequence::{Direction, Sequence};
use crate::{CellKind, CellState, RnnConfig};

/// One or two cells over the same inputs.
#[derive(Module, Debug)]
pub(crate) struct Layer {
    pub(crate) forward: Cell,
    backward: Option<Cell>,
    /// Of the weights between states, once for all steps of a batch (Merity et al. 2018,
    /// <https://arxiv.org/abs/1708.02182>).
    weight_dropout: Dropout,
}

impl Layer {
    pub(crate) fn init(config: &RnnConfig, d_input: usize, device: &Device) -> Self {
        let cell = || Cell::init(config.cell, d_input, config.d_hidden, device);
        Self {
            forward: cell(),
            backward: config.bidirectional.then(cell),
            weight_dropout: DropoutConfig::new(config.weight_dropout).init(),
        }
    }

    /// The cell that reads forward, and the one that reads back.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &Cell> {
        std::iter::once(&self.forward).chain(&self.backward)
    }

    pub(crate) fn cells_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        std::iter::once(&mut self.forward).chain(&mut self.backward)
    }

    /// Reads whole sequences, both ways where the layer is bidirectional.
    pub(crate) fn forward(&self, inputs: &Sequence, lengths: &Lengths) -> Outputs {
        let read = |cell: &Cell, direction| {
            let (outputs, _) = cell.forward(inputs, direction, None, &self.weight_dropout);
            outputs
        };
        let read_back = |cell| read(cell, Direction::Backward(lengths));
        Outputs {
            forward: read(&self.forward, Direction::Forward),
            backward: self.backward.as_ref().map(read_back),
        }
    }

    /// Reads sequences on from `state`, one way; returns the state at their end too.
    pub(crate) fn carry_on(
        &self,
        inputs: &Sequence,
        state: Option<CellState>,
    ) -> (Sequence, CellState) {
        self.forward
            .forward(inputs, Direction::Forward, state, &self.weight_dropout)
    }
}

/// What a layer makes of its inputs.
pub(crate) struct Outputs {
    forward: Sequence,
    backward: Option<Sequence>,
}

impl From<Sequence> for Outputs {
    fn from(forward: Sequence) -> Self {
        Self {
            forward,
            backward: None,
        }
    }
}

impl Outputs {
    /// Both ways side by side, step by step.
    pub(crate) fn join(&self) -> Sequence {
        match &self.backward {
            Some(backward) => self.forward.join(backward), // [B, 2H] a step
            None => self.forward.clone(),                  // [B, H] a step
        }
    }

    /// `[B, H]` or `[B, 2H]`: each sequence's state at the end of each way.
    pub(crate) fn ends(&self, lengths: &Lengths) -> Tensor<2> {
        let last = lengths.last(&self.forward); // [B, H]
        match &self.backward {
            Some(backward) => Tensor::cat(vec![last, backward.step(0)], 1), // [B, 2H]
            None => last,
        }
    }
}

/// A cell of any kind.
#[derive(Module, Debug)]
pub(crate) enum Cell {
    Elman(Elman),
    Lstm(Lstm),
    Gru(Gru),
}

impl Cell {
    fn init(kind: CellKind, d_input: usize, d_hidden: usize, device: &Device) -> Self {
        match kind {
            CellKind::Elman => Self::Elman(Elman::init(d_input, d_hidden, device)),
            CellKind::Lstm => Self::Lstm(Lstm::init(d_input, d_hidden, device)),
            CellKind::Gru => Self::Gru(Gru::init(d_input, d_hidden, device)),
        }
    }

    fn forward(
        &self,
        inputs: &Sequence,
        direction: Direction,
        state: Option<CellState>,
        weight_dropout: &Dropout,
    ) -> (Sequence, CellState) {
        match self {
            Self::Elman(cell) => cell.forward(inputs, direction, state, weight_dropout),
            Self::Lstm(cell) => cell.forward(inputs, direction, state, weight_dropout),
            Self::Gru(cell) => cell.forward(inputs, direction, state, weight_dropout),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    #[test]
    fn whole_sequences_and_single_steps_give_the_same() {
        let device = Device::flex().autodiff();
        device.seed(3);
        let random = |shape| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        let lengths = Lengths::new(&[6, 2, 0, 4, 6], 6, &device);
        let (x, weights) = (random([5, 6, 3]), random([5, 6, 14]));
        for kind in [CellKind::Elman, CellKind::Lstm, CellKind::Gru] {
            let config = RnnConfig::new(3, 1, false)
                .with_cell(kind)
                .with_d_hidden(7)
                .with_bidirectional(true);
            let layer = Layer::init(&config, 3, &device);
            let outcome = |as_steps: bool| {
                let x = x.clone().require_grad();
                let inputs = if as_steps {
                    let steps = x.clone().split(1, 1).into_iter();
                    Sequence::Steps(steps.map(|step| step.squeeze_dim(1)).collect())
                } else {
                    Sequence::from_batch(x.clone())
                };
                let outputs = layer.forward(&inputs, &lengths);
                let ends = outputs.ends(&lengths); // [B, 2H]
                let hiddens = outputs.join().stack(); // [B, T, 2H]
                let loss = (hiddens.clone() * weights.clone()).sum() + ends.clone().sum();
                let gradients = loss.backward();
                let d_x = x.grad(&gradients).unwrap();
                [hiddens.into_data(), ends.into_data(), d_x.into_data()]
            };
            for (steps, whole) in outcome(true).iter().zip(&outcome(false)) {
                whole.assert_approx_eq::<f32>(steps, Tolerance::rel_abs(1e-4, 1e-5));
            }
        }
    }
}
