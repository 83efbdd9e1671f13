//! A recurrent layer's way along whole sequences as one operation, forward and back through time.
//!
//! A step needs the state that the step before left, so the steps follow one another; the sequences
//! of a batch do not need each other, so the threads share them. Which sequences go together is
//! fixed by the shapes alone: the bits of a result never depend on the number of threads.

mod backward;
mod elman;
mod forward;
mod gates;
mod gru;
mod inputs;
mod lstm;
mod operation;
mod weights;

use backward::{Upstream, backward};
use forward::{Forward, Tape, forward};
use inputs::InputRows;
pub use operation::{
    Reading, RecurrentInputs, RecurrentOutputs, RecurrentWeights, reads_whole, recurrent,
};

/// Sequences that walk together. More would read the weights less often, and leave threads idle
/// where a batch is small: at 16 the products are within 3 % of the fastest.
const ROWS: usize = 16;

/// What a layer computes at each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// One gate, the new state itself.
    Elman,
    /// Input, forget, candidate, output.
    Lstm,
    /// Reset, update, candidate.
    Gru,
}

impl Cell {
    /// How many times as wide as the state the weights are: g in the shapes below.
    pub(crate) fn num_gates(self) -> usize {
        match self {
            Self::Elman => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// The first of these gates add the products with input and state up before anything else; the
    /// candidate of a GRU, which comes last, keeps them apart.
    fn num_summed_gates(self) -> usize {
        match self {
            Self::Elman => 1,
            Self::Lstm => 4,
            Self::Gru => 2,
        }
    }

    /// Whether the tape holds a second value per unit: the cell of an LSTM, the recurrent part of
    /// the candidate of a GRU.
    fn has_memory(self) -> bool {
        self != Self::Elman
    }
}

/// Which way a layer walks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction<'a> {
    /// From the first step on.
    Forward,
    /// From the last step back. Where lengths are given, the state of a sequence stays zero until
    /// its own last step; an empty sequence counts as one step.
    Backward(Option<&'a [usize]>),
}

/// A layer, its weights, and the sizes of what it reads; the shapes of all slices follow from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) cell: Cell,
    pub(crate) direction: Direction<'a>,
    /// T
    pub(crate) num_steps: usize,
    /// B
    pub(crate) batch_size: usize,
    /// D
    pub(crate) d_input: usize,
    /// H
    pub(crate) d_hidden: usize,
    /// `[D, gH]`
    pub(crate) input_weight: &'a [f32],
    /// `[H, gH]`
    pub(crate) hidden_weight: &'a [f32],
    /// `[gH]`
    pub(crate) bias: &'a [f32],
    /// `[H]`, of the recurrent part of the candidate of a GRU; empty for the others.
    pub(crate) hidden_bias: &'a [f32],
}

/// The state before the first step of the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Initial<'a> {
    /// `[B, H]`
    pub(crate) hidden: &'a [f32],
    /// `[B, H]` for an LSTM; empty for the others.
    pub(crate) cell: &'a [f32],
}

impl Layer<'_> {
    /// gH
    fn d_gates(&self) -> usize {
        self.cell.num_gates() * self.d_hidden
    }

    /// Columns of the hidden weight whose product with the state is added to that with the input.
    fn d_summed(&self) -> usize {
        self.cell.num_summed_gates() * self.d_hidden
    }

    /// T * B
    fn num_rows(&self) -> usize {
        self.num_steps * self.batch_size
    }

    fn num_chunks(&self) -> usize {
        self.batch_size.div_ceil(ROWS)
    }

    /// The steps in the order of the way.
    fn way(&self) -> impl DoubleEndedIterator<Item = usize> {
        let last = self.num_steps - 1;
        let backward = matches!(self.direction, Direction::Backward(_));
        (0..self.num_steps).map(move |n| if backward { last - n } else { n })
    }

    /// The step that comes before `t` on the way; none before the first.
    fn before(&self, t: usize) -> Option<usize> {
        match self.direction {
            Direction::Forward => t.checked_sub(1),
            Direction::Backward(_) => (t + 1 < self.num_steps).then_some(t + 1),
        }
    }

    /// Of `rows` of H elements, a chunk of the batch, sets those to zero that have no step `t` yet.
    fn clear_padding(&self, t: usize, chunk: usize, rows: &mut [f32]) {
        let Direction::Backward(Some(lengths)) = self.direction else {
            return;
        };
        let rows = rows.chunks_exact_mut(self.d_hidden);
        for (row, &length) in rows.zip(&lengths[chunk * ROWS..]) {
            if t >= length.max(1) {
                row.fill(0.0);
            }
        }
    }

    /// The rows that a chunk has of one step, itself `[B, width]`.
    fn chunk<'b>(&self, step: &'b [f32], chunk: usize, width: usize) -> &'b [f32] {
        let end = self.batch_size.min((chunk + 1) * ROWS);
        &step[chunk * ROWS * width..end * width]
    }

    /// The rows that a chunk has of step `t` of `steps`, `[T, B, width]`.
    fn chunk_at<'b>(&self, steps: &'b [f32], t: usize, chunk: usize, width: usize) -> &'b [f32] {
        let size = self.batch_size * width;
        self.chunk(&steps[t * size..(t + 1) * size], chunk, width)
    }

    /// Deals `[T, B, width]` out to the chunks: each gets its rows of every step.
    fn deal<'b>(&self, steps: &'b mut [f32], width: usize) -> Vec<Vec<&'b mut [f32]>> {
        let mut hands: Vec<_> = (0..self.num_chunks()).map(|_| Vec::new()).collect();
        for step in steps.chunks_mut(self.batch_size * width) {
            for (hand, rows) in hands.iter_mut().zip(step.chunks_mut(ROWS * width)) {
                hand.push(rows);
            }
        }
        hands
    }

    /// # Panics
    /// When a slice does not fit the sizes.
    fn check(&self, x: InputRows, initial: Initial) {
        let (units, rows) = (self.d_hidden, self.batch_size);
        let per_cell = |cell, size| if self.cell == cell { size } else { 0 };
        assert!(
            self.num_steps > 0 && rows > 0,
            "a batch holds at least one step"
        );
        x.check(self.num_rows(), self.d_input);
        assert_eq!(self.input_weight.len(), self.d_input * self.d_gates());
        assert_eq!(self.hidden_weight.len(), units * self.d_gates());
        assert_eq!(self.bias.len(), self.d_gates());
        assert_eq!(self.hidden_bias.len(), per_cell(Cell::Gru, units));
        assert_eq!(initial.hidden.len(), rows * units);
        assert_eq!(initial.cell.len(), per_cell(Cell::Lstm, rows * units));
        if let Direction::Backward(Some(lengths)) = self.direction {
            assert_eq!(lengths.len(), rows);
        }
    }
}

#[cfg(test)]
mod tests;
