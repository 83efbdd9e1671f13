//! Checkpoints: all that a training needs to go on, to the bit, in one checksummed file.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use fornax_dbn::CdState;
use fornax_runs::{CheckpointKind, Container, RunDir};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

use crate::architecture::Network;
use crate::error::Error;
use crate::fit::FitState;
use crate::pretrain::PretrainState;

/// Where a training stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Layer by layer, without labels.
    Pretrain(PretrainState),
    /// With labels.
    Fit(FitState),
}

/// The numbers of a checkpoint; the weights are beside it in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Where the training stands.
    pub phase: Phase,
    /// Training time so far, over all sessions.
    pub elapsed_ms: u64,
    /// The checksum of the data; other data would not continue this training.
    pub data_sha256: String,
}

/// A training, stopped between two steps.
pub struct Checkpoint {
    /// Its numbers.
    pub progress: Progress,
    network: Bytes,
    optimizer: Option<Bytes>,
    contrastive: Option<Bytes>,
}

impl Checkpoint {
    /// Copies the state of a training.
    ///
    /// # Errors
    /// When the weights cannot be read from the device.
    pub fn new(
        progress: Progress,
        network: &Network,
        optimizer: Option<&ModuleOptimizer>,
        contrastive: Option<&CdState>,
    ) -> Result<Self, Error> {
        let contrastive = contrastive.map(|state| state.clone().into_record().into_bytes());
        Ok(Self {
            progress,
            // `valid` first: a record of a network in training lacks the last update of the
            // running statistics of its batch norms.
            network: network
                .valid()
                .into_record()
                .into_bytes()
                .map_err(internal)?,
            optimizer: optimizer
                .map(ModuleOptimizer::into_bytes)
                .transpose()
                .map_err(internal)?,
            contrastive: contrastive.transpose().map_err(internal)?,
        })
    }

    /// Writes the checkpoint whole, in the place of the last one of its kind.
    ///
    /// # Errors
    /// When the file cannot be written; the one before it is then untouched.
    pub fn write(&self, run: &RunDir, kind: CheckpointKind) -> Result<(), Error> {
        let mut sections = vec![(NETWORK.to_owned(), self.network.to_vec())];
        if let Some(bytes) = &self.optimizer {
            sections.push((OPTIMIZER.to_owned(), bytes.to_vec()));
        }
        if let Some(bytes) = &self.contrastive {
            sections.push((CONTRASTIVE.to_owned(), bytes.to_vec()));
        }
        let container = Container {
            header: json!(self.progress),
            sections,
        };
        Ok(container.write(&run.checkpoint(kind))?)
    }

    /// Reads a checkpoint; `None` where there is none yet.
    ///
    /// # Errors
    /// When the file is damaged, or is not a checkpoint of this version of Fornax.
    pub fn read(run: &RunDir, kind: CheckpointKind) -> Result<Option<Self>, Error> {
        let path = run.checkpoint(kind);
        if !path.exists() {
            return Ok(None);
        }
        let Container { header, sections } = Container::read(&path)?;
        let progress = serde_json::from_value(header)
            .map_err(|error| foreign(&path, &format!("its header does not fit: {error}")))?;
        let mut checkpoint = Self {
            progress,
            network: Bytes::from_bytes_vec(vec![]),
            optimizer: None,
            contrastive: None,
        };
        for (name, bytes) in sections {
            let bytes = Bytes::from_bytes_vec(bytes);
            match name.as_str() {
                NETWORK => checkpoint.network = bytes,
                OPTIMIZER => checkpoint.optimizer = Some(bytes),
                CONTRASTIVE => checkpoint.contrastive = Some(bytes),
                other => return Err(foreign(&path, &format!("unknown section `{other}`"))),
            }
        }
        Ok(Some(checkpoint))
    }

    /// Puts the weights into a network of the same configuration.
    ///
    /// # Errors
    /// When they were made for another network.
    pub fn network(&self, network: Network, path: &Path) -> Result<Network, Error> {
        restore(network, &self.network, path)
    }

    /// Puts the optimiser's state into an optimiser of the same kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn optimizer(
        &self,
        optimizer: ModuleOptimizer,
        path: &Path,
    ) -> Result<ModuleOptimizer, Error> {
        match &self.optimizer {
            Some(bytes) => optimizer
                .from_bytes(bytes.clone())
                .map_err(|error| foreign(path, &error.to_string())),
            None => Ok(optimizer),
        }
    }

    /// Puts the velocities and chains into a state of the same shape.
    ///
    /// # Errors
    /// When they were made for another layer.
    pub fn contrastive(&self, state: CdState, path: &Path) -> Result<CdState, Error> {
        match &self.contrastive {
            Some(bytes) => restore(state, bytes, path),
            None => Ok(state),
        }
    }
}

const NETWORK: &str = "network";
const OPTIMIZER: &str = "optimizer";
const CONTRASTIVE: &str = "contrastive";

fn restore<M: Module>(module: M, bytes: &Bytes, path: &Path) -> Result<M, Error> {
    ModuleRecord::from_bytes(bytes.clone())
        .and_then(|record| module.try_load_record(record))
        .map_err(|error| foreign(path, &error.to_string()))
}

fn foreign(path: &Path, message: &str) -> Error {
    Error::Model {
        path: path.to_owned(),
        message: format!("this checkpoint belongs to another network: {message}"),
        help: "the experiment.toml beside it was changed, or the file was copied from another \
               run; put the original back, or train again"
            .to_owned(),
    }
}

#[allow(clippy::needless_pass_by_value)] // the form that `map_err` wants
fn internal(error: burn::store::RecordError) -> Error {
    Error::Internal {
        message: format!("the weights cannot be read back: {error}"),
    }
}
