//! The operation over Burn's tensors, and its gradient.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Int, Shape, Tensor};

use super::{
    Cell, Direction, Forward, Initial, InputRows, Layer, Tape, Upstream, backward, forward,
};
use crate::host::Host;
use crate::runs_here;

/// What a recurrent layer reads.
#[derive(Debug, Clone)]
pub enum RecurrentInputs {
    /// `[T, B, D]`
    Steps(Tensor<3>),
    /// Rows of features that steps share, as all steps of a text with the same token do: each is multiplied by
    /// the weight once.
    Shared {
        /// `[N, D]`
        rows: Tensor<2>,
        /// `[T, B]`, the row that each step of each sequence reads, below N.
        places: Vec<usize>,
        /// B
        batch_size: usize,
    },
}

impl RecurrentInputs {
    /// The features of each step, `[T, B, D]`.
    ///
    /// # Panics
    /// When a place is not that of a row.
    #[must_use]
    pub fn steps(&self) -> Tensor<3> {
        match self {
            Self::Steps(steps) => steps.clone(),
            Self::Shared {
                rows,
                places,
                batch_size,
            } => {
                let [_, d_input] = rows.dims();
                let shape = [places.len() / batch_size, *batch_size, d_input];
                let place = |&place| i64::try_from(place).expect("rows lie in memory");
                let places: Vec<i64> = places.iter().map(place).collect();
                let places = Tensor::<1, Int>::from_data(places.as_slice(), &rows.device());
                rows.clone().select(0, places).reshape(shape)
            }
        }
    }
}

/// The weights of a recurrent layer, gates side by side: g is 1 for Elman, 4 for an LSTM (input,
/// forget, candidate, output), 3 for a GRU (reset, update, candidate).
#[derive(Debug, Clone)]
pub struct RecurrentWeights {
    /// `[D, gH]`
    pub input: Tensor<2>,
    /// `[H, gH]`
    pub hidden: Tensor<2>,
    /// `[gH]`
    pub bias: Tensor<1>,
    /// `[H]`, of the recurrent part of a GRU's candidate; of no effect elsewhere.
    pub hidden_bias: Option<Tensor<1>>,
}

/// What a recurrent layer makes of sequences.
#[derive(Debug, Clone)]
pub struct RecurrentOutputs {
    /// `[T, B, H]`, the state after each step, at the place of that step.
    pub hiddens: Tensor<3>,
    /// `[B, H]`, the state at the end of the way; without a gradient.
    pub hidden: Tensor<2>,
    /// `[B, H]`, the cell of an LSTM at the end of the way; without a gradient.
    pub cell: Option<Tensor<2>>,
}

/// Which way a layer reads.
#[derive(Debug, Clone)]
pub enum Reading {
    /// From the first step on.
    Forward,
    /// From the last step back. The state of a sequence stays zero until its own last step, which
    /// its length tells; 0 counts as 1.
    Backward(Vec<usize>),
}

/// Whether [`recurrent`] can read this tensor: 32-bit floats in this machine's memory.
#[must_use]
pub fn reads_whole<const D: usize>(x: &Tensor<D>) -> bool {
    runs_here(x)
}

/// Reads whole sequences in one operation, forward and back through time.
///
/// # Shapes
/// - `x`: none of T, B, D and N is 0, and [`reads_whole`] says yes
/// - `hidden`, `cell`: `[B, H]`, the state before the first step of the way; zeros where none
///
/// # Panics
/// When the shapes do not fit each other, and where [`reads_whole`] says no.
#[must_use]
pub fn recurrent(
    kind: Cell,
    x: RecurrentInputs,
    weights: RecurrentWeights,
    hidden: Option<Tensor<2>>,
    cell: Option<Tensor<2>>,
    reading: Reading,
) -> RecurrentOutputs {
    let (rows, places, batch_size) = match x {
        RecurrentInputs::Steps(steps) => {
            let [_, batch_size, _] = steps.dims();
            (steps.flatten(0, 1), None, batch_size)
        }
        RecurrentInputs::Shared {
            rows,
            places,
            batch_size,
        } => (rows, Some(places), batch_size),
    };
    let [d_hidden, _] = weights.hidden.dims();
    let device = rows.device();
    let zeros = || Tensor::zeros([batch_size, d_hidden], &device);
    // What a cell does not have is empty.
    let cell = match kind {
        Cell::Lstm => cell.unwrap_or_else(zeros),
        Cell::Elman | Cell::Gru => Tensor::zeros([0, d_hidden], &device),
    };
    let hidden_bias = match (kind, weights.hidden_bias) {
        (Cell::Gru, Some(hidden_bias)) => hidden_bias,
        (Cell::Gru, None) => Tensor::zeros([d_hidden], &device),
        _ => Tensor::zeros([0], &device),
    };
    let (hiddens, hidden, cell) = Dispatch::recurrent(
        rows.into_dispatch(),
        weights.input.into_dispatch(),
        weights.hidden.into_dispatch(),
        weights.bias.into_dispatch(),
        hidden_bias.into_dispatch(),
        hidden.unwrap_or_else(zeros).into_dispatch(),
        cell.into_dispatch(),
        kind,
        places,
        reading,
    );
    RecurrentOutputs {
        hiddens: Tensor::from_dispatch(hiddens),
        hidden: Tensor::from_dispatch(hidden),
        cell: (kind == Cell::Lstm).then(|| Tensor::from_dispatch(cell)),
    }
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
#[allow(clippy::too_many_arguments)] // a tensor each, as the macro wants them
pub(crate) trait Recurrent: Backend {
    /// Hiddens, and the state at the end of the way; see [`recurrent`].
    fn recurrent(
        rows: FloatTensor<Self>,
        input_weight: FloatTensor<Self>,
        hidden_weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        hidden_bias: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        kind: Cell,
        places: Option<Vec<usize>>,
        reading: Reading,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: Host> Recurrent for B {
    fn recurrent(
        rows: FloatTensor<B>,
        input_weight: FloatTensor<B>,
        hidden_weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        hidden_bias: FloatTensor<B>,
        hidden: FloatTensor<B>,
        cell: FloatTensor<B>,
        kind: Cell,
        places: Option<Vec<usize>>,
        reading: Reading,
    ) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
        let tensors = [
            rows,
            input_weight,
            hidden_weight,
            bias,
            hidden_bias,
            hidden,
            cell,
        ];
        let inputs = Inputs::<B>::new(tensors, kind, places, reading);
        let (tensors, _) = inputs.forward(false);
        tensors
    }
}

impl<B: Host, C: CheckpointStrategy> Recurrent for Autodiff<B, C> {
    fn recurrent(
        rows: FloatTensor<Self>,
        input_weight: FloatTensor<Self>,
        hidden_weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        hidden_bias: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        kind: Cell,
        places: Option<Vec<usize>>,
        reading: Reading,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let tensors = [
            rows,
            input_weight,
            hidden_weight,
            bias,
            hidden_bias,
            hidden,
            cell,
        ];
        let nodes = tensors.each_ref().map(FloatTensor::<Self>::node);
        let tensors = tensors.map(FloatTensor::<Self>::into_primitive);
        let inputs = Inputs::<B>::new(tensors, kind, places, reading);
        let (hiddens, hidden, cell) =
            match RecurrentBack.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::UnTracked(prep) => {
                    let ((hiddens, hidden, cell), _) = inputs.forward(false);
                    (prep.finish(hiddens), hidden, cell)
                }
                OpsKind::Tracked(prep) => {
                    let ((hiddens, hidden, cell), tape) = inputs.forward(true);
                    let kept = Kept {
                        inputs,
                        hiddens: B::values(hiddens.clone()),
                        tape: tape.expect("asked for"),
                    };
                    (prep.finish(kept, hiddens), hidden, cell)
                }
            };
        let without_gradient = FloatTensor::<Self>::new;
        (hiddens, without_gradient(hidden), without_gradient(cell))
    }
}

/// All that goes in, and its sizes.
#[derive(Debug)]
struct Inputs<B: Host> {
    kind: Cell,
    /// `[T, B]`, see [`InputRows`].
    places: Option<Vec<usize>>,
    reading: Reading,
    /// T
    num_steps: usize,
    /// Of the rows, input weight, hidden weight, bias, hidden bias, hidden, cell.
    shapes: [Shape; 7],
    values: [B::Values; 7],
}

impl<B: Host> Clone for Inputs<B> {
    fn clone(&self) -> Self {
        Self {
            places: self.places.clone(),
            reading: self.reading.clone(),
            shapes: self.shapes.clone(),
            values: self.values.clone(),
            ..*self
        }
    }
}

impl<B: Host> Inputs<B> {
    fn new(
        tensors: [FloatTensor<B>; 7],
        kind: Cell,
        places: Option<Vec<usize>>,
        reading: Reading,
    ) -> Self {
        let shapes = tensors.each_ref().map(TensorMetadata::shape);
        let (num_rows, batch_size) = (shapes[0][0], shapes[5][0]);
        Self {
            kind,
            num_steps: places.as_ref().map_or(num_rows, Vec::len) / batch_size,
            places,
            reading,
            shapes,
            values: tensors.map(B::values),
        }
    }

    fn layer(&self) -> Layer<'_> {
        let [_, input_weight, hidden_weight, bias, hidden_bias, ..] = &self.values;
        let [batch_size, d_hidden] = self.shapes[5].dims();
        Layer {
            cell: self.kind,
            direction: match &self.reading {
                Reading::Forward => Direction::Forward,
                Reading::Backward(lengths) => Direction::Backward(Some(lengths)),
            },
            num_steps: self.num_steps,
            batch_size,
            d_input: self.shapes[0][1],
            d_hidden,
            input_weight,
            hidden_weight,
            bias,
            hidden_bias,
        }
    }

    fn rows(&self) -> InputRows<'_> {
        InputRows {
            features: &self.values[0],
            num_rows: self.shapes[0][0],
            places: self.places.as_deref(),
        }
    }

    fn initial(&self) -> Initial<'_> {
        let [.., hidden, cell] = &self.values;
        Initial { hidden, cell }
    }

    #[allow(clippy::type_complexity)] // the three tensors of the operation
    fn forward(
        &self,
        keep_tape: bool,
    ) -> (
        (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>),
        Option<Tape>,
    ) {
        let Forward {
            hiddens,
            hidden,
            cell,
            tape,
        } = forward(&self.layer(), self.rows(), self.initial(), keep_tape);
        let [batch_size, d_hidden] = self.shapes[5].dims();
        let hiddens = B::tensor(hiddens, [self.num_steps, batch_size, d_hidden].into());
        let hidden = B::tensor(hidden, self.shapes[5].clone());
        let cell = B::tensor(cell, self.shapes[6].clone());
        ((hiddens, hidden, cell), tape)
    }
}

#[derive(Debug)]
struct RecurrentBack;

/// What the way back needs.
#[derive(Debug)]
struct Kept<B: Host> {
    inputs: Inputs<B>,
    hiddens: B::Values,
    tape: Tape,
}

impl<B: Host> Clone for Kept<B> {
    fn clone(&self) -> Self {
        Self {
            inputs: self.inputs.clone(),
            hiddens: self.hiddens.clone(),
            tape: self.tape.clone(),
        }
    }
}

impl<B: Host> Backward<B, 7> for RecurrentBack {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_hiddens = B::values(gradients.consume::<B>(&ops.node));
        let Kept {
            inputs,
            hiddens,
            tape,
        } = ops.state;
        let upstream = Upstream {
            hiddens: &d_hiddens,
            hidden: None,
            cell: None,
        };
        let wants_x = ops.parents[0].is_some();
        let found = backward(
            &inputs.layer(),
            inputs.rows(),
            inputs.initial(),
            &hiddens,
            tape,
            upstream,
            wants_x,
        );
        let found = [
            found.x.unwrap_or_default(),
            found.input_weight,
            found.hidden_weight,
            found.bias,
            found.hidden_bias,
            found.initial_hidden,
            found.initial_cell,
        ];
        for ((node, values), shape) in ops.parents.into_iter().zip(found).zip(inputs.shapes) {
            if let Some(node) = node {
                gradients.register::<B>(node.id, B::tensor(values, shape));
            }
        }
    }
}
