//! The learning rate of each step, as a pure function of the step: nothing to save, nothing to restore.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate moves over a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same at each step, after the warm-up.
    Constant,
    /// Falls along half a cosine from the peak to zero, after the warm-up.
    ///
    /// Loshchilov and Hutter 2017, <https://arxiv.org/abs/1608.03983>
    Cosine,
    /// Rises along a cosine from a 25th of the peak, then falls along another to almost nothing.
    ///
    /// Smith and Topin 2018, <https://arxiv.org/abs/1708.07120>; the shape is that of PyTorch's
    /// `OneCycleLR`.
    #[default]
    OneCycle,
}

/// The first learning rate of one-cycle is the peak divided by this.
const ONE_CYCLE_START: f64 = 25.0;
/// The last learning rate of one-cycle is its first divided by this.
const ONE_CYCLE_END: f64 = 1e4;

impl Schedule {
    /// The factor of the peak learning rate at `step` of `num_steps`, counted from 0.
    ///
    /// `warmup` is the share of the steps, in `[0, 1)`, over which the rate rises.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // steps stay far below 2^53
    pub fn factor(self, step: usize, num_steps: usize, warmup: f64) -> f64 {
        let last = num_steps.saturating_sub(1).max(1) as f64;
        let at = (step as f64).min(last);
        let rise = (warmup * num_steps as f64 - 1.0).max(0.0);
        let fall = if last > rise {
            (at - rise) / (last - rise)
        } else {
            1.0
        };
        match self {
            Self::OneCycle if at <= rise && rise > 0.0 => {
                half_cosine(1.0 / ONE_CYCLE_START, 1.0, at / rise)
            }
            Self::OneCycle => half_cosine(1.0, 1.0 / (ONE_CYCLE_START * ONE_CYCLE_END), fall),
            Self::Constant | Self::Cosine if at < rise => (at + 1.0) / (rise + 1.0),
            Self::Constant => 1.0,
            Self::Cosine => half_cosine(1.0, 0.0, fall),
        }
    }
}

/// From `start` to `end` as `progress` goes from 0 to 1.
fn half_cosine(start: f64, end: f64, progress: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch 2.15.0: `OneCycleLR(SGD(lr=1), max_lr=1, total_steps=10, pct_start=0.3)`, `get_last_lr`.
    const TORCH_ONE_CYCLE: [f64; 10] = [
        0.040_000_000_0,
        0.520_000_000_0,
        1.0,
        0.950_484_632_0,
        0.811_745_653_9,
        0.611_262_021_9,
        0.388_741_978_1,
        0.188_258_346_1,
        0.049_519_368_0,
        0.000_004_000_0,
    ];

    #[test]
    fn one_cycle_matches_pytorch() {
        for (step, expected) in TORCH_ONE_CYCLE.into_iter().enumerate() {
            let factor = Schedule::OneCycle.factor(step, 10, 0.3);
            assert!(
                (factor - expected).abs() < 1e-9,
                "step {step}: {factor}, torch {expected}"
            );
        }
    }

    #[test]
    fn every_schedule_stays_within_zero_and_the_peak() {
        for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::OneCycle] {
            for num_steps in [0, 1, 2, 3, 100] {
                for warmup in [0.0, 0.2, 0.99] {
                    for step in 0..=num_steps + 1 {
                        let factor = schedule.factor(step, num_steps, warmup);
                        assert!(
                            (0.0..=1.0 + 1e-12).contains(&factor),
                            "{schedule:?} {factor}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn cosine_ends_at_zero_and_constant_at_the_peak() {
        assert!(Schedule::Cosine.factor(99, 100, 0.1) < 1e-12);
        assert!((Schedule::Constant.factor(99, 100, 0.1) - 1.0).abs() < 1e-12);
    }
}
