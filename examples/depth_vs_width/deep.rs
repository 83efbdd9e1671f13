//! Part 3: a deep network that is the sawtooth, two ReLUs for each application of the triangle.
//!
//! The triangle is 2 max(0, u) - 4 max(0, u - 1/2): one block of two ReLUs. Blocks on top of each
//! other apply it again and again, and each doubles the pieces of the line.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use fornax_layers::Activation;
use fornax_mlp::Mlp;
use fornax_trainer::step::to_vec;

/// Two ReLUs of one number, and a number that comes out: v · max(0, w u + b) + c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    pub(crate) w: [f32; 2],
    pub(crate) b: [f32; 2],
    pub(crate) v: [f32; 2],
    pub(crate) c: f32,
}

/// The triangle map on `[0, 1]`.
pub(crate) const TRIANGLE: Block = Block {
    w: [1.0, 1.0],
    b: [0.0, -0.5],
    v: [2.0, -4.0],
    c: 0.0,
};

/// The network in which each block reads what the one below puts out.
///
/// What a block puts out is linear, and so is what the next one's ReLUs make of it: the two become
/// one matrix. So n blocks are n hidden layers of two ReLUs, and nothing else; no block is x itself.
pub(crate) fn stack(blocks: &[Block], device: &Device) -> Mlp {
    let mut hidden = Vec::new();
    let (mut v, mut c) = (vec![1.0], 0.0); // how x itself comes in
    for block in blocks {
        let weights: Vec<_> = v.iter().flat_map(|v| block.w.map(|w| v * w)).collect();
        let biases = [0, 1].map(|i| block.w[i] * c + block.b[i]);
        hidden.push(linear(weights, &biases, device));
        (v, c) = (block.v.to_vec(), block.c);
    }
    Mlp::from_hidden(hidden, Activation::Relu, linear(v, &[c], device))
}

/// A layer of given weights, `[d_input, d_output]` in row-major order.
fn linear(weights: Vec<f32>, biases: &[f32], device: &Device) -> Linear {
    let shape = [weights.len() / biases.len(), biases.len()];
    let weights = TensorData::new(weights, shape);
    Linear {
        weight: Param::from_tensor(Tensor::from_data(weights, device)),
        bias: Some(Param::from_tensor(Tensor::from_data(biases, device))),
    }
}

impl Block {
    /// The weights of a network with one hidden layer of two ReLUs; of no other.
    pub(crate) fn of(network: &impl Module) -> Option<Self> {
        struct Weights(Vec<Vec<f32>>);
        impl ModuleVisitor for Weights {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0.push(to_vec(param.val().without_autodiff()));
            }
        }
        let mut found = Weights(Vec::new());
        network.visit(&mut found);
        let [w, b, v, c] = found.0.as_slice() else {
            return None;
        };
        Some(Self {
            w: w.as_slice().try_into().ok()?,
            b: b.as_slice().try_into().ok()?,
            v: v.as_slice().try_into().ok()?,
            c: *c.first()?,
        })
    }
}

/// What a network answers to each number.
pub(crate) fn predict(network: &Mlp, x: &[f32], device: &Device) -> Vec<f32> {
    to_vec(network.forward(column(x, device)))
}

/// Numbers as a batch of samples of one feature: `[B, 1]`.
pub(crate) fn column(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sawtooth::Sawtooth;

    #[test]
    #[allow(clippy::float_cmp)] // That no bit differs is the point.
    fn stacked_triangles_are_the_sawtooth_to_the_bit() {
        let device = Device::default();
        for n in [1, 2, 10] {
            let sawtooth = Sawtooth::new(n, 1 << 13);
            let network = stack(&vec![TRIANGLE; n], &device);
            assert_eq!(predict(&network, &sawtooth.x, &device), sawtooth.y);
        }
    }

    #[test]
    fn a_block_comes_back_from_its_network() {
        let device = Device::default();
        assert_eq!(Block::of(&stack(&[TRIANGLE], &device)), Some(TRIANGLE));
        assert_eq!(Block::of(&stack(&[TRIANGLE; 2], &device)), None);
    }
}
