//! The `[train]` table of an experiment: the training with labels, and its defaults.

use fornax_data::{Dataset, Task};
use fornax_layers::ConfigError;
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::optimizer::OptimizerKind;
use crate::precision::Precision;
use crate::schedule::Schedule;
use crate::signals::DoctorLevel;

/// Settings of the training loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training split; at least 1.
    pub epochs: usize,
    /// Samples a step; at least 1. For text, sequences a step.
    pub batch_size: usize,
    /// The rule that turns gradients into steps.
    pub optimizer: OptimizerKind,
    /// What matrix products are computed in, those of the pre-training too.
    pub precision: Precision,
    /// Peak learning rate; above 0.
    pub learning_rate: f64,
    /// Momentum of SGD and RMSprop, in `[0, 1)`.
    pub momentum: f64,
    /// Pull of the weights towards zero; 0 for none.
    pub weight_decay: f64,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// Share of the steps over which the learning rate rises, in `[0, 1)`.
    pub warmup: f64,
    /// Largest joint norm of all gradients; absent for no clipping.
    pub clip_norm: Option<f64>,
    /// Share of the target spread over all classes, in `[0, 1)`.
    pub label_smoothing: f64,
    /// Weights every class by how rare it is, so that rare ones count as much as common ones.
    pub balance_classes: bool,
    /// Stops after so many epochs without a better validation result; absent for never.
    pub patience: Option<usize>,
    /// Minutes between two checkpoints within an epoch; there is one at each epoch's end too.
    pub checkpoint_minutes: f64,
    /// Seconds after which training stops and keeps what it has; absent for no limit.
    pub time_limit_s: Option<f64>,
    /// How closely the doctor looks; changes no result.
    pub doctor: DoctorLevel,
}

impl TrainConfig {
    pub(super) fn base(optimizer: OptimizerKind) -> Self {
        let learning_rate = match optimizer {
            OptimizerKind::Adam | OptimizerKind::Adamw => 2e-3,
            OptimizerKind::Sgd => 5e-2,
            OptimizerKind::Rmsprop => 3e-4,
        };
        Self {
            epochs: 10,
            batch_size: 128,
            optimizer,
            precision: Precision::default(),
            learning_rate,
            momentum: 0.9,
            weight_decay: if optimizer == OptimizerKind::Adamw {
                1e-2
            } else {
                0.0
            },
            schedule: Schedule::OneCycle,
            warmup: 0.2,
            clip_norm: None,
            label_smoothing: 0.0,
            balance_classes: false,
            patience: None,
            checkpoint_minutes: 5.0,
            time_limit_s: None,
            doctor: DoctorLevel::default(),
        }
    }

    /// Settings with which a network of this kind learns data of this size in about a minute on
    /// two cores, and full MNIST in a few.
    pub(super) fn default_for(
        architecture: Architecture,
        optimizer: OptimizerKind,
        dataset: &Dataset,
    ) -> Self {
        let base = Self::base(optimizer);
        let num_train = dataset.train.len().max(1);
        // About twenty steps an epoch on small data, and never more than 128 samples a step.
        let largest = if matches!(dataset.task, Task::NextToken { .. }) {
            32
        } else {
            128
        };
        let batch_size = (num_train / 20).next_power_of_two().clamp(16, largest);
        // Samples that a network of this kind sees in a minute or so, and the fewest epochs.
        let (budget, fewest): (usize, usize) = match architecture {
            Architecture::Mlp | Architecture::Dbn => (400_000, 10),
            Architecture::Cnn => (22_000, 3),
            Architecture::Rnn if largest == 32 => (8_000, 1),
            Architecture::Rnn => (60_000, 4),
        };
        let epochs = budget.div_ceil(num_train).clamp(fewest, 100);
        let clip_norm = (architecture == Architecture::Rnn).then_some(1.0);
        Self {
            epochs,
            batch_size,
            clip_norm,
            ..base
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("train.epochs", self.epochs)?;
        ConfigError::check_positive("train.batch_size", self.batch_size)?;
        check_above_zero("train.learning_rate", self.learning_rate)?;
        ConfigError::check_dropout("train.momentum", self.momentum)?;
        check_not_negative("train.weight_decay", self.weight_decay)?;
        ConfigError::check_dropout("train.warmup", self.warmup)?;
        ConfigError::check_dropout("train.label_smoothing", self.label_smoothing)?;
        check_above_zero("train.checkpoint_minutes", self.checkpoint_minutes)?;
        if let Some(norm) = self.clip_norm {
            check_above_zero("train.clip_norm", norm)?;
        }
        if let Some(epochs) = self.patience {
            ConfigError::check_positive("train.patience", epochs)?;
        }
        if let Some(seconds) = self.time_limit_s {
            check_above_zero("train.time_limit_s", seconds)?;
        }
        Ok(())
    }
}

fn check_above_zero(key: &'static str, value: f64) -> Result<(), ConfigError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(ConfigError::new(key, value, "a number above 0"))
}

fn check_not_negative(key: &'static str, value: f64) -> Result<(), ConfigError> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(ConfigError::new(key, value, "a number of at least 0"))
}
