//! Convolution with all that follows it in a block: bias, activation and max pooling.
//!
//! Each image is padded and, where the stride is above one, taken apart into planes in which the
//! stride is one (`planes`). There, the map is a sum of shifted rows, one for each weight; the
//! inner loops (`tile`) hold a block of maps at neighbouring positions in registers and need no
//! matrix of patches. Where many maps have 3 x 3 weights over many channels, they are made in tiles
//! with a quarter of the products, or fewer than half (`winograd`). In bf16, rows of two channels are one
//! (`rounded`); AMX takes them by tiles, and is faster than `winograd` then. Bias, activation and pooling follow while
//! a map is in the cache (`epilogue`). The gradients of the images are made like maps, from the maps'
//! gradients; those of the weights are products of maps and shifted rows, or of tiles (`backward`).
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

mod backward;
pub(crate) mod epilogue;
pub(crate) mod forward;
pub(crate) mod geometry;
mod planes;
mod rounded;
#[cfg(test)]
mod tests;
mod tile;
mod winograd;

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};

use self::backward::{Saved, backward};
use self::forward::{Outcome, forward};
use self::geometry::Geometry;
use crate::host::Host;
use crate::matmul::bf16::Form;
use crate::pool::activate_and_pool_reference;
use crate::precision::precision;
use crate::{Activation, runs_here};

/// What follows a convolution, before its result leaves the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epilogue {
    /// Applied to each pixel of the maps.
    pub activation: Activation,
    /// Windows of a max pooling without overlap; `[1, 1]` for none.
    pub pool: [usize; 2],
}

impl Default for Epilogue {
    fn default() -> Self {
        Self {
            activation: Activation::Identity,
            pool: [1, 1],
        }
    }
}

/// Convolves images, adds the bias, applies the activation, and pools.
///
/// # Shapes
/// - `x`: `[B, C, H, W]`
/// - `weight`: `[width, C / groups, kernel height, kernel width]`
/// - `bias`: `[width]`
/// - returns: `[B, width, H', W']`; rows and columns that fill no window of the pooling are left out
///
/// # Panics
/// When the shapes do not fit each other, or the padded image is smaller than the kernel.
#[must_use]
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
    epilogue: Epilogue,
) -> Tensor<4> {
    let geometry = Geometry::new(x.dims(), weight.dims(), &options, epilogue.pool);
    let Some(geometry) = geometry.filter(|_| runs_here(&x)) else {
        return conv2d_reference(x, weight, bias, options, epilogue);
    };
    let bias = bias.unwrap_or_else(|| Tensor::zeros([geometry.width], &x.device()));
    let (x, weight, bias) = (
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    );
    let activation = epilogue.activation;
    Tensor::from_dispatch(Dispatch::convolve(x, weight, bias, geometry, activation))
}

/// [`conv2d`] in Burn's own operations: what it has to equal, and what runs elsewhere than on CPUs.
///
/// # Panics
/// As [`conv2d`].
#[must_use]
pub fn conv2d_reference(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
    epilogue: Epilogue,
) -> Tensor<4> {
    let x = module::conv2d(x, weight, bias, options);
    activate_and_pool_reference(x, epilogue)
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait Convolve: Backend {
    /// See [`conv2d`].
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

impl<B: Host> Convolve for B {
    fn convolve(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        geometry: Geometry,
        activation: Activation,
    ) -> FloatTensor<B> {
        let (x, weight, bias) = (B::values(x), B::values(weight), B::values(bias));
        let form = Form::of(precision());
        let Outcome { output, .. } =
            forward(&geometry, form, &x, &weight, &bias, activation, false);
        B::tensor(output, geometry.output_shape())
    }
}

impl<B: Host, C: CheckpointStrategy> Convolve for Autodiff<B, C> {
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight, bias) = (
            x.into_primitive(),
            weight.into_primitive(),
            bias.into_primitive(),
        );
        match ConvolveBack.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve(x, weight, bias, geometry, activation))
            }
            OpsKind::Tracked(prep) => {
                let (x, weight, bias) = (B::values(x), B::values(weight), B::values(bias));
                let form = Form::of(precision());
                let made = forward(&geometry, form, &x, &weight, &bias, activation, true);
                let output = B::tensor(made.output, geometry.output_shape());
                let state = Kept {
                    geometry,
                    form,
                    activation,
                    x,
                    weight,
                    output: B::values(output.clone()),
                    argmax: Arc::new(made.argmax),
                };
                prep.finish(state, output)
            }
        }
    }
}

#[derive(Debug)]
struct ConvolveBack;

/// What the way back needs.
#[derive(Clone, Debug)]
struct Kept<V> {
    geometry: Geometry,
    form: Option<Form>,
    activation: Activation,
    x: V,
    weight: V,
    output: V,
    argmax: Arc<Vec<u8>>,
}

impl<B: Host> Backward<B, 3> for ConvolveBack {
    type State = Kept<B::Values>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_output = B::values(gradients.consume::<B>(&ops.node));
        let [x, weight, bias] = ops.parents;
        let kept = ops.state;
        let geometry = &kept.geometry;
        let saved = Saved {
            images: &kept.x,
            weight: &kept.weight,
            output: &kept.output,
            argmax: &kept.argmax,
            activation: kept.activation,
        };
        let found = backward(geometry, kept.form, &saved, &d_output, x.is_some());
        if let Some(x) = x {
            gradients.register::<B>(x.id, B::tensor(found.images, geometry.image_shape()));
        }
        if let Some(weight) = weight {
            let [height, width] = geometry.kernel;
            let shape = [geometry.width, geometry.group_channels(), height, width];
            gradients.register::<B>(weight.id, B::tensor(found.weight, shape.into()));
        }
        if let Some(bias) = bias {
            gradients.register::<B>(bias.id, B::tensor(found.bias, [geometry.width].into()));
        }
    }
}
