//! `fornax resume`: a run goes on from its last checkpoint; and what it shares with `train`.

use burn::tensor::Device;
use fornax_doctor::Diagnosis;
use fornax_runs::{EventKind, FinishReason, RunDir, read_events};
use serde_json::json;
use std::path::{Path, PathBuf};

use crate::cli::ResumeArgs;
use crate::commands::{data_folders, open_device};
use crate::dashboard::Dashboard;
use crate::doctor;
use crate::error::Error;
use crate::experiment::{Experiment, Request, Resolved};
use crate::insight::Subject;
use crate::interrupt;
use crate::output::Output;
use crate::progress::{display, metric};
use crate::session::{Outcome, Session};

pub(super) fn run(args: &ResumeArgs, output: &mut Output) -> Result<(), Error> {
    let run = RunDir::open(&args.run)?;
    if let Some(reason) = finished(&run)? {
        let path = run.path().display().to_string();
        output.note(&format!(
            "{path} is finished ({}): nothing to do",
            reason.words()
        ));
        output.line(&path);
        output.result(json!({"run": path, "reason": reason}));
        return Ok(());
    }
    let experiment = Experiment::load(&run.experiment())?;
    let resolved = reopen(&experiment)?;
    let device = open_device(&experiment, None, output)?;
    train(
        Training {
            resolved,
            run,
            device,
            dashboard: args.tui,
            report: !args.no_report,
        },
        output,
    )
}

/// Opens the data and completes the network of a run's experiment.
pub(super) fn reopen(experiment: &Experiment) -> Result<Resolved, Error> {
    let settings = serde_json::to_value(experiment).map_err(|error| Error::Internal {
        message: error.to_string(),
    })?;
    let request = Request {
        architecture: Some(experiment.architecture),
        settings,
    };
    request.resolve(&data_folders())
}

/// A training that is ready to begin or to go on.
pub(super) struct Training {
    pub(super) resolved: Resolved,
    pub(super) run: RunDir,
    pub(super) device: Device,
    pub(super) dashboard: bool,
    pub(super) report: bool,
}

/// Trains to the end and writes the result.
pub(super) fn train(training: Training, output: &mut Output) -> Result<(), Error> {
    let Training {
        resolved,
        run,
        device,
        dashboard,
        report: with_report,
    } = training;
    let _lock = run.lock()?;
    let Resolved {
        experiment,
        dataset,
        network,
        ..
    } = &resolved;
    let layout = network.layout(&dataset.input)?;
    let interrupt = interrupt::watch();
    let display = if dashboard {
        Box::new(Dashboard::open(interrupt.clone())?)
    } else {
        display(output.verbosity)
    };
    let mut session = Session::open(
        &run,
        experiment,
        dataset,
        network,
        device.clone(),
        layout,
        display,
        interrupt,
    )?;
    let outcome = session.train();
    session.display.finish();
    drop(session);
    let outcome = match outcome {
        Err(error @ Error::Diverged { .. }) => {
            let diagnosis = doctor::consult(&run, experiment, &read_events(&run.events())?)?;
            doctor::say(&run, &diagnosis, output);
            output.result(json!({"run": run.path(), "diagnosis": diagnosis}));
            return Err(error);
        }
        outcome => outcome?,
    };
    let page = if with_report {
        draw_report(&run, &resolved, device, output)
    } else {
        None
    };
    let diagnosis = doctor::consult(&run, experiment, &read_events(&run.events())?)?;
    report(
        &outcome,
        &resolved,
        &run,
        &diagnosis,
        page.as_deref(),
        output,
    );
    Ok(())
}

/// A training that is done is not lost because its report cannot be drawn.
fn draw_report(
    run: &RunDir,
    resolved: &Resolved,
    device: Device,
    output: &mut Output,
) -> Option<PathBuf> {
    let drawn = Subject::open(run, resolved, device).and_then(|subject| {
        let report = subject.report()?;
        Ok(report.write(run)?)
    });
    match drawn {
        Ok(()) => Some(run.report()),
        Err(error) => {
            output.warn(format!("no report: {error}"));
            None
        }
    }
}

fn report(
    outcome: &Outcome,
    resolved: &Resolved,
    run: &RunDir,
    diagnosis: &Diagnosis,
    page: Option<&Path>,
    output: &mut Output,
) {
    let seconds = outcome.elapsed.as_secs_f64();
    output.line(format!(
        "{} after {seconds:.1} s; best weights from epoch {}",
        outcome.reason.words(),
        outcome.best_epoch
    ));
    for (split, metrics) in [("valid", &outcome.valid), ("test", &outcome.test)] {
        if !metrics.is_empty() {
            let values: Vec<_> = metrics
                .iter()
                .map(|(name, value)| metric(name, *value))
                .collect();
            output.line(format!("{split:<5} {}", values.join("  ")));
        }
    }
    output.line(format!("to beat: {}", resolved.dataset.baseline));
    if outcome.step_times.num_steps > 0 {
        output.line(outcome.step_times.to_string());
    }
    doctor::say(run, diagnosis, output);
    if let Some(page) = page {
        output.line(format!("report: {}", page.display()));
    }
    output.line(run.path().display().to_string());
    output.result(json!({
        "run": run.path(),
        "diagnosis": diagnosis,
        "report": page,
        "reason": outcome.reason,
        "best_epoch": outcome.best_epoch,
        "seconds": seconds,
        "step_times": outcome.step_times,
        "valid": outcome.valid,
        "test": outcome.test,
        "baseline": resolved.dataset.baseline,
    }));
}

fn finished(run: &RunDir) -> Result<Option<FinishReason>, Error> {
    if !run.events().exists() {
        // Killed between its experiment and its first event: it starts from there.
        return Ok(None);
    }
    let events = read_events(&run.events())?;
    Ok(events.iter().rev().find_map(|event| match event.kind {
        EventKind::Finished { reason } => Some(reason),
        _ => None,
    }))
}
