//! The gradients of the weights, from all steps at once.

use super::{Initial, InputRows, Layer, Tape};
use crate::matmul::{Into, Matrix, Threads, matmul, product};

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
    rayon::join(
        || {
            let of_rows = Matrix::new(of_rows, x.num_rows, layer.d_gates());
            product(x.matrix(layer.d_input).transposed(), of_rows, Threads::All)
        },
        || of_hidden(layer, initial, hiddens, d_sums),
    )
}

/// `[H, gH]`
fn of_hidden(layer: &Layer, initial: Initial, hiddens: &[f32], d_sums: &Tape) -> Vec<f32> {
    let (d_hidden, d_gates, d_summed) = (layer.d_hidden, layer.d_gates(), layer.d_summed());
    let step = layer.batch_size;
    let others = (layer.num_steps - 1) * step;
    // The first step of the way comes after the initial state, each other one after a state in
    // `hiddens`: the rows where the first begins, where the others do, and where these states do.
    let (first, rest, before) = match layer.before(0) {
        None => (0, step, 0),
        Some(_) => (others, 0, step),
    };
    let initial = Matrix::new(initial.hidden, step, d_hidden);
    let before = hiddens.get(before * d_hidden..).unwrap_or_default();
    let before = Matrix::new(before, others, d_hidden);

    let mut out = vec![0.0; d_hidden * d_gates];
    // The recurrent part of the candidate of a GRU has its gradients in the memory.
    let gates = (&d_sums.gates, d_gates, 0..d_summed);
    let candidate = (&d_sums.memory, d_hidden, d_summed..d_gates);
    for (d_sums, stride, columns) in [gates, candidate] {
        if columns.is_empty() {
            continue;
        }
        let d_sums = |row, num_rows| {
            let d_sums = d_sums.get(row * stride..).unwrap_or_default();
            Matrix::strided(d_sums, num_rows, columns.len(), stride)
        };
        let mut add = |states: Matrix, d_sums, into| {
            let out = &mut out[columns.start..];
            matmul(
                states.transposed(),
                d_sums,
                out,
                d_gates,
                into,
                Threads::All,
            );
        };
        add(initial, d_sums(first, step), Into::Overwrite);
        add(before, d_sums(rest, others), Into::Add);
    }
    out
}
