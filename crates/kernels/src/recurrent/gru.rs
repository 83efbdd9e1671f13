//! The cell of a GRU, `n = tanh(a + r q)` and `h' = n + z (h - n)`: what it does to one row of
//! gates, and its gradients. `q` is the recurrent part of the candidate `n`.

use super::gates::{each, each_mut};
use crate::math::{FADED, cleared_below, mul_add, sigmoid, tanh, vectorised};

/// Turns the sums of the three gates, still without their bias, into their values, and takes the state a
/// step on.
pub(super) fn forward(gates: &mut [f32], bias: &[f32], recurrent: &[f32], hidden: &mut [f32]) {
    let [reset, update, candidate] = each_mut(gates, hidden.len());
    let bias = each(bias, hidden.len());
    forward_units(reset, update, candidate, bias, recurrent, hidden);
}

/// Turns the gates and the recurrent part into the gradients of their sums, and `d_hidden` into
/// what the state before gets of it past the gates.
pub(super) fn backward(
    gates: &mut [f32],
    recurrent: &mut [f32],
    hidden_before: &[f32],
    d_hidden: &mut [f32],
) {
    let [reset, update, candidate] = each_mut(gates, d_hidden.len());
    backward_units(reset, update, candidate, recurrent, hidden_before, d_hidden);
}

// The parts come one by one: as arguments they are known not to overlap, or no vectors would come
// of the loops.
vectorised! {
    fn forward_units<const FMA: bool>(
        reset: &mut [f32],
        update: &mut [f32],
        candidate: &mut [f32],
        bias: [&[f32]; 3],
        recurrent: &[f32],
        hidden: &mut [f32],
    ) {
        let gates = reset.iter_mut().zip(update).zip(candidate);
        let [b_r, b_z, b_n] = bias;
        let bias = b_r.iter().zip(b_z).zip(b_n);
        let states = recurrent.iter().zip(hidden);
        for ((((r, z), n), ((b_r, b_z), b_n)), (&q, h)) in gates.zip(bias).zip(states) {
            *r = sigmoid::<FMA>(*r + b_r);
            *z = sigmoid::<FMA>(*z + b_z);
            *n = tanh::<FMA>(mul_add::<FMA>(*r, q, *n + b_n));
            *h = mul_add::<FMA>(*z, *h - *n, *n);
        }
    }
}

vectorised! {
    fn backward_units<const FMA: bool>(
        reset: &mut [f32],
        update: &mut [f32],
        candidate: &mut [f32],
        recurrent: &mut [f32],
        hidden_before: &[f32],
        d_hidden: &mut [f32],
    ) {
        let gates = reset.iter_mut().zip(update).zip(candidate);
        let states = recurrent.iter_mut().zip(hidden_before).zip(d_hidden);
        for (((r, z), n), ((q, &before), d_h)) in gates.zip(states) {
            let d = cleared_below(FADED, *d_h);
            *d_h = d * *z;
            let d_candidate = cleared_below(FADED, d * (1.0 - *z) * (1.0 - *n * *n));
            *z = cleared_below(FADED, d * (before - *n) * (*z * (1.0 - *z)));
            *n = d_candidate;
            let d_recurrent = cleared_below(FADED, d_candidate * *r);
            *r = cleared_below(FADED, d_candidate * *q * (*r * (1.0 - *r)));
            *q = d_recurrent;
        }
    }
}
