//! What the networks reach on real data with no flag but the data: minutes each.
//!
//! Full datasets are taken from the folder that `FORNAX_MIRROR` names, else skipped.

use serde_json::Value;
use std::path::PathBuf;

use crate::program::Folder;

/// Trains with these arguments and gives the metrics of the test split, and the baseline.
#[track_caller]
fn train(folder: &Folder, arguments: &str) -> Value {
    let result = folder
        .run(&format!("train {arguments} --json --quiet"))
        .json();
    println!("{arguments}: {}", result["test"]);
    result
}

#[track_caller]
fn check_accuracy(arguments: &str, at_least: f64) {
    let accuracy = train(&Folder::new(), arguments)["test"]["accuracy"].as_f64();
    assert!(
        accuracy.is_some_and(|accuracy| accuracy >= at_least),
        "{arguments}: {accuracy:?}"
    );
}

#[test]
#[ignore = "slow"]
fn shipped_images_are_learned_by_every_network_that_takes_them() {
    check_accuracy("mlp --data digits", 0.96);
    check_accuracy("cnn --data digits", 0.97);
    check_accuracy("dbn --data digits", 0.95);
    check_accuracy("mlp --data fashion-mini", 0.80);
    check_accuracy("cnn --data fashion-mini", 0.83);
    check_accuracy("dbn --data fashion-mini", 0.80);
}

#[test]
#[ignore = "slow"]
fn tables_and_series_are_learned() {
    check_accuracy("mlp --data penguins", 0.96);
    check_accuracy("rnn --data japanese-vowels", 0.95);
}

#[test]
#[ignore = "slow"]
fn recurrent_network_beats_the_seasonal_naive_forecast() {
    let result = train(&Folder::new(), "rnn --data co2");
    let rmse = result["test"]["rmse"].as_f64().expect("an error");
    let naive = result["baseline"]["naive"]["seasonal_rmse"]["test"]
        .as_f64()
        .expect("an error");
    assert!(rmse < naive, "{rmse} against {naive}");
}

#[test]
#[ignore = "slow"]
fn text_is_learned_and_written() {
    let folder = Folder::new();
    let result = train(&folder, "rnn --data moby-dick --out run");
    let bits = result["test"]["bits_per_character"].as_f64().expect("bits");
    assert!(bits < 3.0, "{bits} bits per character");
    let text = folder
        .run("generate run --length 200 --prompt The")
        .ok()
        .stdout();
    assert!(
        text.starts_with("The") && text.chars().count() > 150,
        "{text}"
    );
}

/// A folder in which the datasets of the mirror are found; `None` where there is no mirror.
fn mirrored() -> Option<Folder> {
    let Some(mirror) = std::env::var_os("FORNAX_MIRROR").map(PathBuf::from) else {
        println!("skipped: FORNAX_MIRROR names no folder with the full datasets");
        return None;
    };
    let folder = Folder::new();
    #[cfg(unix)]
    std::os::unix::fs::symlink(mirror, folder.path().join("data")).expect("a link");
    Some(folder)
}

#[test]
#[ignore = "slow"]
fn full_mnist_is_learned_by_perceptron_and_belief_network() {
    let Some(folder) = mirrored() else { return };
    for network in ["mlp", "dbn"] {
        let result = train(&folder, &format!("{network} --data mnist"));
        let accuracy = result["test"]["accuracy"].as_f64();
        assert!(
            accuracy.is_some_and(|accuracy| accuracy >= 0.98),
            "{network}: {accuracy:?}"
        );
    }
}

#[test]
#[ignore = "slow"]
fn each_layer_of_a_convolutional_network_makes_digits_easier() {
    let Some(folder) = mirrored() else { return };
    train(&folder, "cnn --data mnist --epochs 6 --out run");
    let report = std::fs::read_to_string(folder.path().join("run/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let layers = report["hierarchy"]["layers"].as_array().expect("layers");
    let scores = |what: &str| -> Vec<f64> {
        let scores = layers.iter().map(|layer| layer[what]["value"].as_f64());
        scores.flatten().collect()
    };
    let (trained, random) = (scores("probe"), scores("control"));
    println!("trained {trained:?}, random weights {random:?}");
    let (first, last) = (trained[0], trained[trained.len() - 1]);
    assert!((0.88..0.94).contains(&first), "pixels: {first}");
    assert!(last > 0.99, "the last layer: {last}");
    // A probe on ten logits is no easier than the layer below it.
    assert!(trained[..trained.len() - 1].is_sorted(), "{trained:?}");
    // The raw pixels are the same to both.
    let pairs = trained.iter().zip(&random).skip(1);
    assert!(
        pairs.clone().count() > 2 && pairs.clone().all(|(a, b)| a > b),
        "{random:?}"
    );
}
