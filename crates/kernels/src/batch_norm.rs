//! Batch norm of maps with all that follows it in a block: activation and max pooling.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

mod maps;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, module};

use self::maps::{Norm, Saved, Statistics};
use crate::conv::geometry::Geometry;
use crate::host::Host;
use crate::pool::activate_and_pool_reference;
use crate::{Activation, Epilogue, runs_here};

/// Maps after a batch norm, and what it measured.
#[derive(Debug, Clone)]
pub struct BatchNormOutputs {
    /// `[B, C, H', W']`, after activation and pooling.
    pub output: Tensor<4>,
    /// `[C]`, mean of each channel over the batch; without a gradient.
    pub mean: Tensor<1>,
    /// `[C]`, mean squared distance from that mean; without a gradient.
    pub variance: Tensor<1>,
}

/// Normalises each channel by its mean and variance over the batch, scales and shifts it, applies
/// the activation, and pools.
///
/// # Shapes
/// - `x`: `[B, C, H, W]`
/// - `gamma`, `beta`: `[C]`
///
/// # Panics
/// When the shapes do not fit each other, or a map is smaller than a window.
///
/// Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>
#[must_use]
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    epilogue: Epilogue,
) -> BatchNormOutputs {
    let geometry = Geometry::of_maps(x.dims(), epilogue.pool);
    let Some(geometry) = geometry.filter(|_| runs_here(&x)) else {
        return batch_norm_reference(x, gamma, beta, epsilon, epilogue);
    };
    let (output, mean, variance) = Dispatch::batch_normalise(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        geometry,
        epsilon,
        epilogue.activation,
    );
    BatchNormOutputs {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// [`batch_norm`] in Burn's own operations.
///
/// # Panics
/// As [`batch_norm`].
#[must_use]
pub fn batch_norm_reference(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    epilogue: Epilogue,
) -> BatchNormOutputs {
    let normalised = module::batch_norm_train(x, gamma, beta, epsilon);
    BatchNormOutputs {
        output: activate_and_pool_reference(normalised.output, epilogue),
        mean: normalised.mean.detach(),
        variance: normalised.variance.detach(),
    }
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait BatchNormalise: Backend {
    /// Output, mean and variance; see [`batch_norm`].
    fn batch_normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        geometry: Geometry,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: Host> BatchNormalise for B {
    fn batch_normalise(
        x: FloatTensor<B>,
        gamma: FloatTensor<B>,
        beta: FloatTensor<B>,
        geometry: Geometry,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
        let (x, gamma, beta) = (B::values(x), B::values(gamma), B::values(beta));
        let statistics = Statistics::of(&geometry, &x);
        let norm = Norm::new(&statistics, &gamma, epsilon);
        let (output, _) = norm.forward(&geometry, &x, &beta, activation);
        tensors::<B>(&geometry, output, statistics)
    }
}

impl<B: Host, C: CheckpointStrategy> BatchNormalise for Autodiff<B, C> {
    fn batch_normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        geometry: Geometry,
        epsilon: f64,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let x = B::values(x.into_primitive());
        let gamma = B::values(gamma.into_primitive());
        let beta = B::values(beta.into_primitive());
        let statistics = Statistics::of(&geometry, &x);
        let norm = Norm::new(&statistics, &gamma, epsilon);
        let (output, argmax) = norm.forward(&geometry, &x, &beta, activation);
        let (output, mean, variance) = tensors::<B>(&geometry, output, statistics);
        let output = match BatchNormBack.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(output),
            OpsKind::Tracked(prep) => {
                let kept = Kept {
                    geometry,
                    activation,
                    norm,
                    x,
                    output: B::values(output.clone()),
                    argmax: Arc::new(argmax),
                };
                prep.finish(kept, output)
            }
        };
        let without_gradient = FloatTensor::<Self>::new;
        (output, without_gradient(mean), without_gradient(variance))
    }
}

fn tensors<B: Host>(
    geometry: &Geometry,
    output: Vec<f32>,
    Statistics { mean, variance }: Statistics,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let of_channels = |values| B::tensor(values, [geometry.channels].into());
    let output = B::tensor(output, geometry.output_shape());
    (output, of_channels(mean), of_channels(variance))
}

#[derive(Debug)]
struct BatchNormBack;

/// What the way back needs.
#[derive(Clone, Debug)]
struct Kept<V> {
    geometry: Geometry,
    activation: Activation,
    norm: Norm,
    x: V,
    output: V,
    argmax: Arc<Vec<u8>>,
}

impl<B: Host> Backward<B, 3> for BatchNormBack {
    type State = Kept<B::Values>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_output = B::values(gradients.consume::<B>(&ops.node));
        let [x, gamma, beta] = ops.parents;
        let kept = ops.state;
        let geometry = &kept.geometry;
        let saved = Saved {
            x: &kept.x,
            output: &kept.output,
            argmax: &kept.argmax,
            activation: kept.activation,
        };
        let found = kept.norm.backward(geometry, &saved, &d_output, x.is_some());
        if let Some(x) = x {
            gradients.register::<B>(x.id, B::tensor(found.x, geometry.image_shape()));
        }
        for (node, values) in [(gamma, found.gamma), (beta, found.beta)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, B::tensor(values, [geometry.channels].into()));
            }
        }
    }
}
