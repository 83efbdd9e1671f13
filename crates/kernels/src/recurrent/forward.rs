//! The way forward: every state of every sequence.

use rayon::prelude::*;

use super::{Cell, Initial, InputRows, Layer, ROWS, elman, gru, lstm};
use crate::matmul::{Factor, Matrix};
use crate::zeros::zeros;

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
/// # Panics
/// When a slice does not fit the sizes of `layer`.
pub(crate) fn forward(layer: &Layer, x: InputRows, initial: Initial, keep_tape: bool) -> Forward {
    layer.check(x, initial);
    let num_rows = layer.num_rows();
    let width = layer.d_hidden;
    let kept = |is_kept, width| zeros(if is_kept { num_rows * width } else { 0 });
    let input_weight = Matrix::new(layer.input_weight, layer.d_input, layer.d_gates());
    let mut tape = Tape {
        gates: x.times(input_weight, layer.d_input, layer.d_gates()),
        memory: kept(keep_tape && layer.cell.has_memory(), width),
    };
    let mut hiddens = zeros(num_rows * width);
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
    let weights = HiddenWeights::new(layer);
    let walk = |chunk: Chunk| chunk.walk(layer, &weights);
    chunks.into_par_iter().for_each(walk);

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
    /// T of `[ROWS, gH]`, at first what the inputs add to the sums.
    gates: Vec<&'a mut [f32]>,
    /// T of `[ROWS, H]`; none without a tape.
    memory: Vec<&'a mut [f32]>,
}

impl Chunk<'_> {
    fn walk(mut self, layer: &Layer, weights: &HiddenWeights) {
        let (d_gates, bias) = (layer.d_gates(), layer.bias);
        // Without a tape it is used at every step.
        let mut spare_memory = vec![0.0; self.hidden.len()];
        for t in layer.way() {
            let gates = &mut *self.gates[t];
            let memory = self
                .memory
                .get_mut(t)
                .map_or(&mut *spare_memory, |memory| memory);

            weights.add_hidden(layer, self.hidden, gates, memory);
            let rows = gates.chunks_exact_mut(d_gates);
            let rows = rows.zip(self.hidden.chunks_exact_mut(layer.d_hidden));
            match layer.cell {
                Cell::Elman => rows.for_each(|(gates, hidden)| elman::forward(gates, bias, hidden)),
                Cell::Lstm => {
                    let rows = rows.zip(self.cell.chunks_exact_mut(layer.d_hidden));
                    rows.for_each(|((gates, hidden), cell)| {
                        lstm::forward(gates, bias, cell, hidden);
                    });
                }
                Cell::Gru => {
                    let rows = rows.zip(memory.chunks_exact(layer.d_hidden));
                    rows.for_each(|((gates, hidden), memory)| {
                        gru::forward(gates, bias, memory, hidden);
                    });
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

/// The hidden weight, which every step multiplies by.
struct HiddenWeights<'a> {
    /// `[H, columns]`, those of the gates that add both products up.
    summed: Factor<'a>,
    /// `[H, H]`, those of the candidate of a GRU.
    apart: Option<Factor<'a>>,
}

impl<'a> HiddenWeights<'a> {
    fn new(layer: &Layer<'a>) -> Self {
        let (d_gates, d_hidden, d_summed) = (layer.d_gates(), layer.d_hidden, layer.d_summed());
        let weight = layer.hidden_weight;
        let columns = |first, width| {
            let weight = Matrix::strided(&weight[first..], d_hidden, width, d_gates);
            Factor::new(weight, layer.num_rows())
        };
        Self {
            summed: columns(0, d_summed),
            apart: (d_summed < d_gates).then(|| columns(d_summed, d_hidden)),
        }
    }

    /// Adds what the state gives to the sums of the gates; the recurrent part of the candidate of a
    /// GRU stays apart from them, in `memory`, `[ROWS, H]`.
    fn add_hidden(&self, layer: &Layer, hidden: &[f32], gates: &mut [f32], memory: &mut [f32]) {
        let (d_gates, d_hidden) = (layer.d_gates(), layer.d_hidden);
        let hidden = Matrix::new(hidden, hidden.len() / d_hidden, d_hidden);
        self.summed.add_product(hidden, gates, d_gates);
        if let Some(apart) = &self.apart {
            for row in memory.chunks_exact_mut(d_hidden) {
                row.copy_from_slice(layer.hidden_bias);
            }
            apart.add_product(hidden, memory, d_hidden);
        }
    }
}
