#![doc = include_str!("../README.md")]

mod baseline;
mod batch;
mod cache;
mod catalog;
mod config;
mod dataset;
mod error;
mod order;
pub mod preprocess;
mod scale;
mod source;
mod sources;
mod split;
mod workers;

pub use baseline::{Baseline, Scores};
pub use batch::{Batch, Inputs, Targets};
pub use catalog::{Known, Whereabouts, list};
pub use config::{DataConfig, DataFolders, SoundForm, TableTask, TextForm};
pub use dataset::{Dataset, InputShape, Task};
pub use error::DataError;
pub use order::epoch_order;
pub use preprocess::{Preprocess, TextLevel};
pub use source::Source;
pub use sources::open;
pub use split::Split;
