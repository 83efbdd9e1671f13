//! An experiment: everything that decides a training's result, as defaults ← file ← command line.

mod pretrain;
mod train;

use fornax_data::{
    AugmentConfig, DataConfig, DataFolders, Dataset, InputShape, Preprocess, Task, TextForm,
};
use fornax_layers::ConfigError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

use crate::architecture::{Architecture, NetworkConfig};
use crate::device::DeviceSpec;
use crate::error::Error;
use crate::optimizer::OptimizerKind;
use crate::overlay;

pub use pretrain::PretrainConfig;
pub use train::TrainConfig;

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
    /// How training items are changed at random; off by default, but for photographs.
    pub augment: AugmentConfig,
    /// Settings of the network; which ones there are depends on the architecture.
    pub model: Value,
    /// Settings of the training with labels.
    pub train: TrainConfig,
    /// Settings of the layer-by-layer training without labels that a deep belief network has.
    pub pretrain: PretrainConfig,
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
            Some(seed) => overlay::read("seed", seed)?,
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
                let (architecture, reason) = Architecture::choose(&dataset);
                (architecture, Some(reason))
            }
        };
        let mut tree = json!(self.defaults(architecture, data, &dataset)?);
        overlay::overlay(&mut tree, self.settings.clone())?;
        tree["architecture"] = json!(architecture);
        let experiment: Experiment = overlay::read("", &tree)?;
        experiment.validate()?;
        let network = architecture.config(&experiment.model, &dataset.input, &dataset.task)?;
        if let NetworkConfig::Dbn(config) = &network
            && config.labels
            && dataset.train.num_unlabelled() > 0
        {
            let expected = "`false` where `data.labels` leaves items without an answer";
            return Err(ConfigError::new("model.labels", true, expected).into());
        }
        Ok(Resolved {
            experiment,
            dataset,
            network,
            chosen: reason,
        })
    }

    /// Opens the data alone, and completes the settings that change its items.
    ///
    /// # Errors
    /// As [`Request::resolve`].
    pub fn open_data(&self, folders: &DataFolders) -> Result<(Dataset, AugmentConfig, u64), Error> {
        let seed = match self.settings.get("seed") {
            Some(seed) => overlay::read("seed", seed)?,
            None => DEFAULT_SEED,
        };
        let mut tree = json!({"augment": AugmentConfig::default()});
        if let Some(augment) = self.settings.get("augment") {
            overlay::overlay(&mut tree, json!({"augment": augment}))?;
        }
        let augment: AugmentConfig = overlay::read("augment", &tree["augment"])?;
        augment.validate()?;
        let dataset = fornax_data::open(&self.data(self.architecture)?, seed, folders)?;
        Ok((dataset, augment, seed))
    }

    fn architecture(&self) -> Result<Option<Architecture>, Error> {
        let in_settings = match self.settings.get("architecture") {
            Some(name) => Some(overlay::read("architecture", name)?),
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
        Ok(overlay::read("data", &tree)?)
    }

    fn defaults(
        &self,
        architecture: Architecture,
        data: DataConfig,
        dataset: &Dataset,
    ) -> Result<Experiment, Error> {
        let optimizer = match self.settings.pointer("/train/optimizer") {
            Some(name) => overlay::read("train.optimizer", name)?,
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
            augment: default_augment(architecture, dataset),
            model,
            train,
            pretrain: PretrainConfig::default_for(dataset.train.with_unlabelled().len()),
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
        let mut tree = Self::skeleton(overlay::read("architecture", &architecture)?)?;
        overlay::overlay(&mut tree, patch)?;
        let experiment: Self = overlay::read("", &tree)?;
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
            None => Ok(self.device),
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
            augment: AugmentConfig::default(),
            model: architecture.default_settings(),
            train: TrainConfig::base(OptimizerKind::default()),
            pretrain: PretrainConfig::default_for(usize::MAX),
        }))
    }

    fn validate(&self) -> Result<(), Error> {
        self.augment.validate()?;
        self.train.validate()?;
        Ok(self.pretrain.validate()?)
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
        text_form: match architecture {
            Some(Architecture::Rnn) => TextForm::Tokens,
            _ => TextForm::Bag,
        },
        ..DataConfig::default()
    }
}

/// Photographs are the same thing seen from a little elsewhere, and mirrored; of all other data
/// nobody but the user knows what leaves it the same.
fn default_augment(architecture: Architecture, dataset: &Dataset) -> AugmentConfig {
    match (architecture, &dataset.preprocess) {
        (Architecture::Cnn, Preprocess::Images(images))
            if images.resize && images.shape[0] == 3 =>
        {
            AugmentConfig {
                shift: 0.1,
                rotate: 15.0,
                scale: 0.15,
                flip: true,
                ..AugmentConfig::default()
            }
        }
        _ => AugmentConfig::default(),
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
    let has_labels = matches!(dataset.task, Task::Classification { .. });
    let all_labelled = dataset.train.num_unlabelled() == 0;
    if architecture == Architecture::Dbn && !(has_labels && all_labelled) {
        model["labels"] = json!(false);
    }
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
