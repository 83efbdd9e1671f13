//! The loop: epochs of steps over the shuffled training split, a validation after each, the best
//! weights kept.

use burn::module::Module;
use fornax_data::{Dataset, Task, epoch_order};
use fornax_runs::{EventKind, FinishReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

use crate::architecture::Network;
use crate::batch;
use crate::checkpoint::{Checkpoint, Phase};
use crate::error::Error;
use crate::evaluate::{evaluate, update};
use crate::experiment::Experiment;
use crate::loader::{Loader, batches, num_batches};
use crate::metrics::{Direction, Metrics, bits};
use crate::progress::EpochSummary;
use crate::seeds::{Stream, seed};
use crate::session::Session;
use crate::settling::Settling;
use crate::signals::{Collector, DoctorLevel};
use crate::step::{Learner, Objective};
use crate::step_clock::{Part, StepClock};

/// Steps whose loss goes into the events, over a whole training.
const LOGGED_STEPS: usize = 500;

/// Where the loop stands, between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitState {
    /// Completed epochs.
    pub epoch: usize,
    /// Completed steps of the current epoch: the place in its shuffled order.
    pub batch_index: usize,
    /// Completed steps in all.
    pub step: usize,
    /// Metrics of the current epoch's training batches, each as it was before its step.
    pub train_metrics: Metrics,
    /// Sum of the current epoch's losses, each times the samples of its batch.
    #[serde(with = "bits")]
    pub loss_sum: f64,
    /// Samples of the current epoch so far.
    pub num_samples: usize,
    /// The best validation result so far.
    pub best: Option<Best>,
    /// Why the loop ended, once it has.
    pub finished: Option<FinishReason>,
}

/// A validation result that no later one beat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Value of the primary metric; of the training split where there is no validation split.
    #[serde(with = "bits")]
    pub value: f64,
    /// The loss, which decides between equal values.
    #[serde(with = "bits")]
    pub loss: f64,
    /// Its epoch, counted from 1.
    pub epoch: usize,
}

impl FitState {
    /// The start of a training.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self {
            epoch: 0,
            batch_index: 0,
            step: 0,
            train_metrics: Metrics::for_task(&session.dataset.task),
            loss_sum: 0.0,
            num_samples: 0,
            best: None,
            finished: None,
        }
    }

    fn next_epoch(&mut self, metrics: Metrics) {
        self.batch_index = 0;
        self.train_metrics = metrics;
        self.loss_sum = 0.0;
        self.num_samples = 0;
    }
}

/// Trains until all epochs are done, nothing improves any more, or the time is over.
///
/// # Errors
/// When the loss diverges, the user interrupts, or a file cannot be written.
pub fn run(
    session: &mut Session,
    network: Network,
    mut state: FitState,
    checkpoint: Option<&Checkpoint>,
) -> Result<FinishReason, Error> {
    let train = session.experiment.train.clone();
    let mut optimizer = train.optimizer.init(train.momentum, train.weight_decay);
    if let Some(checkpoint) = checkpoint {
        let path = session.run.checkpoint(fornax_runs::CheckpointKind::Last);
        optimizer = checkpoint.optimizer(optimizer, &path)?;
    }
    let mut learner = Learner {
        network: network.train(),
        optimizer,
    };
    let objective = objective(session.experiment, session.dataset);
    let batches_per_epoch = num_batches(session.dataset.train.len(), train.batch_size);
    let num_steps = train.epochs * batches_per_epoch;
    let mut collector = Collector::new(train.doctor, session.config, batches_per_epoch, num_steps);
    let mut settling = Settling::new(session, &learner.network.valid(), &state)?;
    session
        .display
        .start_fit(train.epochs, batches_per_epoch, state.step);
    while state.finished.is_none() {
        let started = (Instant::now(), state.num_samples);
        learner = epoch(
            session,
            learner,
            &mut state,
            &objective,
            &mut collector,
            num_steps,
        )?;
        let elapsed = started.0.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)] // a rate for people
        let samples_per_s = (state.num_samples - started.1) as f64 / elapsed.max(1e-9);
        close_epoch(session, &learner, &mut state, &mut settling, samples_per_s)?;
    }
    session.display.finish();
    Ok(state.finished.unwrap_or(FinishReason::Completed))
}

/// Takes the rest of the current epoch's steps.
fn epoch(
    session: &mut Session,
    mut learner: Learner,
    state: &mut FitState,
    objective: &Objective,
    collector: &mut Collector,
    num_steps: usize,
) -> Result<Learner, Error> {
    let train = session.experiment.train.clone();
    let run_seed = session.experiment.seed;
    let device = session.device.clone().autodiff();
    let split = &session.dataset.train.in_epoch(run_seed, state.epoch);
    let order = epoch_order(split.len(), run_seed, state.epoch);
    let left: Vec<&[usize]> = batches(&order, train.batch_size)
        .skip(state.batch_index)
        .collect();
    let augment = &session.experiment.augment;
    let log_every = (num_steps / LOGGED_STEPS).max(1);
    let mut clock = StepClock::new(&device);
    let learner = std::thread::scope(|scope| {
        let loader = Loader::start(scope, split, left.clone(), augment, run_seed, state.epoch);
        for indices in left {
            clock.start(state.step);
            let batch = loader.next()?;
            let inputs = batch::inputs(&batch, session.layout, &device);
            let Some(targets) = batch::targets(&batch, &device) else {
                return Err(Error::Internal {
                    message: "training data without targets".to_owned(),
                });
            };
            let factor = train.schedule.factor(state.step, num_steps, train.warmup);
            let learning_rate = train.learning_rate * factor;
            device.seed(seed(run_seed, Stream::Step, state.step));
            clock.lap(Part::Loading);
            let mut watch = collector.watch(state.step, &mut clock);
            let (next, outcome) = learner.step_watched(
                &inputs,
                targets,
                objective,
                learning_rate,
                train.clip_norm,
                &mut watch,
            );
            learner = next;
            let epoch = state.epoch + 1;
            if !outcome.loss.is_finite() {
                if let Some(event) = collector.not_finite(&learner.network, &inputs, split, indices)
                {
                    session.record(fornax_runs::Position::train(state.step), event)?;
                }
                return Err(diverged(session, &learner, state, outcome.loss)?);
            }
            if state.step.is_multiple_of(log_every) {
                let kind = EventKind::Step {
                    epoch,
                    loss: outcome.loss,
                    learning_rate,
                };
                session.record(fornax_runs::Position::train(state.step), kind)?;
            }
            update(
                &mut state.train_metrics,
                &outcome.outputs,
                &batch,
                split,
                indices,
            );
            #[allow(clippy::cast_precision_loss)] // batches are far smaller than 2^53
            let weight = batch.len() as f64;
            state.loss_sum += outcome.loss * weight;
            state.num_samples += batch.len();
            state.batch_index += 1;
            state.step += 1;
            session.display.step(state.step, outcome.loss);
            clock.lap(Part::Instrumentation);
            for event in collector.close_step(state.step - 1, epoch, outcome.loss) {
                session.record(fornax_runs::Position::train(state.step), event)?;
            }
            clock.lap(Part::Doctor);
            let phase = || Phase::Fit(state.clone());
            session.stop_if_interrupted(
                &phase(),
                &learner.network,
                Some(&learner.optimizer),
                None,
            )?;
            if session.checkpoint_due() {
                session.checkpoint(&phase(), &learner.network, Some(&learner.optimizer), None)?;
            }
            if session.out_of_time() {
                state.finished = Some(FinishReason::TimeBudget);
                break;
            }
        }
        Ok(learner)
    })?;
    let times = clock.times();
    if times.num_steps > 0 {
        let at = fornax_runs::Position::train(state.step);
        session.record(at, EventKind::StepTimes(times))?;
    }
    Ok(learner)
}

/// Validates, keeps the weights if they are the best, decides whether to go on, and saves.
fn close_epoch(
    session: &mut Session,
    learner: &Learner,
    state: &mut FitState,
    settling: &mut Settling,
    samples_per_s: f64,
) -> Result<(), Error> {
    let train = session.experiment.train.clone();
    let dataset = session.dataset;
    let network = learner.network.valid();
    #[allow(clippy::cast_precision_loss)] // counts of samples
    let train_loss = state.loss_sum / state.num_samples.max(1) as f64;
    let mut train_values = state.train_metrics.values();
    train_values.insert("loss".to_owned(), train_loss);
    let (metrics, valid_values) = if dataset.valid.is_empty() {
        (state.train_metrics.clone(), BTreeMap::new())
    } else {
        let metrics = evaluate(
            &network,
            &dataset.valid,
            dataset,
            session.layout,
            &session.device,
            train.batch_size,
        )?;
        let values = metrics.values();
        (metrics, values)
    };
    state.epoch += 1;
    let (name, direction) = metrics.primary();
    let value = metrics.values().get(name).copied().unwrap_or(f64::NAN);
    let loss = metrics.loss();
    let candidate = Best {
        value,
        loss,
        epoch: state.epoch,
    };
    let best = state
        .best
        .is_none_or(|best| better(&candidate, &best, direction));
    if best {
        state.best = Some(candidate);
    }
    let since_best = state.epoch - state.best.map_or(0, |best| best.epoch);
    if state.finished.is_none() && state.epoch >= train.epochs {
        state.finished = Some(FinishReason::Completed);
    }
    if state.finished.is_none()
        && train
            .patience
            .is_some_and(|patience| since_best >= patience)
    {
        state.finished = Some(FinishReason::EarlyStopping);
    }
    let summary = EpochSummary {
        epoch: state.epoch,
        num_epochs: train.epochs,
        step: state.step,
        train: train_values.clone(),
        valid: valid_values.clone(),
        samples_per_s,
        best,
        primary: name,
    };
    let num_steps = train.epochs * num_batches(dataset.train.len(), train.batch_size);
    let factor = train
        .schedule
        .factor(state.step.saturating_sub(1), num_steps, train.warmup);
    session.record(
        fornax_runs::Position::train(state.step),
        EventKind::Epoch {
            epoch: state.epoch,
            num_epochs: train.epochs,
            learning_rate: train.learning_rate * factor,
            train: train_values,
            valid: valid_values,
            samples_per_s,
            best,
        },
    )?;
    if let Some(recall) = metrics
        .recall()
        .filter(|_| train.doctor != DoctorLevel::Off)
    {
        let epoch = state.epoch;
        session.record(
            fornax_runs::Position::train(state.step),
            EventKind::ClassRecall { epoch, recall },
        )?;
    }
    if let Some(moved) = settling.close_epoch(&network, state.epoch) {
        session.record(fornax_runs::Position::train(state.step), moved)?;
    }
    session.write_metrics()?;
    session.display.epoch(&summary);
    session.consult();
    state.next_epoch(Metrics::for_task(&dataset.task));
    let phase = Phase::Fit(state.clone());
    if best {
        session.keep_best(&phase, &learner.network, &learner.optimizer)?;
    }
    session.checkpoint(&phase, &learner.network, Some(&learner.optimizer), None)
}

/// Records that the loss is no longer a number. The last checkpoint stays as it was.
fn diverged(
    session: &mut Session,
    learner: &Learner,
    state: &FitState,
    loss: f64,
) -> Result<Error, Error> {
    let (step, epoch) = (state.step, state.epoch + 1);
    session.record(
        fornax_runs::Position::train(step),
        EventKind::Diverged { epoch, loss },
    )?;
    session.display.finish();
    if state.best.is_none() {
        // There has to be a model in the run, even after a first epoch that went wrong.
        crate::model::SavedModel::write_weights(session.run, &learner.network)?;
    }
    Ok(Error::Diverged {
        loss,
        step,
        epoch,
        setting: "train.learning_rate",
        run: session.run.path().to_owned(),
    })
}

fn better(candidate: &Best, best: &Best, direction: Direction) -> bool {
    if best.value.is_nan() {
        return !candidate.value.is_nan();
    }
    if candidate.value.total_cmp(&best.value).is_eq() {
        return candidate.loss < best.loss;
    }
    match direction {
        Direction::Up => candidate.value > best.value,
        Direction::Down => candidate.value < best.value,
    }
}

/// What to make small, from the task and the settings.
pub(crate) fn objective(experiment: &Experiment, dataset: &Dataset) -> Objective {
    let train = &experiment.train;
    match &dataset.task {
        Task::Regression { .. } | Task::Forecast { .. } => Objective::SquaredError,
        Task::Classification { .. } | Task::NextToken { .. } => Objective::CrossEntropy {
            #[allow(clippy::cast_possible_truncation)] // a share needs no more than f32
            label_smoothing: train.label_smoothing as f32,
            class_weights: dataset
                .train
                .class_counts()
                .filter(|_| train.balance_classes)
                .map(|counts| balanced_weights(&counts).into()),
        },
    }
}

/// Weights by which every class counts the same in all: n / (K nₖ), and 0 for an absent class.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // counts and shares
fn balanced_weights(counts: &[usize]) -> Vec<f32> {
    let total: usize = counts.iter().sum();
    let share = total as f64 / counts.len().max(1) as f64;
    counts
        .iter()
        .map(|&n| {
            if n == 0 {
                0.0
            } else {
                (share / n as f64) as f32
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_give_every_class_the_same_sum() {
        let counts = [10, 30, 0];
        let weights = balanced_weights(&counts);
        assert!(
            (weights[0] * 10.0 - weights[1] * 30.0).abs() < 1e-4,
            "{weights:?}"
        );
        assert!(weights[2].abs() < 1e-9);
    }

    #[test]
    fn equal_values_are_decided_by_the_loss_and_nan_never_wins() {
        let best = |value, loss| Best {
            value,
            loss,
            epoch: 1,
        };
        assert!(better(&best(0.9, 0.1), &best(0.9, 0.2), Direction::Up));
        assert!(!better(&best(0.8, 0.1), &best(0.9, 0.2), Direction::Up));
        assert!(better(&best(0.8, 0.1), &best(0.9, 0.2), Direction::Down));
        assert!(!better(
            &best(f64::NAN, 0.1),
            &best(0.9, 0.2),
            Direction::Up
        ));
        assert!(better(&best(0.1, 0.1), &best(f64::NAN, 0.2), Direction::Up));
    }
}
