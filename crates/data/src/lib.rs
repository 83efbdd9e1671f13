#![doc = include_str!("../README.md")]

mod augment;
mod baseline;
mod batch;
mod cache;
mod catalog;
pub mod check;
mod config;
mod dataset;
mod error;
mod order;
pub mod preprocess;
mod scale;
mod sheet;
mod source;
mod sources;
mod split;
mod workers;

pub use augment::AugmentConfig;
pub use baseline::{Baseline, Scores};
pub use batch::{Batch, Blend, Inputs, Targets};
pub use catalog::{Known, Whereabouts, list};
pub use config::{DataConfig, DataFolders, SoundForm, TableTask, TextForm};
pub use dataset::{Dataset, InputShape, LeftOut, Task};
pub use error::DataError;
pub use order::epoch_order;
pub use preprocess::{ColumnEncoding, Preprocess, TextEncoding, TextLevel};
pub use sheet::sheet;
pub use source::Source;
pub use sources::open;
pub use split::Split;
