//! The tap, the activations and the errors, each on its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::nn::LinearConfig;
use burn::tensor::{Device, Distribution, Tensor, TensorData, Tolerance};
use fornax_layers::{Activation, ConfigError, Feature, Tap, draw_weights};

const ALL: [(&str, Activation); 5] = [
    ("relu", Activation::Relu),
    ("gelu", Activation::Gelu),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("leaky_relu", Activation::LeakyRelu),
];

/// A seeded device. Burn's generator belongs to the process, so the tests take turns.
fn seeded() -> (Device, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex();
    device.seed(7);
    (device, turn)
}

#[test]
fn tap_keeps_a_row_for_each_sample() {
    let device = Device::flex();
    let mut seen: Vec<Feature> = Vec::new();
    seen.tap(
        format_args!("block{}", 1),
        &Tensor::<4>::ones([2, 3, 4, 5], &device),
    );
    seen.tap("logits", &Tensor::<2>::ones([2, 3], &device));

    assert_eq!(
        (seen[0].name.as_str(), seen[0].shape.as_slice()),
        ("block1", &[3, 4, 5][..])
    );
    assert_eq!(seen[0].values.dims(), [2, 60]);
    assert_eq!(
        (seen[1].name.as_str(), seen[1].shape.as_slice()),
        ("logits", &[3][..])
    );
    assert_eq!(seen[1].values.dims(), [2, 3]);
}

#[test]
fn tapped_features_are_cut_off_from_the_gradient() {
    let device = Device::flex().autodiff();
    let mut seen: Vec<Feature> = Vec::new();
    seen.tap(
        "hidden1",
        &Tensor::<2>::ones([2, 3], &device).require_grad(),
    );
    assert!(!seen[0].values.device().is_autodiff());
}

#[test]
#[allow(deprecated, reason = "Fornax supports ndarray as long as Burn has it")]
fn activations_have_the_values_of_the_field() {
    // torch.nn.functional, PyTorch 2.15.0, at -2, -0.5, 0 and 1.5
    let expected = [
        (Activation::Relu, [0.0, 0.0, 0.0, 1.5]),
        (
            Activation::Gelu,
            [-0.045_500_26, -0.154_268_77, 0.0, 1.399_789_2],
        ),
        (
            Activation::Tanh,
            [-0.964_027_6, -0.462_117_16, 0.0, 0.905_148_27],
        ),
        (
            Activation::Sigmoid,
            [0.119_202_92, 0.377_540_68, 0.5, 0.817_574_5],
        ),
        (Activation::LeakyRelu, [-0.02, -0.005, 0.0, 1.5]),
    ];
    for device in [Device::flex(), Device::ndarray()] {
        for (activation, expected) in expected {
            let x = Tensor::<1>::from_floats([-2.0, -0.5, 0.0, 1.5], &device);
            activation.forward(x).into_data().assert_approx_eq::<f32>(
                &TensorData::from(expected),
                Tolerance::rel_abs(1e-5, 1e-6),
            );
        }
    }
}

#[test]
fn activation_is_read_by_its_name() {
    for (name, activation) in ALL {
        assert_eq!(name.parse(), Ok(activation));
    }
    let error = "swish".parse::<Activation>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`activation = \"swish\"` does not fit: \
         one of relu, gelu, tanh, sigmoid, leaky_relu",
    );
}

#[test]
fn signal_keeps_its_size_through_many_layers() {
    let (device, _turn) = seeded();
    for (name, activation) in ALL {
        let mut x = Tensor::<2>::random([64, 128], Distribution::Normal(0.0, 1.0), &device);
        for _ in 0..10 {
            x = activation.forward(activation.linear(128, 128, &device).forward(x));
        }
        let size = x.powi_scalar(2).mean().sqrt().into_scalar::<f32>();
        assert!(
            (0.1..10.0).contains(&size),
            "{name}: {size} after ten layers"
        );
    }
}

#[test]
fn biases_start_at_zero() {
    let bias = Activation::Relu
        .linear(3, 4, &Device::flex())
        .bias
        .expect("it has a bias");
    assert_eq!(bias.val().into_data(), TensorData::from([0.0_f32; 4]));
}

#[test]
fn drawn_weights_do_not_depend_on_what_comes_later() {
    let (device, _turn) = seeded();
    let weight = |noise: bool| {
        device.seed(7);
        let linear = draw_weights(LinearConfig::new(3, 4).init(&device));
        if noise {
            let _noise = Tensor::<1>::random([9], Distribution::Default, &device);
        }
        linear.weight.val().into_data()
    };
    assert_eq!(weight(false), weight(true));
}

#[test]
fn values_out_of_range_are_refused() {
    #[track_caller]
    fn check(result: Result<(), ConfigError>, expected: &str) {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    for value in [0.0, 0.5, 0.999] {
        assert_eq!(ConfigError::check_dropout("dropout", value), Ok(()));
    }
    for value in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        assert!(
            ConfigError::check_dropout("dropout", value).is_err(),
            "{value}"
        );
    }
    check(
        ConfigError::check_positive("d_input", 0),
        "`d_input = 0` does not fit: at least 1",
    );
    check(
        ConfigError::check_all_positive("widths", &[3, 0]),
        "`widths = [3, 0]` does not fit: numbers of at least 1",
    );
    check(
        ConfigError::check_num_weights("widths", [9], usize::MAX),
        "`widths = [9]` does not fit: \
         a network of at most 2147483648 weights, not 18446744073709551615",
    );
}
