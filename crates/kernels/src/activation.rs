//! The non-linearities that a kernel applies while a result is still in the cache.

use burn::tensor::{Tensor, activation};

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

    /// The derivative where the value is `y`; that of zero counts as below zero, as in Burn.
    #[inline(always)]
    pub(crate) fn derivative(self, y: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f32::from(u8::from(y > 0.0)),
            Self::LeakyRelu(slope) => {
                if y > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
        }
    }
}
