//! The stack: shapes, unrolling, fine-tuning, fantasies.

use burn::config::Config;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Distribution, Int, Tensor, Tolerance};
use fornax_dbn::{ContrastiveDivergence, Dbn, DbnConfig, Visible};

use crate::{bars_and_stripes, ndarray, num_lines, seeded};

fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let loss = CrossEntropyLossConfig::new().init(&logits.device());
    loss.forward(logits, targets)
}

/// Pre-trains every layer on all of the bars and stripes at once.
///
/// The steps become smaller, as in a real training: at a constant rate the weights keep wandering,
/// and of 150 seeds three end on a machine that takes more than a tenth of one class for the other.
pub(crate) fn pretrain(mut dbn: Dbn, num_steps: usize) -> Dbn {
    let device = dbn.rbms[0].device();
    let rule = ContrastiveDivergence::new().with_persistent(true);
    let rule = rule.with_learning_rate(0.05).with_momentum(0.5);
    for layer in 0..dbn.rbms.len() {
        let features = dbn.propagate(bars_and_stripes(&device), layer);
        let mut rbm = dbn.rbms[layer].clone();
        let mut state = rule.init_state(&rbm);
        for step in 0..num_steps {
            let now = rule.at_epoch(rbm.visible, step, num_steps);
            let labels = Some(num_lines(&device));
            (rbm, state, _) = now.step(rbm, state, features.clone(), labels);
        }
        dbn.rbms[layer] = rbm;
    }
    dbn
}

#[test]
fn every_layer_hands_out_its_features() {
    let (device, _alone) = seeded();
    let dbn = DbnConfig::new(5, 3)
        .with_widths(vec![8, 6, 7])
        .init(&device);
    let x = Tensor::random([2, 5], Distribution::Default, &device);
    let features = dbn.features(x.clone());
    let seen: Vec<_> = features
        .iter()
        .map(|f| (f.name.as_str(), f.shape.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("hidden1", vec![8]),
            ("hidden2", vec![6]),
            ("hidden3", vec![7])
        ]
    );
    for (index, feature) in features.iter().enumerate() {
        let values = dbn.propagate(x.clone(), index + 1).into_data();
        assert_eq!(feature.values.to_data(), values);
    }
    assert_eq!(dbn.propagate(x.clone(), 0).into_data(), x.into_data());
}

#[test]
fn only_the_ends_of_the_stack_are_special() {
    let (device, _alone) = seeded();
    let config = DbnConfig::new(5, 3)
        .with_widths(vec![8, 6, 7])
        .with_visible(Visible::Gaussian);
    let kinds = |config: &DbnConfig| -> Vec<_> {
        let rbms = config.init(&device).rbms;
        rbms.iter()
            .map(|rbm| (rbm.visible, rbm.d_input(), rbm.num_labels))
            .collect()
    };
    let (gaussian, binary) = (Visible::Gaussian, Visible::Bernoulli);
    assert_eq!(
        kinds(&config),
        [(gaussian, 5, 0), (binary, 8, 0), (binary, 6, 3)]
    );
    let config = config.with_labels(false).with_widths(vec![8]);
    assert_eq!(kinds(&config), [(gaussian, 5, 0)]);
}

#[test]
fn config_survives_a_round_trip() {
    let config = DbnConfig::new(5, 3)
        .with_widths(vec![8])
        .with_visible(Visible::Gaussian);
    let config = config.with_labels(false).with_dropout(0.2);
    let read = DbnConfig::load_binary(config.to_string().as_bytes()).unwrap();
    assert_eq!(read, config);
}

#[test]
fn values_out_of_range_are_refused() {
    #[track_caller]
    fn check(config: &DbnConfig, expected: &str) {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    let config = DbnConfig::new(5, 3);
    assert!(config.validate().is_ok());
    check(
        &DbnConfig::new(0, 3),
        "`d_input = 0` does not fit: at least 1",
    );
    check(
        &DbnConfig::new(5, 0),
        "`d_output = 0` does not fit: at least 1",
    );
    let expected = "`widths = []` does not fit: at least one layer";
    check(&config.clone().with_widths(vec![]), expected);
    let expected = "`widths = [8, 0]` does not fit: numbers of at least 1";
    check(&config.clone().with_widths(vec![8, 0]), expected);
    let expected = "`dropout = 1.0` does not fit: a probability from 0 to below 1";
    check(&config.clone().with_dropout(1.0), expected);
    let expected = "`input_dropout = 1.0` does not fit: a probability from 0 to below 1";
    check(&config.clone().with_input_dropout(1.0), expected);
    let expected = "`noise = -0.1` does not fit: a number from 0 on";
    check(&config.clone().with_noise(-0.1), expected);
    let expected = "`input_noise = inf` does not fit: a number from 0 on";
    check(&config.clone().with_input_noise(f64::INFINITY), expected);
    let expected = "`widths = [18446744073709551615]` does not fit: \
         a network of at most 2147483648 weights, not 18446744073709551615";
    check(&config.with_widths(vec![usize::MAX]), expected);
}

#[test]
fn unrolled_network_computes_the_features_of_the_stack() {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    let config = DbnConfig::new(9, 2).with_widths(vec![12, 8]);
    let dbn = pretrain(config.init(&device), 50);
    for target in [device.clone(), device.clone().autodiff()] {
        let features = dbn.unroll(2, &target).features(data.clone());
        assert_eq!(features.len(), 3);
        assert_eq!(features[2].name, "logits");
        for (unrolled, stacked) in features.iter().zip(dbn.features(data.clone())) {
            assert_eq!(unrolled.name, stacked.name);
            let tolerance = Tolerance::<f32>::absolute(1e-6);
            let expected = stacked.values.into_data();
            unrolled
                .values
                .to_data()
                .assert_approx_eq(&expected, tolerance);
        }
    }
}

#[test]
fn every_parameter_receives_a_gradient() {
    struct Still(GradientsParams, usize);
    impl ModuleVisitor for Still {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self
                .0
                .get::<D>(param.id)
                .expect("every parameter is reached");
            assert!(gradient.abs().max().into_scalar::<f32>() > 0.0);
            self.1 += 1;
        }
    }
    let (device, _alone) = seeded();
    let dbn = DbnConfig::new(5, 3).with_widths(vec![8, 6]).init(&device);
    let device = device.autodiff();
    let network = dbn.unroll(3, &device);
    let x = Tensor::random([4, 5], Distribution::Default, &device);
    let targets = Tensor::from_data([0, 1, 2, 0], &device);
    let gradients = cross_entropy(network.forward(x), targets).backward();
    let mut still = Still(GradientsParams::from_grads(gradients, &network), 0);
    network.visit(&mut still);
    assert_eq!(still.1, 6);
}

#[test]
fn one_batch_is_memorised() {
    let (device, _alone) = seeded();
    let (data, labels) = (bars_and_stripes(&device), num_lines(&device));
    let dbn = DbnConfig::new(9, 2).with_widths(vec![32, 32]).init(&device);
    let dbn = pretrain(dbn, 200);
    let mut network = dbn.unroll(2, &device.autodiff());
    let mut optimizer = AdamConfig::new().init();
    let targets: Tensor<1, Int> = labels.argmax(1).squeeze_dim(1);
    let (x, targets) = (data.autodiff(), targets.autodiff());
    for _ in 0..400 {
        let gradients = cross_entropy(network.forward(x.clone()), targets.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &network);
        network = optimizer.step(1e-2, network, gradients);
    }
    let loss = cross_entropy(network.forward(x), targets).into_scalar::<f32>();
    assert!(loss < 0.01, "loss {loss} after 400 steps");
}

#[test]
fn clamped_fantasies_are_of_their_class() {
    let (device, _alone) = seeded();
    let dbn = DbnConfig::new(9, 2).with_widths(vec![24]).init(&device);
    let dbn = pretrain(dbn, 3000);
    for label in [0, 1] {
        let fantasies = dbn.fantasies(200, 200, Some(label)).unwrap();
        assert_eq!(fantasies.dims(), [200, 9]);
        let num_pixels = fantasies.sum_dim(1); // [200, 1], near 3 or 6
        let is_two = num_pixels
            .greater_elem(4.5)
            .float()
            .mean()
            .into_scalar::<f64>();
        let right = if label == 1 { is_two } else { 1.0 - is_two };
        assert!(right > 0.9, "{right} of the fantasies are of class {label}");
    }
}

#[test]
fn fantasies_come_down_through_every_layer() {
    let (device, _alone) = seeded();
    let config = DbnConfig::new(5, 3).with_widths(vec![8, 6, 7]);
    for labels in [true, false] {
        let dbn = config.clone().with_labels(labels).init(&device);
        let dream = || {
            device.seed(3);
            dbn.fantasies(4, 10, None).unwrap()
        };
        assert_eq!(dream().dims(), [4, 5]);
        assert_eq!(dream().into_data(), dream().into_data());
    }
}

#[test]
fn impossible_fantasies_are_refused() {
    #[track_caller]
    fn check(dbn: &Dbn, num_samples: usize, label: Option<usize>, expected: &str) {
        let error = dbn.fantasies(num_samples, 1, label).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let (device, _alone) = seeded();
    let config = DbnConfig::new(5, 3).with_widths(vec![4]);
    let dbn = config.init(&device);
    check(&dbn, 0, None, "`num_samples = 0` does not fit: at least 1");
    check(
        &dbn,
        1,
        Some(3),
        "`label = 3` does not fit: a class below 3",
    );
    let dbn = config.with_labels(false).init(&device);
    let expected =
        "`label = 0` does not fit: none, because this network was trained without labels";
    check(&dbn, 1, Some(0), expected);
}

#[test]
fn trained_patterns_score_above_noise() {
    let (device, _alone) = seeded();
    let (data, labels) = (bars_and_stripes(&device), num_lines(&device));
    let noise = Tensor::random([100, 9], Distribution::Bernoulli(0.5), &device);
    for with_labels in [true, false] {
        let config = DbnConfig::new(9, 2)
            .with_widths(vec![24, 16])
            .with_labels(with_labels);
        let dbn = pretrain(config.init(&device), 3000);
        let mean = |x: Tensor<2>| dbn.log_likelihood_proxy(x).mean().into_scalar::<f32>();
        let (trained, noise) = (mean(data.clone()), mean(noise.clone()));
        assert!(trained > noise, "{trained} is not above {noise}");
        let logits = dbn.label_logits(data.clone());
        assert_eq!(logits.is_some(), with_labels);
        if let Some(logits) = logits {
            assert_eq!(
                logits.argmax(1).into_data(),
                labels.clone().argmax(1).into_data()
            );
        }
    }
}

#[test]
fn unrolled_copy_leaves_the_stack_on_its_device() {
    let (device, _alone) = seeded();
    let dbn = DbnConfig::new(5, 3).with_widths(vec![4]).init(&device);
    let network = dbn.unroll(3, &ndarray().autodiff());
    assert_eq!(network.devices(), vec![ndarray().autodiff()]);
    assert_eq!(dbn.devices(), vec![device]);
}
