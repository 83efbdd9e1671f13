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
    /// Near f32 and faster, on processors with AMX; f32 so far
    High,
    /// Mixed precision, on processors with AVX512-BF16: products twice as fast
    Bf16,
}

impl Precision {
    /// Computes in it from now on, in the whole process, as far as this device can.
    ///
    /// Returns a warning where it cannot, and products stay in `f32`.
    #[must_use]
    pub fn apply(self, device: &Device) -> Option<String> {
        let lacks = match self {
            // On tiles of AMX alone three products in bf16 take less time than one in f32.
            Self::High => Some("there are no kernels for it yet"),
            Self::Bf16 if !is_cpu(device) => Some("only the kernels for CPUs have it"),
            Self::Bf16 if !fornax_kernels::Precision::Bf16.is_supported() => {
                Some("this CPU lacks AVX512-BF16")
            }
            Self::F32 | Self::Bf16 => None,
        };
        set_precision(match self {
            Self::Bf16 if lacks.is_none() => fornax_kernels::Precision::Bf16,
            _ => fornax_kernels::Precision::F32,
        });
        lacks.map(|why| format!("precision {self}: {why}; products stay in f32"))
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
