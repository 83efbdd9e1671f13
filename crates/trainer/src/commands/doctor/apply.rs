//! `fornax doctor RUN --apply`: the changes of the first finding, tried out from the same seed.

use fornax_doctor::{Diagnosis, Finding};
use fornax_runs::RunDir;
use serde_json::json;
use std::path::Path;

use crate::commands::resume::{Training, train};
use crate::commands::train::create;
use crate::commands::trained::Trained;
use crate::commands::{data_folders, open_device};
use crate::error::Error;
use crate::experiment::{Experiment, Request, Resolved};
use crate::insight::compare::Answered;
use crate::output::Output;
use crate::overlay;
use crate::progress::metric;

/// Trains with the changes of the first finding that has any, and says whether that helped.
pub(super) fn apply(
    run: &RunDir,
    experiment: &Experiment,
    diagnosis: &Diagnosis,
    out: Option<&Path>,
    output: &mut Output,
) -> Result<(), Error> {
    let changed = |finding: &&Finding| !finding.patch.is_empty();
    let Some(finding) = diagnosis.findings.iter().find(changed) else {
        output.line("no finding comes with a change of settings, so there is nothing to apply");
        return Ok(());
    };
    let resolved = patched(experiment, &finding.patch)?;
    let device = open_device(&resolved.experiment, None, output)?;
    let again = create(out, false, &resolved)?;
    output.note(&format!("trying   {}", finding.patch.join(", ")));
    output.note(&format!("run      {}", again.path().display()));
    let training = Training {
        resolved,
        run: again.clone(),
        device,
        dashboard: false,
        report: true,
    };
    train(training, output)?;
    let gain = gain(run, &again, output)?;
    output.result(json!({
        "run": again.path(),
        "patch": finding.patch,
        "gain": gain,
        "diagnosis": diagnosis,
    }));
    Ok(())
}

fn patched(experiment: &Experiment, patch: &[String]) -> Result<Resolved, Error> {
    let mut settings = json!(experiment);
    for change in patch {
        overlay::merge(&mut settings, overlay::parse_assignment(change)?);
    }
    let request = Request {
        architecture: Some(experiment.architecture),
        settings,
    };
    request.resolve(&data_folders())
}

/// Says by how much the second run is better than the first, with the interval.
fn gain(
    first: &RunDir,
    second: &RunDir,
    output: &mut Output,
) -> Result<Option<fornax_runs::report::Estimate>, Error> {
    let first = Trained::open_beside_others(first.path(), None)?;
    let second = Trained::open_beside_others(second.path(), None)?;
    let (first, second) = (first.subject()?, second.subject()?);
    let (before, after) = (
        Answered::to_choose_by(&first)?,
        Answered::to_choose_by(&second)?,
    );
    let name = before.metric();
    let bare = |value| metric(name, value);
    let split = before.split();
    let values = format!(
        "{split} {}, before {}",
        bare(after.value()),
        bare(before.value())
    );
    if !before.same_samples(&after) {
        output.line(format!(
            "{values}; on other samples, so nothing follows from it"
        ));
        return Ok(None);
    }
    let gain = before.gain(&after);
    let verdict = if gain.low > 0.0 {
        "it helped"
    } else if gain.high < 0.0 {
        "it made things worse"
    } else {
        "that may be chance"
    };
    let plain = |value: f64| {
        if name == "accuracy" {
            format!("{:.1}", 100.0 * value)
        } else {
            format!("{value:.4}")
        }
    };
    let unit = if name == "accuracy" { " points" } else { "" };
    output.line(format!(
        "{verdict}: {values}; better by {}{unit}, in 95 of 100 such tests by {} to {}",
        plain(gain.value),
        plain(gain.low),
        plain(gain.high)
    ));
    Ok(Some(gain))
}
