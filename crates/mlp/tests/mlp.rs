//! What every architecture promises, for the multi-layer perceptron.

use burn::config::Config;
use burn::module::Module;
use burn::nn::LinearConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};
use fornax_layers::{Activation, ConfigError};
use fornax_mlp::{Mlp, MlpConfig};
use fornax_promises::{
    Reference, check_against, cpus, cross_entropy, random, seeded, with_weights, without_gradient,
};

#[test]
fn forward_scores_every_sample() {
    let (device, _turn) = seeded();
    let x = random([2, 5], &device);
    for widths in [vec![], vec![8], vec![8, 1, 6]] {
        let mlp = MlpConfig::new(5, 3).with_widths(widths).init(&device);
        assert_eq!(mlp.forward(x.clone()).dims(), [2, 3]);
    }
}

#[test]
fn features_are_named_from_the_input_up() {
    let (device, _turn) = seeded();
    let config = MlpConfig::new(5, 3)
        .with_widths(vec![8, 6])
        .with_dropout(0.5);
    let mlp = config.with_batch_norm(true).init(&device);
    let x = random([2, 5], &device);
    let features = mlp.features(x.clone());

    let seen: Vec<_> = features
        .iter()
        .map(|f| (f.name.as_str(), f.shape.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("hidden1", vec![8]),
            ("hidden2", vec![6]),
            ("logits", vec![3])
        ]
    );
    let logits = mlp.valid().forward(x.without_autodiff());
    assert_eq!(features[2].values.to_data(), logits.to_data());
}

#[test]
fn linear_model_is_a_matrix_and_a_bias() {
    let (device, _turn) = seeded();
    let head = LinearConfig::new(5, 3).init(&device);
    let x = random([2, 5], &device);
    let expected = head.forward(x.clone()).into_data();
    let mlp = Mlp::from_hidden(vec![], Activation::Relu, head);
    assert_eq!(mlp.forward(x).into_data(), expected);
}

#[test]
fn given_layers_are_used_as_they_are() {
    let (device, _turn) = seeded();
    let hidden = LinearConfig::new(5, 4).init(&device);
    let head = LinearConfig::new(4, 3).init(&device);
    let x = random([2, 5], &device);
    let expected = head.forward(Activation::Sigmoid.forward(hidden.forward(x.clone())));
    let mlp = Mlp::from_hidden(vec![hidden], Activation::Sigmoid, head);
    assert_eq!(mlp.forward(x).into_data(), expected.into_data());
}

#[test]
fn chance_plays_a_part_in_training_alone() {
    let (device, _turn) = seeded();
    let config = MlpConfig::new(5, 3).with_widths(vec![8]);
    let x = random([4, 5], &device);
    for config in [
        config.clone().with_dropout(0.5),
        config.clone().with_input_dropout(0.5),
        config.clone().with_noise(0.5),
        config.clone().with_input_noise(0.5),
    ] {
        let mlp = config.init(&device);
        let train = || mlp.forward(x.clone()).into_data();
        assert_ne!(train(), train());
        let frozen = mlp.clone().freeze();
        let plain = mlp.valid().forward(x.clone().without_autodiff());
        assert_eq!(frozen.forward(x.clone()).into_data(), plain.into_data());
    }
}

#[test]
fn seed_decides_the_first_weights() {
    let config = MlpConfig::new(5, 3).with_widths(vec![8]);
    let (device, _turn) = seeded();
    let logits = |draw_between: bool| {
        device.seed(7);
        let mlp = config.init(&device);
        if draw_between {
            let _noise = random([9], &device);
        }
        mlp.forward(Tensor::ones([1, 5], &device)).into_data()
    };
    assert_eq!(logits(false), logits(true));
}

#[test]
fn config_survives_a_round_trip() {
    let config = MlpConfig::new(5, 3)
        .with_widths(vec![8, 6])
        .with_activation(Activation::LeakyRelu)
        .with_dropout(0.1)
        .with_batch_norm(true);
    let read = MlpConfig::load_binary(config.to_string().as_bytes()).unwrap();
    assert_eq!(read, config);
}

#[test]
fn values_out_of_range_are_refused() {
    #[track_caller]
    fn check(config: &MlpConfig, expected: &str) {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    let config = MlpConfig::new(5, 3);
    assert_eq!(config.validate(), Ok::<(), ConfigError>(()));
    check(
        &MlpConfig::new(0, 3),
        "`d_input = 0` does not fit: at least 1",
    );
    check(
        &MlpConfig::new(5, 0),
        "`d_output = 0` does not fit: at least 1",
    );
    check(
        &config.clone().with_widths(vec![8, 0]),
        "`widths = [8, 0]` does not fit: numbers of at least 1",
    );
    check(
        &config.clone().with_dropout(1.0),
        "`dropout = 1.0` does not fit: a probability from 0 to below 1",
    );
    check(
        &config.clone().with_input_dropout(-0.1),
        "`input_dropout = -0.1` does not fit: a probability from 0 to below 1",
    );
    check(
        &config.clone().with_noise(f64::NAN),
        "`noise = NaN` does not fit: a number from 0 on",
    );
    check(
        &config.clone().with_input_noise(-1.0),
        "`input_noise = -1.0` does not fit: a number from 0 on",
    );
    check(
        &config.with_widths(vec![usize::MAX]),
        "`widths = [18446744073709551615]` does not fit: \
         a network of at most 2147483648 weights, not 18446744073709551615",
    );
}

#[test]
fn every_parameter_receives_a_gradient() {
    let (device, _turn) = seeded();
    for batch_norm in [false, true] {
        let config = MlpConfig::new(5, 3)
            .with_widths(vec![8, 6])
            .with_batch_norm(batch_norm);
        let mlp = config.init(&device);
        let targets = Tensor::from_data([0, 1, 2, 0], &device);
        let loss = cross_entropy(mlp.forward(random([4, 5], &device)), targets);
        assert_eq!(without_gradient(&mlp, &loss), [""; 0]);
    }
}

#[test]
fn one_batch_is_memorised() {
    let (device, _turn) = seeded();
    let mut mlp = MlpConfig::new(5, 4).with_widths(vec![32, 32]).init(&device);
    let mut optimizer = AdamConfig::new().init();
    let x = random([16, 5], &device);
    let targets = Tensor::<1, Int>::arange(0..16, &device) % 4;
    for _ in 0..100 {
        let gradients = cross_entropy(mlp.forward(x.clone()), targets.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &mlp);
        mlp = optimizer.step(1e-2, mlp, gradients);
    }
    let loss = cross_entropy(mlp.forward(x), targets).into_scalar::<f32>();
    assert!(loss < 0.01, "loss {loss} after 100 steps");
}

#[test]
fn numbers_match_pytorch() {
    let _turn = seeded();
    let relu = MlpConfig::new(5, 3).with_widths(vec![8, 6]);
    let gelu = MlpConfig::new(5, 4)
        .with_widths(vec![7])
        .with_activation(Activation::Gelu);
    for device in cpus() {
        check_reference("reference.safetensors", &relu, &device);
        let normalised = gelu.clone().with_batch_norm(true);
        check_reference("reference_batch_norm.safetensors", &normalised, &device);
    }
}

#[track_caller]
fn check_reference(file: &str, config: &MlpConfig, device: &Device) {
    config.validate().unwrap();
    let path = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let mlp = with_weights(&path, "model", config.init(&device.clone().autodiff()));
    let file = Reference::read(&path, device);
    check_against(&file, mlp, |mlp, file| mlp.forward(file.tensor("input")));
}
