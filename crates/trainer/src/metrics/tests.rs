//! The expected numbers are those of scikit-learn 1.9.1 for the same arrays.

use super::*;

/// `[5, 4]`
const LOGITS: [f32; 20] = [
    2.0, 1.0, 0.1, -1.0, //
    0.5, 2.5, -0.5, -1.0, //
    1.0, -1.0, 3.0, -2.0, //
    1.5, 1.25, 0.5, 0.0, //
    -0.5, 0.25, 2.0, -3.0,
];
const CLASSES: [i32; 5] = [0, 1, 2, 1, 0];

/// `[4, 2]`
const OUTPUTS: [f64; 8] = [2.5, 0.0, 3.0, 8.0, 4.25, -1.0, 0.0, 0.5];
const TARGETS: [f64; 8] = [3.0, -0.5, 2.5, 7.0, 4.0, 1.0, -1.0, 0.25];

fn classification() -> Metrics {
    Metrics::Classification(ClassificationMetrics::new(4))
}

fn regression(num_outputs: usize) -> Metrics {
    Metrics::Regression(RegressionMetrics::new(num_outputs))
}

fn tokens() -> Metrics {
    Metrics::Tokens(TokenMetrics::new(4))
}

#[track_caller]
fn check(metrics: &Metrics, expected: &[(&str, f64)]) {
    let values = metrics.values();
    assert_eq!(values.len(), expected.len(), "{values:?}");
    for &(name, expected) in expected {
        let value = values[name];
        let same = value.is_nan() && expected.is_nan();
        assert!(
            same || (value - expected).abs() < 1e-7,
            "{name}: {value}, not {expected}"
        );
    }
}

#[test]
fn classification_is_measured_as_scikit_learn_does() {
    let mut metrics = classification();
    metrics.update_classes(&LOGITS, &CLASSES);
    check(
        &metrics,
        &[
            ("accuracy", 0.6),
            ("macro_f1", 0.611_111_111_1),
            ("log_loss", 0.927_811_190_1),
        ],
    );
    let confusion = [[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]];
    assert_eq!(metrics.confusion().unwrap(), confusion);
}

#[test]
fn regression_is_measured_as_scikit_learn_does() {
    let mut both = regression(2);
    both.update_values(&OUTPUTS, &TARGETS);
    check(
        &both,
        &[
            ("rmse", 0.927_024_810_9),
            ("mae", 0.75),
            ("r2", 0.869_679_383_3),
        ],
    );
    assert!((both.loss() - 0.859_375).abs() < 1e-12);

    let mut first = regression(1);
    let column = |values: [f64; 8]| values.into_iter().step_by(2).collect::<Vec<_>>();
    first.update_values(&column(OUTPUTS), &column(TARGETS));
    check(
        &first,
        &[("rmse", 0.625), ("mae", 0.5625), ("r2", 0.889_867_841_4)],
    );
}

#[test]
fn text_is_measured_by_its_log_loss() {
    let mut metrics = tokens();
    metrics.update_classes(&LOGITS, &CLASSES);
    check(
        &metrics,
        &[
            ("accuracy", 0.6),
            ("log_loss", 0.927_811_190_1),
            ("bits_per_character", 1.338_548_602_8),
            ("perplexity", 2.528_967_685_6),
        ],
    );
}

#[test]
fn even_chances_take_the_bits_of_the_vocabulary() {
    let mut metrics = tokens();
    metrics.update_classes(&[0.0; 8], &[1, 3]);
    let values = metrics.values();
    assert!((values["bits_per_character"] - 2.0).abs() < 1e-12);
    assert!((values["perplexity"] - 4.0).abs() < 1e-12);
}

#[test]
fn batches_may_be_cut_anywhere() {
    for cut in 0..=5 {
        let mut metrics = classification();
        metrics.update_classes(&LOGITS[..cut * 4], &CLASSES[..cut]);
        metrics.update_classes(&LOGITS[cut * 4..], &CLASSES[cut..]);
        let mut whole = classification();
        whole.update_classes(&LOGITS, &CLASSES);
        assert_eq!(metrics, whole, "cut at {cut}");
    }
}

#[test]
fn constant_targets_have_the_r2_of_scikit_learn() {
    for (outputs, r2) in [([2.0, 2.0], 1.0), ([2.0, 3.0], 0.0)] {
        let mut metrics = regression(1);
        metrics.update_values(&outputs, &[2.0, 2.0]);
        assert!((metrics.values()["r2"] - r2).abs() < 1e-12);
    }
}

#[test]
fn large_close_targets_keep_their_variance() {
    let mut metrics = regression(1);
    let targets = [1e9, 1e9 + 1.0, 1e9 + 2.0];
    metrics.update_values(&[1e9 + 1.0; 3], &targets);
    assert!(
        metrics.values()["r2"].abs() < 1e-9,
        "their mean explains nothing of them"
    );
}

#[test]
fn huge_logits_do_not_overflow() {
    let mut metrics = classification();
    metrics.update_classes(&[f32::MAX, 0.0, f32::MIN, f32::NEG_INFINITY], &[0]);
    check(
        &metrics,
        &[("accuracy", 1.0), ("macro_f1", 1.0), ("log_loss", 0.0)],
    );
}

#[test]
fn nothing_measured_is_nan() {
    for metrics in [classification(), regression(2), tokens()] {
        assert!(
            metrics.values().values().all(|value| value.is_nan()),
            "{metrics:?}"
        );
        assert!(metrics.loss().is_nan());
    }
    let mut one = regression(1);
    one.update_values(&[1.0], &[2.0]);
    check(&one, &[("rmse", 1.0), ("mae", 1.0), ("r2", f64::NAN)]);
}

#[test]
fn output_that_is_not_a_number_makes_every_metric_nan() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut metrics = [classification(), tokens()];
        for metrics in &mut metrics {
            metrics.update_classes(&LOGITS, &CLASSES);
            metrics.update_classes(&[0.0, bad, 0.0, 0.0], &[0]);
            metrics.update_classes(&LOGITS, &CLASSES);
            assert!(
                metrics.values().values().all(|value| value.is_nan()),
                "{metrics:?}"
            );
        }
    }
    let mut metrics = regression(2);
    metrics.update_values(&OUTPUTS, &TARGETS);
    metrics.update_values(&[f64::NAN, 1.0], &[0.0, 0.0]);
    assert!(
        metrics.values().values().all(|value| value.is_nan()),
        "{metrics:?}"
    );
}

#[test]
fn class_that_there_is_not_makes_every_metric_nan() {
    for target in [-1, 4, i32::MAX] {
        let mut metrics = classification();
        metrics.update_classes(&LOGITS[..4], &[target]);
        assert!(
            metrics.values().values().all(|value| value.is_nan()),
            "{metrics:?}"
        );
    }
}

#[test]
fn arrays_of_odd_sizes_do_not_panic() {
    let mut metrics = [
        classification(),
        Metrics::Classification(ClassificationMetrics::new(0)),
    ];
    for metrics in &mut metrics {
        metrics.update_classes(&LOGITS[..7], &CLASSES);
        let _ = (metrics.values(), metrics.confusion());
    }
    let mut metrics = [regression(3), regression(0)];
    for metrics in &mut metrics {
        metrics.update_values(&OUTPUTS, &TARGETS[..5]);
        let _ = metrics.values();
    }
}

#[test]
fn sums_come_back_from_json_to_the_bit() {
    let mut all = [classification(), tokens(), regression(2)];
    for metrics in &mut all[..2] {
        metrics.update_classes(&LOGITS, &CLASSES);
    }
    all[2].update_values(&OUTPUTS, &TARGETS);
    for metrics in &all {
        let json = serde_json::to_value(metrics).unwrap();
        assert_eq!(&serde_json::from_value::<Metrics>(json).unwrap(), metrics);
    }
    all[0].update_classes(&[f32::NAN; 4], &[0]);
    let json = serde_json::to_string(&all[0]).unwrap();
    let read: Metrics = serde_json::from_str(&json).unwrap();
    assert!(read.loss().is_nan());
}

#[test]
fn task_decides_the_metrics_and_which_way_is_better() {
    let target = || "price".to_owned();
    let classes = ["no", "yes"].map(str::to_owned).to_vec();
    for (task, name, direction) in [
        (Task::Classification { classes }, "accuracy", Direction::Up),
        (
            Task::Regression { target: target() },
            "rmse",
            Direction::Down,
        ),
        (
            Task::Forecast {
                target: target(),
                horizon: 3,
                channels: Vec::new(),
            },
            "rmse",
            Direction::Down,
        ),
        (
            Task::NextToken {
                vocabulary: vec!['a'],
            },
            "bits_per_character",
            Direction::Down,
        ),
    ] {
        let metrics = Metrics::for_task(&task);
        assert_eq!(metrics.primary(), (name, direction));
        assert!(metrics.values().contains_key(name));
    }
}
