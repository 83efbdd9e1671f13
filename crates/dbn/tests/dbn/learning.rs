//! Contrastive divergence: what it lowers, what it raises, what it remembers.

use burn::config::Config;
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Distribution, Tensor, TensorData, Tolerance, activation};
use fornax_dbn::{CdState, ContrastiveDivergence, Rbm, RbmConfig, Visible};

use fornax_kernels::{draw_seed, standard_normal, uniform};

use crate::{all_settings, bars_and_stripes, log_sum_exp, ndarray, num_lines, seeded};

/// Takes `num_steps` steps on all of `data`; returns the machine and the first and last error.
fn train(
    rule: &ContrastiveDivergence,
    mut rbm: Rbm,
    data: &Tensor<2>,
    num_steps: usize,
) -> Trained {
    let mut state = rule.init_state(&rbm);
    let mut errors = Vec::with_capacity(num_steps);
    for _ in 0..num_steps {
        let error;
        (rbm, state, error) = rule.step(rbm, state, data.clone(), None);
        errors.push(error.into_scalar::<f32>());
    }
    let mean = |errors: &[f32]| errors.iter().sum::<f32>() / 20.0;
    let (first, last) = (mean(&errors[..20]), mean(&errors[num_steps - 20..]));
    Trained {
        rbm,
        state,
        first,
        last,
    }
}

struct Trained {
    rbm: Rbm,
    state: CdState,
    first: f32,
    last: f32,
}

/// The mean log p(v) of `data`, exactly: the sum over all settings of the visible units is taken.
fn log_likelihood(rbm: &Rbm, data: &Tensor<2>) -> f64 {
    let settings = all_settings(rbm.d_input(), &data.device());
    let log_partition = log_sum_exp(-rbm.free_energy(settings));
    let energy = rbm.free_energy(data.clone()).mean().into_scalar::<f64>();
    -energy - log_partition
}

#[track_caller]
fn check_bars_and_stripes(rule: &ContrastiveDivergence) {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    let rbm = RbmConfig::new(9, 12).init(&device);
    let before = log_likelihood(&rbm, &data);
    let trained = train(rule, rbm, &data, 2000);
    let after = log_likelihood(&trained.rbm, &data);
    println!("{before} {after} {} {}", trained.first, trained.last);
    // Untrained, all 512 images are equally likely: -9 ln 2. At best, the 12 are: -ln 12.
    assert!(
        (before + 6.24).abs() < 0.05,
        "log-likelihood {before} before"
    );
    assert!(after > -4.0, "log-likelihood {after} after");
    assert!(
        trained.last < 0.5 * trained.first,
        "error {} to {}",
        trained.first,
        trained.last
    );
}

#[test]
fn contrastive_divergence_raises_the_exact_likelihood() {
    check_bars_and_stripes(&ContrastiveDivergence::new());
}

#[test]
fn longer_chains_raise_the_exact_likelihood() {
    check_bars_and_stripes(&ContrastiveDivergence::new().with_k(3));
}

#[test]
fn persistent_chains_raise_the_exact_likelihood() {
    let rule = ContrastiveDivergence::new().with_persistent(true);
    check_bars_and_stripes(&rule.with_momentum(0.5).with_learning_rate(0.05));
}

#[test]
fn gaussian_units_learn_what_goes_together() {
    let (device, _alone) = seeded();
    // Three causes, each seen by four features.
    let causes = Tensor::random([200, 3], Distribution::Bernoulli(0.5), &device);
    let noise = Tensor::random([200, 12], Distribution::Normal(0.0, 0.3), &device);
    let data = (causes * 2.0 - 1.0).repeat(&[1, 4]) + noise;
    let rbm = RbmConfig::new(12, 8)
        .with_visible(Visible::Gaussian)
        .init(&device);
    let rule = ContrastiveDivergence::new().at_epoch(Visible::Gaussian, 0, 1);
    let trained = train(&rule, rbm, &data, 1000);
    assert!(
        trained.last < 0.3 * trained.first,
        "error {} to {}",
        trained.first,
        trained.last
    );
}

#[test]
fn label_units_learn_the_class() {
    let (device, _alone) = seeded();
    let (data, labels) = (bars_and_stripes(&device), num_lines(&device));
    let rule = ContrastiveDivergence::new();
    let mut rbm = RbmConfig::new(9, 16).with_num_labels(2).init(&device);
    let mut state = rule.init_state(&rbm);
    for _ in 0..1000 {
        (rbm, state, _) = rule.step(rbm, state, data.clone(), Some(labels.clone()));
    }
    let found = rbm.label_logits(data).unwrap().argmax(1);
    assert_eq!(found.into_data(), labels.argmax(1).into_data());
}

#[test]
fn labels_change_nothing_without_label_units() {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    let rule = ContrastiveDivergence::new();
    let rbm = RbmConfig::new(9, 4).init(&device);
    let learned = |labels| {
        device.seed(3);
        let state = rule.init_state(&rbm);
        bits(&rule.step(rbm.clone(), state, data.clone(), labels).0)
    };
    assert_eq!(learned(None), learned(Some(num_lines(&device))));
}

#[test]
fn persistent_chains_are_carried_on() {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    let rule = ContrastiveDivergence::new()
        .with_persistent(true)
        .with_num_chains(30);
    let rbm = RbmConfig::new(9, 4).init(&device);
    let state = rule.init_state(&rbm);
    let start = state.chains.as_ref().unwrap().val();
    assert_eq!(start.dims(), [30, 9]);

    device.seed(3);
    let expected = rbm.gibbs_vhv(start).into_data();
    device.seed(3);
    let (_, state, _) = rule.step(rbm, state, data, None);
    assert_eq!(state.chains.unwrap().val().into_data(), expected);
}

/// The rule as the books have it, in Burn's own operations and with the same random numbers: the
/// parameters after one step, and the error.
fn textbook(
    rule: &ContrastiveDivergence,
    rbm: &Rbm,
    state: &CdState,
    visible: &Tensor<2>,
) -> Vec<Tensor<1>> {
    let device = rbm.device();
    let (weight, bias) = (rbm.weight.val(), rbm.visible_bias.val());
    let [d_visible, _] = weight.dims();
    let d_input = rbm.d_input();
    let up = |v: Tensor<2>| {
        activation::sigmoid(v.matmul(weight.clone()) + rbm.hidden_bias.val().unsqueeze())
    };
    let on = |p: Tensor<2>| {
        uniform(draw_seed(&device), p.dims(), &device)
            .lower(p)
            .float()
    };
    let down = |h: Tensor<2>| {
        let received = h.matmul(weight.clone().transpose()) + bias.clone().unsqueeze();
        let data = received.clone().narrow(1, 0, d_input);
        let data = match rbm.visible {
            Visible::Bernoulli => activation::sigmoid(data),
            Visible::Gaussian => data,
        };
        if d_input == d_visible {
            return data;
        }
        let labels = received.narrow(1, d_input, d_visible - d_input);
        Tensor::cat(vec![data, activation::softmax(labels, 1)], 1)
    };
    let draw = |means: Tensor<2>| match rbm.visible {
        Visible::Bernoulli => on(means),
        Visible::Gaussian => standard_normal(draw_seed(&device), means.dims(), &device) + means,
    };

    let hidden = up(visible.clone());
    let (reconstruction, negative) = match &state.chains {
        Some(chains) => {
            let moved = (0..rule.k).fold(chains.val(), |v, _| draw(down(on(up(v)))));
            (down(hidden.clone()), moved)
        }
        None => {
            let first = down(on(hidden.clone()));
            let last = (1..rule.k).fold(first.clone(), |v, _| down(on(up(v))));
            (first, last)
        }
    };
    let hidden_again = up(negative.clone());
    let mean = |x: &Tensor<2>| x.clone().mean_dim(0); // [1, D]
    let pairs = |v: &Tensor<2>, h: &Tensor<2>| {
        let num_rows = u16::try_from(v.dims()[0]).unwrap();
        v.clone().transpose().matmul(h.clone()) / f64::from(num_rows)
    };
    let activity = state.activity.val().unsqueeze() * 0.9 + mean(&hidden) * 0.1; // [1, H]
    let pull = (-activity + rule.sparsity_target) * rule.sparsity_cost;
    let weight_direction = pairs(visible, &hidden) - pairs(&negative, &hidden_again)
        + mean(visible).transpose().matmul(pull.clone())
        - weight.clone() * rule.weight_decay;
    let visible_direction = mean(visible) - mean(&negative);
    let hidden_direction = mean(&hidden) - mean(&hidden_again) + pull;
    let velocity = |old: Tensor<2>, direction| old * rule.momentum + direction * rule.learning_rate;
    let weight_velocity = velocity(state.weight_velocity.val(), weight_direction);
    let visible_velocity = velocity(state.visible_velocity.val().unsqueeze(), visible_direction);
    let hidden_velocity = velocity(state.hidden_velocity.val().unsqueeze(), hidden_direction);
    let error = (reconstruction - visible.clone()).square().mean();
    let flat = |x: Tensor<2>| x.flatten(0, 1);
    vec![
        flat(weight + weight_velocity),
        flat(bias.unsqueeze() + visible_velocity),
        flat(rbm.hidden_bias.val().unsqueeze() + hidden_velocity),
        error,
    ]
}

#[track_caller]
fn check_textbook(config: &RbmConfig, rule: &ContrastiveDivergence, device: &Device) {
    let rbm = config.init(device);
    let state = rule.init_state(&rbm);
    let batch = Tensor::random([37, config.d_input], Distribution::Default, device);
    let labels = Tensor::<2>::zeros([37, 3], device).slice_fill([0..37, 1..2], 1.0);
    // Momentum and large weights: the second step has something to go on from.
    let (mut rbm, state, _) = rule.step(rbm, state, batch.clone(), Some(labels.clone()));
    rbm.weight = rbm.weight.map(|weight| weight * 20.0);

    let visible = rbm.with_labels(batch.clone(), Some(labels.clone()));
    device.seed(5);
    let expected = textbook(rule, &rbm, &state, &visible);
    device.seed(5);
    let (rbm, _, error) = rule.step(rbm, state, batch, Some(labels));
    let weight = rbm.weight.val().flatten(0, 1);
    let found = [weight, rbm.visible_bias.val(), rbm.hidden_bias.val(), error];
    for (found, expected) in found.into_iter().zip(expected) {
        let tolerance = Tolerance::<f32>::rel_abs(1e-4, 1e-5);
        found
            .into_data()
            .assert_approx_eq(&expected.into_data(), tolerance);
    }
}

#[test]
fn a_step_is_that_of_the_textbook() {
    let (flex, _alone) = seeded();
    for device in [flex, ndarray()] {
        let rule = ContrastiveDivergence::new;
        for visible in [Visible::Bernoulli, Visible::Gaussian] {
            let config = RbmConfig::new(53, 29).with_visible(visible);
            let labelled = config.clone().with_num_labels(3);
            check_textbook(&config, &rule(), &device);
            check_textbook(&labelled, &rule().with_k(3), &device);
            check_textbook(&labelled, &rule().with_sparsity_cost(0.1), &device);
            check_textbook(&config, &rule().with_k(2).with_persistent(true), &device);
        }
    }
}

#[test]
fn only_persistent_runs_keep_chains() {
    let (device, _alone) = seeded();
    let rbm = RbmConfig::new(9, 4).init(&device);
    assert!(
        ContrastiveDivergence::new()
            .init_state(&rbm)
            .chains
            .is_none()
    );
}

#[test]
fn restored_state_continues_to_the_same_bits() {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    for persistent in [false, true] {
        let rule = ContrastiveDivergence::new()
            .with_persistent(persistent)
            .with_sparsity_cost(0.1);
        let rbm = RbmConfig::new(9, 4).init(&device);
        let Trained { rbm, state, .. } = train(&rule, rbm, &data, 20);
        let (saved_rbm, saved_state) = (saved(&rbm), saved(&state));

        let fresh_rbm = RbmConfig::new(9, 4).init(&device);
        let fresh_state = rule
            .init_state(&fresh_rbm)
            .try_load_record(saved_state)
            .unwrap();
        let fresh_rbm = fresh_rbm.try_load_record(saved_rbm).unwrap();
        let go_on = |rbm, state| {
            device.seed(5);
            let (rbm, state, error) = rule.step(rbm, state, data.clone(), None);
            (bits(&rbm), bits(&state), error.into_data())
        };
        assert_eq!(go_on(fresh_rbm, fresh_state), go_on(rbm, state));
    }
}

/// What a checkpoint would hold.
fn saved(module: &impl Module) -> ModuleRecord {
    let bytes = module.clone().into_record().into_bytes().unwrap();
    ModuleRecord::from_bytes(bytes).unwrap()
}

/// The values of every parameter.
fn bits(module: &impl Module) -> Vec<TensorData> {
    struct Collect(Vec<TensorData>);
    impl burn::module::ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.0.push(param.val().into_data());
        }
    }
    let mut collect = Collect(vec![]);
    module.visit(&mut collect);
    collect.0
}

#[test]
fn sparsity_target_moves_the_mean_activity() {
    let activity = |target, cost| {
        let (device, _alone) = seeded();
        let data = bars_and_stripes(&device);
        let rule = ContrastiveDivergence::new().with_sparsity_target(target);
        let rbm = RbmConfig::new(9, 12).init(&device);
        let trained = train(&rule.with_sparsity_cost(cost), rbm, &data, 500);
        let seen = trained.rbm.propagate(data).mean().into_scalar::<f32>();
        let remembered = trained.state.activity.val().mean().into_scalar::<f32>();
        assert!(
            (seen - remembered).abs() < 0.02,
            "{remembered} is remembered for {seen}"
        );
        seen
    };
    let free = activity(0.1, 0.0);
    let low = activity(0.1, 1.0);
    let high = activity(0.8, 1.0);
    assert!(
        (low - 0.1).abs() < 0.05 && (high - 0.8).abs() < 0.05,
        "{low} and {high}"
    );
    assert!(low < free && free < high, "{low} < {free} < {high}");
}

#[test]
fn weight_decay_shrinks_the_weights() {
    let (device, _alone) = seeded();
    let data = bars_and_stripes(&device);
    let size = |decay| {
        device.seed(7);
        let rule = ContrastiveDivergence::new().with_weight_decay(decay);
        let rbm = RbmConfig::new(9, 12).init(&device);
        let weight = train(&rule, rbm, &data, 500).rbm.weight.val();
        weight.abs().mean().into_scalar::<f32>()
    };
    assert!(size(0.01) < 0.8 * size(0.0));
}

#[test]
fn schedule_cools_down() {
    let rule = ContrastiveDivergence::new();
    let rates = |visible, num_epochs| -> Vec<(f64, f64)> {
        let at = |epoch| rule.at_epoch(visible, epoch, num_epochs);
        (0..num_epochs)
            .map(|epoch| (at(epoch).learning_rate, at(epoch).momentum))
            .collect()
    };
    let (hot, warm, cold) = ((0.1, 0.5), (0.05, 0.9), (0.1 * 0.1, 0.9));
    let expected = [hot, hot, hot, warm, warm, warm, warm, cold, cold, cold];
    assert_eq!(rates(Visible::Bernoulli, 10), expected);
    assert_eq!(rates(Visible::Bernoulli, 1), [hot]);
    assert_eq!(rates(Visible::Bernoulli, 3), [hot, warm, warm]);
    assert!(rates(Visible::Gaussian, 1)[0].0 < 0.1);
    let unchanged = ContrastiveDivergence {
        learning_rate: 0.1,
        ..rule.at_epoch(Visible::Bernoulli, 9, 10)
    };
    assert_eq!(unchanged, rule);
}

#[test]
fn rule_survives_a_round_trip() {
    let rule = ContrastiveDivergence::new().with_k(5).with_persistent(true);
    let read = ContrastiveDivergence::load_binary(rule.to_string().as_bytes()).unwrap();
    assert_eq!(read, rule);
}

#[test]
fn rules_out_of_range_are_refused() {
    #[track_caller]
    fn check(rule: &ContrastiveDivergence, expected: &str) {
        assert_eq!(rule.validate().unwrap_err().to_string(), expected);
    }
    let rule = ContrastiveDivergence::new;
    assert!(rule().validate().is_ok());
    check(&rule().with_k(0), "`k = 0` does not fit: at least 1");
    let expected = "`num_chains = 0` does not fit: from 1 to 100000";
    check(&rule().with_num_chains(0), expected);
    let expected = "`learning_rate = 0.0` does not fit: a number above 0";
    check(&rule().with_learning_rate(0.0), expected);
    let expected = "`learning_rate = NaN` does not fit: a number above 0";
    check(&rule().with_learning_rate(f64::NAN), expected);
    let expected = "`momentum = 1.0` does not fit: a number from 0 to below 1";
    check(&rule().with_momentum(1.0), expected);
    let expected = "`weight_decay = -1.0` does not fit: a number of at least 0";
    check(&rule().with_weight_decay(-1.0), expected);
    let expected = "`sparsity_target = 1.0` does not fit: a number between 0 and 1";
    check(&rule().with_sparsity_target(1.0), expected);
    let expected = "`sparsity_cost = inf` does not fit: a number of at least 0";
    check(&rule().with_sparsity_cost(f64::INFINITY), expected);
}

#[test]
fn step_runs_on_every_cpu_backend() {
    let (_, _alone) = seeded();
    let device = ndarray();
    device.seed(7);
    let (data, labels) = (bars_and_stripes(&device), num_lines(&device));
    for persistent in [false, true] {
        let rule = ContrastiveDivergence::new().with_persistent(persistent);
        let rbm = RbmConfig::new(9, 4).with_num_labels(2).init(&device);
        let state = rule.init_state(&rbm);
        let (rbm, ..) = rule.step(rbm, state, data.clone(), Some(labels.clone()));
        let visible = rbm.with_labels(data.clone(), None);
        let score = rbm
            .pseudo_log_likelihood(visible)
            .unwrap()
            .mean()
            .into_scalar::<f32>();
        assert!(score.is_finite());
    }
}
