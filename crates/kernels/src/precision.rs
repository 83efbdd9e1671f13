//! What the operands of matrix products are rounded to, for the whole process.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::matmul::bf16;

/// What the operands of matrix products are rounded to. Sums, and all else, are `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 24 bits: as they are.
    #[default]
    F32,
    /// 16 bits, as the sum of two numbers of 8: the error of a product is near 1e-5 of the products
    /// that it sums. What is infinite becomes what is not a number.
    ///
    /// Henry, Tang and Heinecke 2019, *Leveraging the bfloat16 artificial intelligence datatype for
    /// higher-precision computations*, <https://arxiv.org/abs/1904.06376>
    High,
    /// 8 bits with the range of `f32`: to the nearest, ties to even, values below the smallest
    /// normal one to zero.
    ///
    /// Kalamkar et al. 2019, *A study of bfloat16 for deep learning training*,
    /// <https://arxiv.org/abs/1905.12322>
    Bf16,
}

/// Products are asked for far below the models, which have no precision of their own.
static PRECISION: AtomicU8 = AtomicU8::new(Precision::F32 as u8);

impl Precision {
    /// Whether our kernels can compute with it on this CPU: high takes AMX (on Linux), and bf16 that or
    /// AVX512-BF16.
    #[must_use]
    pub fn is_supported(self) -> bool {
        match self {
            Self::F32 => true,
            Self::High | Self::Bf16 => bf16::Form::of(self).is_some(),
        }
    }
}

/// Sets what all products of this process are computed in from now on, on every thread: those of
/// dense and recurrent layers, of convolutions, and of contrastive divergence. Products of fewer than eight
/// rows, such as one answer, stay in `f32` where it is faster; the steps of recurrent layers do not. So do
/// convolutions of a single channel or map, in `high` those that are not made in tiles, and in bf16 on vectors those
/// that large tiles make faster.
///
/// A program calls it before it computes. On devices that are no CPU it has no effect.
///
/// Returns whether it is so: where the CPU lacks the instructions, products are left in `f32`.
pub fn set_precision(precision: Precision) -> bool {
    let is_supported = precision.is_supported();
    let precision = if is_supported {
        precision
    } else {
        Precision::F32
    };
    PRECISION.store(precision as u8, Ordering::Relaxed);
    is_supported
}

/// What products are computed in; another than f32 only where this CPU can.
pub(crate) fn precision() -> Precision {
    match PRECISION.load(Ordering::Relaxed) {
        precision if precision == Precision::High as u8 => Precision::High,
        precision if precision == Precision::Bf16 as u8 => Precision::Bf16,
        _ => Precision::F32,
    }
}
