//! Why a device cannot be used, and what to do about it.

use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

use super::{Backend, DeviceSpec};

/// A device cannot be used.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
pub enum DeviceError {
    /// No backend has this name.
    #[error("there is no device `{name}`")]
    #[diagnostic(help("{}", near(name)))]
    Unknown {
        /// What was asked for.
        name: String,
    },

    /// What follows the colon is no number.
    #[error("`{text}` in `{name}` does not number a device")]
    #[diagnostic(help("number devices from 0, such as `wgpu:0`"))]
    Index {
        /// What was asked for.
        name: String,
        /// The part after the colon.
        text: String,
    },

    /// This binary was built without the backend.
    #[error("this fornax was built without {backend}; it has {}", compiled_in())]
    #[diagnostic(help(
        "install it with `cargo install --path crates/trainer --features {backend}`, or run it once \
         with `cargo run --release -p fornax-trainer --bin fornax --features {backend} -- …`"
    ))]
    NotCompiledIn {
        /// The backend that is missing.
        backend: Backend,
    },

    /// The backend has fewer devices.
    #[error("{}", absent(*spec, *found))]
    #[diagnostic(help("{}", number_help(*found, spec.backend)))]
    NoSuchDevice {
        /// What was asked for.
        spec: DeviceSpec,
        /// How many devices the backend has.
        found: usize,
    },

    /// The first operation failed.
    #[error("{spec} does not work: {message}")]
    #[diagnostic(help("{}", spec.backend.requirements()))]
    Fails {
        /// What was asked for.
        spec: DeviceSpec,
        /// What the driver said.
        message: String,
    },

    /// The first operation did not come back.
    #[error("{spec} did not answer within {} s", limit.as_secs_f64())]
    #[diagnostic(help("{}", spec.backend.requirements()))]
    Silent {
        /// What was asked for.
        spec: DeviceSpec,
        /// How long was waited.
        limit: Duration,
    },
}

/// Which name was perhaps meant.
fn near(name: &str) -> String {
    let names = Backend::ALL.map(Backend::name);
    let likeness = |known: &&&str| strsim::jaro_winkler(&name.to_lowercase(), known);
    let nearest = names
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) > 0.7) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "choose one of {}; `fornax devices` tries them",
            names.join(", ")
        ),
    }
}

fn absent(spec: DeviceSpec, found: usize) -> String {
    let DeviceSpec { backend, .. } = spec;
    match found {
        0 => format!("{backend} finds no device on this machine"),
        1 => format!("there is no {spec}: {backend} has one device here"),
        _ => format!("there is no {spec}: {backend} has {found} devices here"),
    }
}

fn number_help(found: usize, backend: Backend) -> String {
    match found {
        0 => backend.requirements().to_owned(),
        1 => format!("use `{backend}:0`, or `{backend}`"),
        _ => format!("use `{backend}:0` to `{backend}:{}`", found - 1),
    }
}

/// The backends that this binary has.
fn compiled_in() -> String {
    let names: Vec<_> = Backend::ALL
        .into_iter()
        .filter(|backend| backend.is_compiled_in())
        .map(Backend::name)
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
