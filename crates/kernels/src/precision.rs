//! What the operands of matrix products are rounded to, for the whole process.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_arch = "x86_64")]
use crate::matmul::bf16;

/// What the operands of matrix products are rounded to. Sums, and all else, are `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 24 bits: as they are.
    #[default]
    F32,
    /// 8 bits with the range of `f32`: to the nearest, ties to even, values below the smallest
    /// normal one to zero.
    ///
    /// Kalamkar et al. 2019, *A study of bfloat16 for deep learning training*,
    /// <https://arxiv.org/abs/1905.12322>
    Bf16,
}

/// Products are asked for far below the models, which have no precision of their own.
static IS_BF16: AtomicBool = AtomicBool::new(false);

impl Precision {
    /// Whether our kernels can compute with it on this CPU: for bf16 it takes AVX512-BF16.
    #[must_use]
    pub fn is_supported(self) -> bool {
        match self {
            Self::F32 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16 => bf16::is_supported(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Bf16 => false,
        }
    }
}

/// Sets what all products of this process are computed in from now on, on every thread: those of
/// dense and recurrent layers and of contrastive divergence. Convolutions stay in `f32`.
///
/// A program calls it before it computes. On devices that are no CPU it has no effect.
///
/// Returns whether it is so: where the CPU lacks the instructions, products are left in `f32`.
pub fn set_precision(precision: Precision) -> bool {
    let is_supported = precision.is_supported();
    let is_bf16 = precision == Precision::Bf16 && is_supported;
    IS_BF16.store(is_bf16, Ordering::Relaxed);
    is_supported
}

/// What products are computed in; bf16 only where this CPU can.
pub(crate) fn precision() -> Precision {
    if IS_BF16.load(Ordering::Relaxed) {
        Precision::Bf16
    } else {
        Precision::F32
    }
}
