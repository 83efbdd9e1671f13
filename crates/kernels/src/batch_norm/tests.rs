//! Against Burn's own operations, forward and backward.

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use proptest::prelude::*;

use super::{BatchNormOutputs, batch_norm, batch_norm_reference};
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};
use crate::{Activation, Epilogue};

const EPSILON: f64 = 1e-5;

type Norm = fn(Tensor<4>, Tensor<1>, Tensor<1>, f64, Epilogue) -> BatchNormOutputs;
type Inputs = (Tensor<4>, Tensor<1>, Tensor<1>);

/// Maps (on the device in another order than in the slices of the kernels) whose mean is far from
/// zero, scales of both signs, shifts.
fn inputs([batch_size, channels, height, width]: [usize; 4], device: &Device) -> Inputs {
    let normal = |mean| Distribution::Normal(mean, 1.0);
    let x = Tensor::<4>::random([batch_size, width, channels, height], normal(5.0), device);
    (
        x.permute([0, 2, 3, 1]),
        Tensor::random([channels], normal(0.0), device),
        Tensor::random([channels], normal(0.0), device),
    )
}

/// Output, mean and variance, and the gradients of maps, scales and shifts.
fn outcome((x, gamma, beta): Inputs, epilogue: Epilogue, norm: Norm) -> [TensorData; 6] {
    let device = x.device().autodiff();
    let x = Tensor::from_inner(x).to_device(&device).require_grad();
    let gamma = Tensor::from_inner(gamma).to_device(&device).require_grad();
    let beta = Tensor::from_inner(beta).to_device(&device).require_grad();
    let made = norm(x.clone(), gamma.clone(), beta.clone(), EPSILON, epilogue);
    let y = made.output;
    // Weights that differ from pixel to pixel show gradients that went to the wrong one.
    let length = i64::try_from(y.shape().num_elements()).unwrap();
    let places = Tensor::<1, Int>::arange(0..length, &device).float();
    let loss = (y.clone() * places.sin().reshape(y.shape())).sum();
    let gradients = loss.backward();
    [
        y.into_data(),
        made.mean.into_data(),
        made.variance.into_data(),
        x.grad(&gradients).unwrap().into_data(),
        gamma.grad(&gradients).unwrap().into_data(),
        beta.grad(&gradients).unwrap().into_data(),
    ]
}

fn epilogues() -> impl Strategy<Value = Epilogue> {
    let activation = prop_oneof![
        Just(Activation::Identity),
        Just(Activation::Relu),
        Just(Activation::LeakyRelu(0.1)),
    ];
    (activation, [1_usize..4, 1_usize..4])
        .prop_map(|(activation, pool)| Epilogue { activation, pool })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn equals_burns_norm_and_its_gradients(
        (batch_size, channels) in (1_usize..6, 1_usize..5),
        [height, width] in [3_usize..20, 3_usize..20],
        epilogue in epilogues(),
    ) {
        for device in devices() {
            let inputs = inputs([batch_size, channels, height, width], &device);
            let ours = outcome(inputs.clone(), epilogue, batch_norm);
            assert_close(&ours, &outcome(inputs, epilogue, batch_norm_reference), 2e-4);
        }
    }
}

#[test]
fn a_map_of_one_pixel_is_normalised_over_the_batch() {
    let inputs = inputs([9, 3, 1, 1], &Device::flex());
    let ours = outcome(inputs.clone(), Epilogue::default(), batch_norm);
    let reference = outcome(inputs, Epilogue::default(), batch_norm_reference);
    assert_close(&ours, &reference, 1e-4);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let inputs = inputs([37, 5, 9, 11], &Device::flex());
    let epilogue = Epilogue {
        activation: Activation::Relu,
        pool: [2, 2],
    };
    assert_same_bits_at_any_number_of_threads(|| outcome(inputs.clone(), epilogue, batch_norm));
}

#[test]
fn a_nan_is_never_hidden() {
    let (x, gamma, beta) = inputs([3, 2, 4, 4], &Device::flex());
    let x = x.slice_fill([1..2, 1..2, 2..3, 3..4], f32::NAN);
    let [y, ..] = outcome((x, gamma, beta), Epilogue::default(), batch_norm);
    let values: Vec<f32> = y.iter().collect();
    let of_channel = |channel: usize| {
        (0..3).flat_map(move |image| {
            let start = (image * 2 + channel) * 16;
            start..start + 16
        })
    };
    assert!(of_channel(0).all(|place| values[place].is_finite()));
    assert!(of_channel(1).all(|place| values[place].is_nan()));
}
