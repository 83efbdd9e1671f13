//! Units left out at random in training.

use burn::nn::Dropout;
use burn::tensor::Tensor;
use fornax_kernels as kernels;

/// Applies a dropout layer: in training alone, and not where it is frozen. The shape stays.
#[must_use]
pub fn dropout<const D: usize>(layer: &Dropout, x: Tensor<D>) -> Tensor<D> {
    let trains = layer.training.is_enabled() && x.device().is_autodiff();
    if trains && layer.prob > 0.0 {
        kernels::dropout(x, layer.prob)
    } else {
        x
    }
}
