//! The doctor in a training: what its rules get to see before, while and after a network trains.
//!
//! The rules themselves know neither networks nor data: they are in `fornax-doctor`.

pub(crate) mod data;
pub(crate) mod preflight;
mod quick_model;
mod rehearsal;

use burn::tensor::Device;
use fornax_data::Dataset;
use fornax_data::check::check_some;
use fornax_doctor::{Diagnosis, Record, diagnose};
use fornax_runs::report;
use fornax_runs::{Event, EventKind, RunDir, read_events, write_atomic};
use serde_json::json;

use crate::error::Error;
use crate::experiment::Experiment;
use crate::output::Output;
use data::{MOST_ITEMS, MOST_SAMPLES};

/// The version of `doctor.json`.
const FORMAT: u32 = 1;

/// Findings that are said where nobody asked for all.
pub(crate) const FIRST: usize = 3;

/// Diagnoses a run from what it recorded, and writes `doctor.json` into it.
///
/// # Errors
/// When its events cannot be read, or the file cannot be written.
pub(crate) fn consult(
    run: &RunDir,
    experiment: &Experiment,
    events: &[Event],
) -> Result<Diagnosis, Error> {
    let tree = json!(experiment);
    let diagnosis = diagnose(&Record::new(events, &tree));
    let mut form = json!(diagnosis);
    form["format"] = json!(FORMAT);
    write_atomic(&run.doctor(), format!("{form:#}\n").as_bytes())?;
    Ok(diagnosis)
}

/// The events of a run; with what a preflight without a budget would have found, where it did not fly
/// or had no time for quick models.
///
/// # Errors
/// When the events or an item of the data cannot be read.
pub(crate) fn events(
    run: &RunDir,
    experiment: &Experiment,
    data: Option<(&Dataset, &Device)>,
) -> Result<Vec<Event>, Error> {
    let mut events = read_events(&run.events())?;
    if let (false, Some((dataset, device))) = (has_quick_models(&events), data) {
        let report = check_some(dataset, MOST_ITEMS)?;
        let mut full = data::signals(dataset, &report, device, experiment.seed, MOST_SAMPLES)?;
        for event in &mut events {
            if let EventKind::Data(signals) = &mut event.kind {
                full.range_test = std::mem::take(&mut signals.range_test);
                full.memorised = signals.memorised;
                *signals = full;
                return Ok(events);
            }
        }
        let first = events.first().cloned();
        let kind = EventKind::Data(full);
        events.extend(first.map(|first| Event { kind, ..first }));
    }
    Ok(events)
}

/// Whether the preflight told what quick models make of the data.
pub(crate) fn has_quick_models(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(&event.kind, EventKind::Data(data) if data.reference.is_some()))
}

/// The findings as a report shows them.
pub(crate) fn for_report(run: &RunDir, diagnosis: &Diagnosis) -> Vec<report::Finding> {
    let command = command(run);
    let findings = diagnosis.findings.iter();
    findings
        .map(|finding| report::Finding {
            rule: finding.rule.to_owned(),
            severity: finding.severity.word().to_owned(),
            cause: finding.cause.clone(),
            measured: finding.measured_where(),
            remedy: finding.remedy.clone(),
            command: (!finding.patch.is_empty()).then(|| format!("{command} {}", finding.flags())),
            confidence: finding.confidence,
            explains: finding
                .consequences
                .iter()
                .map(|consequence| consequence.cause.clone())
                .collect(),
            epoch: finding.place.epoch,
            step: finding
                .place
                .step
                .filter(|_| finding.place.machine.is_none()),
        })
        .collect()
}

/// Says the alarms of a run that has ended, at most three of them, short.
pub(crate) fn say(run: &RunDir, diagnosis: &Diagnosis, output: &mut Output) {
    let command = command(run);
    for finding in diagnosis.alarms().take(FIRST) {
        output.line(finding.line());
        if finding.patch.is_empty() {
            output.line(format!("  {}", finding.remedy));
        } else {
            output.line(format!("  try: {command} {}", finding.flags()));
        }
    }
    let more = diagnosis.alarms().count().saturating_sub(FIRST);
    if more > 0 {
        let path = run.path().display();
        output.line(format!("and {more} more: fornax doctor {path} --all"));
    }
}

/// The command that trains a run again.
pub(crate) fn command(run: &RunDir) -> String {
    format!("fornax train --config {}", run.experiment().display())
}
