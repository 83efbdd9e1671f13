//! Everything that can go wrong in a command, its exit code, and what to do about it.

use fornax_data::DataError;
use fornax_layers::ConfigError;
use fornax_runs::{RunError, RunErrorKind};
use std::path::{Path, PathBuf};
use thiserror::Error;

use crate::architecture::ArchitectureError;
use crate::device::DeviceError;
use crate::overlay::OverlayError;

/// An error of a command, as the user sees it.
#[derive(Debug, Error)]
pub enum Error {
    /// The command line asks for something that does not exist or does not go together.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting is unknown or of another kind.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// The architecture does not go with the data.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run's folder or one of its files cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The device does not answer.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The binary was built without any backend.
    #[error("this fornax was built without a backend, so nothing can compute")]
    NoBackend,
    /// A model or checkpoint cannot be read back.
    #[error("{}: {message}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to do.
        help: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The loss is no longer a number.
    #[error("training diverged: the loss became {loss} at step {step} (epoch {epoch})")]
    Diverged {
        /// The loss, NaN or infinite.
        loss: f64,
        /// The step at which it happened, counted from 0.
        step: usize,
        /// The epoch of that step, counted from 1.
        epoch: usize,
        /// The learning rate that was too high, most likely.
        setting: &'static str,
        /// The run, whose last checkpoint is from before.
        run: PathBuf,
    },
    /// The doctor found what the user asked not to let pass.
    #[error("the doctor found {found} in {}", run.display())]
    Findings {
        /// Such as `an error`.
        found: String,
        /// The run.
        run: PathBuf,
    },
    /// The installation cannot train.
    #[error("this installation cannot train: {missing}")]
    Installation {
        /// What does not work.
        missing: String,
    },
    /// The user stopped the command; its state is saved.
    #[error("interrupted; the state is saved in {}", run.display())]
    Interrupted {
        /// The run to resume.
        run: PathBuf,
    },
    /// An impossible state: our fault, never the user's.
    #[error("internal error: {message}")]
    Internal {
        /// What was found.
        message: String,
    },
}

impl Error {
    /// An error of the system about a file.
    #[must_use]
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// The process's exit code: the table of the README.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal { .. } | Self::Data(DataError::Cache { .. }) => 1,
            Self::Usage { .. }
            | Self::Config(_)
            | Self::Overlay(_)
            | Self::Architecture(_)
            | Self::Data(DataError::Config { .. } | DataError::Augment { .. })
            | Self::Device(DeviceError::Unknown { .. } | DeviceError::Index { .. }) => 2,
            Self::Data(_) | Self::Model { .. } | Self::Io { .. } => 3,
            Self::Run(error) => match error.kind() {
                RunErrorKind::Usage => 2,
                RunErrorKind::Data => 3,
                RunErrorKind::Storage => 1,
            },
            Self::Diverged { .. } | Self::Findings { .. } => 4,
            Self::Installation { .. } => 5,
            Self::Device(_) | Self::NoBackend => 6,
            Self::Interrupted { .. } => 130,
        }
    }

    /// A word for the kind of error, for programs that read the JSON envelope.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.exit_code() {
            1 => "internal",
            2 => "usage",
            3 => "data",
            4 => "training",
            5 => "check",
            6 => "device",
            130 => "interrupted",
            _ => "other",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } | Self::Model { help, .. } => Some(help.clone()),
            Self::Overlay(error) | Self::Architecture(ArchitectureError::Overlay(error)) => {
                error.help()
            }
            Self::Config(_) | Self::Architecture(ArchitectureError::Config(_)) => {
                Some("`fornax config show` lists all settings and their values".to_owned())
            }
            Self::Architecture(ArchitectureError::Unsuited { suited, .. }) => {
                let names: Vec<_> = suited
                    .iter()
                    .map(|architecture| architecture.name())
                    .collect();
                Some(format!(
                    "use {}, or leave the architecture out",
                    names.join(" or ")
                ))
            }
            Self::Data(error) => diagnostic_help(error),
            Self::Run(error) => diagnostic_help(error),
            Self::Device(error) => diagnostic_help(error),
            Self::NoBackend => Some("build it with `--features flex`".to_owned()),
            Self::Diverged { run, setting, .. } => Some(format!(
                "most often `{setting}` is too high; `fornax doctor {}` says what went wrong here \
                 and how to mend it",
                run.display()
            )),
            Self::Installation { .. } => {
                Some("each device above says what to do about it".to_owned())
            }
            Self::Findings { .. } => Some("the findings stand above, with what to do".to_owned()),
            Self::Interrupted { run } => {
                Some(format!("go on with `fornax resume {}`", run.display()))
            }
            Self::Io { .. } => None,
            Self::Internal { .. } => {
                Some("this is a fault in Fornax; please report it with the command".to_owned())
            }
        }
    }
}

fn diagnostic_help(error: &dyn miette::Diagnostic) -> Option<String> {
    error.help().map(|help| help.to_string())
}
