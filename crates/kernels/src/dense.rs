//! A dense layer: product, bias and activation in one operation, and back.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

#[cfg(test)]
mod tests;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, module};
use rayon::prelude::*;

use crate::host::Host;
use crate::matmul::{Matrix, Threads, product};
use crate::{Activation, runs_here};

/// Parts of a batch whose gradients of the bias are summed each by itself, then in order: their
/// number is fixed, so that the bits do not depend on the number of threads.
const NUM_PARTS: usize = 8;

/// Elements that are finished sooner than another thread, awake as it is, takes a part of them.
const ALONE: usize = 1 << 14;

/// Applies a linear map, adds the bias, and applies the activation.
///
/// # Shapes
/// - `x`: `[B, D]`
/// - `weight`: `[D, K]`
/// - `bias`: `[K]`
/// - returns: `[B, K]`
///
/// # Panics
/// When the shapes do not fit each other.
#[must_use]
pub fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<2> {
    let ([batch_size, d_input], [_, d_output]) = (x.dims(), weight.dims());
    if !runs_here(&x) || batch_size * d_input * d_output == 0 {
        return dense_reference(x, weight, bias, activation);
    }
    let bias = bias.unwrap_or_else(|| Tensor::zeros([d_output], &x.device()));
    let (x, weight, bias) = (
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    );
    Tensor::from_dispatch(Dispatch::dense(x, weight, bias, activation))
}

/// [`dense`] in Burn's own operations.
///
/// # Panics
/// As [`dense`].
#[must_use]
pub fn dense_reference(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Activation,
) -> Tensor<2> {
    activation.forward(module::linear(x, weight, bias))
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait Dense: Backend {
    /// See [`dense`].
    fn dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

impl<B: Host> Dense for B {
    fn dense(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        activation: Activation,
    ) -> FloatTensor<B> {
        let layer = Layer::<B>::new(x, weight, activation);
        layer.forward(&B::values(bias))
    }
}

impl<B: Host, C: CheckpointStrategy> Dense for Autodiff<B, C> {
    fn dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let layer = Layer::<B>::new(x.into_primitive(), weight.into_primitive(), activation);
        let output = layer.forward(&B::values(bias.into_primitive()));
        match DenseBack.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::UnTracked(prep) => prep.finish(output),
            OpsKind::Tracked(prep) => {
                let kept = Kept {
                    layer,
                    output: B::values(output.clone()),
                };
                prep.finish(kept, output)
            }
        }
    }
}

/// What goes in, but for the bias.
#[derive(Debug)]
struct Layer<B: Host> {
    batch_size: usize,
    d_input: usize,
    d_output: usize,
    x: B::Values,
    weight: B::Values,
    activation: Activation,
}

impl<B: Host> Clone for Layer<B> {
    fn clone(&self) -> Self {
        Self {
            x: self.x.clone(),
            weight: self.weight.clone(),
            ..*self
        }
    }
}

impl<B: Host> Layer<B> {
    fn new(x: FloatTensor<B>, weight: FloatTensor<B>, activation: Activation) -> Self {
        let [batch_size, d_input] = x.shape().dims();
        let [d_weight, d_output] = weight.shape().dims();
        assert_eq!(d_input, d_weight, "a weight fits the features of its input");
        Self {
            batch_size,
            d_input,
            d_output,
            x: B::values(x),
            weight: B::values(weight),
            activation,
        }
    }

    fn x(&self) -> Matrix<'_> {
        Matrix::new(&self.x, self.batch_size, self.d_input)
    }

    fn weight(&self) -> Matrix<'_> {
        Matrix::new(&self.weight, self.d_input, self.d_output)
    }

    fn forward(&self, bias: &[f32]) -> FloatTensor<B> {
        let width = self.d_output;
        let mut output = product(self.x(), self.weight(), Threads::All);
        let rows = output.par_chunks_exact_mut(width);
        rows.with_min_len(ALONE.div_ceil(width)).for_each(|row| {
            self.activation.finish(row, bias);
        });
        B::tensor(output, [self.batch_size, width].into())
    }
}

#[derive(Debug)]
struct DenseBack;

/// What the way back needs.
#[derive(Debug)]
struct Kept<B: Host> {
    layer: Layer<B>,
    output: B::Values,
}

impl<B: Host> Clone for Kept<B> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            output: self.output.clone(),
        }
    }
}

impl<B: Host> Backward<B, 3> for DenseBack {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let Kept { layer, output } = ops.state;
        let (batch_size, d_input, d_output) = (layer.batch_size, layer.d_input, layer.d_output);
        let mut d_sums = B::own(gradients.consume::<B>(&ops.node)); // [B, K]
        let d_bias = unfinish(layer.activation, &output, &mut d_sums, d_output);
        let d_sums = Matrix::new(&d_sums, batch_size, d_output);
        let [x, weight, bias] = ops.parents;
        if let Some(x) = x {
            let d_x = product(d_sums, layer.weight().transposed(), Threads::All);
            gradients.register::<B>(x.id, B::tensor(d_x, [batch_size, d_input].into()));
        }
        if let Some(weight) = weight {
            let d_weight = product(layer.x().transposed(), d_sums, Threads::All);
            gradients.register::<B>(weight.id, B::tensor(d_weight, [d_input, d_output].into()));
        }
        if let Some(bias) = bias {
            gradients.register::<B>(bias.id, B::tensor(d_bias, [d_output].into()));
        }
    }
}

/// Turns the gradients of the outputs into those of the sums, and returns that of the bias.
fn unfinish(activation: Activation, output: &[f32], d_sums: &mut [f32], width: usize) -> Vec<f32> {
    let num_rows = d_sums.len() / width;
    let part_len = num_rows.div_ceil(NUM_PARTS) * width;
    let parts = d_sums.par_chunks_mut(part_len);
    let parts: Vec<_> = parts
        .zip(output.par_chunks(part_len))
        .with_min_len(ALONE.div_ceil(part_len))
        .map(|(d_sums, output)| {
            let mut d_bias = vec![0.0; width];
            let rows = d_sums.chunks_exact_mut(width);
            for (d_sums, output) in rows.zip(output.chunks_exact(width)) {
                activation.unfinish(output, d_sums, &mut d_bias);
            }
            d_bias
        })
        .collect();
    let mut d_bias = vec![0.0; width];
    for part in parts {
        for (total, part) in d_bias.iter_mut().zip(part) {
            *total += part;
        }
    }
    d_bias
}
