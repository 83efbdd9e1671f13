//! The non-linearities made of exponentials, element by element, and back.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

#[cfg(test)]
mod tests;

use std::f64::consts::FRAC_1_SQRT_2;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use crate::host::Host;
use crate::math::{gelu_all, gelu_backward, sigmoid_all, tanh_all, vectorised};
use crate::runs_here;

/// Elements that a thread takes at once.
const CHUNK: usize = 1 << 13;

/// A smooth non-linearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smooth {
    /// x Φ(x), with the normal distribution function Φ; off by less than 1e-6.
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
}

impl Smooth {
    /// Applies it to each element; the shape stays.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        if runs_here(&x) {
            Tensor::from_dispatch(Dispatch::smooth(x.into_dispatch(), self))
        } else {
            self.reference(x)
        }
    }

    /// [`Smooth::forward`] in Burn's own operations.
    #[must_use]
    pub fn reference<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            // Not Burn's, whose gradient is that of the approximation by tanh.
            Self::Gelu => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
            Self::Tanh => activation::tanh(x),
            Self::Sigmoid => activation::sigmoid(x),
        }
    }

    fn apply(self, values: &mut [f32]) {
        values.par_chunks_mut(CHUNK).for_each(|values| match self {
            Self::Gelu => gelu_all(values),
            Self::Tanh => tanh_all(values),
            Self::Sigmoid => sigmoid_all(values),
        });
    }

    /// Turns gradients of the results into those of x. `kept` is x for GELU, and else the results:
    /// the derivative of the others follows from them.
    fn unapply(self, kept: &[f32], gradients: &mut [f32]) {
        gradients
            .par_chunks_mut(CHUNK)
            .zip(kept.par_chunks(CHUNK))
            .for_each(|(gradients, kept)| match self {
                Self::Gelu => gelu_backward(kept, gradients),
                Self::Tanh => tanh_backward(kept, gradients),
                Self::Sigmoid => sigmoid_backward(kept, gradients),
            });
    }
}

vectorised! {
    fn tanh_backward<const FMA: bool>(ys: &[f32], gradients: &mut [f32]) {
        for (gradient, &y) in gradients.iter_mut().zip(ys) {
            *gradient *= 1.0 - y * y;
        }
    }
}

vectorised! {
    fn sigmoid_backward<const FMA: bool>(ys: &[f32], gradients: &mut [f32]) {
        for (gradient, &y) in gradients.iter_mut().zip(ys) {
            *gradient *= y * (1.0 - y);
        }
    }
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait SmoothActivation: Backend {
    /// See [`Smooth::forward`].
    fn smooth(x: FloatTensor<Self>, smooth: Smooth) -> FloatTensor<Self>;
}

impl<B: Host> SmoothActivation for B {
    fn smooth(x: FloatTensor<B>, smooth: Smooth) -> FloatTensor<B> {
        let mut values = B::own(x);
        smooth.apply(&mut values);
        B::release(values)
    }
}

impl<B: Host, C: CheckpointStrategy> SmoothActivation for Autodiff<B, C> {
    fn smooth(x: FloatTensor<Self>, smooth: Smooth) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match SmoothBack.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(B::smooth(x, smooth)),
            OpsKind::Tracked(prep) => {
                let kept = (smooth == Smooth::Gelu).then(|| B::values(x.clone()));
                let y = B::smooth(x, smooth);
                let kept = kept.unwrap_or_else(|| B::values(y.clone()));
                prep.finish((smooth, kept), y)
            }
        }
    }
}

#[derive(Debug)]
struct SmoothBack;

impl<B: Host> Backward<B, 1> for SmoothBack {
    /// What was applied, and to what or with which result.
    type State = (Smooth, B::Values);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let mut d_x = B::own(gradients.consume::<B>(&ops.node));
        let [x] = ops.parents;
        let (smooth, kept) = ops.state;
        if let Some(x) = x {
            smooth.unapply(&kept, &mut d_x);
            gradients.register::<B>(x.id, B::release(d_x));
        }
    }
}
