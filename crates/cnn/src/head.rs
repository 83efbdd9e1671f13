//! From the last maps to one row of features for each sample.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What the dense layers see of the last block's maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Every place of every map: where a pattern lies can matter.
    #[default]
    Flatten,
    /// The mean of each map: only how strong a pattern is matters, and far fewer weights follow.
    ///
    /// Lin, Chen and Yan 2014, <https://arxiv.org/abs/1312.4400>
    GlobalAverage,
}

impl Head {
    /// `[B, C, H, W]` to `[B, C * H * W]` or `[B, C]`
    pub(crate) fn forward(self, maps: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Flatten => maps.flatten(1, 3), // [B, C * H * W]
            Self::GlobalAverage => {
                let maps: Tensor<3> = maps.flatten(2, 3); // [B, C, H * W]
                maps.mean_dim(2).flatten(1, 2) // [B, C]
            }
        }
    }

    /// Features of a sample that come out for `channels` maps `[H, W]`.
    pub(crate) fn d_output(self, channels: usize, [height, width]: [usize; 2]) -> usize {
        match self {
            Self::Flatten => channels.saturating_mul(height).saturating_mul(width),
            Self::GlobalAverage => channels,
        }
    }
}
