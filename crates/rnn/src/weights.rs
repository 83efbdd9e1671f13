//! The weights of cells: how they are drawn, and how a sequence takes them apart into gates.

use burn::module::Param;
use burn::nn::Initializer;
use burn::tensor::module::linear;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use fornax_kernels::RecurrentWeights;

/// One gate: a linear map with a bias.
pub(crate) struct Gate {
    /// `[D, H]`
    pub(crate) weight: Tensor<2>,
    /// `[H]`
    pub(crate) bias: Tensor<1>,
}

impl Gate {
    /// The first `N` gates of a cell, each over `[input, state]` joined.
    ///
    /// This is done once a sequence. The steps then have one product for each gate and no slices
    /// of gates, whose backward pass fills a tensor of zeros for each slice. A product over the
    /// inputs of all steps at once would have to be sliced by steps, and with the slices of all T
    /// steps filling all T steps with zeros, the backward pass would grow with T².
    pub(crate) fn split<const N: usize>(weights: &RecurrentWeights) -> [Self; N] {
        let RecurrentWeights {
            input,
            hidden,
            bias,
            ..
        } = weights;
        let d_hidden = hidden.dims()[0];
        std::array::from_fn(|gate| {
            let start = gate * d_hidden;
            let columns = |weight: &Tensor<2>| weight.clone().narrow(1, start, d_hidden);
            Self {
                weight: Tensor::cat(vec![columns(input), columns(hidden)], 0), // [D + H, H]
                bias: bias.clone().narrow(0, start, d_hidden),                 // [H]
            }
        })
    }

    /// `[B, D]` to `[B, H]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear(x, self.weight.clone(), Some(self.bias.clone()))
    }
}

/// Weights of the inputs, `[D, num_gates * H]`, each gate drawn for itself.
///
/// Glorot and Bengio 2010, <https://proceedings.mlr.press/v9/glorot10a.html>
pub(crate) fn input_weight(
    d_input: usize,
    d_hidden: usize,
    num_gates: usize,
    device: &Device,
) -> Param<Tensor<2>> {
    let shape = [d_input, num_gates * d_hidden];
    let initializer = Initializer::XavierUniform { gain: 1.0 };
    initializer.init_with(shape, Some(d_input), Some(d_hidden), device)
}

/// Weights of the state, `[H, num_gates * H]`, orthogonal in each gate: applied step after step,
/// they neither blow a state up nor let it fade.
///
/// Saxe et al. 2014, <https://arxiv.org/abs/1312.6120>
pub(crate) fn recurrent_weight(
    d_hidden: usize,
    num_gates: usize,
    device: &Device,
) -> Param<Tensor<2>> {
    let shape = [num_gates * d_hidden, d_hidden];
    let normal = Distribution::Normal(0.0, 1.0);
    let drawn = Tensor::<2>::random(shape, normal, device).into_data();
    let mut rows: Vec<f32> = drawn.iter().collect();
    for gate in rows.chunks_exact_mut(d_hidden * d_hidden) {
        orthonormalise(gate, d_hidden);
    }
    let gates = Tensor::<2>::from_data(TensorData::new(rows, shape), device);
    let gates = gates
        .reshape([num_gates, d_hidden, d_hidden])
        .swap_dims(0, 1); // [H, gates, H]
    Param::from_tensor(gates.reshape([d_hidden, num_gates * d_hidden]))
}

/// Gram and Schmidt's method, in the modified order that keeps rounding small.
///
/// Burn's own orthogonal initialiser costs seconds at 512 units: its QR decomposition updates
/// whole matrices for each column.
fn orthonormalise(rows: &mut [f32], width: usize) {
    for start in (0..rows.len()).step_by(width) {
        let (before, rest) = rows.split_at_mut(start);
        let row = &mut rest[..width];
        for other in before.chunks_exact(width) {
            let along = dot(row, other);
            row.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
        }
        let norm = dot(row, row).sqrt();
        for x in row {
            *x /= norm;
        }
    }
}

/// In sums side by side: a single one would wait for each of its additions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(x, y)| x * y);
    sums.into_iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    #[test]
    fn recurrent_weights_are_orthogonal_in_each_gate() {
        let device = Device::flex();
        device.seed(7);
        let weight = recurrent_weight(24, 3, &device).val(); // [24, 72]
        for gate in weight.split(24, 1) {
            let product = gate.clone().matmul(gate.transpose()).into_data();
            let identity = Tensor::<2>::eye(24, &device).into_data();
            product.assert_approx_eq::<f32>(&identity, Tolerance::absolute(1e-4));
        }
    }
}
