//! Activation and max pooling of maps that are already there, as after a batch norm.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

use std::ops::Deref;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::MaxPoolOptions;
use rayon::prelude::*;

use crate::conv::epilogue::{finish_all, unfinish};
use crate::conv::geometry::Geometry;
use crate::host::Host;
use crate::zeros::zeros;
use crate::{Activation, Epilogue, runs_here};

/// Applies the activation to each pixel, then pools.
///
/// # Shapes
/// - `x`: `[B, C, H, W]`
/// - returns: `[B, C, H', W']`; rows and columns that fill no window are left out
///
/// # Panics
/// When a map is smaller than a window.
#[must_use]
pub fn activate_and_pool(x: Tensor<4>, epilogue: Epilogue) -> Tensor<4> {
    if epilogue == Epilogue::default() {
        return x;
    }
    let geometry = Geometry::of_maps(x.dims(), epilogue.pool);
    match geometry {
        Some(geometry) if runs_here(&x) => {
            let x = x.into_dispatch();
            Tensor::from_dispatch(Dispatch::pool(x, geometry, epilogue.activation))
        }
        _ => activate_and_pool_reference(x, epilogue),
    }
}

/// [`activate_and_pool`] in Burn's own operations.
///
/// # Panics
/// As [`activate_and_pool`].
#[must_use]
pub fn activate_and_pool_reference(x: Tensor<4>, epilogue: Epilogue) -> Tensor<4> {
    let x = epilogue.activation.forward(x);
    if epilogue.pool == [1, 1] {
        return x;
    }
    module::max_pool2d(x, MaxPoolOptions::new(epilogue.pool))
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait Pool: Backend {
    /// See [`activate_and_pool`].
    fn pool(x: FloatTensor<Self>, geometry: Geometry, activation: Activation) -> FloatTensor<Self>;
}

impl<B: Host> Pool for B {
    fn pool(x: FloatTensor<B>, geometry: Geometry, activation: Activation) -> FloatTensor<B> {
        let (output, _) = forward(&geometry, &B::values(x), activation, false);
        B::tensor(output, geometry.output_shape())
    }
}

impl<B: Host, C: CheckpointStrategy> Pool for Autodiff<B, C> {
    fn pool(x: FloatTensor<Self>, geometry: Geometry, activation: Activation) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match PoolBack.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(B::pool(x, geometry, activation)),
            OpsKind::Tracked(prep) => {
                let (output, argmax) = forward(&geometry, &B::values(x), activation, true);
                let output = B::tensor(output, geometry.output_shape());
                let state = Kept {
                    geometry,
                    activation,
                    output: B::values(output.clone()),
                    argmax: Arc::new(argmax),
                };
                prep.finish(state, output)
            }
        }
    }
}

#[derive(Debug)]
struct PoolBack;

/// What the way back needs.
#[derive(Clone, Debug)]
struct Kept<V> {
    geometry: Geometry,
    activation: Activation,
    output: V,
    argmax: Arc<Vec<u8>>,
}

impl<B: Host> Backward<B, 1> for PoolBack {
    type State = Kept<B::Values>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_output = B::values(gradients.consume::<B>(&ops.node));
        let [x] = ops.parents;
        if let Some(x) = x {
            let shape = ops.state.geometry.image_shape();
            gradients.register::<B>(x.id, B::tensor(backward(&ops.state, &d_output), shape));
        }
    }
}

/// Output of every map, and argmax where it is asked for.
fn forward(
    geometry: &Geometry,
    x: &[f32],
    activation: Activation,
    keep_argmax: bool,
) -> (Vec<f32>, Vec<u8>) {
    finish_all(geometry, x, activation, keep_argmax, |_, map, _| (map, 0.0))
}

/// The gradient of every map.
fn backward<V: Deref<Target = [f32]> + Sync>(kept: &Kept<V>, d_output: &[f32]) -> Vec<f32> {
    let geometry = &kept.geometry;
    let (map_len, pooled_len) = lengths(geometry);
    let num_maps = geometry.batch_size * geometry.width;
    let mut d_x = zeros(num_maps * map_len);
    d_x.par_chunks_exact_mut(map_len)
        .zip(kept.output.par_chunks_exact(pooled_len))
        .zip(d_output.par_chunks_exact(pooled_len))
        .enumerate()
        .with_min_len(geometry.width)
        .for_each(|(map, ((d_x, output), d_output))| {
            let argmax = kept.argmax.get(map * pooled_len..(map + 1) * pooled_len);
            let argmax = argmax.unwrap_or_default();
            let (row_stride, activation) = (geometry.map[1], kept.activation);
            unfinish(
                geometry, row_stride, output, d_output, activation, argmax, d_x,
            );
        });
    d_x
}

/// Pixels of a map before and after pooling.
fn lengths(geometry: &Geometry) -> (usize, usize) {
    let [height, width] = geometry.map;
    let [pooled_height, pooled_width] = geometry.pooled();
    (height * width, pooled_height * pooled_width)
}
