//! Against Burn's own loss, forward and backward.

use std::sync::Arc;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use proptest::prelude::*;

use super::{CrossEntropy, cross_entropy, cross_entropy_reference};
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};

type Inputs = (Tensor<2>, Tensor<1, Int>);

/// Logits (on the device in another order than in the slices of the kernels) and targets.
fn inputs(batch_size: usize, num_classes: usize, device: &Device) -> Inputs {
    let normal = Distribution::Normal(0.0, 3.0);
    let logits = Tensor::<2>::random([num_classes, batch_size], normal, device).transpose();
    let targets = (0..batch_size).map(|row| i64::try_from(row * 7 % num_classes).unwrap());
    let targets: Vec<_> = targets.collect();
    let targets = TensorData::new(targets, [batch_size]);
    (logits, Tensor::from_data(targets, device))
}

fn weights(num_classes: usize) -> Arc<[f32]> {
    (0..num_classes)
        .map(|class| if class % 3 == 1 { 2.0 } else { 0.5 })
        .collect()
}

/// The loss, and the gradient of the logits.
fn outcome(
    (logits, targets): Inputs,
    loss: impl Fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>,
) -> [TensorData; 2] {
    let device = logits.device().autodiff();
    let logits = Tensor::from_inner(logits).to_device(&device).require_grad();
    let loss = loss(logits.clone(), targets.to_device(&device)) * 3.0;
    let gradients = loss.backward();
    [
        loss.into_data(),
        logits.grad(&gradients).unwrap().into_data(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn equals_burns_loss_and_its_gradient(
        (batch_size, num_classes) in (1_usize..50, 1_usize..70),
        smoothing in prop_oneof![Just(0.0), Just(0.1)],
        weighted: bool,
    ) {
        for device in devices() {
            let options = CrossEntropy {
                smoothing,
                class_weights: weighted.then(|| weights(num_classes)),
            };
            let burns = CrossEntropyLossConfig::new()
                .with_smoothing((smoothing > 0.0).then_some(smoothing))
                .with_weights(options.class_weights.as_ref().map(|weights| weights.to_vec()))
                .init(&device.clone().autodiff());
            let inputs = inputs(batch_size, num_classes, &device);
            let ours = outcome(inputs.clone(), |logits, targets| {
                cross_entropy(logits, targets, options.clone())
            });
            let reference = outcome(inputs.clone(), |logits, targets| {
                cross_entropy_reference(logits, targets, options.clone())
            });
            let burns = outcome(inputs, |logits, targets| burns.forward(logits, targets));
            assert_close(&ours, &reference, 1e-5);
            assert_close(&ours, &burns, 1e-5);
        }
    }
}

#[test]
fn logits_of_any_size_have_a_finite_loss() {
    let device = Device::flex();
    let (logits, targets) = inputs(5, 4, &device);
    let [loss, gradient] = outcome((logits * 1e4, targets), |logits, targets| {
        cross_entropy(logits, targets, CrossEntropy::default())
    });
    assert!(loss.iter::<f32>().all(f32::is_finite));
    assert!(gradient.iter::<f32>().all(f32::is_finite));
}

#[test]
fn a_nan_or_an_infinity_is_never_hidden() {
    for value in [f32::NAN, f32::INFINITY] {
        let (logits, targets) = inputs(5, 4, &Device::flex());
        let logits = logits.slice_fill([2..3, 1..2], value);
        let [loss, gradient] = outcome((logits, targets), |logits, targets| {
            cross_entropy(logits, targets, CrossEntropy::default())
        });
        assert!(loss.iter::<f32>().all(f32::is_nan));
        let gradient: Vec<f32> = gradient.iter().collect();
        assert!(gradient[8..12].iter().all(|value| value.is_nan()));
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let inputs = inputs(2000, 65, &Device::flex());
    assert_same_bits_at_any_number_of_threads(|| {
        outcome(inputs.clone(), |logits, targets| {
            cross_entropy(logits, targets, CrossEntropy::default())
        })
    });
}

#[test]
#[should_panic(expected = "class 4 of 4")]
fn a_target_beyond_the_classes_is_refused() {
    let (logits, targets) = inputs(1, 4, &Device::flex());
    let _loss = cross_entropy(logits, targets + 4, CrossEntropy::default());
}

#[test]
fn a_class_that_is_ruled_out_has_no_subnormal_gradient() {
    for device in devices() {
        let logits: Vec<f32> = (0..120_u8).map(|logit| -f32::from(logit)).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(logits, [1, 120]), &device);
        let targets = Tensor::from_data([0], &device);
        let loss = |logits, targets| cross_entropy(logits, targets, CrossEntropy::default());
        let [_, gradient] = outcome((logits, targets), loss);
        let gradient: Vec<f32> = gradient.iter().collect();
        assert!(gradient[1] > 0.0 && gradient[119] == 0.0);
        assert!(!gradient.iter().any(|gradient| gradient.is_subnormal()));
    }
}
