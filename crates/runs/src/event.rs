//! What happens in a run, one value an event, and where in the training it happened.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number;
use crate::{DataSignals, MachineSignals, NotFinite, Signals, StepTimes};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// How far the training was: the optimiser steps done so far.
    #[serde(flatten)]
    pub at: Position,
    /// Training time so far, over all sessions of the run.
    pub elapsed_ms: u64,
}

/// A point of a training: a phase and the optimiser steps done in it.
///
/// Positions are ordered as training passes them: each layer's pre-training from the bottom up,
/// then the training of the whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The layer being pre-trained, 0 at the bottom; `None` while the whole network is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// Steps done in this phase.
    pub step: usize,
}

impl Position {
    /// After `step` steps of training the whole network.
    #[must_use]
    pub const fn train(step: usize) -> Self {
        Self { layer: None, step }
    }

    /// After `step` steps of pre-training the layer at `layer`, 0 at the bottom.
    #[must_use]
    pub const fn pretrain(layer: usize, step: usize) -> Self {
        Self {
            layer: Some(layer),
            step,
        }
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |p: &Self| (p.layer.unwrap_or(usize::MAX), p.step);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What an [`Event`] reports.
///
/// A number that is not finite is written as `null` and read back as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The first event of a run: what is trained on what.
    Started {
        /// Name or path of the data.
        data: String,
        /// Such as `cnn`.
        architecture: String,
        /// Such as `classification`.
        task: String,
        /// Such as `flex` or `wgpu:1`.
        device: String,
        /// The seed that all randomness of the run follows from.
        seed: u64,
        /// Training samples.
        num_train: usize,
        /// Validation samples.
        num_valid: usize,
        /// Test samples.
        num_test: usize,
        /// Trainable numbers of the network.
        num_parameters: usize,
        /// Version of each part that computes, such as `burn` to `0.22.1`.
        versions: BTreeMap<String, String>,
    },

    /// A pass over the training split that pre-trained all layers at once.
    UpDownEpoch {
        /// Counted from 1.
        epoch: usize,
        /// Epochs planned.
        num_epochs: usize,
        /// Of the layers below the top, at the end of the epoch.
        #[serde(deserialize_with = "number::single")]
        learning_rate: f64,
        /// Mean squared difference between the input and what the way down brings forth.
        #[serde(deserialize_with = "number::single")]
        reconstruction_error: f64,
    },

    /// A pass over the training split that pre-trained the layer of the position.
    PretrainEpoch {
        /// Counted from 1, anew for each layer.
        epoch: usize,
        /// Epochs planned for this layer.
        num_epochs: usize,
        /// At the end of the epoch.
        #[serde(deserialize_with = "number::single")]
        learning_rate: f64,
        /// Mean squared difference between the input and its reconstruction.
        #[serde(deserialize_with = "number::single")]
        reconstruction_error: f64,
        /// Mean free energy of training samples; comparable with `free_energy_valid` only.
        #[serde(deserialize_with = "number::single")]
        free_energy_train: f64,
        /// The same of validation samples: once it rises above the other, the layer overfits.
        #[serde(
            default,
            deserialize_with = "number::optional",
            skip_serializing_if = "Option::is_none"
        )]
        free_energy_valid: Option<f64>,
        /// Mean over training samples, in nats; only binary inputs have one.
        #[serde(
            default,
            deserialize_with = "number::optional",
            skip_serializing_if = "Option::is_none"
        )]
        pseudo_log_likelihood: Option<f64>,
    },

    /// A pass over the training split, and the validation after it.
    Epoch {
        /// Counted from 1.
        epoch: usize,
        /// Epochs planned.
        num_epochs: usize,
        /// At the end of the epoch.
        #[serde(deserialize_with = "number::single")]
        learning_rate: f64,
        /// Metrics of the training split, measured while it was trained on.
        #[serde(deserialize_with = "number::by_name")]
        train: BTreeMap<String, f64>,
        /// Metrics of the validation split; empty where there is none.
        #[serde(default, deserialize_with = "number::by_name")]
        valid: BTreeMap<String, f64>,
        /// Training samples per second.
        #[serde(deserialize_with = "number::single")]
        samples_per_s: f64,
        /// Whether this is the best epoch so far.
        best: bool,
    },

    /// Where the time of an epoch's steps went, those that were timed.
    StepTimes(StepTimes),

    /// One optimiser step, reported every so many steps.
    Step {
        /// Counted from 1.
        epoch: usize,
        /// Mean loss of the batch.
        #[serde(deserialize_with = "number::single")]
        loss: f64,
        /// That the step was taken with.
        #[serde(deserialize_with = "number::single")]
        learning_rate: f64,
    },

    /// What the preflight found in the data, before the first step.
    Data(DataSignals),

    /// How every layer did over a window of steps.
    Signals(Signals),

    /// How the machine of the position did at the end of an epoch of its pre-training.
    Machine(MachineSignals),

    /// Share of each class's validation samples that was recognised, at the end of an epoch.
    ClassRecall {
        /// Counted from 1.
        epoch: usize,
        /// In the order of the outputs; NaN for a class without samples.
        #[serde(deserialize_with = "number::list")]
        recall: Vec<f64>,
    },

    /// How far each layer moved since an earlier epoch.
    Settling {
        /// Counted from 1.
        epoch: usize,
        /// The earlier one; 0 for the first weights.
        since: usize,
        /// Names, from the input up.
        layers: Vec<String>,
        /// Similarity of each to what it was (CKA on a few validation samples): 1 where nothing changed
        /// but a rotation; NaN for a layer that does not tell samples apart.
        #[serde(deserialize_with = "number::list")]
        similarity: Vec<f64>,
    },

    /// A number stopped being finite.
    NotFinite(NotFinite),

    /// A checkpoint is on disk; it holds the training at this event's position.
    Checkpoint {
        /// Which of the checkpoints.
        kind: CheckpointKind,
    },

    /// The user stopped the training, and its state is saved.
    Interrupted,

    /// The training goes on from this position: what was reported after it no longer counts.
    Resumed,

    /// The trained network was measured on one split.
    Evaluated {
        /// `train`, `valid` or `test`.
        split: String,
        /// Each metric by its name.
        #[serde(deserialize_with = "number::by_name")]
        metrics: BTreeMap<String, f64>,
    },

    /// Something that the user should know and that does not stop the training.
    Warning {
        /// The whole sentence.
        message: String,
    },

    /// The loss or a weight is no longer finite, and the training stopped.
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// Mean loss of the batch.
        #[serde(deserialize_with = "number::single")]
        loss: f64,
    },

    /// The training came to its end.
    Finished {
        /// Why it ended here.
        reason: FinishReason,
    },

    /// An event that only a later version knows; [`read_events`](crate::read_events) leaves it out.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Which checkpoint of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// The newest: training resumes from it.
    Last,
    /// That of the best epoch so far: the model is made from it.
    Best,
}

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// All epochs are done.
    Completed,
    /// The validation metric stopped getting better.
    EarlyStopping,
    /// The time that was granted is used up.
    TimeBudget,
}

impl FinishReason {
    /// How the training ended, as the beginning of a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Completed => "trained to the end",
            Self::EarlyStopping => "stopped early, as nothing improved any more,",
            Self::TimeBudget => "stopped when the time was over,",
        }
    }
}
