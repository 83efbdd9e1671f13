//! The `[pretrain]` table of an experiment: the training without labels of a deep belief network.

use fornax_dbn::{ContrastiveDivergence, UpDown};
use fornax_layers::ConfigError;
use serde::{Deserialize, Serialize};

/// Settings of a deep belief network's pre-training.
///
/// Hinton 2010, <https://www.cs.toronto.edu/~hinton/absps/guideTR.pdf>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// Passes over the training split for each layer; 0 for no pre-training.
    pub epochs: usize,
    /// Samples a step; at least 1.
    pub batch_size: usize,
    /// Gibbs steps of contrastive divergence; at least 1.
    pub cd_steps: usize,
    /// Keeps the Gibbs chains from step to step (persistent contrastive divergence).
    pub persistent: bool,
    /// Learning rate of the first epochs, for Bernoulli units; Gaussian ones take less.
    pub learning_rate: f64,
    /// Momentum after the first epochs, in `[0, 1)`.
    pub momentum: f64,
    /// Pull of the weights towards zero.
    pub weight_decay: f64,
    /// Wanted mean activity of a hidden unit, in `(0, 1)`.
    pub sparsity_target: f64,
    /// Strength of the pull towards the wanted activity; 0 for none.
    pub sparsity_cost: f64,
    /// Passes over the training split for all layers at once, where `model.up_down = true`.
    pub up_down_epochs: usize,
    /// Learning rate of the layers below the top in these passes.
    pub up_down_learning_rate: f64,
}

impl PretrainConfig {
    pub(super) fn default_for(num_train: usize) -> Self {
        // Ten epochs suffice for MNIST; small data get more, for the same number of steps.
        let epochs = (100_000 / num_train.max(1)).clamp(10, 50);
        Self {
            epochs,
            batch_size: 100,
            cd_steps: 1,
            persistent: false,
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay: 2e-4,
            sparsity_target: 0.1,
            sparsity_cost: 0.0,
            up_down_epochs: epochs,
            up_down_learning_rate: 0.01,
        }
    }

    /// The learning rule of these settings.
    #[must_use]
    pub fn rule(&self) -> ContrastiveDivergence {
        ContrastiveDivergence::new()
            .with_k(self.cd_steps)
            .with_persistent(self.persistent)
            .with_num_chains(self.batch_size)
            .with_learning_rate(self.learning_rate)
            .with_momentum(self.momentum)
            .with_weight_decay(self.weight_decay)
            .with_sparsity_target(self.sparsity_target)
            .with_sparsity_cost(self.sparsity_cost)
    }

    /// The rule for all layers at once.
    #[must_use]
    pub fn up_down(&self) -> UpDown {
        UpDown::new(self.rule().with_persistent(false))
            .with_learning_rate(self.up_down_learning_rate)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("pretrain.batch_size", self.batch_size)?;
        ConfigError::check_positive("pretrain.cd_steps", self.cd_steps)?;
        self.rule().validate()?;
        let rate = self.up_down_learning_rate;
        if rate > 0.0 && rate.is_finite() {
            return Ok(());
        }
        let expected = "a number above 0";
        Err(ConfigError::new(
            "pretrain.up_down_learning_rate",
            rate,
            expected,
        ))
    }
}
