//! A run as the rules see it: its events sorted by what they tell, and its experiment.

use std::collections::BTreeMap;

use fornax_runs::{
    DataSignals, Event, EventKind, FinishReason, MachineSignals, NotFinite, Position, Signals,
};
use serde_json::Value;

use crate::{Outcome, Severity};

/// A run, whole or so far.
///
/// It holds nothing of the test split: that one judges, and chooses nothing.
#[derive(Debug)]
pub struct Record<'a> {
    /// Every setting, as a tree.
    pub experiment: &'a Value,
    /// Such as `classification`; empty before the run started.
    pub task: &'a str,
    /// Samples of train and valid.
    pub num_samples: [usize; 2],
    /// The passes over the training split.
    pub epochs: Vec<EpochRecord<'a>>,
    /// Single steps, thinned out over the training.
    pub steps: Vec<StepRecord>,
    /// What went on inside, each at the end of a window of steps.
    pub signals: Vec<(usize, &'a Signals)>,
    /// Pre-training, by layer and epoch.
    pub machines: Vec<(Position, &'a MachineSignals)>,
    /// Reconstruction error, and free energy of train and valid, by layer and epoch.
    pub pretraining: Vec<(Position, f64, [Option<f64>; 2])>,
    /// What the preflight found.
    pub data: Option<&'a DataSignals>,
    /// Recall of each class at the end of the last epoch.
    pub recall: &'a [f64],
    /// Where a number first stopped being finite.
    pub not_finite: Option<(Position, &'a NotFinite)>,
    /// Where the loss stopped being finite, and its epoch.
    pub diverged: Option<(Position, usize)>,
    /// Why the training ended, once it has.
    pub finished: Option<FinishReason>,
    /// How good the result is.
    pub outcome: Outcome,
}

/// One pass over the training split.
#[derive(Debug, Clone, Copy)]
pub struct EpochRecord<'a> {
    /// Counted from 1.
    pub epoch: usize,
    /// Epochs planned.
    pub num_epochs: usize,
    /// Steps done at its end.
    pub step: usize,
    /// Metrics of the training split, measured while it was trained on.
    pub train: &'a BTreeMap<String, f64>,
    /// Metrics of the validation split; empty where there is none.
    pub valid: &'a BTreeMap<String, f64>,
    /// Whether it was the best so far.
    pub best: bool,
}

/// One optimiser step.
#[derive(Debug, Clone, Copy)]
pub struct StepRecord {
    /// Counted from 0.
    pub step: usize,
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of the batch.
    pub loss: f64,
}

impl EpochRecord<'_> {
    /// The loss that was minimised.
    #[must_use]
    pub fn train_loss(&self) -> f64 {
        self.train.get("loss").copied().unwrap_or(f64::NAN)
    }

    /// The same of the validation split, up to smoothing and weights: the log loss, or the squared
    /// error in original units.
    #[must_use]
    pub fn valid_loss(&self) -> Option<f64> {
        let squared = || self.valid.get("rmse").map(|rmse| rmse * rmse);
        self.valid.get("log_loss").copied().or_else(squared)
    }
}

impl<'a> Record<'a> {
    /// Sorts the events of a run, of which those that were superseded are left out already.
    #[must_use]
    pub fn new(events: &'a [Event], experiment: &'a Value) -> Self {
        let mut record = Self {
            experiment,
            task: "",
            num_samples: [0; 2],
            epochs: Vec::new(),
            steps: Vec::new(),
            signals: Vec::new(),
            machines: Vec::new(),
            pretraining: Vec::new(),
            data: None,
            recall: &[],
            not_finite: None,
            diverged: None,
            finished: None,
            outcome: Outcome::default(),
        };
        for event in events {
            record.add(event);
        }
        record.outcome = Outcome::of(&record);
        record
    }

    fn add(&mut self, event: &'a Event) {
        let Position { step, .. } = event.at;
        match &event.kind {
            EventKind::Started {
                task,
                num_train,
                num_valid,
                ..
            } => {
                self.task = task;
                self.num_samples = [*num_train, *num_valid];
            }
            EventKind::Epoch {
                epoch,
                num_epochs,
                train,
                valid,
                best,
                ..
            } => self.epochs.push(EpochRecord {
                epoch: *epoch,
                num_epochs: *num_epochs,
                step,
                train,
                valid,
                best: *best,
            }),
            &EventKind::Step { epoch, loss, .. } => {
                self.steps.push(StepRecord { step, epoch, loss });
            }
            EventKind::Signals(signals) => self.signals.push((step, signals)),
            EventKind::Machine(machine) => self.machines.push((event.at, machine)),
            EventKind::PretrainEpoch {
                reconstruction_error,
                free_energy_train,
                free_energy_valid,
                ..
            } => {
                let energies = [Some(*free_energy_train), *free_energy_valid];
                self.pretraining
                    .push((event.at, *reconstruction_error, energies));
            }
            EventKind::Data(data) => self.data = Some(data),
            EventKind::ClassRecall { recall, .. } => self.recall = recall,
            EventKind::NotFinite(found) => {
                self.not_finite.get_or_insert((event.at, found));
            }
            EventKind::Diverged { epoch, .. } => self.diverged = Some((event.at, *epoch)),
            EventKind::Finished { reason } => self.finished = Some(*reason),
            EventKind::Resumed => (self.diverged, self.finished) = (None, None),
            _ => {}
        }
    }

    /// Share of the planned epochs that are done; 1 once the training has ended, however it did.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // epochs
    pub fn progress(&self) -> f64 {
        if self.finished.is_some() || self.diverged.is_some() {
            return 1.0;
        }
        self.epochs.last().map_or(0.0, |last| {
            last.epoch as f64 / last.num_epochs.max(1) as f64
        })
    }

    /// Whether the machines of a deep belief network are still learning.
    #[must_use]
    pub fn is_pretraining(&self) -> bool {
        self.epochs.is_empty() && !self.pretraining.is_empty() && self.finished.is_none()
    }

    /// The epoch whose weights were kept.
    #[must_use]
    pub fn best_epoch(&self) -> Option<&EpochRecord<'a>> {
        self.epochs.iter().rev().find(|epoch| epoch.best)
    }

    /// The loss of the first reported step: that of a network that has learned nothing.
    #[must_use]
    pub fn first_loss(&self) -> Option<f64> {
        self.steps.first().map(|step| step.loss)
    }

    /// The training losses of all epochs.
    #[must_use]
    pub fn losses(&self) -> Vec<f64> {
        self.epochs.iter().map(EpochRecord::train_loss).collect()
    }

    /// How much a finding weighs whose fault may do no harm: before there is a result, that is open.
    pub(crate) fn if_poor(&self, poor: Severity, fine: Severity) -> Severity {
        if self.outcome.is_poor() {
            poor
        } else if self.best_epoch().is_none() {
            poor.min(Severity::Warning)
        } else {
            fine
        }
    }

    /// Each machine as its pre-training left it.
    pub(crate) fn last_of_each_machine(&self) -> Vec<(Position, &'a MachineSignals)> {
        let mut last: Vec<(Position, &MachineSignals)> = Vec::new();
        for &(at, machine) in &self.machines {
            match last.last_mut() {
                Some(known) if known.0.layer == at.layer => *known = (at, machine),
                _ => last.push((at, machine)),
            }
        }
        last
    }

    /// The median over the windows of what `of` takes from each, where it takes something; NaN
    /// where it never does.
    #[must_use]
    pub fn median_signal(&self, of: impl Fn(&Signals) -> Option<f64>) -> f64 {
        let values = self.signals.iter().filter_map(|(_, signals)| of(signals));
        crate::words::median(values.filter(|value| value.is_finite()).collect())
    }
}
