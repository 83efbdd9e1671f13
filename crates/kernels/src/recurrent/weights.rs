//! The gradients of the weights, from all steps at once.

use std::ops::Range;

use rayon::prelude::*;

use super::{Initial, InputRows, Layer, Tape};
use crate::matmul::{Into, Matrix, Threads, matmul, product};
use crate::precision::{Precision, precision};

/// Columns that one thread computes at once in `f32`. Fewer would read the inputs more often, and
/// more would leave threads idle where a layer is narrow.
const COLUMNS: usize = 128;

/// The gradients of the input weight, `x^T of_rows`, and of the hidden weight, `hidden_before^T
/// d_sums`, where the way back has turned the tape into the gradients of the sums, and `of_rows`, `[N, gH]`,
/// are those of the rows that the layer reads.
pub(super) fn gradients(
    layer: &Layer,
    x: InputRows,
    of_rows: &[f32],
    initial: Initial,
    hiddens: &[f32],
    d_sums: &Tape,
) -> (Vec<f32>, Vec<f32>) {
    let (d_gates, d_summed) = (layer.d_gates(), layer.d_summed());
    let (width, threads) = match precision() {
        Precision::F32 => (COLUMNS, Threads::One),
        // So that the inputs are rounded once.
        Precision::High | Precision::Bf16 => (d_gates, Threads::All),
    };
    let blocks = |from: usize, to: usize| {
        let starts = (from..to).step_by(width);
        starts.map(move |start| start..to.min(start + width))
    };
    let blocks: Vec<_> = blocks(0, d_summed)
        .chain(blocks(d_summed, d_gates))
        .collect();
    let part = |columns| {
        let from_input = of_input(layer, x, of_rows, columns, threads);
        let from_hidden = of_hidden(layer, initial, hiddens, d_sums, columns, threads);
        (from_input, from_hidden)
    };
    let parts: Vec<_> = blocks.par_iter().map(part).collect();

    let mut input_weight = vec![0.0; layer.input_weight.len()];
    let mut hidden_weight = vec![0.0; layer.hidden_weight.len()];
    for (columns, (from_input, from_hidden)) in blocks.iter().zip(parts) {
        place(&from_input, columns, &mut input_weight, d_gates);
        place(&from_hidden, columns, &mut hidden_weight, d_gates);
    }
    (input_weight, hidden_weight)
}

/// `[D, columns]`
fn of_input(
    layer: &Layer,
    x: InputRows,
    of_rows: &[f32],
    columns: &Range<usize>,
    threads: Threads,
) -> Vec<f32> {
    let of_rows = &of_rows[columns.start..];
    let of_rows = Matrix::strided(of_rows, x.num_rows, columns.len(), layer.d_gates());
    product(x.matrix(layer.d_input).transposed(), of_rows, threads)
}

/// `[H, columns]`
fn of_hidden(
    layer: &Layer,
    initial: Initial,
    hiddens: &[f32],
    d_sums: &Tape,
    columns: &Range<usize>,
    threads: Threads,
) -> Vec<f32> {
    let (d_hidden, width) = (layer.d_hidden, columns.len());
    let step = layer.batch_size;
    let others = (layer.num_steps - 1) * step;
    // The first step of the way comes after the initial state, each other one after a state in
    // `hiddens`: the rows where the first begins, where the others do, and where these states do.
    let (first, rest, before) = match layer.before(0) {
        None => (0, step, 0),
        Some(_) => (others, 0, step),
    };
    // The candidate of a GRU has its recurrent part, and that part's gradients, in the memory.
    let (sums, stride, column) = match columns.start.checked_sub(layer.d_summed()) {
        None => (&d_sums.gates, layer.d_gates(), columns.start),
        Some(column) => (&d_sums.memory, d_hidden, column),
    };
    let d_sums = |row, num_rows| {
        let sums = &sums[row * stride + column..];
        Matrix::strided(sums, num_rows, width, stride)
    };

    let mut out = vec![0.0; d_hidden * width];
    let initial = Matrix::new(initial.hidden, step, d_hidden).transposed();
    matmul(
        initial,
        d_sums(first, step),
        &mut out,
        width,
        Into::Overwrite,
        threads,
    );
    if others > 0 {
        let before = Matrix::new(&hiddens[before * d_hidden..], others, d_hidden).transposed();
        matmul(
            before,
            d_sums(rest, others),
            &mut out,
            width,
            Into::Add,
            threads,
        );
    }
    out
}

/// Copies `part` into these columns of `out`, whose rows are `width` long.
fn place(part: &[f32], columns: &Range<usize>, out: &mut [f32], width: usize) {
    let rows = part.chunks_exact(columns.len());
    for (part, out) in rows.zip(out.chunks_exact_mut(width)) {
        out[columns.clone()].copy_from_slice(part);
    }
}
