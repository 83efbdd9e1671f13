//! What our programs multiply matrices in, by the names of their flag `--precision`.

use clap::ValueEnum;
use serde::Serialize;

/// What matrices are multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Precision {
    #[default]
    F32,
    High,
    Bf16,
}

impl Precision {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::High => "high",
            Self::Bf16 => "bf16",
        }
    }
}
