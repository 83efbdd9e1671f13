//! The non-linearities that a kernel applies while a result is still in the cache.

use burn::tensor::{Tensor, activation};

use crate::math::{FADED, cleared_below, vectorised};

/// A non-linearity whose derivative follows from its result, so that nothing else has to be kept
/// for the way back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// x, as it is.
    #[default]
    Identity,
    /// max(0, x)
    Relu,
    /// x above zero, `x * slope` below.
    LeakyRelu(f32),
}

impl Activation {
    /// Applies it in Burn's own operations; the shape stays.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
            Self::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
        }
    }

    /// The value for `x`. A NaN stays one.
    #[inline(always)]
    pub(crate) fn of(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            // Not `max`, which would turn a NaN into a zero and hide it.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::LeakyRelu(slope) => {
                if x < 0.0 {
                    x * slope
                } else {
                    x
                }
            }
        }
    }

    /// Adds the bias to a row of sums, and applies the activation.
    pub(crate) fn finish(self, row: &mut [f32], bias: &[f32]) {
        finish(self, row, bias);
    }

    /// Turns the gradients of a row of outputs into those of its sums, and adds them to `d_bias`.
    pub(crate) fn unfinish(self, outputs: &[f32], gradients: &mut [f32], d_bias: &mut [f32]) {
        unfinish(self, outputs, gradients, d_bias);
    }

    /// The derivative below zero; above it is 1.
    pub(crate) fn slope_below(self) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => 0.0,
            Self::LeakyRelu(slope) => slope,
        }
    }
}

/// The derivative where the value is `y`; that of zero counts as below zero, as in Burn.
///
/// A choice between two numbers: loops become vectors with it, and do not with one between kinds of activation.
#[inline(always)]
pub(crate) fn derivative(slope_below: f32, y: f32) -> f32 {
    if y > 0.0 { 1.0 } else { slope_below }
}

vectorised! {
    fn finish<const FMA: bool>(activation: Activation, row: &mut [f32], bias: &[f32]) {
        for (sum, &bias) in row.iter_mut().zip(bias) {
            *sum = activation.of(*sum + bias);
        }
    }
}

vectorised! {
    fn unfinish<const FMA: bool>(
        activation: Activation,
        outputs: &[f32],
        gradients: &mut [f32],
        d_bias: &mut [f32],
    ) {
        let slope_below = activation.slope_below();
        for ((gradient, &y), d_bias) in gradients.iter_mut().zip(outputs).zip(d_bias) {
            *gradient = cleared_below(FADED, *gradient * derivative(slope_below, y));
            *d_bias += *gradient;
        }
    }
}
