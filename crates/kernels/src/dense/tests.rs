//! Against Burn's own operations, forward and backward.

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use proptest::prelude::*;

use super::{dense, dense_reference};
use crate::Activation;
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};

type Layer = fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>, Activation) -> Tensor<2>;
type Inputs = (Tensor<2>, Tensor<2>, Tensor<1>);

/// Rows (on the device in another order than in the slices of the kernels), weights, biases.
fn inputs([batch_size, d_input, d_output]: [usize; 3], device: &Device) -> Inputs {
    let normal = Distribution::Normal(0.0, 1.0);
    (
        Tensor::<2>::random([d_input, batch_size], normal, device).transpose(),
        Tensor::random([d_input, d_output], normal, device),
        Tensor::random([d_output], normal, device),
    )
}

/// The result, and the gradients of rows, weights and biases.
fn outcome((x, weight, bias): Inputs, activation: Activation, layer: Layer) -> [TensorData; 4] {
    let device = x.device().autodiff();
    let x = Tensor::from_inner(x).to_device(&device).require_grad();
    let weight = Tensor::from_inner(weight).to_device(&device).require_grad();
    let bias = Tensor::from_inner(bias).to_device(&device).require_grad();
    let y = layer(x.clone(), weight.clone(), Some(bias.clone()), activation);
    // Weights that differ from place to place show gradients that went to the wrong one.
    let length = i64::try_from(y.shape().num_elements()).unwrap();
    let places = Tensor::<1, Int>::arange(0..length, &device).float();
    let loss = (y.clone() * places.sin().reshape(y.shape())).sum();
    let gradients = loss.backward();
    [
        y.into_data(),
        x.grad(&gradients).unwrap().into_data(),
        weight.grad(&gradients).unwrap().into_data(),
        bias.grad(&gradients).unwrap().into_data(),
    ]
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Identity),
        Just(Activation::Relu),
        Just(Activation::LeakyRelu(0.1)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn equals_burns_layer_and_its_gradients(
        sizes in (1_usize..40, 1_usize..70, 1_usize..70),
        activation in activations(),
    ) {
        for device in devices() {
            let inputs = inputs([sizes.0, sizes.1, sizes.2], &device);
            let ours = outcome(inputs.clone(), activation, dense);
            assert_close(&ours, &outcome(inputs, activation, dense_reference), 1e-4);
        }
    }
}

#[test]
fn empty_sizes_give_what_burn_gives() {
    let device = Device::flex();
    for sizes in [[0, 3, 4], [2, 3, 0]] {
        let (x, weight, bias) = inputs(sizes, &device);
        let y = dense(x, weight, Some(bias), Activation::Relu);
        assert_eq!(y.dims(), [sizes[0], sizes[2]]);
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let inputs = inputs([130, 301, 257], &Device::flex());
    assert_same_bits_at_any_number_of_threads(|| outcome(inputs.clone(), Activation::Relu, dense));
}

#[test]
fn a_nan_or_an_infinity_is_never_hidden() {
    for value in [f32::NAN, f32::INFINITY] {
        let (x, weight, bias) = inputs([5, 7, 3], &Device::flex());
        let x = x.slice_fill([2..3, 4..5], value);
        let inputs = (x, weight, bias);
        let ours = outcome(inputs.clone(), Activation::Relu, dense);
        let reference = outcome(inputs, Activation::Relu, dense_reference);
        for (ours, reference) in ours.iter().zip(&reference) {
            let pairs = ours.iter::<f32>().zip(reference.iter::<f32>());
            for (ours, reference) in pairs {
                assert!(reference.is_finite() || !ours.is_finite());
            }
        }
    }
}
