//! How the network was learned: curves by epoch, the loss of single steps.

use maud::{Markup, html};

use super::figure::{figure, table};
use super::findings::pins;
use super::learning::{Curve, Learning};
use super::model::{Finding, Verdict};
use super::plot::{Chart, Line, Pin};
use super::words::{counted, duration, metric_name, metric_value, percent, plain};

pub(super) fn section(learning: &Learning, verdict: &Verdict, found: &[Finding]) -> Markup {
    let metric = &verdict.metric;
    html! {
        h2 { (headline(learning)) }
        p.quiet {
            "It " (learning.ending.trim_end_matches(',')) " after " (duration(learning.seconds))
            @if learning.samples_per_s.is_finite() { ", at " (plain(learning.samples_per_s)) " samples a second" } "."
        }
        @if !learning.step_times.is_empty() { (step_times(learning)) }
        @for warning in &learning.warnings { p { strong { "Warning: " } (warning) } }
        div.grid {
            (curves(learning, verdict, &metric_takeaway(learning, metric, verdict.higher_is_better), pins(found, |finding| finding.epoch)))
            (loss(learning, pins(found, |finding| finding.step)))
            @if !learning.pretraining.is_empty() { (pretraining(learning)) }
            @if learning.settling.iter().any(|layer| layer.points.len() > 1) { (settling(&learning.settling)) }
        }
    }
}

/// One bar for a step, cut into its parts, which are named below with their shares.
fn step_times(learning: &Learning) -> Markup {
    html! {
        div.split aria-hidden="true" {
            @for (index, (_, share)) in learning.step_times.iter().enumerate() {
                span class=(format!("part p{index}")) style=(format!("width:{:.1}%", 100.0 * share)) {}
            }
        }
        p.quiet.parts {
            "A step took " (plain(learning.step_ms)) " ms: "
            @for (index, (name, share)) in learning.step_times.iter().enumerate() {
                @if index > 0 { ", " }
                span class=(format!("key p{index}")) aria-hidden="true" {} (name) " " (percent(*share))
            }
        }
    }
}

/// From here on a layer counts as settled.
const SETTLED: f64 = 0.95;

/// How far each layer moved from one look to the next.
fn settling(layers: &[Curve]) -> Markup {
    let epochs = layers.iter().map(|layer| &layer.points);
    let epochs = epochs.max_by_key(|points| points.len());
    let drawing = html! {
        div.scroll tabindex="0" role="region" aria-label="How like each layer is to itself before" {
            table.matrix {
                thead { tr { td style="--v:0" {} @for (epoch, _) in epochs.into_iter().flatten() { th scope="col" { (epoch) } } } }
                tbody { @for layer in layers { tr {
                    th scope="row" { (layer.split) }
                    @for (_, value) in &layer.points {
                        @let shown = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
                        td.deep[shown > 0.6] style=(format!("--v:{shown:.2}")) { @if value.is_finite() { (format!("{value:.2}")) } @else { "–" } }
                    }
                } } }
            }
        }
    };
    figure(
        &settling_takeaway(layers),
        &drawing,
        "How like each layer is to what it was at the epoch before it in this table, the first to what it was before training (CKA on validation samples): 1 where nothing changed but a rotation.",
        None,
    )
}

fn settling_takeaway(layers: &[Curve]) -> String {
    let since = |layer: &Curve| {
        let moving = layer.points.iter().rposition(|(_, value)| *value < SETTLED);
        let first = moving.map_or(0, |last| last + 1);
        layer.points.get(first).map(|(epoch, _)| *epoch)
    };
    let restless: Vec<&str> = layers
        .iter()
        .filter(|layer| since(layer).is_none())
        .map(|layer| layer.split.as_str())
        .collect();
    let first = layers
        .iter()
        .filter_map(|layer| Some((since(layer)?, &layer.split)));
    match (restless.as_slice(), first.min()) {
        ([], Some((_, first))) => format!("Every layer settled, {first} first"),
        (restless, Some((epoch, first))) => format!(
            "{first} is settled from epoch {epoch} on; {} still changed at the end",
            restless.join(", ")
        ),
        (_, None) => "All layers still changed at the end".to_owned(),
    }
}

fn headline(learning: &Learning) -> String {
    match learning.best_epoch {
        Some(best) if best == learning.num_epochs && best > 1 => {
            format!(
                "Still getting better at the end: the last of {} was the best",
                counted(learning.num_epochs, "epoch")
            )
        }
        Some(best) => format!(
            "Best after {} of {}",
            counted(best, "epoch"),
            learning.num_epochs
        ),
        None => "How it learned".to_owned(),
    }
}

#[allow(clippy::cast_precision_loss)] // epochs
fn line(curve: &Curve, style: usize) -> Line {
    Line::new(
        &curve.split,
        style,
        curve
            .points
            .iter()
            .map(|&(epoch, value)| (epoch as f64, value)),
    )
}

fn metric_takeaway(learning: &Learning, metric: &str, higher: bool) -> String {
    let last = |split| {
        learning
            .curve(metric, split)
            .and_then(|curve| curve.points.last())
            .map(|point| point.1)
    };
    match (last("train"), last("valid")) {
        (Some(train), Some(valid)) => {
            let gap = if higher { train - valid } else { valid - train };
            let name = metric_name(metric);
            let (train, valid) = (metric_value(metric, train), metric_value(metric, valid));
            let judged = if gap > 0.05 * valid_size(learning, metric) {
                "it knows the training data better than new data"
            } else {
                "what it learned holds for new data"
            };
            format!("{name}: {train} in training, {valid} in validation; {judged}")
        }
        (Some(train), None) => format!(
            "{}: {} in training; there is no validation split to compare with",
            metric_name(metric),
            metric_value(metric, train)
        ),
        _ => metric_name(metric),
    }
}

fn valid_size(learning: &Learning, metric: &str) -> f64 {
    learning
        .curve(metric, "valid")
        .and_then(|curve| curve.points.last())
        .map_or(1.0, |point| point.1.abs().max(1e-9))
}

#[allow(clippy::cast_precision_loss)] // epochs
fn curves(learning: &Learning, verdict: &Verdict, takeaway: &str, pins: Vec<Pin>) -> Markup {
    let metric = &verdict.metric;
    let splits = ["train", "valid"];
    let found: Vec<_> = splits
        .iter()
        .filter_map(|split| learning.curve(metric, split))
        .collect();
    let chart = Chart {
        label: takeaway.to_owned(),
        lines: found
            .iter()
            .enumerate()
            .map(|(index, curve)| line(curve, 1 - index.min(1)))
            .collect(),
        x_label: "epoch".into(),
        y_label: metric_name(metric),
        percent: verdict.unit == super::Unit::Share,
        pins,
        mark_x: learning
            .best_epoch
            .map(|best| (best as f64, "kept".to_owned())),
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = found.first().map_or(Vec::new(), |first| {
        first
            .points
            .iter()
            .enumerate()
            .map(|(index, (epoch, _))| {
                let cells = found.iter().map(|curve| {
                    curve
                        .points
                        .get(index)
                        .map_or("–".into(), |point| metric_value(metric, point.1))
                });
                std::iter::once(epoch.to_string()).chain(cells).collect()
            })
            .collect()
    });
    let columns: Vec<&str> = std::iter::once("epoch")
        .chain(found.iter().map(|curve| curve.split.as_str()))
        .collect();
    figure(takeaway, &chart.draw(), "", Some(&table(&columns, &rows)))
}

#[allow(clippy::cast_precision_loss)] // steps
fn loss(learning: &Learning, pins: Vec<Pin>) -> Markup {
    let points: Vec<(f64, f64)> = learning
        .steps
        .iter()
        .map(|&(step, loss)| (step as f64, loss))
        .collect();
    let window = (points.len() / 25).max(1);
    let smooth = points.windows(window).map(|part| {
        let mean = part.iter().map(|point| point.1).sum::<f64>() / part.len() as f64;
        (part[part.len() / 2].0, mean)
    });
    let smooth: Vec<_> = smooth.collect();
    let takeaway = match (smooth.first(), smooth.last()) {
        (Some(first), Some(last)) if smooth.len() > 1 => format!(
            "Loss of a step: from {} to {}",
            plain(first.1),
            plain(last.1)
        ),
        _ => "Loss of a step".to_owned(),
    };
    let positive = smooth.iter().all(|point| point.1 > 0.0);
    let chart = Chart {
        label: takeaway.clone(),
        lines: vec![Line::new("loss", 0, smooth.iter().copied())],
        x_label: "step".into(),
        y_label: if positive {
            "loss, logarithmic".into()
        } else {
            "loss".into()
        },
        log: positive,
        pins,
        ..Chart::default()
    };
    let every = (learning.steps.len() / 40).max(1);
    let rates: std::collections::BTreeMap<_, _> = learning.learning_rates.iter().copied().collect();
    let rows: Vec<Vec<String>> = learning
        .steps
        .iter()
        .step_by(every)
        .map(|(step, loss)| {
            vec![
                step.to_string(),
                plain(*loss),
                rates.get(step).map_or("–".into(), |rate| plain(*rate)),
            ]
        })
        .collect();
    let caption = format!("Mean of {window} reported steps.");
    figure(
        &takeaway,
        &chart.draw(),
        &caption,
        Some(&table(&["step", "loss", "learning rate"], &rows)),
    )
}

fn pretraining(learning: &Learning) -> Markup {
    let takeaway =
        "Before any label: each layer learns to reconstruct what the layer below gives it";
    let chart = Chart {
        label: takeaway.to_owned(),
        lines: learning
            .pretraining
            .iter()
            .enumerate()
            .map(|(index, curve)| line(curve, index))
            .collect(),
        x_label: "epoch of pre-training".into(),
        y_label: "reconstruction error".into(),
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = learning
        .pretraining
        .iter()
        .flat_map(|curve| {
            curve.points.iter().map(|(epoch, value)| {
                vec![format!("{}, epoch {epoch}", curve.split), plain(*value)]
            })
        })
        .collect();
    figure(
        takeaway,
        &chart.draw(),
        "",
        Some(&table(&["layer", "reconstruction error"], &rows)),
    )
}
