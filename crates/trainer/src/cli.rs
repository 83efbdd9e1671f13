//! The command line: every verb, every flag, and what they mean.

mod experiment;
mod parse;

use clap::{Args, Parser, Subcommand, ValueHint};
use std::path::PathBuf;

use crate::error::Error;
use crate::experiment::Request;

pub use experiment::ExperimentArgs;
use parse::parse_time;

/// Fornax: from your own files to a trained deep network.
#[derive(Debug, Parser)]
#[command(
    name = "fornax",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Start with: fornax train cnn\nExit codes: 0 ok, 1 internal, 2 usage or \
    settings, 3 data, 4 training failed, 6 device, 130 interrupted (the state is saved)"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON envelope to stdout instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but errors and the result.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say all settings too.
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network, and print where the run lies.
    Train(Box<TrainArgs>),
    /// Go on with a run that was interrupted.
    Resume(ResumeArgs),
    /// Measure a run's best weights on one split of its data.
    Eval(EvalArgs),
    /// Draw the page that shows what a run learned.
    Report(ReportArgs),
    /// Look inside a run: its layers, units and answers, or why it answers a new file as it does.
    Inspect(InspectArgs),
    /// Say what goes wrong in a run, why, and which settings mend it; without a run, whether this
    /// installation works.
    Doctor(DoctorArgs),
    /// Lay runs over each other: settings, curves, results, and where their answers differ.
    Compare(CompareArgs),
    /// Apply a run's model to new files.
    Predict(PredictArgs),
    /// Write text, or dream up samples, with a run's model.
    Generate(GenerateArgs),
    /// Look at the datasets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Say what can compute here, after trying it.
    Devices(DevicesArgs),
    /// Look at the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Arguments of `train`.
#[allow(clippy::struct_excessive_bools)] // one a flag
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The settings.
    #[command(flatten)]
    pub experiment: ExperimentArgs,
    /// Folder of the run; a new one below `runs` where it is left out.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Read the data and check all settings, then stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Show the training as a dashboard that fills the terminal.
    #[arg(long)]
    pub tui: bool,
    /// Leave out the report at the end.
    #[arg(long)]
    pub no_report: bool,
    /// Write the curves for TensorBoard too, into `tensorboard` in the run's folder.
    #[arg(long)]
    pub tensorboard: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Folder of the run.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Show the training as a dashboard that fills the terminal.
    #[arg(long)]
    pub tui: bool,
    /// Leave out the report at the end.
    #[arg(long)]
    pub no_report: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder of the run.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Folder of the run.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// What to look at; the hierarchy where it is left out.
    #[arg(long, value_enum)]
    pub view: Option<View>,
    /// File of the same form as the training data: why is it answered as it is?
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, conflicts_with = "view")]
    pub input: Option<PathBuf>,
    /// Items of the file that are explained.
    #[arg(long, value_name = "N", default_value_t = 8, requires = "input")]
    pub limit: usize,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// A part of what can be seen in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum View {
    /// How easy each layer makes the decision.
    Hierarchy,
    /// Dead, saturated and duplicate units, and what the most telling ones follow.
    Units,
    /// What is confused, the surest mistakes, suspected wrong labels; or the largest errors.
    Mistakes,
    /// Calibration, accuracy when unsure answers are left out, each class.
    Trust,
    /// Text: surprise, memory, what units follow.
    Text,
    /// Deep belief network: reconstruction through each layer, dreams.
    Dreams,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Folder of the run; where it is left out, installation, devices and data folders are checked.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: Option<PathBuf>,
    /// Say every finding, not only the three that matter first.
    #[arg(long, requires = "run")]
    pub all: bool,
    /// Train again from the same seed with the changes of the first finding, and say whether that
    /// helped.
    #[arg(long, requires = "run", conflicts_with = "fail_on")]
    pub apply: bool,
    /// Folder of that training; a new one below `runs` where it is left out.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "apply")]
    pub out: Option<PathBuf>,
    /// End with exit code 4 if there is a finding of at least this severity.
    #[arg(long, value_enum, value_name = "SEVERITY", requires = "run")]
    pub fail_on: Option<FailOn>,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// A severity from which on a finding is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Errors alone.
    Error,
    /// Warnings too.
    Warning,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of the runs; the first is compared with each other one.
    #[arg(required = true, num_args = 2.., value_hint = ValueHint::DirPath)]
    pub runs: Vec<PathBuf>,
    /// The page; `compare.html` in the current folder where it is left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Folder of the run.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Which split.
    #[arg(long, value_enum, default_value = "test")]
    pub split: SplitName,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// A split by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SplitName {
    /// What the network learned from.
    Train,
    /// What the best weights were chosen by.
    Valid,
    /// What it has never seen.
    Test,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Folder of the run.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Files of the same form as the training data; the targets may be left out.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub inputs: Vec<PathBuf>,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Folder of the run: of a text model, or a deep belief network.
    #[arg(value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Text: how it begins.
    #[arg(long, default_value = "The ")]
    pub prompt: String,
    /// Text: characters to write.
    #[arg(long, default_value_t = 500)]
    pub length: usize,
    /// Text: 0 always takes the likeliest character, 1 draws as the model thinks.
    #[arg(long, default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Text: draw from the likeliest N characters alone.
    #[arg(long, value_name = "N")]
    pub top_k: Option<usize>,
    /// Deep belief network: samples to dream up.
    #[arg(long, default_value_t = 10)]
    pub samples: usize,
    /// Deep belief network: steps of Gibbs sampling before a sample is taken.
    #[arg(long, default_value_t = 200)]
    pub steps: usize,
    /// Deep belief network: dream of this class alone.
    #[arg(long, value_name = "CLASS")]
    pub label: Option<String>,
    /// Where chance starts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What computes, where it should be another than in training.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// The verbs of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// List the datasets that can be named.
    List,
    /// Say what is in a dataset, and what about it should be looked at.
    Check(DataArgs),
    /// Draw a sheet of training items, a row a class.
    Show(ShowArgs),
}

/// Which data, and how to read it.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Name of a dataset (see `fornax data list`), or a file or folder of yours.
    #[arg(value_name = "NAME|PATH", value_hint = ValueHint::AnyPath)]
    pub data: String,
    /// Column to predict.
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Series: steps that a network sees.
    #[arg(long, value_name = "STEPS")]
    pub window: Option<u64>,
    /// Where all random choices start.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Any setting of the data, such as --set data.fraction=0.1; may be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `data show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which data.
    #[command(flatten)]
    pub data: DataArgs,
    /// Show one item a row, as it is and as nine epochs would change it; without an `augment`
    /// setting, by all that suit the data.
    #[arg(long)]
    pub augment: bool,
    /// Where to write the PNG file; `<name>.png` in the current folder where it is left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

impl DataArgs {
    /// Collects what was given into one request.
    ///
    /// # Errors
    /// When an assignment is malformed.
    pub fn request(&self) -> Result<Request, Error> {
        let args = ExperimentArgs {
            data: Some(self.data.clone()),
            target: self.target.clone(),
            window: self.window,
            seed: self.seed,
            set: self.set.clone(),
            ..ExperimentArgs::default()
        };
        args.request()
    }
}

/// Arguments of `devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// How long each may take to answer, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    pub limit: f64,
}

/// The verbs of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the complete settings that `train` would use with the same arguments.
    Show(Box<ExperimentArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
