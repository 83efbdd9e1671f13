//! A batch of sequences, and the walk of a cell along it.

use burn::module::Param;
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use crate::CellState;
use crate::lengths::Lengths;

/// A batch of sequences, kept step by step: T tensors of `[B, D]`.
///
/// One tensor of `[B, T, D]` would have to be sliced at each step, and the gradient of a slice is
/// as large as the whole: the backward pass would grow with T².
#[derive(Clone)]
pub(crate) struct Sequence {
    steps: Vec<Tensor<2>>,
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
    /// Takes `[B, T, D]` apart. This is where data enters, which has no gradient to slow it down.
    pub(crate) fn from_batch(x: Tensor<3>) -> Self {
        let steps = x.split(1, 1).into_iter(); // T of [B, 1, D]
        Self {
            steps: steps.map(|step| step.squeeze_dim(1)).collect(),
        } // T of [B, D]
    }

    /// Looks each token of `[B, T]` up.
    pub(crate) fn embed(embedding: &Embedding, tokens: Tensor<2, Int>) -> Self {
        let tokens = tokens.split(1, 1).into_iter(); // T of [B, 1]
        let step = |token| embedding.forward(token).squeeze_dim(1); // [B, D]
        Self {
            steps: tokens.map(step).collect(),
        }
    }

    /// `[B, T, D]`
    pub(crate) fn stack(&self) -> Tensor<3> {
        Tensor::stack(self.steps.clone(), 1)
    }

    /// Changes every step on its own.
    pub(crate) fn map(self, change: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            steps: self.steps.into_iter().map(change).collect(),
        }
    }

    /// Puts the features of `other` behind its own, step by step.
    pub(crate) fn join(&self, other: &Self) -> Self {
        let pairs = self.steps.iter().zip(&other.steps);
        let steps = pairs.map(|(a, b)| Tensor::cat(vec![a.clone(), b.clone()], 1));
        Self {
            steps: steps.collect(),
        }
    }

    /// `[B, D]`, one step.
    pub(crate) fn step(&self, t: usize) -> Tensor<2> {
        self.steps[t].clone()
    }

    /// A state of zeros for these sequences, as wide as the recurrent weight is high.
    pub(crate) fn zero_state(&self, hidden_weight: &Param<Tensor<2>>) -> CellState {
        let [batch_size, _] = self.steps[0].dims();
        let [d_hidden, _] = hidden_weight.dims();
        let hidden = Tensor::zeros([batch_size, d_hidden], &self.steps[0].device());
        CellState { hidden, cell: None }
    }

    /// Lets `step` take in one step after the other; returns every state's `hidden`, in the order
    /// of the steps, and the state at the end of the way.
    pub(crate) fn scan(
        &self,
        direction: Direction,
        state: CellState,
        step: impl Fn(Tensor<2>, CellState) -> CellState,
    ) -> (Self, CellState) {
        let mut state = state;
        let mut steps = Vec::with_capacity(self.steps.len());
        match direction {
            Direction::Forward => {
                for x in &self.steps {
                    state = step(x.clone(), state);
                    steps.push(state.hidden.clone());
                }
            }
            Direction::Backward(lengths) => {
                for (t, x) in self.steps.iter().enumerate().rev() {
                    state = step(x.clone(), state);
                    if let Some(valid) = lengths.valid(t) {
                        state = state.map(|part| part * valid.clone());
                    }
                    steps.push(state.hidden.clone());
                }
                steps.reverse();
            }
        }
        (Self { steps }, state)
    }
}
