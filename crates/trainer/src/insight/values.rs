//! Where a network of numbers is off.

use fornax_data::{Baseline, Inputs, Task};
use fornax_runs::report::{Case, Exhibit, Method, ValueErrors};

use super::classes::neighbours;
use super::exhibits::Exhibits;
use super::explain::{Attribution, explain};
use super::layers::Seen;
use super::verdict::{Judged, squared_errors};
use super::{Sample, Subject};
use crate::error::Error;

/// Points of the scatter plot.
const POINTS: usize = 600;
/// Bars of the histogram.
const BARS: usize = 24;
/// Cases that are shown.
const CASES: usize = 9;

#[allow(clippy::cast_precision_loss)] // counts of samples
pub(super) fn errors(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
    exhibits: &Exhibits,
) -> Result<Option<ValueErrors>, Error> {
    let num_samples = judged.places.len();
    let Some(width) = judged.outputs.len().checked_div(num_samples) else {
        return Ok(None);
    };
    let target = match &subject.dataset.task {
        Task::Regression { target } => target.clone(),
        Task::Forecast {
            target, channels, ..
        } if channels.is_empty() => target.clone(),
        Task::Forecast { target, .. } => format!("{target}, in standard deviations"),
        Task::Classification { .. } | Task::NextToken { .. } => return Ok(None),
    };
    let predicted = judged.split.comparable(&judged.places, &judged.outputs);
    let truth = judged.split.comparable(&judged.places, &judged.values);
    let every = predicted.len().div_ceil(POINTS).max(1);
    let pairs = truth
        .iter()
        .zip(&predicted)
        .step_by(every)
        .map(|(a, b)| (*a, *b));
    let by_step = |at: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        (0..width)
            .map(|step| {
                let sum: f64 = (0..num_samples).map(|row| at(row, step).powi(2)).sum();
                (sum / num_samples as f64).sqrt()
            })
            .collect()
    };
    let rmse_by_step =
        by_step(&|row, step| predicted[row * width + step] - truth[row * width + step]);
    let naive_by_step = match subject.dataset.baseline {
        // Values of a window are differences to its last: the naive forecast is always zero.
        Baseline::Naive { .. } => {
            let zeros = judged
                .split
                .comparable(&judged.places, &vec![0.0; judged.values.len()]);
            by_step(&|row, step| zeros[row * width + step] - truth[row * width + step])
        }
        _ => Vec::new(),
    };
    let differences: Vec<f64> = predicted.iter().zip(&truth).map(|(a, b)| a - b).collect();
    let (cases, method) = cases(subject, sample, seen, judged, exhibits)?;
    Ok(Some(ValueErrors {
        target,
        split: judged.name.to_owned(),
        pairs: pairs.collect(),
        rmse_by_step,
        naive_by_step,
        histogram: histogram(&differences),
        cases,
        method,
    }))
}

/// Cards for the samples that are furthest off, with how they were explained.
fn cases(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
    exhibits: &Exhibits,
) -> Result<(Vec<Case>, Option<Method>), Error> {
    let num_samples = judged.places.len();
    let width = judged.outputs.len() / num_samples.max(1);
    let predicted = judged.split.unscale(&judged.places, &judged.outputs);
    let truth = judged.split.unscale(&judged.places, &judged.values);
    let errors = squared_errors(judged);
    let mut order: Vec<usize> = (0..num_samples).collect();
    order.sort_by(|&a, &b| errors[b].total_cmp(&errors[a]));
    order.truncate(CASES);
    let places: Vec<usize> = order.iter().map(|&index| judged.places[index]).collect();
    // Of a forecast, its first step is explained.
    let explained = explain(
        subject,
        Attribution::suited(subject),
        judged.split,
        &places,
        &vec![0; places.len()],
    )?;
    let train = &subject.dataset.train;
    let near = neighbours(
        subject,
        sample,
        seen,
        judged.split,
        &places,
        exhibits,
        |place| {
            let batch = train.batch(&[place]).map(|batch| batch.targets);
            let Ok(fornax_data::Targets::Values { values, .. }) = batch else {
                return String::new();
            };
            let values = train.unscale(&[place], &values);
            format!(
                "{} {}",
                subject
                    .dataset
                    .task
                    .column(train.channel(place))
                    .unwrap_or_default(),
                short(values.first().copied().unwrap_or(f64::NAN))
            )
        },
    )?;
    let cases = order
        .iter()
        .zip(near)
        .enumerate()
        .map(|(index, (&at, neighbours))| {
            let place = places[index];
            let weights = explained.as_ref().and_then(|explained| explained.of(index));
            let (mut exhibit, map) = exhibits.explained(judged.split, place, weights);
            let row = at * width..(at + 1) * width;
            if width > 1
                || matches!(
                    judged.split.batch(&[place]).map(|batch| batch.inputs),
                    Ok(Inputs::Sequences { .. })
                )
            {
                ahead(
                    subject,
                    &mut exhibit,
                    &judged.values[row.clone()],
                    &judged.outputs[row.clone()],
                );
            }
            let words = |values: &[f64]| match values {
                [one] => short(*one),
                many => format!("{} … {}", short(many[0]), short(many[many.len() - 1])),
            };
            Case {
                place: judged.split.place(place),
                exhibit,
                map,
                truth: words(&truth[row.clone()]),
                answer: words(&predicted[row]),
                confidence: None,
                neighbours,
            }
        });
    Ok((
        cases.collect(),
        explained.as_ref().map(|explained| explained.method.clone()),
    ))
}

/// Adds what followed to a window, in the window's own scale.
#[allow(clippy::cast_possible_truncation)] // a picture
fn ahead(subject: &Subject, exhibit: &mut Exhibit, truth: &[f32], forecast: &[f32]) {
    let fornax_data::Preprocess::Series(series) = &subject.dataset.preprocess else {
        return;
    };
    let factor = (series.target_scale / series.window_scale) as f32;
    if let Exhibit::Series {
        channels,
        truth: shown_truth,
        forecast: shown_forecast,
        ..
    } = exhibit
    {
        // The other columns would hide the one that is forecast.
        channels.truncate(1);
        // Nor is there a value in the steps of which only something else is known.
        for channel in channels.iter_mut() {
            channel.truncate(series.window);
        }
        *shown_truth = truth.iter().map(|value| value * factor).collect();
        *shown_forecast = forecast.iter().map(|value| value * factor).collect();
    }
}

fn short(value: f64) -> String {
    let text = if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    };
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// Bars of equal width over all but the most extreme, which the outer bars take.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn histogram(differences: &[f64]) -> Vec<(f64, f64, usize)> {
    let mut sorted: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return Vec::new();
    }
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let (low, high) = (at(0.005), at(0.995));
    let size = ((high - low) / BARS as f64).max(1e-12);
    let mut counts = vec![0; BARS];
    for value in &sorted {
        let bar = ((value - low) / size).floor().clamp(0.0, BARS as f64 - 1.0) as usize;
        counts[bar] += 1;
    }
    let edge = |bar: usize| low + size * bar as f64;
    counts
        .into_iter()
        .enumerate()
        .map(|(bar, count)| (edge(bar), edge(bar + 1), count))
        .collect()
}
