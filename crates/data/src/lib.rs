#![doc = include_str!("../README.md")]

mod baseline;
mod batch;
mod catalog;
mod config;
mod dataset;
mod error;
mod order;
pub mod preprocess;
mod scale;
mod sources;
mod split;

pub use baseline::{Baseline, Scores};
pub use batch::{Batch, Inputs, Targets};
pub use catalog::{Known, Whereabouts, list};
pub use config::{DataConfig, DataFolders, TableTask};
pub use dataset::{Dataset, InputShape, Task};
pub use error::DataError;
pub use order::epoch_order;
pub use preprocess::Preprocess;
pub use sources::open;
pub use split::Split;
