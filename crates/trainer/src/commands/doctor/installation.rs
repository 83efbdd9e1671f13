//! Whether an installation works: versions, devices, and where data is looked for.

use serde_json::json;
use std::time::Duration;

use crate::commands::data_folders;
use crate::device;
use crate::error::Error;
use crate::output::Output;

/// How long a device may take to answer; `fornax devices --limit` waits longer.
const LIMIT: Duration = Duration::from_mins(1);

/// # Errors
/// When no device answers.
pub(super) fn check(output: &mut Output) -> Result<(), Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("FORNAX_COMMIT"));
    output.line(format!(
        "fornax {version} ({commit}) on burn {}, {threads} threads",
        crate::BURN_VERSION
    ));
    let devices = device::survey(LIMIT);
    for report in &devices {
        output.line(report.to_string());
    }
    let folders: Vec<_> = data_folders()
        .0
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect();
    for folder in &folders {
        let count = std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count());
        output.line(format!("data in {}: {count} entries", folder.display()));
    }
    if folders.is_empty() {
        output.line("no data folder: `cargo xtask datasets fetch NAME` makes one");
    }
    let known = fornax_data::list(&data_folders());
    let ready = known.iter().filter(|dataset| {
        dataset.readable && !matches!(dataset.whereabouts, fornax_data::Whereabouts::NotFetched(_))
    });
    let ready = ready.count();
    output.line(format!(
        "{ready} of {} known datasets can be trained on",
        known.len()
    ));
    output.result(json!({
        "version": version,
        "commit": commit,
        "burn": crate::BURN_VERSION,
        "threads": threads,
        "devices": devices,
        "data_folders": folders,
        "datasets_ready": ready,
    }));
    if devices.iter().any(|device| device.answers) {
        return Ok(());
    }
    Err(Error::Installation {
        missing: "no device computes".to_owned(),
    })
}
