//! Dropout: units that are left out at random while a network learns.
//!
//! Which are left out follows from a seed and their place, so the way back draws them again
//! instead of keeping a mask.
//!
//! Srivastava et al. 2014, <https://jmlr.org/papers/v15/srivastava14a.html>
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Distribution, Tensor};

use crate::host::Host;
use crate::math::vectorised;
use crate::random::{GROUP, draw_seed, group, in_parts, unit_interval};
use crate::runs_here;

/// Turns each element to zero with this `probability`, in `[0, 1)`, and scales the others by
/// 1 / (1 - probability), so that the mean stays; the shape stays too.
///
/// What is left out follows from the device's seed: on CPUs it is where [`uniform`](crate::uniform),
/// seeded by [`draw_seed`], is not below 1 - probability; elsewhere the device itself draws.
/// A NaN stays one.
#[must_use]
pub fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    let keep = 1.0 - probability;
    if runs_here(&x) {
        let seed = draw_seed(&x.device());
        return Tensor::from_dispatch(Dispatch::drop_out(x.into_dispatch(), keep, seed));
    }
    let kept = x.random_like(Distribution::Bernoulli(keep));
    x * kept * (1.0 / keep)
}

vectorised! {
    fn thin_out<const FMA: bool>(seed: u64, first_group: u64, keep: f32, values: &mut [f32]) {
        let scale = 1.0 / keep;
        for (values, index) in values.chunks_mut(GROUP).zip(first_group..) {
            for (x, bits) in values.iter_mut().zip(group(seed, index)) {
                *x *= if unit_interval(bits) < keep { scale } else { 0.0 };
            }
        }
    }
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait DropOut: Backend {
    /// See [`dropout`]; `keep` is the probability of the others.
    fn drop_out(x: FloatTensor<Self>, keep: f64, seed: u64) -> FloatTensor<Self>;
}

impl<B: Host> DropOut for B {
    fn drop_out(x: FloatTensor<B>, keep: f64, seed: u64) -> FloatTensor<B> {
        let mut values = B::own(x);
        #[allow(clippy::cast_possible_truncation)] // a probability
        let keep = keep as f32;
        in_parts(&mut values, |first_group, values| {
            thin_out(seed, first_group, keep, values);
        });
        B::release(values)
    }
}

impl<B: Host, C: CheckpointStrategy> DropOut for Autodiff<B, C> {
    fn drop_out(x: FloatTensor<Self>, keep: f64, seed: u64) -> FloatTensor<Self> {
        let node = x.node();
        let y = B::drop_out(x.into_primitive(), keep, seed);
        match DropOutBack.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(y),
            OpsKind::Tracked(prep) => prep.finish((keep, seed), y),
        }
    }
}

#[derive(Debug)]
struct DropOutBack;

impl<B: Host> Backward<B, 1> for DropOutBack {
    /// How much was kept, and the seed.
    type State = (f64, u64);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_y = gradients.consume::<B>(&ops.node);
        let [x] = ops.parents;
        let (keep, seed) = ops.state;
        if let Some(x) = x {
            gradients.register::<B>(x.id, B::drop_out(d_y, keep, seed));
        }
    }
}

#[cfg(test)]
mod tests;
