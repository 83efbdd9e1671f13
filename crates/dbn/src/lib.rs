#![doc = include_str!("../README.md")]

mod contrastive_divergence;
mod dbn;
mod energy;
mod fantasies;
mod partition;
mod rbm;
mod units;
mod up_down;

pub use contrastive_divergence::{CdState, ContrastiveDivergence, Phase};
pub use dbn::{Dbn, DbnConfig};
pub use partition::{Annealing, LogPartition};
pub use rbm::{Rbm, RbmConfig};
pub use units::Visible;
pub use up_down::UpDown;
