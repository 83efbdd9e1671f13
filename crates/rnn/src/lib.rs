#![doc = include_str!("../README.md")]

mod config;
mod network;

mod layer;

mod elman;
mod gru;
mod lstm;

mod generate;
mod lengths;
mod prune;
mod sample;
mod sequence;
mod state;
mod weights;

pub use config::{CellKind, RnnConfig, Scan};
pub use network::Rnn;
pub use sample::Sampling;
pub use state::{CellState, State};
