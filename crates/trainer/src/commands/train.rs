//! `fornax train`: from data and settings to a finished run.

use fornax_runs::{RunDir, tensorboard, write_atomic};
use serde_json::json;
use std::path::Path;

use crate::cli::TrainArgs;
use crate::commands::resume::{Training, train};
use crate::commands::{data_folders, open_device};
use crate::error::Error;
use crate::experiment::Resolved;
use crate::output::Output;

/// Runs that are given no folder lie here, in the current folder.
const RUNS: &str = "runs";

pub(super) fn run(args: &TrainArgs, output: &mut Output) -> Result<(), Error> {
    let resolved = args.experiment.request()?.resolve(&data_folders())?;
    describe(&resolved, output);
    if args.dry_run {
        output.line("dry run: the data and all settings are fine");
        output.result(json!({"dry_run": true, "experiment": resolved.experiment}));
        return Ok(());
    }
    let device = open_device(&resolved.experiment, None, output)?;
    let run = create(args.out.as_deref(), args.tensorboard, &resolved)?;
    output.note(&format!("run      {}", run.path().display()));
    let training = Training {
        resolved,
        run,
        device,
        dashboard: args.tui,
        report: !args.no_report,
    };
    train(training, output)
}

/// Makes the folder of a training: at `out`, or a new one below [`RUNS`].
pub(super) fn create(
    out: Option<&Path>,
    with_tensorboard: bool,
    resolved: &Resolved,
) -> Result<RunDir, Error> {
    let experiment = &resolved.experiment;
    let run = match out {
        Some(path) => RunDir::create_at(path)?,
        None => {
            let stem = format!("{}-{}", resolved.dataset.name, experiment.architecture);
            RunDir::create(RUNS.as_ref(), &stem)?
        }
    };
    if with_tensorboard {
        tensorboard::begin(&run)?;
    }
    let environment = json!({
        "fornax": env!("CARGO_PKG_VERSION"),
        "burn": crate::BURN_VERSION,
        "commit": env!("FORNAX_COMMIT"),
        "device": experiment.device,
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "os": std::env::consts::OS,
        "cpu": std::env::consts::ARCH,
        "data_sha256": resolved.dataset.sha256,
        "command": std::env::args().collect::<Vec<_>>(),
    });
    let environment = format!("{environment:#}\n");
    write_atomic(&run.environment(), environment.as_bytes())?;
    // Last: a folder with an experiment is a run.
    write_atomic(&run.experiment(), experiment.to_toml().as_bytes())?;
    Ok(run)
}

/// Says what was understood, before anything takes time.
fn describe(resolved: &Resolved, output: &mut Output) {
    let Resolved {
        experiment,
        dataset,
        chosen,
        ..
    } = resolved;
    for (index, line) in dataset.reading.iter().enumerate() {
        let label = if index == 0 { "data" } else { "" };
        output.note(&format!("{label:<8} {line}"));
    }
    for warning in &dataset.warnings {
        output.warn(warning);
    }
    let why = chosen.map_or(String::new(), |reason| format!(" (chosen: {reason})"));
    output.note(&format!(
        "network  {}{why}, {} epochs of {} samples a step, {} on {}",
        experiment.architecture,
        experiment.train.epochs,
        experiment.train.batch_size,
        format!("{:?}", experiment.train.optimizer).to_lowercase(),
        experiment.device,
    ));
    if !experiment.augment.is_off() {
        output.note(&format!("augment  {}", experiment.augment));
    }
    output.note(&format!("to beat  {}", dataset.baseline));
    output.detail(&experiment.to_toml());
}
