//! What the doctor says of runs that were spoilt on purpose, and of healthy ones.

use serde_json::Value;
use std::fs;

use crate::program::Folder;

/// A training that does well within a second.
const HEALTHY: &str = "train mlp --data digits --epochs 40 --set model.widths=[32] --no-report";

fn first_rule(result: &Value) -> &str {
    result["diagnosis"]["findings"][0]["rule"]
        .as_str()
        .unwrap_or("none")
}

#[test]
fn a_healthy_run_is_left_alone() {
    let folder = Folder::new();
    let trained = folder.run(&format!("{HEALTHY} --out run")).ok();
    for word in ["error:", "warning:", "try:"] {
        assert!(!trained.stdout().contains(word), "{}", trained.stdout());
    }
    let asked = folder.run("doctor run --fail-on warning").ok();
    assert_eq!(asked.last_line(), "run/doctor.json");
}

#[test]
fn a_learning_rate_that_is_too_high_is_named_and_its_patch_helps() {
    let folder = Folder::new();
    let command =
        format!("{HEALTHY} --out ill --set model.widths=[32,32,32] --set train.learning_rate=20");
    let trained = folder.run(&command).ok();
    assert!(
        trained
            .stdout()
            .contains("error: the learning rate is too high"),
        "{}",
        trained.stdout()
    );
    let asked = folder.run("doctor ill --fail-on error");
    assert_eq!(asked.code(), Some(4), "{}", asked.stdout());
    assert!(
        asked
            .stdout()
            .contains("fornax train --config ill/experiment.toml --set train.learning_rate="),
        "{}",
        asked.stdout()
    );
    let written = fs::read(folder.path().join("ill/doctor.json")).expect("a diagnosis");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["findings"][0]["rule"], "high_learning_rate");

    let applied = folder.run("doctor ill --apply --out mended --json").json();
    assert!(
        applied["gain"]["low"].as_f64().is_some_and(|low| low > 0.3),
        "{}",
        applied["gain"]
    );
}

#[test]
fn a_learning_rate_that_is_too_low_is_named() {
    let folder = Folder::new();
    let command = format!("{HEALTHY} --set train.learning_rate=1e-7 --json");
    let result = folder.run(&command).json();
    assert_eq!(first_rule(&result), "low_learning_rate", "{result}");
}

#[test]
fn every_patch_can_be_pasted() {
    let folder = Folder::new();
    for (index, fault) in [
        "--set train.learning_rate=5",
        "--set model.dropout=0.95",
        "--set model.widths=[1]",
        "--set train.weight_decay=1",
    ]
    .into_iter()
    .enumerate()
    {
        folder
            .run(&format!("{HEALTHY} --out run{index} {fault}"))
            .ok();
        let result = folder.run(&format!("doctor run{index} --json")).json();
        let findings = result["diagnosis"]["findings"]
            .as_array()
            .expect("findings");
        assert!(!findings.is_empty(), "{fault}: {result}");
        for finding in findings {
            let patch = finding["patch"].as_array().expect("a list");
            let flags = patch.iter().filter_map(Value::as_str);
            let flags: Vec<_> = flags.map(|change| format!("--set {change}")).collect();
            let config = format!("run{index}/experiment.toml");
            folder
                .run(&format!(
                    "train --dry-run --config {config} {}",
                    flags.join(" ")
                ))
                .ok();
        }
    }
}

#[test]
fn an_older_run_without_signals_is_diagnosed_with_fewer_rules() {
    let folder = Folder::new();
    let command = format!("{HEALTHY} --out run --set train.learning_rate=5");
    folder.run(&command).ok();
    let path = folder.path().join("run/events.jsonl");
    let events = fs::read_to_string(&path).expect("events");
    let old = events.lines().filter(|line| {
        ["data", "signals", "class_recall"]
            .iter()
            .all(|kind| !line.contains(&format!("\"event\":\"{kind}\"")))
    });
    let old = old.collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&path, old).expect("events");
    let asked = folder.run("doctor run").ok();
    assert!(asked.stdout().contains("the learning rate is too high"));
    assert!(
        asked
            .stderr()
            .contains("did not record signals of the layers"),
        "{}",
        asked.stderr()
    );
}

#[test]
fn the_report_shows_the_findings_near_its_top() {
    let folder = Folder::new();
    folder
        .run("train mlp --data digits --epochs 6 --out run --set train.learning_rate=5")
        .ok();
    let page = fs::read_to_string(folder.path().join("run/report.html")).expect("a page");
    let at = |text: &str| page.find(text).unwrap_or(usize::MAX);
    assert!(
        at("id=\"doctor\"") < at("id=\"learning\""),
        "the findings come first"
    );
    assert!(page.contains("class=\"pin\""), "they stand on the curves");
    let numbers = fs::read(folder.path().join("run/report.json")).expect("numbers");
    let numbers: Value = serde_json::from_slice(&numbers).expect("JSON");
    assert_eq!(numbers["findings"][0]["rule"], "high_learning_rate");
}

#[test]
fn labels_without_a_pattern_are_told_from_a_bad_network() {
    let folder = Folder::new();
    let mut rows = vec!["a,b,c,answer".to_owned()];
    // A linear congruential generator: no column has anything to do with the answer.
    let mut state = 7_u64;
    let mut draw = |most: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for _ in 0..600 {
        let [a, b, c, answer] = [1000, 1000, 1000, 3].map(&mut draw);
        rows.push(format!("{a}.5,{b}.5,{c}.5,kind{answer}"));
    }
    folder.write("noise.csv", rows.join("\n"));
    folder
        .run("train mlp --data noise.csv --target answer --no-report --epochs 20 --out run")
        .ok();
    let result = folder.run("doctor run --json").json();
    assert_eq!(first_rule(&result), "unrelated_labels", "{result}");
}

#[test]
fn without_a_run_the_installation_is_checked() {
    let folder = Folder::new();
    let result = folder.run("doctor --json").json();
    assert!(
        result["devices"]
            .as_array()
            .is_some_and(|devices| !devices.is_empty())
    );
    assert!(
        result["datasets_ready"]
            .as_u64()
            .is_some_and(|ready| ready >= 9)
    );
}

#[test]
fn the_preflight_changes_no_bit_of_the_training() {
    let folder = Folder::new();
    for (run, level) in [("first", "light"), ("second", "off")] {
        folder
            .run(&format!("{HEALTHY} --out {run} --doctor {level}"))
            .ok();
    }
    let losses = |run: &str| -> Vec<String> {
        let events = fs::read_to_string(folder.path().join(run).join("events.jsonl"));
        let events = events.expect("events");
        let steps = events
            .lines()
            .filter(|line| line.contains("\"event\":\"step\""));
        steps
            .filter_map(|line| Some(line.split("\"elapsed_ms\"").next()?.to_owned()))
            .collect()
    };
    assert_eq!(losses("first"), losses("second"));
}
