//! `fornax compare`: runs laid over each other.

use fornax_runs::report::{Comparison, Unit};
use fornax_runs::write_atomic;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::CompareArgs;
use crate::commands::trained::Trained;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::insight::compare::Answered;
use crate::output::Output;
use crate::progress::metric;

pub(super) fn run(args: &CompareArgs, output: &mut Output) -> Result<(), Error> {
    let opened = args
        .runs
        .iter()
        .map(|path| Trained::open_beside_others(path, args.device.as_deref()))
        .collect::<Result<Vec<_>, Error>>()?;
    let subjects = opened
        .iter()
        .map(Trained::subject)
        .collect::<Result<Vec<_>, Error>>()?;
    let answered = subjects
        .iter()
        .map(Answered::new)
        .collect::<Result<Vec<_>, Error>>()?;
    let first = &answered[0];
    if let Some(other) = answered
        .iter()
        .find(|other| other.metric() != first.metric())
    {
        return Err(Error::Usage {
            message: format!(
                "these runs answer different questions: one is measured by {}, another by {}",
                first.metric(),
                other.metric()
            ),
            help: "compare runs of one task".to_owned(),
        });
    }
    let comparable = || {
        answered[1..]
            .iter()
            .filter(|other| first.same_samples(other))
    };
    let comparison = Comparison {
        runs: answered
            .iter()
            .map(Answered::summary)
            .collect::<Result<_, _>>()?,
        differences: differences(
            &opened
                .iter()
                .map(|opened| &opened.resolved.experiment)
                .collect::<Vec<_>>(),
        ),
        unit: if first.metric() == "accuracy" {
            Unit::Share
        } else {
            Unit::Plain
        },
        metric: first.metric().to_owned(),
        answers: comparable()
            .filter_map(|other| first.differences(other))
            .collect(),
        similarity: comparable()
            .map(|other| first.similarity(other))
            .collect::<Result<_, _>>()?,
    };
    if comparable().count() + 1 < answered.len() {
        output.warn(
            "not all runs were judged on the same samples: their numbers are not of one test",
        );
    }
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("compare.html"));
    write_atomic(&path, comparison.to_html().as_bytes())?;
    say(&comparison, output);
    output.line(path.display().to_string());
    output.result(json!({"page": path, "comparison": comparison}));
    Ok(())
}

fn say(comparison: &Comparison, output: &mut Output) {
    let name = &comparison.metric;
    for run in &comparison.runs {
        let bare = |value| metric("", value).trim().to_owned();
        let [low, high] = [run.result.low, run.result.high].map(|end| {
            if comparison.unit == Unit::Share {
                format!("{:.2} %", 100.0 * end)
            } else {
                bare(end)
            }
        });
        output.line(format!(
            "{}  {} ({low} to {high}, n = {})",
            run.name,
            metric(name, run.result.value),
            run.num_samples
        ));
    }
    for (key, values) in &comparison.differences {
        output.line(format!("{key}: {}", values.join(" | ")));
    }
    for answers in &comparison.answers {
        let [both, first, other, neither] = answers.counts;
        output.line(format!(
            "answers, against {}: {both} both right, {first} only the first, {other} only the \
             other, {neither} both wrong; by chance {:.3}",
            answers.name, answers.chance
        ));
    }
}

/// The settings that are not the same in all experiments.
fn differences(experiments: &[&Experiment]) -> Vec<(String, Vec<String>)> {
    let flat: Vec<BTreeMap<String, String>> = experiments
        .iter()
        .map(|experiment| {
            let mut keys = BTreeMap::new();
            flatten("", &json!(experiment), &mut keys);
            keys
        })
        .collect();
    let mut keys: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .map(|key| {
            let values = flat
                .iter()
                .map(|map| map.get(key).cloned().unwrap_or("–".to_owned()));
            (key.clone(), values.collect::<Vec<_>>())
        })
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

fn flatten(path: &str, value: &Value, keys: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, keys);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            keys.insert(path.to_owned(), text.clone());
        }
        other => {
            keys.insert(path.to_owned(), other.to_string());
        }
    }
}
