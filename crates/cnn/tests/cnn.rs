//! What every architecture promises, for the convolutional network.

use burn::config::Config;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};
use fornax_cnn::{CnnConfig, Head, Padding};
use fornax_layers::{Activation, ConfigError};
use fornax_promises::{
    Reference, check_against, cpus, cross_entropy, parameters, random, seeded, with_weights,
    without_gradient,
};

/// A small network on 8x8 images: widths 4 and 6.
fn small() -> CnnConfig {
    CnnConfig::new(2, 8, 8, 3)
        .with_widths(vec![4, 6])
        .with_dense(vec![5])
}

#[test]
fn forward_scores_every_sample() {
    #[track_caller]
    fn check(config: &CnnConfig) {
        config.validate().unwrap();
        let (device, _turn) = seeded();
        let x = random([2, config.channels, config.height, config.width], &device);
        assert_eq!(config.init(&device).forward(x).dims(), [2, config.d_output]);
    }
    check(&small());
    check(
        &small()
            .with_padding(Padding::Valid)
            .with_kernel_sizes(vec![3, 2]),
    );
    check(
        &small()
            .with_kernel_sizes(vec![4])
            .with_strides(vec![3, 2])
            .with_pools(vec![1]),
    );
    check(
        &small()
            .with_head(Head::GlobalAverage)
            .with_dense(vec![])
            .with_norm(false),
    );
    check(
        &small()
            .with_residual(true)
            .with_strides(vec![2, 1])
            .with_pools(vec![1, 2]),
    );
    // Signals, single columns, single pixels.
    check(
        &CnnConfig::new(3, 1, 20, 4)
            .with_residual(true)
            .with_kernel_sizes(vec![5]),
    );
    check(
        &CnnConfig::new(3, 1, 20, 4)
            .with_padding(Padding::Valid)
            .with_strides(vec![2, 1]),
    );
    check(&CnnConfig::new(1, 20, 1, 4));
    check(&CnnConfig::new(5, 1, 1, 4).with_padding(Padding::Valid));
}

#[test]
fn features_are_named_from_the_input_up() {
    let (device, _turn) = seeded();
    let cnn = small().with_residual(true).init(&device);
    let x = random([2, 2, 8, 8], &device);
    let features = cnn.features(x.clone());

    let seen: Vec<_> = features
        .iter()
        .map(|f| (f.name.as_str(), f.shape.clone()))
        .collect();
    let expected = [
        ("block1", vec![4, 4, 4]),
        ("block2", vec![6, 2, 2]),
        ("dense1", vec![5]),
        ("logits", vec![3]),
    ];
    assert_eq!(seen, expected);
    assert_eq!(features[0].values.dims(), [2, 64]);
    let logits = cnn.valid().forward(x.without_autodiff());
    assert_eq!(features[3].values.to_data(), logits.to_data());
}

#[test]
fn looking_at_features_leaves_the_statistics_alone() {
    let (device, _turn) = seeded();
    let cnn = small().init(&device);
    let before = parameters(&cnn.valid());
    let _features = cnn.features(random([2, 2, 8, 8], &device));
    assert_eq!(parameters(&cnn.valid()), before);
}

#[test]
fn the_receptive_field_grows_from_block_to_block() {
    let with = |height| {
        CnnConfig::new(1, height, 28, 3)
            .with_widths(vec![4, 4, 4])
            .with_kernel_sizes(vec![5, 3, 3])
            .with_strides(vec![1, 1, 2])
            .with_pools(vec![2, 1, 2])
    };
    let fields = [0, 1, 2, 3].map(|blocks| with(28).receptive_field(blocks));
    assert_eq!(fields, [[1, 1], [6, 6], [10, 10], [18, 18]]);
    assert_eq!(with(1).receptive_field(2), [1, 10]);
}

#[test]
fn config_survives_a_round_trip() {
    let config = small()
        .with_kernel_sizes(vec![3, 5])
        .with_padding(Padding::Valid)
        .with_activation(Activation::Gelu)
        .with_head(Head::GlobalAverage)
        .with_residual(true);
    let read = CnnConfig::load_binary(config.to_string().as_bytes()).unwrap();
    assert_eq!(read, config);
}

#[test]
fn values_that_do_not_fit_are_refused() {
    #[track_caller]
    fn check(config: &CnnConfig, expected: &str) {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    assert_eq!(
        CnnConfig::new(1, 28, 28, 10).validate(),
        Ok::<(), ConfigError>(())
    );
    check(
        &CnnConfig::new(1, 0, 8, 3),
        "`height = 0` does not fit: at least 1",
    );
    check(
        &small().with_widths(vec![]),
        "`widths = []` does not fit: at least one block",
    );
    check(
        &small().with_strides(vec![1, 2, 1]),
        "`strides = [1, 2, 1]` does not fit: \
         one number, or one for each of the 2 blocks of `widths`",
    );
    check(
        &small().with_pools(vec![0]),
        "`pools = [0]` does not fit: numbers of at least 1",
    );
    check(
        &small().with_widths(vec![4, 4, 4, 4]),
        "`pools = [2]` does not fit: at most 1 in block 4, which has a map of 1x1",
    );
    check(
        &small()
            .with_padding(Padding::Valid)
            .with_kernel_sizes(vec![3, 4]),
        "`kernel_sizes = [3, 4]` does not fit: at most 3 in block 2, which has a map of 3x3",
    );
    check(
        &small().with_kernel_sizes(vec![16]),
        "`kernel_sizes = [16]` does not fit: at most 15 in block 1, which has a map of 8x8",
    );
    check(
        &small().with_residual(true).with_padding(Padding::Valid),
        "`padding = \"valid\"` does not fit: \
         `same` where `residual = true`: a sum needs maps of one size",
    );
    check(
        &small().with_dense(vec![1 << 40]),
        "`dense = [1099511627776]` does not fit: \
         a network of at most 2147483648 weights, not 29686813950240",
    );
    check(
        &small().with_widths(vec![1 << 30, 1 << 40]),
        "`widths = [1073741824, 1099511627776]` does not fit: \
         a network of at most 2147483648 weights, not 18446744073709551615",
    );
}

#[test]
fn every_parameter_receives_a_gradient() {
    let (device, _turn) = seeded();
    for norm in [false, true] {
        let cnn = small().with_residual(true).with_norm(norm).init(&device);
        let targets = Tensor::from_data([0, 1, 2, 0, 1, 2], &device);
        let loss = cross_entropy(cnn.forward(random([6, 2, 8, 8], &device)), targets);
        assert_eq!(without_gradient(&cnn, &loss), [""; 0]);
    }
}

#[test]
fn one_batch_is_memorised() {
    let (device, _turn) = seeded();
    let mut cnn = small().with_dropout(0.0).with_dense(vec![32]).init(&device);
    let mut optimizer = AdamConfig::new().init();
    let x = random([12, 2, 8, 8], &device);
    let targets = Tensor::<1, Int>::arange(0..12, &device) % 3;
    for _ in 0..60 {
        let gradients = cross_entropy(cnn.forward(x.clone()), targets.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &cnn);
        cnn = optimizer.step(1e-2, cnn, gradients);
    }
    let loss = cross_entropy(cnn.valid().forward(x.without_autodiff()), targets.inner());
    let loss = loss.into_scalar::<f32>();
    assert!(loss < 0.01, "loss {loss} after 60 steps");
}

#[test]
fn numbers_match_pytorch() {
    let _turn = seeded();
    let image = CnnConfig::new(2, 8, 8, 3)
        .with_widths(vec![4, 4, 6])
        .with_strides(vec![1, 1, 2])
        .with_pools(vec![2, 1, 1])
        .with_residual(true)
        .with_dense(vec![5])
        .with_dropout(0.0);
    let signal = CnnConfig::new(3, 1, 19, 3)
        .with_widths(vec![4, 6])
        .with_kernel_sizes(vec![5, 3])
        .with_strides(vec![2, 1])
        .with_pools(vec![1, 2])
        .with_padding(Padding::Valid)
        .with_norm(false)
        .with_activation(Activation::Gelu)
        .with_head(Head::GlobalAverage)
        .with_dense(vec![])
        .with_dropout(0.0);
    for device in cpus() {
        check_reference("reference.safetensors", &image, &device);
        check_reference("reference_signal.safetensors", &signal, &device);
    }
}

#[track_caller]
fn check_reference(file: &str, config: &CnnConfig, device: &Device) {
    config.validate().unwrap();
    let path = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let cnn = with_weights(&path, "model", config.init(&device.clone().autodiff()));
    let file = Reference::read(&path, device);
    check_against(&file, cnn, |cnn, file| cnn.forward(file.tensor("input")));
}
