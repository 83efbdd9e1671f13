//! `fornax doctor`: what goes wrong in a run and how to mend it; or whether the installation works.

mod apply;
mod installation;

use fornax_doctor::{Diagnosis, Severity};
use fornax_runs::{RunDir, read_events};
use serde_json::json;

use crate::cli::{DoctorArgs, FailOn};
use crate::commands::open_device;
use crate::commands::resume::reopen;
use crate::doctor::{self, FIRST};
use crate::error::Error;
use crate::experiment::Experiment;
use crate::output::Output;

pub(super) fn run(args: &DoctorArgs, output: &mut Output) -> Result<(), Error> {
    let Some(path) = &args.run else {
        return installation::check(output);
    };
    let run = RunDir::open(path)?;
    let experiment = Experiment::load(&run.experiment())?;
    let diagnosis = diagnose(args, &run, &experiment, output)?;
    say(&run, &diagnosis, args.all, output);
    if args.apply {
        return apply::apply(&run, &experiment, &diagnosis, args.out.as_deref(), output);
    }
    let limit = match args.fail_on {
        Some(FailOn::Error) => Severity::Error,
        Some(FailOn::Warning) => Severity::Warning,
        None => return Ok(()),
    };
    match diagnosis.severity() {
        Some(worst) if worst >= limit => Err(Error::Findings {
            found: match worst {
                Severity::Error => "an error".to_owned(),
                _ => "a warning".to_owned(),
            },
            run: run.path().to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Diagnoses a run. One that has no preflight is looked at together with its data, if those still
/// lie where they did.
fn diagnose(
    args: &DoctorArgs,
    run: &RunDir,
    experiment: &Experiment,
    output: &mut Output,
) -> Result<Diagnosis, Error> {
    if doctor::has_quick_models(&read_events(&run.events())?) {
        return doctor::consult(run, experiment, &doctor::events(run, experiment, None)?);
    }
    let device = open_device(experiment, args.device.as_deref(), output)?;
    let resolved = reopen(experiment);
    let data = match &resolved {
        Ok(resolved) => Some((&resolved.dataset, &device)),
        Err(error) => {
            output.warn(format!("the run's data cannot be looked at: {error}"));
            None
        }
    };
    doctor::consult(run, experiment, &doctor::events(run, experiment, data)?)
}

fn say(run: &RunDir, diagnosis: &Diagnosis, all: bool, output: &mut Output) {
    let command = doctor::command(run);
    let outcome = &diagnosis.outcome;
    if let (Some(true), Some(skill), Some(reference)) =
        (diagnosis.poor, outcome.skill, outcome.reference)
    {
        output.line(format!(
            "the result is poor: from the simplest predictor (0) to a perfect one (1) it gets to \
             {skill:.2}, and a quick model to {reference:.2}"
        ));
    }
    let shown = if all { usize::MAX } else { FIRST };
    for finding in diagnosis.findings.iter().take(shown) {
        for line in finding.lines(&command) {
            output.line(line);
        }
        if all {
            for consequence in &finding.consequences {
                output.line(format!("  follows   {}", consequence.line()));
            }
        }
    }
    let more = diagnosis.findings.len().saturating_sub(shown);
    if more > 0 {
        output.line(format!("and {more} more: `--all` shows them"));
    }
    if diagnosis.findings.is_empty() {
        output.line(match diagnosis.poor {
            Some(true) => "nothing that a rule knows, and yet the result is poor",
            Some(false) => "nothing is wrong",
            None => "nothing is wrong so far; there is no result yet",
        });
    }
    for missing in &diagnosis.not_checked {
        output.note(&format!(
            "not checked, since the run did not record {}: {}",
            missing.missing,
            missing.rules.join(", ")
        ));
    }
    output.line(run.doctor().display().to_string());
    output.result(json!({
        "run": run.path(),
        "file": run.doctor(),
        "diagnosis": diagnosis,
    }));
}
