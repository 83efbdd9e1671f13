//! The way forward: every state of every sequence.

use rayon::prelude::*;

use super::{Cell, Initial, Layer, ROWS, elman, gru, lstm};
use crate::matmul::{Into, Matrix, Threads, matmul};

/// What a layer makes of sequences.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    /// `[T, B, H]`, the state after each step, at the place of that step.
    pub(crate) hiddens: Vec<f32>,
    /// `[B, H]`, the state at the end of the way.
    pub(crate) hidden: Vec<f32>,
    /// `[B, H]`, the cell at the end of the way for an LSTM; empty for the others.
    pub(crate) cell: Vec<f32>,
    /// What the way back needs, where it was asked for.
    pub(crate) tape: Option<Tape>,
}

/// What the way back needs to know of the way forward.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    /// `[T, B, gH]`, the values of the gates.
    pub(super) gates: Vec<f32>,
    /// `[T, B, H]`: of an LSTM the cells, of a GRU the recurrent part of the candidates.
    pub(super) memory: Vec<f32>,
}

/// Walks along the sequences.
///
/// # Shapes
/// - `x`: `[T, B, D]`
///
/// # Panics
/// When a slice does not fit the sizes of `layer`.
pub(crate) fn forward(layer: &Layer, x: &[f32], initial: Initial, keep_tape: bool) -> Forward {
    layer.check(x, initial);
    let num_rows = layer.num_steps * layer.batch_size;
    let width = layer.d_hidden;
    let kept = |is_kept, width| vec![0.0; if is_kept { num_rows * width } else { 0 }];
    let mut tape = Tape {
        gates: kept(keep_tape, layer.d_gates()),
        memory: kept(keep_tape && layer.cell.has_memory(), width),
    };
    let mut hiddens = vec![0.0; num_rows * width];
    let mut hidden = initial.hidden.to_vec();
    let mut cell = initial.cell.to_vec();

    let mut cells: Vec<_> = cell.chunks_mut(ROWS * width).collect();
    cells.resize_with(layer.num_chunks(), Default::default);
    let chunk = |(index, ((((hidden, cell), hiddens), gates), memory))| Chunk {
        index,
        hidden,
        cell,
        hiddens,
        gates,
        memory,
    };
    let chunks: Vec<_> = hidden
        .chunks_mut(ROWS * width)
        .zip(cells)
        .zip(layer.deal(&mut hiddens, width))
        .zip(layer.deal(&mut tape.gates, layer.d_gates()))
        .zip(layer.deal(&mut tape.memory, width))
        .enumerate()
        .map(chunk)
        .collect();
    chunks
        .into_par_iter()
        .for_each(|chunk| chunk.walk(layer, x));

    Forward {
        hiddens,
        hidden,
        cell,
        tape: keep_tape.then_some(tape),
    }
}

/// The sequences that walk together, and where their results go.
struct Chunk<'a> {
    index: usize,
    /// `[ROWS, H]`, the state at this moment.
    hidden: &'a mut [f32],
    /// `[ROWS, H]` or empty.
    cell: &'a mut [f32],
    /// T of `[ROWS, H]`
    hiddens: Vec<&'a mut [f32]>,
    /// T of `[ROWS, gH]`; none without a tape.
    gates: Vec<&'a mut [f32]>,
    /// T of `[ROWS, H]`; none without a tape.
    memory: Vec<&'a mut [f32]>,
}

impl Chunk<'_> {
    fn walk(mut self, layer: &Layer, x: &[f32]) {
        let (num_rows, d_gates) = (self.hidden.len() / layer.d_hidden, layer.d_gates());
        // Without a tape these are used at every step.
        let mut spare_gates = vec![0.0; num_rows * d_gates];
        let mut spare_memory = vec![0.0; num_rows * layer.d_hidden];
        for t in layer.way() {
            let x = layer.chunk_at(x, t, self.index, layer.d_input);
            let gates = self
                .gates
                .get_mut(t)
                .map_or(&mut *spare_gates, |gates| gates);
            let memory = self
                .memory
                .get_mut(t)
                .map_or(&mut *spare_memory, |memory| memory);

            sums(layer, x, self.hidden, gates, memory);
            let rows = gates.chunks_exact_mut(d_gates);
            let rows = rows.zip(self.hidden.chunks_exact_mut(layer.d_hidden));
            match layer.cell {
                Cell::Elman => rows.for_each(|(gates, hidden)| elman::forward(gates, hidden)),
                Cell::Lstm => {
                    let rows = rows.zip(self.cell.chunks_exact_mut(layer.d_hidden));
                    rows.for_each(|((gates, hidden), cell)| lstm::forward(gates, cell, hidden));
                }
                Cell::Gru => {
                    let rows = rows.zip(memory.chunks_exact(layer.d_hidden));
                    rows.for_each(|((gates, hidden), memory)| gru::forward(gates, memory, hidden));
                }
            }
            layer.clear_padding(t, self.index, self.hidden);
            layer.clear_padding(t, self.index, self.cell);
            self.hiddens[t].copy_from_slice(self.hidden);
            if layer.cell == Cell::Lstm {
                memory.copy_from_slice(self.cell);
            }
        }
    }
}

/// The sums that the gates are made of: `[ROWS, gH]`, and apart from them for the candidate of a
/// GRU its recurrent part, `[ROWS, H]`.
fn sums(layer: &Layer, x: &[f32], hidden: &[f32], gates: &mut [f32], memory: &mut [f32]) {
    let (d_gates, d_hidden, d_summed) = (layer.d_gates(), layer.d_hidden, layer.d_summed());
    let num_rows = hidden.len() / d_hidden;
    let x = Matrix::new(x, num_rows, layer.d_input);
    let hidden = Matrix::new(hidden, num_rows, d_hidden);
    let input_weight = Matrix::new(layer.input_weight, layer.d_input, d_gates);
    let weight = layer.hidden_weight;

    for row in gates.chunks_exact_mut(d_gates) {
        row.copy_from_slice(layer.bias);
    }
    matmul(x, input_weight, gates, d_gates, Into::Add, Threads::One);
    let summed = Matrix::strided(weight, d_hidden, d_summed, d_gates);
    matmul(hidden, summed, gates, d_gates, Into::Add, Threads::One);
    if d_summed < d_gates {
        for row in memory.chunks_exact_mut(d_hidden) {
            row.copy_from_slice(layer.hidden_bias);
        }
        let apart = Matrix::strided(&weight[d_summed..], d_hidden, d_hidden, d_gates);
        matmul(hidden, apart, memory, d_hidden, Into::Add, Threads::One);
    }
}
