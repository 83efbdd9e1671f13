#![doc = include_str!("../README.md")]

mod run_dir;
mod run_lock;

mod event;
mod event_log;
mod metrics_csv;
mod signals;
mod step_times;

mod container;
mod write_atomic;

pub mod report;
pub mod tensorboard;

mod error;
mod number;

pub use container::Container;
pub use error::{RunError, RunErrorKind};
pub use event::{CheckpointKind, Event, EventKind, FinishReason, Position};
pub use event_log::{EventLog, read_events};
pub use metrics_csv::metrics_csv;
pub use run_dir::RunDir;
pub use run_lock::RunLock;
pub use signals::{
    DataSignals, LabelCheck, LayerSignals, MachineSignals, NotFinite, Quantity, Signals,
};
pub use step_times::StepTimes;
pub use write_atomic::write_atomic;
