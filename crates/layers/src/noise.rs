//! Normal noise in training.

use burn::nn::GaussianNoise;
use burn::tensor::Tensor;
use fornax_kernels::{draw_seed, standard_normal};

/// Applies a layer of noise: in training alone, and not where it is frozen. The shape stays.
#[must_use]
pub fn noise<const D: usize>(layer: &GaussianNoise, x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    let trains = layer.training.is_enabled() && device.is_autodiff();
    if trains && layer.std > 0.0 {
        let noise = standard_normal(draw_seed(&device), x.dims(), &device);
        x + noise * layer.std
    } else {
        x
    }
}
