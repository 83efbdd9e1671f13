//! Metrics of numbers: how far the outputs are from them.

use serde::{Deserialize, Serialize};

use super::bits;

/// Sums over the samples of a regression or a forecast, for each of its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegressionMetrics {
    num_samples: u64,
    outputs: Vec<Sums>,
}

/// The sums of one output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    #[serde(with = "bits")]
    absolute_error: f64,
    #[serde(with = "bits")]
    squared_error: f64,
    /// Mean of the targets so far.
    #[serde(with = "bits")]
    mean: f64,
    /// Sum of the squared deviations of the targets from their mean.
    #[serde(with = "bits")]
    spread: f64,
}

impl RegressionMetrics {
    /// No sample yet; at least one output.
    #[must_use]
    pub fn new(num_outputs: usize) -> Self {
        Self {
            num_samples: 0,
            outputs: vec![Sums::default(); num_outputs.max(1)],
        }
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// - `outputs` and `targets`: `[B, K]`, row by row
    pub fn update(&mut self, outputs: &[f64], targets: &[f64]) {
        let width = self.outputs.len();
        for (outputs, targets) in outputs.chunks_exact(width).zip(targets.chunks_exact(width)) {
            self.num_samples += 1;
            for ((sums, output), &target) in self.outputs.iter_mut().zip(outputs).zip(targets) {
                sums.add(output - target, target, self.num_samples);
            }
        }
    }

    /// Root of the mean squared error over all outputs.
    #[must_use]
    pub fn rmse(&self) -> f64 {
        self.mse().sqrt()
    }

    /// Mean squared error over all outputs.
    #[must_use]
    pub fn mse(&self) -> f64 {
        self.mean(|sums| sums.squared_error) / self.samples()
    }

    /// Mean absolute error over all outputs.
    #[must_use]
    pub fn mae(&self) -> f64 {
        self.mean(|sums| sums.absolute_error) / self.samples()
    }

    /// Share of the targets' variance that is explained: 1 - Σ(ŷ - y)² / Σ(y - ȳ)², averaged over
    /// the outputs. 1 is perfect, 0 as good as their mean. Where the targets do not vary it is 1
    /// without an error and else 0; it takes two samples.
    #[must_use]
    pub fn r2(&self) -> f64 {
        if self.num_samples < 2 {
            return f64::NAN;
        }
        self.mean(|sums| match (sums.squared_error, sums.spread) {
            (0.0, 0.0) => 1.0,
            (error, 0.0) => error * 0.0, // 0, but still NaN after an error that is not a number
            (error, spread) => 1.0 - error / spread,
        })
    }

    #[allow(clippy::cast_precision_loss)] // a count of samples
    fn samples(&self) -> f64 {
        self.num_samples as f64
    }

    /// Mean over the outputs.
    #[allow(clippy::cast_precision_loss)] // a count of outputs
    fn mean(&self, of: impl Fn(&Sums) -> f64) -> f64 {
        self.outputs.iter().map(of).sum::<f64>() / self.outputs.len() as f64
    }
}

impl Sums {
    /// Adds sample number `n`.
    ///
    /// The deviations are summed about the running mean: a sum of squares less the square of a sum
    /// would lose all digits where targets are large and close. Welford 1962,
    /// <https://doi.org/10.1080/00401706.1962.10490022>
    #[allow(clippy::cast_precision_loss)] // a count of samples
    fn add(&mut self, error: f64, target: f64, n: u64) {
        self.absolute_error += error.abs();
        self.squared_error += error * error;
        let deviation = target - self.mean;
        self.mean += deviation / n as f64;
        self.spread += deviation * (target - self.mean);
    }
}
