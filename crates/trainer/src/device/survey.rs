//! Every backend, tried: what `fornax devices` shows.

use std::fmt;
use std::time::Duration;

use miette::Diagnostic;
use serde::Serialize;

use super::{Answer, Backend, DeviceSpec, answer};

/// What became of trying a backend's default device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceReport {
    /// What was tried.
    pub device: DeviceSpec,
    /// Whether this binary has the backend.
    pub compiled_in: bool,
    /// Whether the device computed a small operation rightly.
    pub answers: bool,
    /// What the device calls itself, where it says so.
    pub name: Option<String>,
    /// How long the operation took, from opening the device on.
    pub probe_ms: Option<u64>,
    /// Why the device cannot be used.
    pub error: Option<String>,
    /// What to do about that.
    pub help: Option<String>,
}

/// Tries the default device of every backend, waiting at most `limit` for each.
#[must_use]
pub fn survey(limit: Duration) -> Vec<DeviceReport> {
    Backend::ALL
        .into_iter()
        .map(|backend| report(backend.into(), limit))
        .collect()
}

/// Tries one device.
pub(super) fn report(device: DeviceSpec, limit: Duration) -> DeviceReport {
    let compiled_in = device.backend.is_compiled_in();
    let blank = DeviceReport {
        device,
        compiled_in,
        answers: false,
        name: None,
        probe_ms: None,
        error: None,
        help: None,
    };
    match answer(device, limit) {
        Ok(Answer { name, elapsed, .. }) => {
            let probe_ms = u64::try_from(elapsed.as_millis()).ok();
            DeviceReport {
                answers: true,
                name,
                probe_ms,
                ..blank
            }
        }
        Err(error) => DeviceReport {
            help: error.help().map(|help| help.to_string()),
            error: Some(error.to_string()),
            ..blank
        },
    }
}

impl fmt::Display for DeviceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} ", self.device.to_string())?;
        match (&self.error, self.probe_ms) {
            _ if !self.compiled_in => {
                write!(
                    f,
                    "not compiled in: build with `--features {}`",
                    self.device.backend
                )
            }
            (Some(error), _) => write!(f, "{error}"),
            (None, probe_ms) => {
                write!(f, "answers in {} ms", probe_ms.unwrap_or(0))?;
                self.name
                    .as_ref()
                    .map_or(Ok(()), |name| write!(f, ": {name}"))
            }
        }
    }
}
