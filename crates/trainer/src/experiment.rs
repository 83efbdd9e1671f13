//! An experiment: everything that decides a training's result, as defaults ← file ← command line.

use fornax_data::{DataConfig, DataFolders, Dataset, InputShape, Task};
use fornax_dbn::ContrastiveDivergence;
use fornax_layers::ConfigError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

use crate::architecture::{Architecture, NetworkConfig};
use crate::device::DeviceSpec;
use crate::error::Error;
use crate::optimizer::OptimizerKind;
use crate::overlay;
use crate::schedule::Schedule;

/// All settings of a run, complete. Its TOML form is the `experiment.toml` of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// What kind of network.
    pub architecture: Architecture,
    /// Where all random choices start: weights, order, dropout, splits.
    pub seed: u64,
    /// What computes: `flex`, `ndarray`, `wgpu:0`, …
    pub device: DeviceSpec,
    /// What to read, and how to split it.
    pub data: DataConfig,
    /// Settings of the network; which ones there are depends on the architecture.
    pub model: Value,
    /// Settings of the training with labels.
    pub train: TrainConfig,
    /// Settings of the layer-by-layer training without labels that a deep belief network has.
    pub pretrain: PretrainConfig,
}

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
}

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
}

/// What the user asked for, before the defaults are known.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The architecture, where the command line names one.
    pub architecture: Option<Architecture>,
    /// Settings to lay over the defaults: the file's, then the flags', then those of `--set`.
    pub settings: Value,
}

/// A resolved experiment with the data it names and the network it describes.
#[derive(Debug)]
pub struct Resolved {
    /// The complete settings.
    pub experiment: Experiment,
    /// The data, read and split.
    pub dataset: Dataset,
    /// The network's complete configuration.
    pub network: NetworkConfig,
    /// Why this architecture was chosen, where the user named none.
    pub chosen: Option<&'static str>,
}

impl Request {
    /// Opens the data, completes the settings with the defaults that fit it, and checks all.
    ///
    /// # Errors
    /// When the data cannot be read, or a setting is unknown, of another kind, or out of range.
    pub fn resolve(&self, folders: &DataFolders) -> Result<Resolved, Error> {
        let named = self.architecture()?;
        let seed = match self.settings.get("seed") {
            Some(seed) => overlay::read("seed", seed.clone())?,
            None => DEFAULT_SEED,
        };
        if let Some(architecture) = named {
            // A misspelt key is said before the time it takes to read the data.
            let mut defaults = Experiment::skeleton(architecture)?;
            overlay::overlay(&mut defaults, self.settings.clone())?;
        }
        if let Some(Value::String(name)) = self.settings.get("device") {
            name.parse::<DeviceSpec>()?;
        }
        let data = self.data(named)?;
        let dataset = fornax_data::open(&data, seed, folders)?;
        let (architecture, reason) = match named {
            Some(architecture) => (architecture, None),
            None => {
                let (architecture, reason) = Architecture::choose(&dataset.input);
                (architecture, Some(reason))
            }
        };
        let mut tree = json!(self.defaults(architecture, data, &dataset)?);
        overlay::overlay(&mut tree, self.settings.clone())?;
        tree["architecture"] = json!(architecture);
        let experiment: Experiment = overlay::read("", tree)?;
        experiment.validate()?;
        let network = architecture.config(&experiment.model, &dataset.input, &dataset.task)?;
        Ok(Resolved {
            experiment,
            dataset,
            network,
            chosen: reason,
        })
    }

    fn architecture(&self) -> Result<Option<Architecture>, Error> {
        let in_settings = match self.settings.get("architecture") {
            Some(name) => Some(overlay::read("architecture", name.clone())?),
            None => None,
        };
        Ok(self.architecture.or(in_settings))
    }

    fn data(&self, architecture: Option<Architecture>) -> Result<DataConfig, Error> {
        let mut tree = json!(default_data(architecture));
        if let Some(patch) = self.settings.get("data") {
            let mut data = json!({ "data": tree });
            overlay::overlay(&mut data, json!({ "data": patch }))?;
            tree = data["data"].take();
        }
        Ok(overlay::read("data", tree)?)
    }

    fn defaults(
        &self,
        architecture: Architecture,
        data: DataConfig,
        dataset: &Dataset,
    ) -> Result<Experiment, Error> {
        let optimizer = match self.settings.pointer("/train/optimizer") {
            Some(name) => overlay::read("train.optimizer", name.clone())?,
            None => OptimizerKind::default(),
        };
        let train = TrainConfig::default_for(architecture, optimizer, dataset);
        let device = DeviceSpec::default_for_build().ok_or(Error::NoBackend)?;
        let mut model = architecture.default_settings();
        suit_model(&mut model, architecture, dataset);
        Ok(Experiment {
            architecture,
            seed: DEFAULT_SEED,
            device,
            data,
            model,
            train,
            pretrain: PretrainConfig::default_for(dataset.train.len()),
        })
    }
}

const DEFAULT_SEED: u64 = 1;

impl Experiment {
    /// Reads the `experiment.toml` of a run.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or has been changed into something that does not fit.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
        let patch = overlay::parse_file(&path.display().to_string(), &text)?;
        let architecture = patch.get("architecture").cloned().unwrap_or(Value::Null);
        let mut tree = Self::skeleton(overlay::read("architecture", architecture)?)?;
        overlay::overlay(&mut tree, patch)?;
        let experiment: Self = overlay::read("", tree)?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// The device that the user names, or else the experiment's own.
    ///
    /// # Errors
    /// When the name is not that of a device.
    pub fn device_or(&self, named: Option<&str>) -> Result<DeviceSpec, Error> {
        match named {
            Some(name) => Ok(name.parse()?),
            None => Ok(self.device.clone()),
        }
    }

    /// The TOML form, complete but for settings that are absent.
    ///
    /// # Panics
    /// Never: a tree of settings always has a TOML form.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let tree = without_nulls(json!(self));
        toml::to_string(&tree).expect("a tree without nulls has a TOML form")
    }

    /// Every key with a default that fits no data in particular: for checking keys.
    fn skeleton(architecture: Architecture) -> Result<Value, Error> {
        Ok(json!(Self {
            architecture,
            seed: DEFAULT_SEED,
            device: DeviceSpec::default_for_build().ok_or(Error::NoBackend)?,
            data: default_data(Some(architecture)),
            model: architecture.default_settings(),
            train: TrainConfig::base(OptimizerKind::default()),
            pretrain: PretrainConfig::default_for(usize::MAX),
        }))
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.train.validate()?;
        self.pretrain.validate()
    }
}

/// What each architecture shows first when no data is named.
fn default_data(architecture: Option<Architecture>) -> DataConfig {
    let source = match architecture {
        Some(Architecture::Rnn) => "japanese-vowels",
        _ => "fashion-mini",
    };
    DataConfig {
        source: source.to_owned(),
        // Bernoulli units want pixels that are probabilities.
        normalize: architecture != Some(Architecture::Dbn),
        ..DataConfig::default()
    }
}

/// Defaults of the network that depend on the data.
fn suit_model(model: &mut Value, architecture: Architecture, dataset: &Dataset) {
    match (architecture, &dataset.input, &dataset.task) {
        (Architecture::Rnn, _, Task::Classification { .. }) => {
            model["bidirectional"] = json!(true);
        }
        (Architecture::Rnn, InputShape::Tokens { .. }, _) => {
            model["d_hidden"] = json!(256);
        }
        (Architecture::Dbn, InputShape::Vector { .. } | InputShape::Sequence { .. }, _) => {
            model["visible"] = json!("gaussian");
            model["widths"] = json!([64, 64]);
        }
        (Architecture::Mlp, InputShape::Vector { .. } | InputShape::Sequence { .. }, _) => {
            model["widths"] = json!([64, 32]);
        }
        // The classic widths are for pictures of MNIST's size.
        (Architecture::Dbn, InputShape::Image { height, width, .. }, _) if height * width < 400 => {
            model["widths"] = json!([128, 128, 256]);
        }
        _ => {}
    }
    if architecture == Architecture::Dbn && !matches!(dataset.task, Task::Classification { .. }) {
        model["labels"] = json!(false);
    }
}

impl TrainConfig {
    fn base(optimizer: OptimizerKind) -> Self {
        let learning_rate = match optimizer {
            OptimizerKind::Adam | OptimizerKind::Adamw => 2e-3,
            OptimizerKind::Sgd => 5e-2,
            OptimizerKind::Rmsprop => 3e-4,
        };
        Self {
            epochs: 10,
            batch_size: 128,
            optimizer,
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
        }
    }

    /// Settings with which a network of this kind learns data of this size in about a minute on
    /// two cores, and full MNIST in a few.
    fn default_for(
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
            Architecture::Cnn => (30_000, 3),
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

    fn validate(&self) -> Result<(), ConfigError> {
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

impl PretrainConfig {
    fn default_for(num_train: usize) -> Self {
        Self {
            // Ten epochs suffice for MNIST; small data get more, for the same number of steps.
            epochs: (100_000 / num_train.max(1)).clamp(10, 50),
            batch_size: 100,
            cd_steps: 1,
            persistent: false,
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay: 2e-4,
            sparsity_target: 0.1,
            sparsity_cost: 0.0,
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

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("pretrain.batch_size", self.batch_size)?;
        ConfigError::check_positive("pretrain.cd_steps", self.cd_steps)?;
        self.rule().validate()
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

fn without_nulls(tree: Value) -> Value {
    match tree {
        Value::Object(table) => Value::Object(
            table
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        other => other,
    }
}
