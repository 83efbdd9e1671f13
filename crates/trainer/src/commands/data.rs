//! `fornax data`: the datasets that can be named, what is in one, and a picture of it.

use fornax_data::check::Report;
use fornax_data::{AugmentConfig, Dataset, InputShape, Preprocess, Whereabouts};
use fornax_doctor::{Finding, Record, diagnose};
use fornax_runs::{Event, EventKind, Position, write_atomic};
use serde_json::json;
use std::path::PathBuf;

use crate::cli::{DataArgs, ShowArgs};
use crate::commands::data_folders;
use crate::device::{self, DeviceSpec};
use crate::doctor::{self, data::MOST_SAMPLES};
use crate::error::Error;
use crate::output::Output;

pub(super) fn list(output: &mut Output) {
    let known = fornax_data::list(&data_folders());
    let width = known
        .iter()
        .map(|dataset| dataset.name.len())
        .max()
        .unwrap_or(0);
    for dataset in &known {
        let place = match &dataset.whereabouts {
            Whereabouts::Shipped => "shipped".to_owned(),
            Whereabouts::Fetched(folder) => folder.display().to_string(),
            Whereabouts::NotFetched(command) => format!("fetch it: {command}"),
        };
        let place = if dataset.readable {
            place
        } else {
            "cannot be read yet".to_owned()
        };
        let (name, title, shape) = (&dataset.name, &dataset.title, &dataset.shape);
        output.line(format!("{name:<width$}  {title}, {shape}  [{place}]"));
    }
    output.result(json!(known));
}

pub(super) fn check(args: &DataArgs, output: &mut Output) -> Result<(), Error> {
    let (dataset, _, seed) = args.request()?.open_data(&data_folders())?;
    let report = fornax_data::check::check(&dataset)?;
    let findings = findings(&dataset, &report, seed)?;
    for warning in &report.warnings {
        output.warn(warning);
    }
    for line in report.lines() {
        output.line(line);
    }
    for finding in &findings {
        output.line(finding.line());
        output.line(format!("  {}", finding.remedy));
    }
    let mut result = json!(report);
    result["findings"] = json!(findings);
    output.result(result);
    Ok(())
}

/// What the doctor says of the data alone.
fn findings(dataset: &Dataset, report: &Report, seed: u64) -> Result<Vec<Finding>, Error> {
    let Some(spec) = DeviceSpec::default_for_build() else {
        return Ok(Vec::new());
    };
    let device = device::open(&spec)?;
    let signals = doctor::data::signals(dataset, report, &device, seed, MOST_SAMPLES)?;
    let events = [Event {
        kind: EventKind::Data(signals),
        at: Position::train(0),
        elapsed_ms: 0,
    }];
    Ok(diagnose(&Record::new(&events, &json!({}))).findings)
}

pub(super) fn show(args: &ShowArgs, output: &mut Output) -> Result<(), Error> {
    let (dataset, augment, seed) = args.data.request()?.open_data(&data_folders())?;
    for line in &dataset.reading {
        output.note(line);
    }
    let augment = match args.augment {
        false => None,
        true if augment.is_off() => Some(shown(&dataset.input, &dataset.preprocess)),
        true => Some(augment),
    };
    let png = fornax_data::sheet(&dataset, augment.as_ref(), seed)?;
    if let Some(classes) = dataset.preprocess.classes() {
        output.note(&format!("rows from top to bottom: {}", classes.join(", ")));
    }
    let path = match &args.out {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.png", dataset.name)),
    };
    write_atomic(&path, &png)?;
    output.line(path.display().to_string());
    output.result(json!({"sheet": path, "augment": augment}));
    Ok(())
}

/// What `--augment` shows where no setting says: all that suit the data, strong enough to be seen.
fn shown(input: &InputShape, preprocess: &Preprocess) -> AugmentConfig {
    let off = AugmentConfig::default();
    match (input, preprocess) {
        (InputShape::Image { .. }, _) => AugmentConfig {
            shift: 0.1,
            rotate: 15.0,
            scale: 0.15,
            shear: 10.0,
            flip: true,
            elastic: 2.0,
            cutout: 0.25,
            ..off
        },
        (_, Preprocess::Sound(_)) => AugmentConfig {
            time_warp: 0.3,
            time_mask: 0.3,
            band_mask: 0.3,
            ..off
        },
        _ => AugmentConfig {
            jitter: 0.1,
            time_warp: 0.5,
            time_mask: 0.2,
            ..off
        },
    }
}
