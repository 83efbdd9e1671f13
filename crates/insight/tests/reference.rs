//! Numbers agree with those of other tools: see `reference.py`, which names them and their versions.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use fornax_insight::attribution::{
    grad_cam, gradient_x_input, integrated_gradients, occlusion, windows,
};
use fornax_insight::calibration::calibration;
use fornax_insight::cka::cka;
use fornax_insight::interval::{bootstrap, wilson};
use fornax_layers::Tap;
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

#[allow(clippy::cast_possible_truncation)] // written from single precision
fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

fn tensor<const D: usize>(value: &Value, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(floats(value), shape), &Device::flex())
}

/// The network of the reference: convolution, tanh, linear.
struct Network {
    conv: [Tensor<1>; 2],
    head: [Tensor<2>; 2],
}

impl Network {
    fn read(reference: &Value) -> Self {
        let part = |name: &str| &reference["network"][name];
        Self {
            conv: [
                tensor(part("conv_weight"), [3 * 2 * 9]),
                tensor(part("conv_bias"), [3]),
            ],
            head: [
                tensor(part("head_weight"), [108, 4]),
                tensor(part("head_bias"), [1, 4]),
            ],
        }
    }

    #[allow(clippy::needless_pass_by_value)] // as every network takes its inputs
    fn forward(&self, x: Tensor<4>, tap: &mut impl Tap) -> Tensor<2> {
        let on = |weight: &Tensor<1>| {
            if x.is_autodiff() {
                weight.clone().autodiff()
            } else {
                weight.clone()
            }
        };
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let weight = on(&self.conv[0]).reshape([3, 2, 3, 3]);
        let maps = conv2d(x.clone(), weight, Some(on(&self.conv[1])), options).tanh();
        let maps = tap.pass("maps", maps); // [B, 3, 6, 6]
        let [weight, bias] = self.head.clone();
        let [weight, bias] = if x.is_autodiff() {
            [weight.autodiff(), bias.autodiff()]
        } else {
            [weight, bias]
        };
        maps.flatten::<2>(1, 3).matmul(weight) + bias // [B, 4]
    }
}

const CLASSES: [usize; 3] = [2, 0, 3];

#[track_caller]
fn check(found: &[f32], expected: &Value) {
    let expected = floats(expected);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        // Both sides compute in single precision, in another order.
        let tolerance = 2e-5 + 2e-4 * expected.abs();
        assert!(
            (found - expected).abs() < tolerance,
            "{found} is not {expected}"
        );
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn attributions_agree_with_captum() {
    let reference = reference();
    let network = Network::read(&reference);
    let x: Tensor<4> = tensor(&reference["x"], [3, 2, 6, 6]);
    let expected = |name: &str| &reference["attributions"][name];
    let score = |x: Tensor<4>| network.forward(x, &mut ());

    let found = gradient_x_input(&x, &CLASSES, score);
    check(&values(found), expected("gradient_x_input"));

    let found = integrated_gradients(&x, &x.zeros_like(), &CLASSES, 16, score);
    check(&values(found.attribution), expected("integrated_gradients"));
    assert!(
        found.residuals.iter().all(|&residual| residual < 0.02),
        "{:?}",
        found.residuals
    );

    let found = grad_cam(&x, &CLASSES, "maps", |x, tap| network.forward(x, tap)).unwrap();
    check(&values(found), expected("grad_cam"));

    let chosen = |x: Tensor<4>| -> Vec<f32> {
        let scores = values(network.forward(x, &mut ()));
        let rows = scores.chunks_exact(4).zip(CLASSES);
        rows.map(|(row, class)| row[class]).collect()
    };
    let found = occlusion(
        72,
        &windows([2, 6, 6], 2, 2),
        &chosen(x.clone()),
        |window| {
            let mut keep = vec![1.0_f32; 72];
            for &place in window {
                keep[place] = 0.0;
            }
            let keep = Tensor::from_data(TensorData::new(keep, [1, 2, 6, 6]), &x.device());
            chosen(x.clone() * keep)
        },
    );
    check(&found.concat(), expected("occlusion"));
}

#[test]
fn similarity_of_layers_agrees_with_torch_cka() {
    let reference = reference();
    let one = tensor(&reference["one"], [512, 5]);
    let two = tensor(&reference["two"], [512, 3]);
    let found = cka(&[one.clone(), two.clone()], &[one, two]);
    let expected = reference["cka"].as_f64().unwrap();
    assert!(
        (found[0][1] - expected).abs() < 1e-4,
        "{found:?} is not {expected}"
    );
    assert!((found[0][0] - 1.0).abs() < 1e-6 && (found[1][1] - 1.0).abs() < 1e-6);
    assert!((found[0][1] - found[1][0]).abs() < 1e-6);
}

#[test]
fn calibration_error_agrees_with_torchmetrics() {
    let reference = reference();
    let right = reference["right"].as_array().unwrap().iter();
    let right: Vec<bool> = right.map(|right| right.as_bool().unwrap()).collect();
    let (_, error) = calibration(&floats(&reference["confidences"]), &right);
    let expected = reference["calibration_error"].as_f64().unwrap();
    assert!((error - expected).abs() < 1e-5, "{error} is not {expected}");
}

#[test]
fn intervals_of_shares_agree_with_statsmodels() {
    for row in reference()["wilson"].as_array().unwrap() {
        let count = |index: usize| usize::try_from(row[index].as_u64().unwrap()).unwrap();
        let found = wilson(count(0), count(1));
        let [low, high] = [2, 3].map(|index| row[index].as_f64().unwrap());
        assert!(
            (found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9,
            "{row}"
        );
    }
}

#[test]
#[allow(clippy::cast_precision_loss)] // 300 samples
fn bootstrapped_intervals_agree_with_scipy() {
    let reference = reference();
    let errors = floats(&reference["errors"]);
    let found = bootstrap(errors.len(), 1, |places| {
        let sum: f64 = places
            .iter()
            .map(|&place| f64::from(errors[place]).powi(2))
            .sum();
        (sum / places.len() as f64).sqrt()
    });
    let ends = [found.low, found.high];
    for (found, expected) in ends.iter().zip(floats(&reference["rmse_interval"])) {
        // Both are drawn at random, with a deviation of about one in fifty.
        assert!(
            (found / f64::from(expected) - 1.0).abs() < 0.06,
            "{ends:?} is not {expected}"
        );
    }
}
