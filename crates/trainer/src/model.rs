//! The trained model in a run: a manifest and weights, enough to use it without the training data.

use burn::module::Module;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use fornax_data::{InputShape, Preprocess, Task};
use fornax_runs::{RunDir, write_atomic};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

use crate::architecture::{Architecture, Network, NetworkConfig};
use crate::batch::Layout;
use crate::error::Error;
use crate::session::Session;

/// The version of the manifest's form.
const FORMAT: u32 = 1;

/// What `model/manifest.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedModel {
    /// Version of this form.
    pub format: u32,
    /// The version of Fornax that wrote it.
    pub fornax: String,
    /// The dataset it learned from.
    pub data: String,
    /// Checksum of that dataset, as `fornax data check` says it.
    #[serde(default)]
    pub fingerprint: String,
    /// What it predicts.
    pub task: Task,
    /// The form of one input.
    pub input: InputShape,
    /// The network.
    pub network: NetworkConfig,
    /// How bytes become inputs, and outputs become words and units.
    pub preprocess: Preprocess,
}

impl SavedModel {
    /// Writes the manifest of a training's model.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_manifest(session: &Session) -> Result<(), Error> {
        let manifest = Self {
            format: FORMAT,
            fornax: env!("CARGO_PKG_VERSION").to_owned(),
            data: session.dataset.name.clone(),
            fingerprint: session.dataset.sha256.clone(),
            task: session.dataset.task.clone(),
            input: session.dataset.input.clone(),
            network: session.config.clone(),
            preprocess: session.dataset.preprocess.clone(),
        };
        let text = serde_json::to_string_pretty(&manifest).map_err(|error| Error::Internal {
            message: error.to_string(),
        })?;
        Ok(write_atomic(
            &session.run.model_manifest(),
            text.as_bytes(),
        )?)
    }

    /// Writes a network's weights as the run's model: safetensors, names as in the code.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_weights(run: &RunDir, network: &Network) -> Result<(), Error> {
        // No metadata: the same weights are the same bytes.
        let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
        let internal = |message: String| Error::Internal { message };
        network
            .valid()
            .save_into(&mut store)
            .map_err(|error| internal(error.to_string()))?;
        let bytes = store
            .get_bytes()
            .map_err(|error| internal(error.to_string()))?;
        Ok(write_atomic(&run.weights(), &bytes)?)
    }

    /// Reads a run's model.
    ///
    /// # Errors
    /// When the run has no model yet, or its files are damaged.
    pub fn load(run: &RunDir, device: &Device) -> Result<(Self, Network), Error> {
        let manifest = run.model_manifest();
        let text = std::fs::read(&manifest).map_err(|source| missing(&manifest, &source, run))?;
        let saved: Self = serde_json::from_slice(&text)
            .and_then(|tree| serde_json::from_value(with_new_settings(tree)))
            .map_err(|error| damaged(&manifest, &format!("not a manifest: {error}")))?;
        if saved.format > FORMAT {
            let message = format!("format {} is newer than this fornax reads", saved.format);
            return Err(damaged(&manifest, &message));
        }
        saved
            .validate()
            .map_err(|message| damaged(&manifest, &message))?;
        let path = run.weights();
        let bytes = std::fs::read(&path).map_err(|source| missing(&path, &source, run))?;
        let mut network = saved.network.init(device);
        let mut store = SafetensorsStore::from_bytes(Some(bytes));
        let applied = network
            .load_from(&mut store)
            .map_err(|error| damaged(&path, &error.to_string()))?;
        if let Some(error) = applied.errors.first() {
            return Err(damaged(&path, &format!("{error:?}")));
        }
        Ok((saved, network))
    }

    /// How the network sees its inputs.
    ///
    /// # Errors
    /// When the manifest was changed so that network and data no longer fit.
    pub fn layout(&self) -> Result<Layout, Error> {
        Ok(self.network.layout(&self.input)?)
    }

    /// A manifest is a file that anyone can edit: check before anything is built from it.
    fn validate(&self) -> Result<(), String> {
        let architecture = self.network.architecture();
        let settings = serde_json::to_value(&self.network).map_err(|error| error.to_string())?;
        let mut settings = settings;
        if let Some(table) = settings.as_object_mut() {
            table.remove("architecture");
        }
        let dictated = architecture
            .config(&settings, &self.input, &self.task)
            .map_err(|error| error.to_string())?;
        if dictated == self.network {
            return Ok(());
        }
        Err("the network does not fit the inputs and the task beside it".to_owned())
    }
}

/// A manifest, with the defaults of the settings that the network got since it was written.
fn with_new_settings(mut manifest: Value) -> Value {
    if let Some(Value::Object(network)) = manifest.get_mut("network")
        && let Some(architecture) = network.get("architecture")
        && let Ok(architecture) = serde_json::from_value::<Architecture>(architecture.clone())
        && let Value::Object(defaults) = architecture.default_settings()
    {
        for (setting, default) in defaults {
            network.entry(setting).or_insert(default);
        }
    }
    manifest
}

fn missing(path: &Path, source: &std::io::Error, run: &RunDir) -> Error {
    Error::Model {
        path: path.to_owned(),
        message: format!("the run has no model to read: {source}"),
        help: format!(
            "go on training with `fornax resume {}`",
            run.path().display()
        ),
    }
}

fn damaged(path: &Path, message: &str) -> Error {
    Error::Model {
        path: path.to_owned(),
        message: message.to_owned(),
        help: "copy the run again from where it was made, or train again".to_owned(),
    }
}
