#![doc = include_str!("../README.md")]

mod activation;
mod config_error;
mod dense;
mod draw;
mod dropout;
mod noise;
mod tap;

pub use activation::{Activation, LEAKY_SLOPE};
pub use config_error::ConfigError;
pub use dense::linear;
pub use draw::draw_weights;
pub use dropout::dropout;
pub use noise::noise;
pub use tap::{Feature, StandIn, Tap};
