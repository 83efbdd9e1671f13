//! The result of a run beside what it has to beat, and what to do next.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use fornax_data::{Baseline, Batch, DataError, InputShape, Split, Targets, Task};
use fornax_insight::interval::{bootstrap, wilson};
use fornax_insight::probe::{Probe, argmax};
use fornax_runs::RunDir;
use fornax_runs::report::{Advice, Estimate, Report, Reproduce, Unit, Verdict};

use super::layers::{BATCH, Seen, estimate};
use super::sample::spread;
use super::{Sample, Subject};
use crate::architecture::Network;
use crate::batch::{self, Inputs};
use crate::error::Error;
use crate::evaluate::{chunks, update};
use crate::metrics::{Direction, Metrics};
use crate::step::to_vec;

/// Passages of a text that are judged.
const PASSAGES: usize = 256;

/// The answers of the network on the split that has the last word.
pub(super) struct Judged<'a> {
    pub(super) split: &'a Split,
    pub(super) name: &'static str,
    /// Places in the split.
    pub(super) places: Vec<usize>,
    /// `[N, K]`, row by row; of text `[N * T, V]`, log-probabilities of classes, else values.
    pub(super) outputs: Vec<f32>,
    /// Classes of the samples, or of the next characters.
    pub(super) labels: Vec<usize>,
    /// Scaled values of the samples.
    pub(super) values: Vec<f32>,
    pub(super) metrics: Metrics,
}

impl Judged<'_> {
    /// Probabilities of the classes, row by row.
    pub(super) fn probabilities(&self) -> Vec<f32> {
        self.outputs.iter().map(|value| value.exp()).collect()
    }
}

/// The answers of the network: those that it gave while its features were collected, and of a text
/// those of more passages.
pub(super) fn judge<'a>(
    subject: &'a Subject,
    sample: &Sample<'a>,
    seen: Option<&Seen>,
) -> Result<Judged<'a>, Error> {
    let dataset = subject.dataset;
    let (split, name) = (sample.held_out_split, sample.held_out_name);
    let is_text = matches!(dataset.task, Task::NextToken { .. });
    let places = if is_text {
        // Nothing goes before the first.
        let first = usize::from(split.len() > 1);
        let places = spread(split.len() - first, PASSAGES).into_iter();
        places.map(|place| place + first).collect()
    } else {
        sample.held_out.clone()
    };
    let is_class = is_text || matches!(dataset.task, Task::Classification { .. });
    let mut judged = Judged {
        split,
        name,
        outputs: Vec::new(),
        labels: Vec::new(),
        values: Vec::new(),
        metrics: Metrics::for_task(&dataset.task),
        places,
    };
    let width = dataset.task.num_outputs();
    let logits = seen
        .filter(|_| !is_text)
        .and_then(|seen| seen.layers.last());
    let logits = logits
        .map(|layer| &layer.held_out)
        .filter(|logits| logits.dims()[1] == width);
    for chunk in chunks(judged.places.len(), if is_text { 16 } else { BATCH }) {
        let items: Vec<usize> = chunk.iter().map(|&index| judged.places[index]).collect();
        let batch = split.batch(&items)?;
        let outputs = match logits {
            Some(logits) => logits.clone().narrow(0, chunk[0], chunk.len()),
            None => answers(subject, split, &items, &batch)?,
        };
        let outputs = if is_class {
            burn::tensor::activation::log_softmax(outputs, 1)
        } else {
            outputs
        };
        let outputs = to_vec(outputs);
        update(&mut judged.metrics, &outputs, &batch, split, &items);
        match batch.targets {
            Targets::Classes(classes) | Targets::Tokens(classes) => {
                let classes = classes
                    .into_iter()
                    .map(|class| usize::try_from(class).unwrap_or(0));
                judged.labels.extend(classes);
            }
            Targets::Values { values, .. } => judged.values.extend(values),
            Targets::Absent => {}
        }
        judged.outputs.extend(outputs);
    }
    Ok(judged)
}

/// What the network says to a batch. Each passage of a text is read on from the one before it, as it is
/// where the network is measured.
fn answers(
    subject: &Subject,
    split: &Split,
    items: &[usize],
    batch: &Batch,
) -> Result<Tensor<2>, DataError> {
    let inputs = |batch| batch::inputs(batch, subject.layout, &subject.device);
    let of_batch = inputs(batch);
    let before: Option<Vec<usize>> = items.iter().map(|item| item.checked_sub(1)).collect();
    if let (Network::Rnn(rnn), Inputs::Tokens(tokens)) = (&subject.network, &of_batch)
        && let Some(before) = before
        && let Inputs::Tokens(before) = inputs(&split.batch(&before)?)
    {
        let (_, state) = rnn.forward_tokens(before, None);
        let (logits, _) = rnn.forward_tokens(tokens.clone(), Some(state)); // [B, T, V]
        return Ok(logits.flatten(0, 1));
    }
    Ok(subject.network.forward(&of_batch))
}

pub(super) fn verdict(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
) -> Result<Verdict, Error> {
    let dataset = subject.dataset;
    let (metric, direction) = judged.metrics.primary();
    let values = judged.metrics.values();
    let num_samples = if judged.labels.is_empty() {
        judged.places.len()
    } else {
        judged.labels.len()
    };
    let mut rivals = baseline(&dataset.baseline, judged.name);
    let linear = linear(subject, sample, seen, judged)?;
    if let Some(value) = linear.get(metric) {
        let name = match dataset.task {
            Task::NextToken { .. } => "a linear model of the last character",
            _ => "a linear model of the raw input",
        };
        rivals.push((name.to_owned(), *value));
    }
    Ok(Verdict {
        task: task(&dataset.task),
        metric: metric.to_owned(),
        unit: if metric == "accuracy" {
            Unit::Share
        } else {
            Unit::Plain
        },
        higher_is_better: direction == Direction::Up,
        result: interval(judged, values.get(metric).copied().unwrap_or(f64::NAN)),
        split: judged.name.to_owned(),
        num_samples,
        rivals,
        others: values,
        facts: facts(subject),
        advice: Vec::new(),
    })
}

fn task(task: &Task) -> String {
    match task {
        Task::Classification { classes } => format!("names one of {} classes", classes.len()),
        Task::Regression { target } => format!("predicts {target}"),
        Task::Forecast {
            target,
            horizon,
            channels,
        } => {
            let ahead = match horizon {
                1 => "one step ahead".to_owned(),
                steps => format!("for {steps} steps"),
            };
            let unit = match channels.as_slice() {
                [] => "",
                _ => ", with errors in standard deviations of each",
            };
            format!("forecasts {target} {ahead}{unit}")
        }
        Task::NextToken { .. } => "predicts the next character".to_owned(),
    }
}

/// The interval of the metric that counts.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
pub(super) fn interval(judged: &Judged, value: f64) -> Estimate {
    let n = judged.labels.len();
    if let Metrics::Classification(_) = judged.metrics {
        let hits = (value * n as f64).round().max(0.0) as usize;
        return Estimate {
            value,
            ..estimate(wilson(hits, n))
        };
    }
    let is_error = matches!(judged.metrics, Metrics::Regression(_));
    let scores = scores(judged);
    let drawn = bootstrap(scores.len(), 1, |places| {
        let sum: f64 = places.iter().map(|&place| scores[place]).sum();
        let mean = sum / places.len() as f64;
        if is_error { mean.sqrt() } else { mean }
    });
    Estimate {
        value,
        ..estimate(drawn)
    }
}

/// What the metric is the mean of, or the root of the mean: hits, squared errors, bits. Characters of
/// one passage hang together: passages are counted, not characters.
#[allow(clippy::cast_precision_loss)] // counts of samples
pub(super) fn scores(judged: &Judged) -> Vec<f64> {
    let width = judged.outputs.len() / judged.labels.len().max(1);
    let rows = || {
        judged
            .outputs
            .chunks_exact(width.max(1))
            .zip(&judged.labels)
    };
    match &judged.metrics {
        Metrics::Classification(_) => rows()
            .map(|(row, &label)| f64::from(u8::from(argmax(row) == label)))
            .collect(),
        Metrics::Regression(_) => squared_errors(judged),
        Metrics::Tokens(_) => {
            let bits: Vec<f64> = rows()
                .map(|(row, &label)| -f64::from(row[label]) / std::f64::consts::LN_2)
                .collect();
            let passage = (judged.labels.len() / judged.places.len().max(1)).max(1);
            bits.chunks(passage)
                .map(|part| part.iter().sum::<f64>() / part.len() as f64)
                .collect()
        }
    }
}

/// Mean squared error of each sample, in the units of the metrics.
#[allow(clippy::cast_precision_loss)] // steps of a forecast
pub(super) fn squared_errors(judged: &Judged) -> Vec<f64> {
    let width = judged.outputs.len() / judged.places.len().max(1);
    let outputs = judged.split.comparable(&judged.places, &judged.outputs);
    let truth = judged.split.comparable(&judged.places, &judged.values);
    let differences: Vec<f64> = outputs
        .iter()
        .zip(&truth)
        .map(|(a, b)| (a - b).powi(2))
        .collect();
    differences
        .chunks(width.max(1))
        .map(|row| row.iter().sum::<f64>() / row.len() as f64)
        .collect()
}

fn baseline(baseline: &Baseline, split: &str) -> Vec<(String, f64)> {
    let of = |scores: &fornax_data::Scores| match split {
        "test" => scores.test,
        "valid" => scores.valid,
        _ => f64::NAN,
    };
    match baseline {
        Baseline::Majority { class, accuracy } => vec![(format!("always {class}"), of(accuracy))],
        Baseline::Mean { rmse, .. } => vec![("always the mean".to_owned(), of(rmse))],
        Baseline::Naive {
            season,
            seasonal_rmse,
            persistence_rmse,
        } => {
            let mut rivals = vec![("the last value".to_owned(), of(persistence_rmse))];
            if *season > 1 {
                rivals.push((
                    format!("the value {season} steps before"),
                    of(seasonal_rmse),
                ));
            }
            rivals
        }
        Baseline::Unigram { bits_per_character } => {
            vec![(
                "frequencies of the characters".to_owned(),
                of(bits_per_character),
            )]
        }
    }
}

/// The metrics of a linear model of the raw input, on the same samples.
fn linear(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
) -> Result<BTreeMap<String, f64>, Error> {
    if seen.fit.len() < 8 {
        return Ok(BTreeMap::new());
    }
    let probe = Probe::fit(seen.input().fit.clone(), &seen.fit);
    let mut metrics = Metrics::for_task(&subject.dataset.task);
    let is_text = matches!(subject.dataset.task, Task::NextToken { .. });
    for chunk in chunks(judged.places.len(), if is_text { 16 } else { BATCH }) {
        let items: Vec<usize> = chunk.iter().map(|&index| judged.places[index]).collect();
        let batch = judged.split.batch(&items)?;
        let inputs = batch::inputs(&batch, subject.layout, &subject.device);
        let raw = super::layers::raw_condensed(subject, &inputs, sample.max_width);
        let outputs = probe.outputs(raw);
        update(&mut metrics, &outputs, &batch, judged.split, &items);
    }
    Ok(metrics.values())
}

fn facts(subject: &Subject) -> Vec<(String, String)> {
    let dataset = subject.dataset;
    let shape = match dataset.input {
        InputShape::Image {
            channels,
            height,
            width,
        } => {
            let colour = if channels == 1 { "grey" } else { "colour" };
            format!("{colour} images of {height}×{width}")
        }
        InputShape::Vector { width } => format!("rows of {width} inputs"),
        InputShape::Sequence { width, max_len } => {
            format!("series of {width} × up to {max_len} steps")
        }
        InputShape::Documents {
            vocab_size,
            max_len,
        } => format!("texts of up to {max_len} of {vocab_size} tokens"),
        InputShape::Tokens {
            vocab_size,
            seq_len,
        } => {
            format!("passages of {seq_len} of {vocab_size} characters")
        }
    };
    let counts = format!(
        "{} train, {} valid, {} test",
        dataset.train.len(),
        dataset.valid.len(),
        dataset.test.len()
    );
    let fact = |name: &str, words: String| (name.to_owned(), words);
    vec![
        fact("Data", format!("{}: {shape}", dataset.name)),
        fact("Samples", counts),
        fact("Fingerprint", dataset.sha256.chars().take(12).collect()),
        fact(
            "Network",
            format!(
                "{}, {} parameters",
                subject.experiment.architecture,
                subject.network.num_params()
            ),
        ),
        fact("Seed", subject.experiment.seed.to_string()),
        fact("Device", subject.experiment.device.to_string()),
    ]
}

/// At most three things to do, most useful first: what the doctor found, else what may make a network
/// that learned well a little better.
pub(super) fn advice(subject: &Subject, report: &Report) -> Vec<Advice> {
    let run = subject.run.path().display();
    let alarms = report.findings.iter().filter(|finding| finding.is_alarm());
    let remedies: Vec<Advice> = alarms
        .take(3)
        .map(|finding| Advice {
            sentence: format!("{}: {}.", capitalised(&finding.cause), finding.remedy),
            command: finding.command.clone(),
        })
        .collect();
    if !remedies.is_empty() {
        return remedies;
    }
    let mut advice = Vec::new();
    let mut add = |sentence: String, command: Option<String>| {
        advice.push(Advice { sentence, command });
    };
    if let Some(mistakes) = report
        .mistakes
        .as_ref()
        .filter(|found| found.num_suspects.0 > 0)
    {
        let (number, among) = mistakes.num_suspects;
        add(
            format!("Look at {number} of {among} labels that may be wrong; they stand below."),
            None,
        );
    }
    let learning = &report.learning;
    let epochs = learning.num_epochs;
    if epochs > 1 && learning.best_epoch == Some(epochs) {
        let command = format!(
            "fornax train --config {run}/experiment.toml --epochs {}",
            2 * epochs
        );
        add(
            "It was still getting better when it ended: train for longer.".to_owned(),
            Some(command),
        );
    }
    if let Some(hierarchy) = &report.hierarchy
        && let Some(layer) = hierarchy.worse.first()
    {
        add(
            format!(
                "{layer} makes the decision harder than the layer before it: try it wider, or leave it out."
            ),
            Some(format!("fornax inspect {run} --view hierarchy")),
        );
    }
    let idle: usize = report
        .layers
        .iter()
        .map(|layer| layer.dead + layer.duplicates)
        .sum();
    let units: usize = report.layers.iter().map(|layer| layer.num_units).sum();
    if units > 0 && idle * 10 > units {
        add(
            format!(
                "{idle} of {units} units are dead or repeat another: a narrower network would do."
            ),
            Some(format!("fornax inspect {run} --view units")),
        );
    }
    advice.truncate(3);
    advice
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

pub(super) fn run_name(run: &RunDir) -> String {
    let path = run.path();
    path.file_name().map_or(path.display().to_string(), |name| {
        name.to_string_lossy().into_owned()
    })
}

pub(super) fn reproduce(subject: &Subject) -> Result<Reproduce, Error> {
    let path = subject.run.environment();
    let environment: BTreeMap<String, serde_json::Value> = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => BTreeMap::new(), // a run without it is still a run
    };
    let word = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(words) => {
            let words = words.iter().map(|word| word.as_str().unwrap_or_default());
            words.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let experiment = subject.run.experiment();
    Ok(Reproduce {
        command: format!("fornax train --config {}", experiment.display()),
        experiment: std::fs::read_to_string(&experiment)
            .map_err(|source| Error::io(&experiment, source))?,
        versions: environment
            .iter()
            .map(|(name, value)| (name.clone(), word(value)))
            .collect(),
    })
}
