#![doc = include_str!("../README.md")]

pub mod architecture;
pub mod batch;
pub mod checkpoint;
pub mod cli;
mod commands;
mod dashboard;
pub mod device;
mod doctor;
mod error;
pub mod evaluate;
pub mod experiment;
pub mod fit;
mod insight;
pub mod interrupt;
mod loader;
pub mod metrics;
pub mod model;
pub mod optimizer;
pub mod output;
pub mod overlay;
pub mod precision;
pub mod pretrain;
pub mod progress;
pub mod schedule;
pub mod seeds;
pub mod session;
mod settling;
pub mod signals;
pub mod step;
mod step_clock;

pub use architecture::Architecture;
pub use error::Error;
pub use experiment::Experiment;

/// The version of Burn that this crate is built on.
pub const BURN_VERSION: &str = "0.22.1";
