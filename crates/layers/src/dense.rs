//! A linear layer, with or without the activation that follows it.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;
use fornax_kernels::{self as kernels, dense};

use crate::Activation;

/// Applies a linear layer, and the activation in the same pass where a kernel can.
///
/// # Shapes
/// - `x`: `[B, d_input]`
/// - returns: `[B, d_output]`
#[must_use]
pub fn linear(layer: &Linear, x: Tensor<2>, activation: Option<Activation>) -> Tensor<2> {
    let (fused, smooth) = activation.map_or((kernels::Activation::Identity, None), |activation| {
        activation.fused()
    });
    let bias = layer.bias.as_ref().map(Param::val);
    let x = dense(x, layer.weight.val(), bias, fused); // [B, d_output]
    match smooth {
        Some(smooth) => smooth.forward(x),
        None => x,
    }
}
