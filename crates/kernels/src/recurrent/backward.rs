//! The way back through time: the gradients of everything that went into the way forward.

use std::ops::Range;

use rayon::prelude::*;

use super::{Cell, Initial, InputRows, Layer, ROWS, Tape, elman, gru, lstm, weights};
use crate::math::vectorised;
use crate::matmul::{Factor, Matrix, Threads, product};

/// The gradients of what the way forward made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstream<'a> {
    /// `[T, B, H]`
    pub(crate) hiddens: &'a [f32],
    /// `[B, H]`
    pub(crate) hidden: Option<&'a [f32]>,
    /// `[B, H]`, only of an LSTM.
    pub(crate) cell: Option<&'a [f32]>,
}

/// The gradients of what went into the way forward, each in the shape of its value.
#[derive(Debug, Clone)]
pub(crate) struct Gradients {
    /// `[N, D]`, where it was asked for.
    pub(crate) x: Option<Vec<f32>>,
    pub(crate) input_weight: Vec<f32>,
    pub(crate) hidden_weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) hidden_bias: Vec<f32>,
    pub(crate) initial_hidden: Vec<f32>,
    pub(crate) initial_cell: Vec<f32>,
}

/// Walks back along the sequences, once the way forward has returned `hiddens` and `tape`.
///
/// # Panics
/// When a slice does not fit the sizes of `layer`.
pub(crate) fn backward(
    layer: &Layer,
    x: InputRows,
    initial: Initial,
    hiddens: &[f32],
    mut tape: Tape,
    upstream: Upstream,
    wants_d_x: bool,
) -> Gradients {
    layer.check(x, initial);
    let num_rows = layer.num_rows();
    assert_eq!(hiddens.len(), num_rows * layer.d_hidden);
    assert_eq!(upstream.hiddens.len(), num_rows * layer.d_hidden);
    assert_eq!(tape.gates.len(), num_rows * layer.d_gates());
    let start = |gradient: Option<&[f32]>, like: &[f32]| {
        let start = gradient.map_or_else(|| vec![0.0; like.len()], <[f32]>::to_vec);
        assert_eq!(start.len(), like.len());
        start
    };
    let mut gradients = Gradients {
        x: None,
        input_weight: Vec::new(),
        hidden_weight: Vec::new(),
        bias: vec![0.0; layer.bias.len()],
        hidden_bias: vec![0.0; layer.hidden_bias.len()],
        initial_hidden: start(upstream.hidden, initial.hidden),
        initial_cell: start(upstream.cell, initial.cell),
    };
    let width = layer.d_hidden;
    let transposed = |columns: Range<usize>| {
        let weight = &layer.hidden_weight[columns.start..];
        let weight = Matrix::strided(weight, width, columns.len(), layer.d_gates());
        Factor::new(weight.transposed(), num_rows)
    };
    let (d_summed, d_gates) = (layer.d_summed(), layer.d_gates());
    let way = Way {
        layer,
        initial,
        hiddens,
        d_hiddens: upstream.hiddens,
        summed: transposed(0..d_summed),
        apart: (d_summed < d_gates).then(|| transposed(d_summed..d_gates)),
    };
    way.back(&mut tape, &mut gradients);
    let of_rows = x.sums(&tape.gates, d_gates); // [N, gH]
    gradients.x = wants_d_x.then(|| {
        let d_sums = Matrix::new(&of_rows, x.num_rows, d_gates);
        let weight = Matrix::new(layer.input_weight, layer.d_input, d_gates);
        product(d_sums, weight.transposed(), Threads::All)
    });
    (gradients.input_weight, gradients.hidden_weight) =
        weights::gradients(layer, x, &of_rows, initial, hiddens, &tape);
    gradients
}

/// What all chunks read on their way back.
struct Way<'a> {
    layer: &'a Layer<'a>,
    initial: Initial<'a>,
    hiddens: &'a [f32],
    d_hiddens: &'a [f32],
    /// The hidden weights of the gates that add both products up, transposed.
    summed: Factor<'a>,
    /// Those of the candidate of a GRU.
    apart: Option<Factor<'a>>,
}

impl Way<'_> {
    /// Turns the tape into the gradients of the sums that its values were made of, and fills in all
    /// gradients but those of the weights.
    fn back(&self, tape: &mut Tape, gradients: &mut Gradients) {
        let (layer, width) = (self.layer, self.layer.d_hidden);
        let mut d_cells: Vec<_> = gradients.initial_cell.chunks_mut(ROWS * width).collect();
        d_cells.resize_with(layer.num_chunks(), Default::default);
        let chunk = |(index, (((d_hidden, d_cell), gates), memory))| Chunk {
            index,
            d_hidden,
            d_cell,
            gates,
            memory,
        };
        let chunks: Vec<_> = gradients
            .initial_hidden
            .chunks_mut(ROWS * width)
            .zip(d_cells)
            .zip(layer.deal(&mut tape.gates, layer.d_gates()))
            .zip(layer.deal(&mut tape.memory, width))
            .enumerate()
            .map(chunk)
            .collect();
        let biases: Vec<_> = chunks
            .into_par_iter()
            .map(|chunk| chunk.walk(self))
            .collect();
        for (bias, hidden_bias) in &biases {
            add_rows(bias, &mut gradients.bias);
            add_rows(hidden_bias, &mut gradients.hidden_bias);
        }
    }
}

/// The sequences that walk together, and where their results go.
struct Chunk<'a> {
    index: usize,
    /// `[ROWS, H]`, the gradient of the state at this moment.
    d_hidden: &'a mut [f32],
    /// `[ROWS, H]` or empty.
    d_cell: &'a mut [f32],
    /// T of `[ROWS, gH]`
    gates: Vec<&'a mut [f32]>,
    /// T of `[ROWS, H]`, or none.
    memory: Vec<&'a mut [f32]>,
}

impl Chunk<'_> {
    /// Returns what these sequences add to the gradients of `bias` and `hidden_bias`.
    fn walk(mut self, way: &Way) -> (Vec<f32>, Vec<f32>) {
        let layer = way.layer;
        let (width, d_gates, d_summed) = (layer.d_hidden, layer.d_gates(), layer.d_summed());
        let num_rows = self.d_hidden.len() / width;
        let (mut bias, mut hidden_bias) = (vec![0.0; d_gates], vec![0.0; layer.hidden_bias.len()]);
        for t in layer.way().rev() {
            let d_hidden = layer.chunk_at(way.d_hiddens, t, self.index, width);
            add_rows(d_hidden, self.d_hidden);
            layer.clear_padding(t, self.index, self.d_hidden);
            layer.clear_padding(t, self.index, self.d_cell);
            self.through_cell(way, t);

            let gates = &*self.gates[t];
            add_rows(gates, &mut bias);
            let d_sums = Matrix::strided(gates, num_rows, d_summed, d_gates);
            way.summed.add_product(d_sums, self.d_hidden, width);
            if let Some(apart) = &way.apart {
                let recurrent = &*self.memory[t];
                add_rows(recurrent, &mut hidden_bias);
                let d_sums = Matrix::new(recurrent, num_rows, width);
                apart.add_product(d_sums, self.d_hidden, width);
            }
        }
        (bias, hidden_bias)
    }

    /// From the gradient of the state after step `t` to those of the gates.
    fn through_cell(&mut self, way: &Way, t: usize) {
        let (layer, width) = (way.layer, way.layer.d_hidden);
        let before = layer.before(t);
        let gates = self.gates[t].chunks_exact_mut(layer.d_gates());
        let rows = gates.zip(self.d_hidden.chunks_exact_mut(width));
        match layer.cell {
            Cell::Elman => rows.for_each(|(gates, d_hidden)| elman::backward(gates, d_hidden)),
            Cell::Lstm => {
                let initial = layer.chunk(way.initial.cell, self.index, width);
                let cells_before = before.map_or(initial, |before| &*self.memory[before]);
                let cells = self.memory[t].chunks_exact(width);
                let cells = cells.zip(cells_before.chunks_exact(width));
                let rows = rows.zip(self.d_cell.chunks_exact_mut(width)).zip(cells);
                rows.for_each(|(((gates, d_hidden), d_cell), (cell, before))| {
                    lstm::backward(gates, cell, before, d_hidden, d_cell);
                });
            }
            Cell::Gru => {
                let hiddens_before = match before {
                    Some(before) => layer.chunk_at(way.hiddens, before, self.index, width),
                    None => layer.chunk(way.initial.hidden, self.index, width),
                };
                let recurrent = self.memory[t].chunks_exact_mut(width);
                let rows = rows.zip(recurrent).zip(hiddens_before.chunks_exact(width));
                rows.for_each(|(((gates, d_hidden), recurrent), before)| {
                    gru::backward(gates, recurrent, before, d_hidden);
                });
            }
        }
    }
}

vectorised! {
    /// Adds each of `rows` to `sum`, which is one row.
    pub(super) fn add_rows<const FMA: bool>(rows: &[f32], sum: &mut [f32]) {
        if sum.is_empty() {
            return; // no cell but that of a GRU has a hidden bias
        }
        for row in rows.chunks_exact(sum.len()) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}
