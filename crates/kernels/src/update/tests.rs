//! Against Burn's own optimisers and the formulas in Burn's operations.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, Optimizer, SgdConfig};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use proptest::prelude::*;

use super::{AdamStep, SgdStep, adam, adam_reference, sgd, sgd_reference};
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};

const NUM_STEPS: usize = 4;

fn normal(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, columns], Distribution::Normal(0.0, 1.0), device)
}

/// A parameter (in another order than in the slices of the kernels) and its gradients.
fn inputs(rows: usize, columns: usize, device: &Device) -> (Tensor<2>, Vec<Tensor<2>>) {
    let gradients = (0..NUM_STEPS).map(|_| normal(rows, columns, device));
    (
        normal(columns, rows, device).transpose(),
        gradients.collect(),
    )
}

fn adam_step(weight_decay: f64, decoupled: bool) -> AdamStep {
    AdamStep {
        learning_rate: 1e-2,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay,
        decoupled,
        time: 0,
    }
}

type Adam = fn(AdamStep, Tensor<2>, Tensor<2>, [Tensor<2>; 2]) -> (Tensor<2>, [Tensor<2>; 2]);

fn run_adam(
    step: AdamStep,
    (mut parameter, gradients): (Tensor<2>, Vec<Tensor<2>>),
    adam: Adam,
) -> [TensorData; 3] {
    let mut moments = [parameter.zeros_like(), parameter.zeros_like()];
    for (index, gradient) in gradients.into_iter().enumerate() {
        let step = AdamStep {
            time: index + 1,
            ..step
        };
        (parameter, moments) = adam(step, parameter, gradient, moments);
    }
    let [first, second] = moments;
    [parameter, first, second].map(Tensor::into_data)
}

type Sgd = fn(SgdStep, Tensor<2>, Tensor<2>, Tensor<2>) -> (Tensor<2>, Tensor<2>);

fn run_sgd(
    step: SgdStep,
    (mut parameter, gradients): (Tensor<2>, Vec<Tensor<2>>),
    sgd: Sgd,
) -> [TensorData; 2] {
    let mut velocity = parameter.zeros_like();
    for gradient in gradients {
        (parameter, velocity) = sgd(step, parameter, gradient, velocity);
    }
    [parameter, velocity].map(Tensor::into_data)
}

fn run_burns<O: Optimizer>(
    optimizer: &O,
    learning_rate: f64,
    (mut parameter, gradients): (Tensor<2>, Vec<Tensor<2>>),
) -> [TensorData; 1] {
    let mut state = None;
    for gradient in gradients {
        (parameter, state) = optimizer.step(learning_rate, parameter, gradient, state);
    }
    [parameter.into_data()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn adam_equals_its_formula(
        (rows, columns) in (0_usize..40, 1_usize..40),
        decay in prop_oneof![Just(0.0), Just(0.1)],
        decoupled: bool,
    ) {
        for device in devices() {
            let inputs = inputs(rows, columns, &device);
            let step = adam_step(decay, decoupled);
            let ours = run_adam(step, inputs.clone(), adam);
            assert_close(&ours, &run_adam(step, inputs, adam_reference), 1e-5);
        }
    }

    #[test]
    fn sgd_equals_its_formula(
        (rows, columns) in (0_usize..40, 1_usize..40),
        weight_decay in prop_oneof![Just(0.0), Just(0.1)],
        momentum in prop_oneof![Just(0.0), Just(0.9)],
    ) {
        for device in devices() {
            let inputs = inputs(rows, columns, &device);
            let step = SgdStep { learning_rate: 0.1, momentum, weight_decay };
            let ours = run_sgd(step, inputs.clone(), sgd);
            assert_close(&ours, &run_sgd(step, inputs, sgd_reference), 1e-5);
        }
    }
}

#[test]
fn the_rules_are_those_of_burns_optimisers() {
    let device = Device::flex();
    let inputs = inputs(7, 11, &device);
    let [ours, ..] = run_adam(adam_step(0.1, false), inputs.clone(), adam);
    let config = AdamConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(Some(WeightDecayConfig::new(0.1)));
    assert_close(
        &[ours],
        &run_burns(&config.build(), 1e-2, inputs.clone()),
        1e-5,
    );

    let [ours, ..] = run_adam(adam_step(0.1, true), inputs.clone(), adam);
    let config = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.1);
    assert_close(
        &[ours],
        &run_burns(&config.build(), 1e-2, inputs.clone()),
        1e-5,
    );

    let step = SgdStep {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 0.1,
    };
    let [ours, _] = run_sgd(step, inputs.clone(), sgd);
    let momentum = MomentumConfig {
        momentum: 0.9,
        dampening: 0.0,
        nesterov: false,
    };
    let config = SgdConfig::new()
        .with_momentum(Some(momentum))
        .with_weight_decay(Some(WeightDecayConfig::new(0.1)));
    assert_close(&[ours], &run_burns(&config.build(), 0.1, inputs), 1e-5);
}

#[test]
fn what_others_hold_stays_as_it_is() {
    for device in devices() {
        let (parameter, gradients) = inputs(5, 3, &device);
        let held = [
            parameter.clone(),
            parameter.zeros_like(),
            parameter.zeros_like(),
        ];
        let before = held.clone().map(Tensor::into_data);
        let [_, first, second] = held.clone();
        let step = AdamStep {
            time: 1,
            ..adam_step(0.0, false)
        };
        let (after, _) = adam(step, parameter, gradients[0].clone(), [first, second]);
        assert_eq!(held.map(Tensor::into_data), before);
        assert_ne!(after.into_data(), before[0]);
    }
}

#[test]
fn a_part_of_a_larger_tensor_is_changed_alone() {
    let device = Device::flex();
    let whole = normal(6, 4, &device);
    let part = whole.clone().slice([2..4, 0..4]);
    let gradient = normal(2, 4, &device);
    let step = SgdStep {
        learning_rate: 1.0,
        momentum: 0.0,
        weight_decay: 0.0,
    };
    let (after, _) = sgd(step, part.clone(), gradient.clone(), part.zeros_like());
    assert_close(&[after.into_data()], &[(part - gradient).into_data()], 1e-6);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let inputs = inputs(300, 301, &Device::flex());
    assert_same_bits_at_any_number_of_threads(|| {
        run_adam(adam_step(0.1, true), inputs.clone(), adam)
    });
}

#[test]
fn a_nan_stays_one() {
    let (parameter, mut gradients) = inputs(3, 3, &Device::flex());
    gradients[0] = gradients[0].clone().slice_fill([1..2, 1..2], f32::NAN);
    let [after, ..] = run_adam(adam_step(0.0, false), (parameter, gradients), adam);
    let is_nan: Vec<_> = after.iter::<f32>().map(f32::is_nan).collect();
    assert_eq!(is_nan.iter().filter(|&&is_nan| is_nan).count(), 1);
    assert!(is_nan[4]);
}

#[test]
fn what_fades_ends_at_zero_and_is_never_subnormal() {
    #[track_caller]
    fn check(data: &TensorData) {
        let is_subnormal = |x: f32| x.is_subnormal();
        assert!(!data.iter::<f32>().any(is_subnormal), "{data:?}");
    }
    for device in devices() {
        let first = [1.0, 1e-12, 1e-25, -1e-38, 1e-41];
        let first = Tensor::<2>::from_data([first], &device);
        let mut gradients = vec![first.clone()];
        gradients.resize(1500, first.zeros_like());
        for last in [1, 2, 700, 900, 1500] {
            let inputs = (first.ones_like(), gradients[..last].to_vec());
            let [_, moments @ ..] = run_adam(adam_step(0.0, false), inputs.clone(), adam);
            moments.iter().for_each(check);
            let step = SgdStep {
                learning_rate: 1e-2,
                momentum: 0.9,
                weight_decay: 0.0,
            };
            check(&run_sgd(step, inputs, sgd)[1]);
        }
    }
}
