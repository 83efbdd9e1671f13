//! The up-down algorithm.

use burn::tensor::Tensor;
use fornax_dbn::{ContrastiveDivergence, Dbn, DbnConfig, UpDown};

use crate::network::pretrain;
use crate::{all_settings, bars_and_stripes, log_sum_exp, num_lines, seeded};

/// Hidden units of the lower machine: so few that all their settings can be summed over.
const HIDDEN: usize = 8;

/// Mean log p(x) of the bars and stripes in nats, summed over all settings of the layer between.
fn log_likelihood(dbn: &Dbn) -> f64 {
    let x = bars_and_stripes(&dbn.rbms[0].device()); // [12, 9]
    let hidden = all_settings(HIDDEN, &x.device()); // [256, 8]
    let score = -dbn.rbms[1].free_energy(hidden.clone()); // [256]
    let log_z = log_sum_exp(score.clone());
    let on = dbn.below(0, hidden).clamp(1e-6, 1.0 - 1e-6); // [256, 9]
    let given_hidden = x.clone().matmul(on.clone().log().transpose())
        + (-x + 1.0).matmul((-on + 1.0).log().transpose()); // [12, 256]
    let joint = given_hidden + score.unsqueeze();
    let [count, _] = joint.dims();
    let rows = joint.split(1, 0).into_iter();
    let sum: f64 = rows.map(|row| log_sum_exp(row.flatten(0, 1)) - log_z).sum();
    sum / f64::from(u32::try_from(count).unwrap())
}

fn pretrained() -> Dbn {
    let (device, _alone) = seeded();
    let config = DbnConfig::new(9, 2)
        .with_widths(vec![HIDDEN, 10])
        .with_labels(false);
    pretrain(config.init(&device), 1000)
}

#[test]
fn all_layers_together_explain_the_data_better_than_one_after_the_other() {
    let mut dbn = pretrained();
    let before = log_likelihood(&dbn);
    let (device, _alone) = seeded();
    let rule =
        UpDown::new(ContrastiveDivergence::new().with_learning_rate(0.05)).with_learning_rate(0.05);
    let mut state = rule.top.init_state(&dbn.rbms[1]);
    for step in 0..2000 {
        let now = rule.at_epoch(step, 2000);
        (dbn, state, _) = now.step(dbn, state, bars_and_stripes(&device), None);
    }
    let after = log_likelihood(&dbn);
    // The best that there is: each of the twelve has a twelfth, -2.48.
    assert!(after > before + 0.3 && after < -2.48, "{before} to {after}");
}

#[test]
fn the_way_down_of_its_own_begins_as_the_way_up_turned_about() {
    let tied = pretrained();
    let untied = tied.clone().untied();
    assert_eq!((tied.down.len(), untied.down.len()), (0, 1));
    let (device, _alone) = seeded();
    let hidden = all_settings(HIDDEN, &device);
    let below = |dbn: &Dbn| dbn.below(0, hidden.clone()).into_data();
    assert_eq!(below(&untied), below(&tied));
}

#[test]
fn both_ways_and_the_labels_of_the_top_machine_learn() {
    let (device, _alone) = seeded();
    let dbn = DbnConfig::new(9, 2)
        .with_widths(vec![6, 5, 4])
        .with_up_down(true)
        .init(&device);
    let rule = UpDown::new(ContrastiveDivergence::new());
    let state = rule.top.init_state(&dbn.rbms[2]);
    let (data, labels) = (bars_and_stripes(&device), num_lines(&device));
    let (learned, _, error) = rule.step(dbn.clone(), state, data, Some(labels));
    assert!((0.0..1.0).contains(&error.into_scalar::<f32>()));
    let differs = |a: Tensor<2>, b: Tensor<2>| a.into_data() != b.into_data();
    for (before, after) in dbn.rbms.iter().zip(&learned.rbms) {
        assert!(differs(before.weight.val(), after.weight.val()));
    }
    for (before, after) in dbn.down.iter().zip(&learned.down) {
        assert!(differs(before.weight.val(), after.weight.val()));
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let rule = UpDown::new(ContrastiveDivergence::new());
    assert!(rule.validate().is_ok());
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = rule.clone().with_learning_rate(rate).validate();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("learning_rate"), "{error}");
    }
    let top = ContrastiveDivergence::new().with_k(0);
    assert!(UpDown::new(top).validate().is_err());
}
