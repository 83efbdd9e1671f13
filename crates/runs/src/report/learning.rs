//! The part of a report that is drawn from the events alone: how the run was learned.

use serde::Serialize;

use crate::{Event, EventKind, StepTimes};

/// How a run was learned.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Learning {
    /// One curve for each metric and split, by epoch.
    pub curves: Vec<Curve>,
    /// Loss of single steps.
    pub steps: Vec<(usize, f64)>,
    /// Learning rate of single steps.
    pub learning_rates: Vec<(usize, f64)>,
    /// The epoch whose weights were kept.
    pub best_epoch: Option<usize>,
    /// Epochs that were run.
    pub num_epochs: usize,
    /// Training samples a second, the median over the epochs.
    pub samples_per_s: f64,
    /// Reconstruction error of each layer that was pre-trained, by epoch.
    pub pretraining: Vec<Curve>,
    /// For each layer, how like it is to what it was at the point before, from 0 to 1.
    pub settling: Vec<Curve>,
    /// Where the time of the steps went: each part and its share.
    pub step_times: Vec<(String, f64)>,
    /// Milliseconds of a step.
    pub step_ms: f64,
    /// Warnings of the run.
    pub warnings: Vec<String>,
    /// How the training ended, in words.
    pub ending: String,
    /// Training time in seconds.
    pub seconds: f64,
}

/// A series of points under a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// What is measured, such as `accuracy`.
    pub metric: String,
    /// Where, such as `valid`.
    pub split: String,
    /// Epoch, counted from 1, and value.
    pub points: Vec<(usize, f64)>,
}

impl Learning {
    /// Collects what the events of a run say about its learning.
    #[must_use]
    pub fn from_events(events: &[Event]) -> Self {
        let mut learning = Self {
            ending: "the training has not ended".to_owned(),
            ..Self::default()
        };
        let mut speeds = Vec::new();
        let mut all_times = StepTimes::default();
        for event in events {
            #[allow(clippy::cast_precision_loss)] // a time for people
            let seconds = event.elapsed_ms as f64 / 1000.0;
            match &event.kind {
                EventKind::Epoch {
                    epoch,
                    train,
                    valid,
                    samples_per_s,
                    best,
                    ..
                } => {
                    for (split, metrics) in [("train", train), ("valid", valid)] {
                        for (metric, &value) in metrics {
                            add(&mut learning.curves, metric, split, *epoch, value);
                        }
                    }
                    learning.num_epochs = *epoch;
                    learning.seconds = seconds;
                    if *best {
                        learning.best_epoch = Some(*epoch);
                    }
                    speeds.push(*samples_per_s);
                }
                EventKind::PretrainEpoch {
                    epoch,
                    reconstruction_error,
                    ..
                } => {
                    let layer = format!("layer {}", event.at.layer.unwrap_or(0) + 1);
                    let metric = "reconstruction error";
                    let curves = &mut learning.pretraining;
                    add(curves, metric, &layer, *epoch, *reconstruction_error);
                }
                EventKind::UpDownEpoch {
                    epoch,
                    reconstruction_error,
                    ..
                } => {
                    let metric = "reconstruction error";
                    let curves = &mut learning.pretraining;
                    add(curves, metric, "all layers", *epoch, *reconstruction_error);
                }
                EventKind::Step {
                    loss,
                    learning_rate,
                    ..
                } => {
                    learning.steps.push((event.at.step, *loss));
                    learning
                        .learning_rates
                        .push((event.at.step, *learning_rate));
                }
                EventKind::Settling {
                    epoch,
                    layers,
                    similarity,
                    ..
                } => {
                    for (layer, &value) in layers.iter().zip(similarity) {
                        add(&mut learning.settling, "similarity", layer, *epoch, value);
                    }
                }
                EventKind::StepTimes(times) => all_times.add(times),
                EventKind::Warning { message } => learning.warnings.push(message.clone()),
                EventKind::Diverged { epoch, .. } => {
                    learning.ending = format!("the loss diverged in epoch {epoch}");
                }
                EventKind::Finished { reason } => {
                    reason.words().clone_into(&mut learning.ending);
                }
                EventKind::Interrupted => learning.ending = "the training was interrupted".into(),
                _ => {}
            }
        }
        let total = all_times.total_ms();
        if all_times.num_steps > 0 && total > 0.0 {
            let parts = all_times.parts().into_iter();
            let share = |(name, ms): (&str, f64)| (name.to_owned(), ms / total);
            learning.step_times = parts.map(share).collect();
            #[allow(clippy::cast_precision_loss)] // a count of steps
            let num_steps = all_times.num_steps as f64;
            learning.step_ms = total / num_steps;
        }
        speeds.sort_by(f64::total_cmp);
        learning.samples_per_s = speeds.get(speeds.len() / 2).copied().unwrap_or(f64::NAN);
        learning
    }

    /// The curve of a metric on a split, if there is one.
    #[must_use]
    pub fn curve(&self, metric: &str, split: &str) -> Option<&Curve> {
        let is_it = |curve: &&Curve| curve.metric == metric && curve.split == split;
        self.curves.iter().find(is_it)
    }
}

fn add(curves: &mut Vec<Curve>, metric: &str, split: &str, epoch: usize, value: f64) {
    let known = curves
        .iter_mut()
        .find(|curve| curve.metric == metric && curve.split == split);
    match known {
        Some(curve) => curve.points.push((epoch, value)),
        None => curves.push(Curve {
            metric: metric.to_owned(),
            split: split.to_owned(),
            points: vec![(epoch, value)],
        }),
    }
}
