//! What matrix products are computed in, and what becomes of the wish where a device cannot.

use std::fmt;

use burn::tensor::Device;
use clap::ValueEnum;
use fornax_kernels::{is_cpu, set_precision};
use serde::{Deserialize, Serialize};

/// What the operands of matrix products are rounded to. Weights, activations, gradients and the
/// state of the optimiser are `f32` in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Not at all
    #[default]
    F32,
    /// To 16 bits, each number the sum of two in bf16; on processors with AMX, faster than f32
    High,
    /// To bf16, 8 bits: mixed precision, on processors with AMX or AVX512-BF16
    Bf16,
}

impl Precision {
    /// Computes in it from now on, in the whole process, as far as this device can.
    ///
    /// Returns a warning where it cannot, and products stay in `f32`.
    #[must_use]
    pub fn apply(self, device: &Device) -> Option<String> {
        let kernels = self.of_kernels();
        let lacks = match self {
            Self::F32 => None,
            _ if !is_cpu(device) => Some("only the kernels for CPUs have it"),
            _ if kernels.is_supported() => None,
            Self::High => Some("this CPU lacks AMX, or the system withholds it"),
            Self::Bf16 => Some("this CPU lacks AMX and AVX512-BF16"),
        };
        set_precision(if lacks.is_none() {
            kernels
        } else {
            fornax_kernels::Precision::F32
        });
        lacks.map(|why| format!("precision {self}: {why}; products stay in f32"))
    }

    /// What the kernels call it.
    fn of_kernels(self) -> fornax_kernels::Precision {
        match self {
            Self::F32 => fornax_kernels::Precision::F32,
            Self::High => fornax_kernels::Precision::High,
            Self::Bf16 => fornax_kernels::Precision::Bf16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::High => "high",
            Self::Bf16 => "bf16",
        })
    }
}
