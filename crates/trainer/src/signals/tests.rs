//! Signals against values computed by hand.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use fornax_cnn::CnnConfig;
use fornax_data::{DataConfig, DataFolders};
use fornax_layers::Activation;
use fornax_mlp::MlpConfig;
use fornax_rnn::RnnConfig;

use super::*;
use crate::batch::Targets;
use crate::optimizer::OptimizerKind;
use crate::step::{Learner, Objective};

/// The backends whose results are looked at.
fn devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "flex")]
        Device::flex(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)] // Fornax keeps it for as long as Burn has it.
        Device::ndarray(),
    ]
}

/// Gives every parameter the numbers in which its path says it wants.
struct Fill<F> {
    path: Vec<String>,
    values: F,
}

impl<F: Fn(&str, usize) -> f32> ModuleMapper for Fill<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        param.map(|tensor| {
            let length = tensor.shape().num_elements();
            let values: Vec<f32> = (0..length).map(|i| (self.values)(&path, i)).collect();
            let data = TensorData::new(values, tensor.dims());
            let filled = Tensor::from_data(data, &tensor.device());
            if tensor.is_require_grad() {
                filled.require_grad()
            } else {
                filled
            }
        })
    }
}

fn filled(network: Network, values: impl Fn(&str, usize) -> f32) -> Network {
    network.map(&mut Fill {
        path: Vec::new(),
        values,
    })
}

fn perceptron(widths: Vec<usize>) -> NetworkConfig {
    NetworkConfig::Mlp(MlpConfig::new(2, 2).with_widths(widths))
}

/// Two steps of plain gradient descent on one batch; the events after the second.
fn signals_of(network: Network, config: &NetworkConfig, device: &Device) -> Vec<EventKind> {
    let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, -1.0]], device);
    let classes = || Targets::Classes(Tensor::<1, Int>::from_ints([0, 1], device));
    let inputs = Inputs::Flat(x);
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.0,
        class_weights: None,
    };
    let mut learner = Learner {
        network,
        optimizer: OptimizerKind::Sgd.init(0.0, 0.0),
    };
    let mut clock = StepClock::new(device);
    let mut collector = Collector::new(DoctorLevel::Light, config, 2, 2);
    let mut events = Vec::new();
    for step in 0..2 {
        let mut watch = collector.watch(step, &mut clock);
        let (next, outcome) =
            learner.step_watched(&inputs, classes(), &objective, 0.5, None, &mut watch);
        learner = next;
        events = collector.close_step(step, 1, outcome.loss);
    }
    events
}

#[track_caller]
fn near(value: f64, expected: f64) {
    assert!(
        (value - expected).abs() < 1e-5,
        "{value} where {expected} was computed"
    );
}

#[test]
fn signals_of_a_linear_network_are_those_computed_by_hand() {
    for device in devices() {
        let device = device.autodiff();
        let config = perceptron(Vec::new());
        // W = 0: both classes are as likely, and dL/dW = xᵀ (p - y) / 2.
        let network = filled(config.init(&device), |_, _| 0.0);
        let events = signals_of(network, &config, &device);
        let [EventKind::Signals(signals)] = events.as_slice() else {
            panic!("{events:?}");
        };
        // p - y = [-½, ½] and [½, -½]; half of x₁ᵀ[-½, ½] + x₂ᵀ[½, -½], and the bias stays.
        let first = [[0.5, -0.5], [-0.75, 0.75]];
        let w = first.map(|row| row.map(|g: f64| -0.5 * g));
        let logit = |x: [f64; 2], class: usize| x[0] * w[0][class] + x[1] * w[1][class];
        let samples = [([1.0, 2.0], 0), ([3.0, -1.0], 1)];
        let (mut loss, mut gradient, mut bias) = (0.0, [[0.0; 2]; 2], [0.0; 2]);
        let mut logits = Vec::new();
        for (x, class) in samples {
            let exps = [logit(x, 0).exp(), logit(x, 1).exp()];
            logits.extend([logit(x, 0), logit(x, 1)]);
            let p = exps.map(|e| e / (exps[0] + exps[1]));
            loss -= p[class].ln() / 2.0;
            for k in 0..2 {
                let error = (p[k] - f64::from(u8::from(k == class))) / 2.0;
                bias[k] += error;
                for d in 0..2 {
                    gradient[d][k] += x[d] * error;
                }
            }
        }
        let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
        let weights = w.concat();
        let gradients = gradient.concat();
        near(signals.loss, loss);
        near(
            signals.gradient_norm,
            norm(&[&gradients[..], &bias].concat()),
        );
        let [layer] = signals.layers.as_slice() else {
            panic!("{signals:?}");
        };
        assert_eq!(layer.name, "logits");
        near(layer.weight_norm, norm(&weights));
        near(layer.weight_deviation, norm(&weights) / 2.0); // its mean is 0
        near(layer.gradient_norm, norm(&gradients));
        near(layer.update_ratio, 0.5 * norm(&gradients) / norm(&weights));
        near(layer.activation_mean, logits.iter().sum::<f64>() / 4.0);
        near(layer.activation_deviation, norm(&logits) / 2.0);
        // One pair: variance ‖g₁ - g₂‖² / 2 over g₁ · g₂; the first bias gradient was 0.
        let first = first.concat();
        let product: f64 = first.iter().zip(&gradients).map(|(a, b)| a * b).sum();
        let apart: Vec<f64> = first.iter().zip(&gradients).map(|(a, b)| a - b).collect();
        let variance = norm(&[&apart[..], &bias].concat()).powi(2) / 2.0;
        near(signals.gradient_noise.expect("a pair"), variance / product);
    }
}

#[test]
fn a_network_of_dead_rectifiers_is_all_dead() {
    for device in devices() {
        let device = device.autodiff();
        let config = perceptron(vec![3]);
        let network = filled(config.init(&device), |path, i| match path {
            "Mlp.hidden.0.linear.bias" => -100.0,
            _ => f32::from(u8::try_from(i % 5).expect("small")) - 2.0,
        });
        let events = signals_of(network, &config, &device);
        let Some(EventKind::Signals(signals)) = events.first() else {
            panic!("{events:?}");
        };
        assert_eq!(signals.layers[0].dead, Some(1.0));
        near(signals.layers[0].gradient_norm, 0.0);
        assert_eq!(signals.layers[1].dead, None);
    }
}

#[test]
fn a_weight_that_is_nan_is_found_at_its_layer() {
    for device in devices() {
        let device = device.autodiff();
        let config = perceptron(vec![3, 4]);
        let network = filled(config.init(&device), |path, i| {
            if path == "Mlp.hidden.1.linear.weight" && i == 5 {
                f32::NAN
            } else {
                0.1
            }
        });
        let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, -1.0]], &device);
        let split = digits().train;
        let found = not_finite::find(&network, &Inputs::Flat(x), &split, &[0, 1]);
        assert_eq!(
            (found.what, found.layer.as_str()),
            (Quantity::Weight, "hidden2")
        );

        let healthy = config.init(&device);
        let x = Tensor::<2>::from_floats([[1.0, 2.0], [f32::INFINITY, -1.0]], &device);
        let found = not_finite::find(&healthy, &Inputs::Flat(x), &split, &[0, 7]);
        assert_eq!(found.what, Quantity::Input);
        assert_eq!(found.items, [split.place(7)]);

        let huge = filled(config.init(&device), |_, _| 1e30);
        let x = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 1.0]], &device);
        let found = not_finite::find(&huge, &Inputs::Flat(x), &split, &[0, 1]);
        assert_eq!(
            (found.what, found.layer.as_str()),
            (Quantity::Activation, "hidden2")
        );
    }
}

#[test]
fn windows_end_at_the_same_steps_and_are_few() {
    let ends = |level, per_epoch, total| {
        let plan = Plan::new(level, per_epoch, total);
        (0..total).filter(|&step| plan.ends_at(step)).count()
    };
    assert_eq!(ends(DoctorLevel::Off, 10, 100), 0);
    assert_eq!(ends(DoctorLevel::Light, 469, 469), 9); // five an epoch, and the first four
    assert!(ends(DoctorLevel::Light, 469, 100_000) <= 204);
    assert_eq!(ends(DoctorLevel::Light, 3, 3), 2);
    assert_eq!(ends(DoctorLevel::Full, 20, 100), 100);
}

fn digits() -> fornax_data::Dataset {
    let config = DataConfig {
        source: "digits".to_owned(),
        fraction: 0.1,
        ..DataConfig::default()
    };
    fornax_data::open(&config, 1, &DataFolders::default()).expect("digits ship with the program")
}

#[test]
fn every_tapped_layer_has_weights_and_a_gradient() {
    let device = devices()[0].clone();
    device.seed(1);
    let networks = [
        perceptron(vec![3, 4]).init(&device),
        NetworkConfig::Cnn(CnnConfig::new(1, 8, 8, 2).with_residual(true)).init(&device),
        NetworkConfig::Rnn(RnnConfig::new(3, 2, false).with_bidirectional(true)).init(&device),
    ];
    let expected = [
        vec!["hidden1", "hidden2", "logits"],
        vec!["block1", "block1", "block2", "block2", "dense1", "logits"],
        vec!["layer1", "layer1", "layer1", "layer1", "logits"],
    ];
    for (network, expected) in networks.iter().zip(expected) {
        let names: Vec<_> = layers::weights(network)
            .into_iter()
            .map(|w| w.layer)
            .collect();
        assert_eq!(names, expected);
    }
    assert_eq!(
        Ending::of_hidden(&NetworkConfig::Mlp(
            MlpConfig::new(1, 1).with_activation(Activation::Tanh)
        )),
        Ending::Between(-1.0, 1.0)
    );
}
