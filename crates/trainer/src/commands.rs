//! One file a verb.

mod compare;
mod completions;
mod config;
mod data;
mod devices;
mod doctor;
mod eval;
mod generate;
mod inspect;
mod predict;
mod report;
mod resume;
mod train;
mod trained;

use burn::tensor::Device;
use fornax_data::DataFolders;
use std::path::PathBuf;

use crate::cli::{Command, ConfigCommand, DataCommand};
use crate::device;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::output::Output;

impl Command {
    /// The verb, as it stands in the JSON envelope.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Resume(_) => "resume",
            Self::Eval(_) => "eval",
            Self::Report(_) => "report",
            Self::Inspect(_) => "inspect",
            Self::Doctor(_) => "doctor",
            Self::Compare(_) => "compare",
            Self::Predict(_) => "predict",
            Self::Generate(_) => "generate",
            Self::Data(DataCommand::List) => "data list",
            Self::Data(DataCommand::Check(_)) => "data check",
            Self::Data(DataCommand::Show(_)) => "data show",
            Self::Devices(_) => "devices",
            Self::Config(ConfigCommand::Show(_)) => "config show",
            Self::Completions { .. } => "completions",
        }
    }

    /// Does what the user asked for.
    ///
    /// # Errors
    /// Whatever keeps it from being done.
    pub fn run(self, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Train(args) => train::run(&args, output),
            Self::Resume(args) => resume::run(&args, output),
            Self::Eval(args) => eval::run(&args, output),
            Self::Report(args) => report::run(&args, output),
            Self::Inspect(args) => inspect::run(&args, output),
            Self::Doctor(args) => doctor::run(&args, output),
            Self::Compare(args) => compare::run(&args, output),
            Self::Predict(args) => predict::run(&args, output),
            Self::Generate(args) => generate::run(&args, output),
            Self::Data(DataCommand::List) => {
                data::list(output);
                Ok(())
            }
            Self::Data(DataCommand::Check(args)) => data::check(&args, output),
            Self::Data(DataCommand::Show(args)) => data::show(&args, output),
            Self::Devices(args) => {
                devices::run(&args, output);
                Ok(())
            }
            Self::Config(ConfigCommand::Show(args)) => config::show(&args, output),
            Self::Completions { shell } => {
                completions::run(shell, output);
                Ok(())
            }
        }
    }
}

/// Opens the device that the user names, or else the experiment's own, to compute in the precision
/// of the experiment; says so where that cannot be.
fn open_device(
    experiment: &Experiment,
    named: Option<&str>,
    output: &mut Output,
) -> Result<Device, Error> {
    let device = device::open(&experiment.device_or(named)?)?;
    if let Some(warning) = experiment.train.precision.apply(&device) {
        output.warn(warning);
    }
    Ok(device)
}

/// Where fetched datasets are looked for: `data` in the current folder and in those above it.
fn data_folders() -> DataFolders {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    DataFolders(here.ancestors().map(|folder| folder.join("data")).collect())
}
