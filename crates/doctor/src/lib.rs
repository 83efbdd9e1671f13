#![doc = include_str!("../README.md")]

mod record;
mod settings;

mod learning_rate;
mod outcome;

mod diagnosis;
mod finding;
pub mod rules;
mod watch;

#[cfg(test)]
mod story;
mod words;

pub use diagnosis::{Diagnosis, NotChecked, diagnose};
pub use finding::{Finding, Place, Severity};
pub use outcome::Outcome;
pub use record::{EpochRecord, Record, StepRecord};
pub use rules::{Needs, Rule};
pub use watch::Watch;
