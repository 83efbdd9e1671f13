//! The tap of the doctor: what each layer hands on in one training step, summed up on the spot.

use std::fmt::Display;

use burn::tensor::Tensor;
use fornax_layers::{Activation, Tap};

use super::layers::floats;
use super::sums::Sums;
use crate::architecture::NetworkConfig;
use crate::step_clock::{Part, StepClock};

/// Where the slope of a tanh or sigmoid is less than a hundredth of its steepest: that near to the
/// ends of the range, relative to the range, gradients pass no more.
const FLAT: f32 = 0.0025;

/// How the features of a layer came about, as far as it matters to their health.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    /// max(0, x)
    Rectifier,
    /// Between these ends, which are flat.
    Between(f32, f32),
    /// Anything else.
    Other,
}

impl Ending {
    /// Of the hidden layers of a network.
    pub(super) fn of_hidden(config: &NetworkConfig) -> Self {
        let activation = match config {
            NetworkConfig::Mlp(config) => config.activation,
            NetworkConfig::Cnn(config) => config.activation,
            // The states of all cells end in a tanh.
            NetworkConfig::Rnn(_) => Activation::Tanh,
            NetworkConfig::Dbn(_) => Activation::Sigmoid,
        };
        match activation {
            Activation::Relu => Self::Rectifier,
            Activation::Tanh => Self::Between(-1.0, 1.0),
            Activation::Sigmoid => Self::Between(0.0, 1.0),
            Activation::Gelu | Activation::LeakyRelu => Self::Other,
        }
    }
}

/// What one layer handed on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerActivity {
    pub(super) name: String,
    pub(super) sums: Sums,
    /// Share of the units that were 0 throughout, of rectifiers.
    pub(super) dead: Option<f64>,
    /// Share of the values in a flat part, where there is one.
    pub(super) saturated: Option<f64>,
}

/// Sums up every layer, and tells the clock whose time that took.
pub(super) struct ActivityTap<'a> {
    pub(super) hidden: Ending,
    pub(super) clock: Option<&'a mut StepClock>,
    pub(super) layers: Vec<LayerActivity>,
}

impl Tap for ActivityTap<'_> {
    fn tap<const D: usize>(&mut self, name: impl Display, features: &Tensor<D>) {
        let mut lap = |part| {
            if let Some(clock) = &mut self.clock {
                clock.lap(part);
            }
        };
        lap(Part::Forward);
        let name = name.to_string();
        let ending = if name == "logits" {
            Ending::Other
        } else {
            self.hidden
        };
        let shape = features.dims();
        let data = features.clone().without_autodiff().into_data();
        let values = floats(&data);
        let (dead, saturated) = match ending {
            Ending::Rectifier => (Some(dead_share(&values, &shape)), None),
            Ending::Between(low, high) => (None, Some(flat_share(&values, low, high))),
            Ending::Other => (None, None),
        };
        self.layers.push(LayerActivity {
            name,
            sums: Sums::of(&values),
            dead,
            saturated,
        });
        lap(Part::Doctor);
    }
}

/// Share of the units that are 0 in every sample. Units are the maps of `[B, C, H, W]`, else the
/// last axis.
#[allow(clippy::cast_precision_loss)] // counts
fn dead_share(values: &[f32], shape: &[usize]) -> f64 {
    let (num_units, places) = match *shape {
        [_, channels, height, width] => (channels, height * width),
        _ => (shape[shape.len() - 1], 1),
    };
    // Most units are alive in the first samples: soon there is nothing left to look at.
    let mut silent: Vec<usize> = (0..num_units).collect();
    for sample in values.chunks_exact((num_units * places).max(1)) {
        silent.retain(|unit| {
            let of_unit = &sample[unit * places..(unit + 1) * places];
            of_unit.iter().all(|&x| x == 0.0)
        });
        if silent.is_empty() {
            break;
        }
    }
    silent.len() as f64 / num_units.max(1) as f64
}

#[allow(clippy::cast_precision_loss)] // counts
fn flat_share(values: &[f32], low: f32, high: f32) -> f64 {
    let margin = FLAT * (high - low);
    let (low, high) = (low + margin, high - margin);
    let flat = values.iter().filter(|&&x| x < low || x > high).count();
    flat as f64 / values.len().max(1) as f64
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // shares of small counts are exact
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_is_never_active_is_dead() {
        assert_eq!(
            dead_share(&[0.0, 1.0, 0.0, 0.0, 0.0, 2.0], &[2, 3]),
            1.0 / 3.0
        );
        // A map is alive where any of its places is.
        let maps = [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(dead_share(&maps, &[2, 2, 1, 2]), 0.5);
        assert_eq!(dead_share(&maps, &[1, 4, 2]), 0.5);
    }

    #[test]
    fn a_value_near_an_end_is_flat() {
        assert_eq!(flat_share(&[-0.999, 0.0, 0.99, 1.0], -1.0, 1.0), 0.5);
        assert_eq!(flat_share(&[0.001, 0.5, 0.99, 0.998], 0.0, 1.0), 0.5);
    }
}
