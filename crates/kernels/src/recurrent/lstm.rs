//! The cell of an LSTM, `c' = f c + i g` and `h' = o tanh(c')`: what it does to one row of gates,
//! and its gradients.

use super::gates::{each, each_mut};
use crate::math::{FADED, cleared_below, mul_add, sigmoid, tanh, vectorised};

/// Turns the sums of the four gates, still without their bias, into their values, and takes cell and state
/// a step on.
pub(super) fn forward(gates: &mut [f32], bias: &[f32], cell: &mut [f32], hidden: &mut [f32]) {
    let [input, forget, candidate, output] = each_mut(gates, hidden.len());
    let bias = each(bias, hidden.len());
    forward_units(input, forget, candidate, output, bias, cell, hidden);
}

/// Turns the gates into the gradients of their sums, and `d_cell` into that of the cell before.
/// The state before gets no gradient but through the gates: what is left of `d_hidden` is zero.
pub(super) fn backward(
    gates: &mut [f32],
    cell: &[f32],
    cell_before: &[f32],
    d_hidden: &mut [f32],
    d_cell: &mut [f32],
) {
    let [input, forget, candidate, output] = each_mut(gates, d_hidden.len());
    backward_units(
        input,
        forget,
        candidate,
        output,
        cell,
        cell_before,
        d_hidden,
        d_cell,
    );
}

// The parts come one by one: as arguments they are known not to overlap, or no vectors would come
// of the loops.
vectorised! {
    fn forward_units<const FMA: bool>(
        input: &mut [f32],
        forget: &mut [f32],
        candidate: &mut [f32],
        output: &mut [f32],
        bias: [&[f32]; 4],
        cell: &mut [f32],
        hidden: &mut [f32],
    ) {
        let gates = input.iter_mut().zip(forget).zip(candidate).zip(output);
        let [b_i, b_f, b_g, b_o] = bias;
        let bias = b_i.iter().zip(b_f).zip(b_g).zip(b_o);
        let states = cell.iter_mut().zip(hidden);
        for (((((i, f), g), o), (((b_i, b_f), b_g), b_o)), (c, h)) in gates.zip(bias).zip(states) {
            *i = sigmoid::<FMA>(*i + b_i);
            *f = sigmoid::<FMA>(*f + b_f);
            *g = tanh::<FMA>(*g + b_g);
            *o = sigmoid::<FMA>(*o + b_o);
            *c = mul_add::<FMA>(*f, *c, *i * *g);
            *h = *o * tanh::<FMA>(*c);
        }
    }
}

vectorised! {
    #[allow(clippy::too_many_arguments)]
    fn backward_units<const FMA: bool>(
        input: &mut [f32],
        forget: &mut [f32],
        candidate: &mut [f32],
        output: &mut [f32],
        cell: &[f32],
        cell_before: &[f32],
        d_hidden: &mut [f32],
        d_cell: &mut [f32],
    ) {
        let gates = input.iter_mut().zip(forget).zip(candidate).zip(output);
        let cells = cell.iter().zip(cell_before);
        let gradients = d_hidden.iter_mut().zip(d_cell);
        for (((((i, f), g), o), (&c, &before)), (d_h, d_c)) in gates.zip(cells).zip(gradients) {
            // Cheaper than keeping it: memory is slower than these few instructions.
            let shown = tanh::<FMA>(c);
            let d_state = cleared_below(FADED, *d_h);
            let d = mul_add::<FMA>(d_state * *o, 1.0 - shown * shown, *d_c);
            let d = cleared_below(FADED, d);
            *o = cleared_below(FADED, d_state * shown * (*o * (1.0 - *o)));
            *d_c = d * *f;
            *f = cleared_below(FADED, d * before * (*f * (1.0 - *f)));
            let d_input = cleared_below(FADED, d * *g * (*i * (1.0 - *i)));
            *g = cleared_below(FADED, d * *i * (1.0 - *g * *g));
            *i = d_input;
            *d_h = 0.0;
        }
    }
}
