//! One machine: its conditionals, its samples, its energies.

use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use fornax_dbn::{Rbm, RbmConfig, Visible};

use crate::{all_settings, log_sum_exp, seeded};

/// A machine whose weights are large enough to matter.
fn strong(config: &RbmConfig, device: &Device) -> Rbm {
    let mut rbm = config.init(device);
    rbm.weight = rbm.weight.map(|weight| weight * 150.0);
    let bias = Tensor::random(
        rbm.visible_bias.dims(),
        Distribution::Normal(0.0, 0.5),
        device,
    );
    rbm.visible_bias = Param::from_tensor(bias);
    rbm
}

#[track_caller]
fn assert_close<const D: usize>(actual: Tensor<D>, expected: Tensor<D>, tolerance: f32) {
    let tolerance = Tolerance::<f32>::absolute(tolerance);
    actual
        .into_data()
        .assert_approx_eq(&expected.into_data(), tolerance);
}

#[test]
fn units_have_one_row_a_sample() {
    let (device, _alone) = seeded();
    for visible in [Visible::Bernoulli, Visible::Gaussian] {
        for num_labels in [0, 3] {
            let config = RbmConfig::new(6, 4)
                .with_visible(visible)
                .with_num_labels(num_labels);
            let rbm = config.init(&device);
            let data = Tensor::random([5, 6], Distribution::Default, &device);
            let units = rbm.with_labels(data.clone(), None);
            assert_eq!(units.dims(), [5, 6 + num_labels]);
            assert_eq!(rbm.propagate(data.clone()).dims(), [5, 4]);
            assert_eq!(rbm.sample_h_given_v(units.clone()).dims(), [5, 4]);
            assert_eq!(rbm.gibbs_vhv(units.clone()).dims(), units.dims());
            assert_eq!(rbm.free_energy(units.clone()).dims(), [5]);
            assert_eq!(rbm.reconstruction_error(units.clone()).dims(), [5]);
            assert_eq!(rbm.log_likelihood_proxy(data.clone()).dims(), [5]);
            let logits = rbm.label_logits(data);
            assert_eq!(
                logits.map(|logits| logits.dims()),
                (num_labels > 0).then_some([5, 3])
            );
            let pseudo = rbm.pseudo_log_likelihood(units).map(|score| score.dims());
            assert_eq!(pseudo, (visible == Visible::Bernoulli).then_some([5]));
        }
    }
}

#[test]
fn gibbs_sampling_reaches_the_distribution_of_the_free_energy() {
    let (device, _alone) = seeded();
    let rbm = strong(&RbmConfig::new(3, 2), &device);
    let mut visible = Tensor::zeros([20_000, 3], &device);
    for _ in 0..30 {
        visible = rbm.gibbs_vhv(visible);
    }
    let settings = all_settings(3, &device);
    let log_weights = -rbm.free_energy(settings.clone());
    let expected = (log_weights.clone() - log_sum_exp(log_weights)).exp(); // [8]
    let place = Tensor::<2>::from_floats([[1.0], [2.0], [4.0]], &device);
    let (reached, number) = (visible.matmul(place.clone()), settings.matmul(place));
    let frequency = reached
        .equal(number.transpose())
        .float()
        .mean_dim(0)
        .squeeze_dim(0); // [8]
    // Four standard errors of a frequency near one half, out of 20,000 draws.
    assert_close(frequency, expected, 0.015);
}

#[test]
fn one_class_is_drawn_for_each_sample() {
    let (device, _alone) = seeded();
    let rbm = strong(&RbmConfig::new(2, 4).with_num_labels(3), &device);
    let visible = rbm.gibbs_vhv(Tensor::zeros([500, 5], &device));
    let labels = visible.narrow(1, 2, 3); // [500, 3]
    assert_close(
        labels.clone().sum_dim(1),
        Tensor::ones([500, 1], &device),
        0.0,
    );
    assert_close(
        labels.clone().max_dim(1),
        Tensor::ones([500, 1], &device),
        0.0,
    );
    assert!(
        labels.sum_dim(0).min().into_scalar::<f32>() > 0.0,
        "every class occurs"
    );
}

#[test]
fn gaussian_units_vary_by_one_around_their_mean() {
    let (device, _alone) = seeded();
    let rbm = strong(
        &RbmConfig::new(2, 3).with_visible(Visible::Gaussian),
        &device,
    );
    let hidden = Tensor::ones([20_000, 3], &device);
    let (variance, mean) = rbm.sample_v_given_h(hidden.clone()).var_mean(0);
    assert_close(variance, Tensor::ones([1, 2], &device), 0.05);
    assert_close(mean, rbm.visible_given_hidden(hidden).narrow(0, 0, 1), 0.03);
}

#[test]
fn visible_biases_explain_the_mean_of_the_data() {
    let (device, _alone) = seeded();
    let means = Tensor::<1>::from_floats([0.0, 0.2, 0.5, 1.0], &device);
    let explained = |visible, num_labels| {
        let config = RbmConfig::new(4, 3)
            .with_visible(visible)
            .with_num_labels(num_labels);
        let rbm = config.init(&device).with_visible_means(means.clone());
        rbm.visible_given_hidden(Tensor::zeros([1, 3], &device))
    };
    let expected = means.clone().unsqueeze();
    assert_close(explained(Visible::Gaussian, 0), expected, 1e-6);
    // A pixel that is always off, or always on, is thought to be so in 999 of 1000 samples.
    let expected = Tensor::from_floats([[0.001, 0.2, 0.5, 0.999, 0.5, 0.5]], &device);
    assert_close(explained(Visible::Bernoulli, 2), expected, 1e-6);
}

#[test]
fn free_energy_of_data_sums_the_label_out() {
    let (device, _alone) = seeded();
    for visible in [Visible::Bernoulli, Visible::Gaussian] {
        let config = RbmConfig::new(5, 4)
            .with_visible(visible)
            .with_num_labels(3);
        let rbm = strong(&config, &device);
        let data = Tensor::random([1, 5], Distribution::Bernoulli(0.5), &device);
        let labels = Tensor::eye(3, &device);
        let pairs = rbm.with_labels(data.clone().repeat(&[3, 1]), Some(labels));
        let log_weights = -rbm.free_energy(pairs); // [3]
        let logits = rbm.label_logits(data.clone()).unwrap().squeeze_dim(0);
        assert_close(logits, log_weights.clone(), 1e-5);
        let summed = rbm.log_likelihood_proxy(data).into_scalar::<f64>();
        let expected = log_sum_exp(log_weights);
        assert!(
            (summed - expected).abs() < 1e-5,
            "{summed} is not {expected}"
        );
    }
}

#[test]
fn unknown_label_is_filled_with_what_the_machine_believes() {
    let (device, _alone) = seeded();
    let rbm = strong(&RbmConfig::new(5, 4).with_num_labels(3), &device);
    let data = Tensor::random([6, 5], Distribution::Bernoulli(0.5), &device);
    let labels = rbm.with_labels(data.clone(), None).narrow(1, 5, 3);
    let believed = burn::tensor::activation::softmax(rbm.label_logits(data).unwrap(), 1);
    assert_close(labels, believed, 0.0);
}

#[test]
fn pseudo_likelihood_of_independent_units_is_their_likelihood() {
    let (device, _alone) = seeded();
    let mut rbm = RbmConfig::new(9, 4).init(&device);
    rbm.weight = rbm.weight.map(|weight| weight * 0.0);
    rbm.visible_bias = rbm.visible_bias.map(|bias| bias + 1.5);
    let visible = Tensor::ones([4, 9], &device);
    let expected = -9.0 * (-1.5_f32).exp().ln_1p();
    let expected = Tensor::full([4], expected, &device);
    assert_close(rbm.pseudo_log_likelihood(visible).unwrap(), expected, 1e-5);
}

#[test]
fn pseudo_likelihood_averages_over_the_units() {
    let (device, _alone) = seeded();
    let rbm = strong(&RbmConfig::new(4, 3), &device);
    let visible = Tensor::<2>::from_floats([[1.0, 0.0, 1.0, 1.0]], &device);
    // log p(v) - log (p(v) + p(v with one unit flipped)), unit by unit.
    let energy = rbm.free_energy(visible.clone()); // [1]
    let flipped = (visible.clone() - Tensor::<2>::eye(4, &device)).square(); // [4, 4]
    let log_odds = rbm.free_energy(flipped) - energy; // [4]
    let expected = -(-log_odds).exp().log1p().sum(); // [1]
    let draws = rbm
        .pseudo_log_likelihood(visible.repeat(&[20_000, 1]))
        .unwrap();
    assert_close(draws.mean(), expected, 0.05);
}
