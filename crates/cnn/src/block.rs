//! One block: convolution, norm, shortcut, activation, pooling.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use fornax_kernels::{BatchNormOutputs, Epilogue, activate_and_pool, batch_norm, conv2d};
use fornax_layers::Activation;
use serde::{Deserialize, Serialize};

/// What a kernel sees beyond the border of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros, so many that a map of n becomes one of ⌈n / stride⌉.
    #[default]
    Same,
    /// Nothing: the kernel stays inside, and the map shrinks.
    Valid,
}

/// Everything that makes a [`Block`], along `[height, width]` where there are two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockConfig {
    pub(crate) channels: usize,
    pub(crate) width: usize,
    pub(crate) kernel_size: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) pool: [usize; 2],
    pub(crate) padding: Padding,
    pub(crate) norm: bool,
    pub(crate) activation: Activation,
    pub(crate) residual: bool,
}

impl BlockConfig {
    pub(crate) fn init(&self, device: &Device) -> Block {
        let conv = Conv2dConfig::new([self.channels, self.width], self.kernel_size)
            .with_stride(self.stride)
            .with_initializer(self.activation.initializer())
            .with_bias(false)
            .init(device);
        // The norm subtracts the mean, and a bias with it: only without a norm is there one.
        let bias = (!self.norm).then(|| Initializer::Zeros.init([self.width], device));
        Block {
            conv: Conv2d { bias, ..conv },
            norm: self
                .norm
                .then(|| BatchNormConfig::new(self.width).init(device)),
            shortcut: self.residual.then(|| self.init_shortcut(device)),
            activation: self.activation,
            padding: self.padding,
            pool: self.pool,
        }
    }

    fn init_shortcut(&self, device: &Device) -> Shortcut {
        let projection = self.projects().then(|| {
            Conv2dConfig::new([self.channels, self.width], [1, 1])
                .with_stride(self.stride)
                // No activation of its own follows, so the variance is kept by a gain of one.
                .with_initializer(Initializer::KaimingNormal {
                    gain: 1.0,
                    fan_out_only: false,
                })
                .with_bias(false)
                .init(device)
        });
        Shortcut { projection }
    }

    /// Whether the shortcut has to change the shape of its input.
    fn projects(&self) -> bool {
        self.residual && (self.channels != self.width || self.stride != [1, 1])
    }

    /// Entries of all kernels; stays at the largest number where it would overflow.
    pub(crate) fn num_weights(&self) -> usize {
        let [height, width] = self.kernel_size;
        let places = height
            .saturating_mul(width)
            .saturating_add(usize::from(self.projects()));
        self.channels
            .saturating_mul(self.width)
            .saturating_mul(places)
    }
}

/// One block of a [`Cnn`](crate::Cnn).
#[derive(Module, Debug)]
pub(crate) struct Block {
    conv: Conv2d,
    norm: Option<BatchNorm>,
    shortcut: Option<Shortcut>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    padding: Padding,
    #[module(skip)]
    pool: [usize; 2],
}

impl Block {
    /// `[B, channels, H, W]` to `[B, width, H / stride / pool, W / stride / pool]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (activation, smooth) = self.activation.fused();
        let last = Epilogue {
            activation,
            pool: self.pool,
        };
        if self.shortcut.is_none() && smooth.is_none() {
            return self.normalised(x, last);
        }
        let shortcut = self.shortcut.as_ref();
        let shortcut = shortcut.map(|shortcut| shortcut.forward(x.clone()));
        let mut x = self.normalised(x, Epilogue::default()); // [B, width, H / stride, W / stride]
        if let Some(shortcut) = shortcut {
            x = x + shortcut;
        }
        if let Some(smooth) = smooth {
            x = smooth.forward(x);
        }
        activate_and_pool(x, last) // [B, width, H / stride / pool, W / stride / pool]
    }

    /// Convolution and norm, then the epilogue in one pass with the last of them.
    fn normalised(&self, x: Tensor<4>, epilogue: Epilogue) -> Tensor<4> {
        let (weight, bias) = (self.conv.weight.val(), self.conv.bias.as_ref());
        let Some(norm) = &self.norm else {
            return self.convolve(x, weight, bias.map(Param::val), epilogue);
        };
        let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
        if x.device().is_autodiff() && norm.training.is_enabled() {
            let x = self.convolve(x, weight, None, Epilogue::default());
            let normalised = batch_norm(x, gamma, beta, norm.epsilon, epilogue);
            remember(norm, &normalised);
            return normalised.output;
        }
        // What the norm learned is a factor and a summand for each map: those of the convolution.
        let (mean, variance) = (norm.running_mean.value(), norm.running_var.value());
        let factor = gamma / (variance + norm.epsilon).sqrt(); // [width]
        let weight = weight * factor.clone().reshape([-1, 1, 1, 1]);
        self.convolve(x, weight, Some(beta - mean * factor), epilogue)
    }

    fn convolve(
        &self,
        x: Tensor<4>,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        epilogue: Epilogue,
    ) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let Conv2d {
            stride,
            kernel_size,
            ..
        } = &self.conv;
        let padding = [0, 1].map(|axis| match self.padding {
            Padding::Same => same_padding([height, width][axis], kernel_size[axis], stride[axis]),
            Padding::Valid => (0, 0),
        });
        let options = ConvOptions::new_with_padding(*stride, padding, [1, 1], 1);
        conv2d(x, weight, bias, options, epilogue)
    }
}

/// Moves the norm's running statistics towards those of a batch.
fn remember(norm: &BatchNorm, batch: &BatchNormOutputs) {
    let towards = |running: Tensor<1>, batch: &Tensor<1>| {
        let batch = batch.clone().detach();
        (running * (1.0 - norm.momentum) + batch * norm.momentum).detach()
    };
    let mean = norm.running_mean.value_sync();
    norm.running_mean.update(towards(mean, &batch.mean));
    let variance = norm.running_var.value_sync();
    norm.running_var.update(towards(variance, &batch.variance));
}

/// Zeros before and after `size` pixels, so that ⌈size / stride⌉ come out; the odd one comes after.
fn same_padding(size: usize, kernel_size: usize, stride: usize) -> (usize, usize) {
    let needed = (size.div_ceil(stride) - 1) * stride + kernel_size;
    let padding = needed.saturating_sub(size);
    (padding / 2, padding - padding / 2)
}

/// The way around a convolution, so that a block only has to learn what to change.
///
/// He et al. 2016, <https://arxiv.org/abs/1512.03385>
#[derive(Module, Debug)]
struct Shortcut {
    projection: Option<Conv2d>,
}

impl Shortcut {
    /// `[B, channels, H, W]` to `[B, width, H / stride, W / stride]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.projection {
            Some(projection) => {
                let options = ConvOptions::new(projection.stride, [0, 0], [1, 1], 1);
                conv2d(
                    x,
                    projection.weight.val(),
                    None,
                    options,
                    Epilogue::default(),
                )
            }
            None => x,
        }
    }
}
