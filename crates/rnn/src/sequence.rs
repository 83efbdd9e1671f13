//! A batch of sequences, and the walk of a cell along it.

use burn::nn::Embedding;
use burn::tensor::{Int, Tensor, TensorData};
use fornax_kernels::{Cell, Reading, RecurrentInputs, RecurrentWeights, reads_whole, recurrent};

use crate::CellState;
use crate::lengths::Lengths;

/// A batch of sequences.
#[derive(Clone)]
#[allow(clippy::large_enum_variant)] // There is one for each layer, and none in a collection.
pub(crate) enum Sequence {
    /// Where a kernel reads whole sequences.
    Whole(RecurrentInputs),
    /// T tensors of `[B, D]`, where a cell walks from step to step.
    ///
    /// One tensor would have to be sliced at each step, and the gradient of a slice is as large as
    /// the whole: the backward pass would grow with T².
    Steps(Vec<Tensor<2>>),
}

/// Which way a cell walks.
#[derive(Clone, Copy)]
pub(crate) enum Direction<'a> {
    /// From the first step on. Padding comes last and cannot reach back, so no mask is needed.
    Forward,
    /// From the last step back. The state of a sequence stays zero until its own last step.
    Backward(&'a Lengths),
}

impl Sequence {
    /// Takes `[B, T, D]`. This is where data enters, which has no gradient to slow it down.
    pub(crate) fn from_batch(x: Tensor<3>) -> Self {
        if reads_whole(&x) {
            return Self::from_steps(x.swap_dims(0, 1));
        }
        let steps = x.split(1, 1).into_iter(); // T of [B, 1, D]
        Self::Steps(steps.map(|step| step.squeeze_dim(1)).collect()) // T of [B, D]
    }

    /// Looks each token of `[B, T]` up. Only an empty sequence has zeros instead: nobody looks at what comes
    /// behind the end of one.
    pub(crate) fn embed(
        embedding: &Embedding,
        tokens: Tensor<2, Int>,
        lengths: Option<&Lengths>,
    ) -> Self {
        if reads_whole(&embedding.weight.val()) {
            return Self::Whole(embed_whole(embedding, &tokens, lengths));
        }
        let tokens = tokens.split(1, 1).into_iter(); // T of [B, 1]
        let steps = tokens.enumerate().map(|(t, token)| {
            let step = embedding.forward(token).squeeze_dim(1); // [B, D]
            match lengths.and_then(|lengths| lengths.valid(t)) {
                Some(valid) => step * valid,
                None => step,
            }
        });
        Self::Steps(steps.collect())
    }

    /// `[T, B, D]`, where a kernel reads whole sequences.
    fn from_steps(steps: Tensor<3>) -> Self {
        Self::Whole(RecurrentInputs::Steps(steps))
    }

    /// `[B, T, D]`
    pub(crate) fn stack(&self) -> Tensor<3> {
        match self {
            Self::Whole(x) => x.steps().swap_dims(0, 1),
            Self::Steps(steps) => Tensor::stack(steps.clone(), 1),
        }
    }

    /// Changes every step of every sequence on its own, as rows of `[any, D]`.
    pub(crate) fn map(self, mut change: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        match self {
            Self::Whole(x) => {
                let steps = x.steps();
                let shape = steps.dims();
                Self::from_steps(change(steps.flatten(0, 1)).reshape(shape))
            }
            Self::Steps(steps) => Self::Steps(steps.into_iter().map(change).collect()),
        }
    }

    /// Puts the features of `other` behind its own, step by step.
    ///
    /// # Panics
    /// When only one of them is whole.
    pub(crate) fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => {
                Self::from_steps(Tensor::cat(vec![a.steps(), b.steps()], 2))
            }
            (Self::Steps(a), Self::Steps(b)) => {
                let join =
                    |(a, b): (&Tensor<2>, &Tensor<2>)| Tensor::cat(vec![a.clone(), b.clone()], 1);
                Self::Steps(a.iter().zip(b).map(join).collect())
            }
            _ => panic!("the cells of a layer read the same sequence"),
        }
    }

    /// `[B, D]`, one step.
    pub(crate) fn step(&self, t: usize) -> Tensor<2> {
        match self {
            Self::Whole(x) => x.steps().narrow(0, t, 1).squeeze_dim(0),
            Self::Steps(steps) => steps[t].clone(),
        }
    }

    /// Lets a cell read everything: in one operation where a kernel does, else by `step`, which
    /// takes one input and the state before, zeros at first, to the state after.
    ///
    /// Returns every state's `hidden`, in the order of the steps, and the state at the end of the
    /// way.
    pub(crate) fn read<S: Fn(Tensor<2>, CellState) -> CellState>(
        &self,
        kind: Cell,
        weights: RecurrentWeights,
        direction: Direction,
        state: Option<CellState>,
        step: impl FnOnce(&RecurrentWeights) -> S,
    ) -> (Self, CellState) {
        match self {
            Self::Whole(x) => read_whole(x, kind, weights, direction, state),
            Self::Steps(steps) => {
                let step = step(&weights);
                let state = state.unwrap_or_else(|| {
                    let [batch_size, _] = steps[0].dims();
                    let [d_hidden, _] = weights.hidden.dims();
                    CellState {
                        hidden: Tensor::zeros([batch_size, d_hidden], &steps[0].device()),
                        cell: None,
                    }
                });
                scan(steps, direction, state, step)
            }
        }
    }
}

/// Looks each token of `[B, T]` up, once for all steps that have it.
fn embed_whole(
    embedding: &Embedding,
    tokens: &Tensor<2, Int>,
    lengths: Option<&Lengths>,
) -> RecurrentInputs {
    let [batch_size, _] = tokens.dims();
    let tokens = tokens.clone().transpose(); // [T, B]
    let steps: Vec<i64> = tokens.to_data().iter().collect();
    let mut distinct = steps.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let num_distinct = distinct.len();

    let is_empty = |row: usize| lengths.is_some_and(|lengths| lengths.each()[row] == 0);
    let has_empty = (0..batch_size).any(is_empty);
    if 2 * num_distinct > steps.len() && !has_empty {
        return RecurrentInputs::Steps(embedding.forward(tokens)); // [T, B, D]
    }
    let place = |(at, token): (usize, i64)| {
        if is_empty(at % batch_size) {
            num_distinct // behind the tokens, zeros
        } else {
            distinct.partition_point(|&other| other < token)
        }
    };
    let places = steps.into_iter().enumerate().map(place).collect();
    let distinct = TensorData::new(distinct, [1, num_distinct]);
    let distinct = Tensor::from_data(distinct, &tokens.device());
    let mut rows: Tensor<2> = embedding.forward(distinct).squeeze_dim(0); // [N, D]
    if has_empty {
        let zeros = Tensor::zeros([1, rows.dims()[1]], &rows.device());
        rows = Tensor::cat(vec![rows, zeros], 0);
    }
    RecurrentInputs::Shared {
        rows,
        places,
        batch_size,
    }
}

fn read_whole(
    x: &RecurrentInputs,
    kind: Cell,
    weights: RecurrentWeights,
    direction: Direction,
    state: Option<CellState>,
) -> (Sequence, CellState) {
    let (hidden, cell) = match state {
        Some(CellState { hidden, cell }) => (Some(hidden), cell),
        None => (None, None),
    };
    let reading = match direction {
        Direction::Forward => Reading::Forward,
        Direction::Backward(lengths) => Reading::Backward(lengths.each().to_vec()),
    };
    let outputs = recurrent(kind, x.clone(), weights, hidden, cell, reading);
    let state = CellState {
        hidden: outputs.hidden,
        cell: outputs.cell,
    };
    (Sequence::from_steps(outputs.hiddens), state)
}

/// Lets `step` take in one step after the other.
fn scan(
    inputs: &[Tensor<2>],
    direction: Direction,
    state: CellState,
    step: impl Fn(Tensor<2>, CellState) -> CellState,
) -> (Sequence, CellState) {
    let mut state = state;
    let mut steps = Vec::with_capacity(inputs.len());
    match direction {
        Direction::Forward => {
            for x in inputs {
                state = step(x.clone(), state);
                steps.push(state.hidden.clone());
            }
        }
        Direction::Backward(lengths) => {
            for (t, x) in inputs.iter().enumerate().rev() {
                state = step(x.clone(), state);
                if let Some(valid) = lengths.valid(t) {
                    state = state.map(|part| part * valid.clone());
                }
                steps.push(state.hidden.clone());
            }
            steps.reverse();
        }
    }
    (Sequence::Steps(steps), state)
}
