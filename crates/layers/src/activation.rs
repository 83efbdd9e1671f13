//! The non-linearity between two layers, and the weights to start from that fit it.

use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};
use fornax_kernels::{self as kernels, Smooth};
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// The slope of [`Activation::LeakyRelu`] below zero, the usual default of the field.
pub const LEAKY_SLOPE: f32 = 0.01;

/// A non-linearity, applied to every feature on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x)
    #[default]
    Relu,
    /// x Φ(x), with the exact normal distribution function Φ.
    Gelu,
    /// Hyperbolic tangent, from -1 to 1.
    Tanh,
    /// 1 / (1 + e⁻ˣ), from 0 to 1.
    Sigmoid,
    /// x above zero, 0.01 x below.
    LeakyRelu,
}

impl Activation {
    /// Applies the non-linearity; the shape stays.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Gelu => Smooth::Gelu.forward(x),
            Self::Tanh => Smooth::Tanh.forward(x),
            Self::Sigmoid => Smooth::Sigmoid.forward(x),
            Self::LeakyRelu => activation::leaky_relu(x, f64::from(LEAKY_SLOPE)),
        }
    }

    /// What a kernel can do of it while a result is still in the cache, and what is left to do.
    #[must_use]
    pub fn fused(self) -> (kernels::Activation, Option<Smooth>) {
        match self {
            Self::Relu => (kernels::Activation::Relu, None),
            Self::LeakyRelu => (kernels::Activation::LeakyRelu(LEAKY_SLOPE), None),
            Self::Gelu => (kernels::Activation::Identity, Some(Smooth::Gelu)),
            Self::Tanh => (kernels::Activation::Identity, Some(Smooth::Tanh)),
            Self::Sigmoid => (kernels::Activation::Identity, Some(Smooth::Sigmoid)),
        }
    }

    /// How to draw the weights of a layer that this activation follows, so that the variance of
    /// the signal survives depth.
    ///
    /// He et al. 2015, <https://arxiv.org/abs/1502.01852>, for the rectifiers; Glorot and Bengio
    /// 2010, <https://proceedings.mlr.press/v9/glorot10a.html>, for the saturating ones.
    #[must_use]
    pub fn initializer(self) -> Initializer {
        match self {
            Self::Relu | Self::Gelu | Self::LeakyRelu => Initializer::KaimingNormal {
                gain: f64::sqrt(2.0),
                fan_out_only: false,
            },
            Self::Tanh => Initializer::XavierNormal { gain: 5.0 / 3.0 },
            Self::Sigmoid => Initializer::XavierNormal { gain: 1.0 },
        }
    }

    /// A linear layer for this activation to follow: weights from [`Activation::initializer`],
    /// biases zero.
    ///
    /// # Shapes
    /// - maps `[B, d_input]` to `[B, d_output]`
    #[must_use]
    pub fn linear(self, d_input: usize, d_output: usize, device: &Device) -> Linear {
        let config = LinearConfig::new(d_input, d_output)
            .with_initializer(self.initializer())
            // Burn would draw the biases as widely as the weights.
            .with_bias(false);
        let bias = Initializer::Zeros.init([d_output], device);
        Linear {
            bias: Some(bias),
            ..config.init(device)
        }
    }
}

impl std::str::FromStr for Activation {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Ok(match name {
            "relu" => Self::Relu,
            "gelu" => Self::Gelu,
            "tanh" => Self::Tanh,
            "sigmoid" => Self::Sigmoid,
            "leaky_relu" => Self::LeakyRelu,
            _ => {
                let expected = "one of relu, gelu, tanh, sigmoid, leaky_relu";
                return Err(ConfigError::new("activation", name, expected));
            }
        })
    }
}
