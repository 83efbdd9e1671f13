//! Elman's cell, `h' = tanh(a)`: what it does to one row of gates, and its gradients.

use crate::math::{FADED, cleared_below, tanh, vectorised};

vectorised! {
    /// Turns the sums of the gate, still without their bias, into its value, which is also the new state.
    pub(super) fn forward<const FMA: bool>(gate: &mut [f32], bias: &[f32], hidden: &mut [f32]) {
        for ((gate, bias), hidden) in gate.iter_mut().zip(bias).zip(hidden) {
            *gate = tanh::<FMA>(*gate + bias);
            *hidden = *gate;
        }
    }
}

vectorised! {
    /// Turns the gate into the gradient of its sum. The state before gets no gradient but through
    /// the gate: what is left of `d_hidden` is zero.
    pub(super) fn backward<const FMA: bool>(gate: &mut [f32], d_hidden: &mut [f32]) {
        for (gate, d_hidden) in gate.iter_mut().zip(d_hidden) {
            *gate = cleared_below(FADED, *d_hidden * (1.0 - *gate * *gate));
            *d_hidden = 0.0;
        }
    }
}
