//! How good the outputs of a network are: sums over batches, from which the metrics follow.
//!
//! Every sample weighs the same, however the batches are cut. The sums can be saved in the middle
//! of an epoch and come back to the bit.

use std::collections::BTreeMap;

use fornax_data::Task;
use serde::{Deserialize, Serialize};

mod classification;
mod regression;
mod tokens;

pub use classification::ClassificationMetrics;
pub use regression::RegressionMetrics;
pub use tokens::TokenMetrics;

/// The metrics of a task.
///
/// A value is NaN where it is not defined: without samples, and after an output that is not a
/// number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metrics {
    /// One of several classes a sample.
    Classification(ClassificationMetrics),
    /// One or several numbers a sample.
    Regression(RegressionMetrics),
    /// The next character at each place of a text.
    Tokens(TokenMetrics),
}

/// Which way a metric gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
}

impl Metrics {
    /// The metrics of a task, before any batch.
    #[must_use]
    pub fn for_task(task: &Task) -> Self {
        let num_outputs = task.num_outputs();
        match task {
            Task::Classification { .. } => {
                Self::Classification(ClassificationMetrics::new(num_outputs))
            }
            Task::Regression { .. } | Task::Forecast { .. } => {
                Self::Regression(RegressionMetrics::new(num_outputs))
            }
            Task::NextToken { .. } => Self::Tokens(TokenMetrics::new(num_outputs)),
        }
    }

    /// Adds a batch whose targets are classes or characters.
    ///
    /// # Shapes
    /// - `logits`: `[B, K]`, row by row; for text `[B * T, V]`
    /// - `targets`: `[B]`; for text `[B * T]`
    ///
    /// # Panics
    /// When these are the metrics of a regression, which the task of the data rules out.
    pub fn update_classes(&mut self, logits: &[f32], targets: &[i32]) {
        match self {
            Self::Classification(metrics) => metrics.update(logits, targets),
            Self::Tokens(metrics) => metrics.update(logits, targets),
            Self::Regression(_) => panic!("the metrics and the targets come from the same task"),
        }
    }

    /// Adds a batch whose targets are numbers, both in the units that errors shall have.
    ///
    /// # Shapes
    /// - `outputs` and `targets`: `[B, K]`, row by row
    ///
    /// # Panics
    /// When these are the metrics of classes, which the task of the data rules out.
    pub fn update_values(&mut self, outputs: &[f64], targets: &[f64]) {
        match self {
            Self::Regression(metrics) => metrics.update(outputs, targets),
            Self::Classification(_) | Self::Tokens(_) => {
                panic!("the metrics and the targets come from the same task")
            }
        }
    }

    /// Every metric by its name.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, f64> {
        let named = |values: &[(&str, f64)]| {
            values
                .iter()
                .map(|&(name, value)| (name.to_owned(), value))
                .collect()
        };
        match self {
            Self::Classification(metrics) => named(&[
                ("accuracy", metrics.accuracy()),
                ("log_loss", metrics.log_loss()),
                ("macro_f1", metrics.macro_f1()),
            ]),
            Self::Regression(metrics) => named(&[
                ("mae", metrics.mae()),
                ("r2", metrics.r2()),
                ("rmse", metrics.rmse()),
            ]),
            Self::Tokens(metrics) => named(&[
                ("accuracy", metrics.accuracy()),
                ("bits_per_character", metrics.bits_per_character()),
                ("log_loss", metrics.log_loss()),
                ("perplexity", metrics.perplexity()),
            ]),
        }
    }

    /// The metric by which the best weights are chosen.
    #[must_use]
    pub fn primary(&self) -> (&'static str, Direction) {
        match self {
            Self::Classification(_) => ("accuracy", Direction::Up),
            Self::Regression(_) => ("rmse", Direction::Down),
            Self::Tokens(_) => ("bits_per_character", Direction::Down),
        }
    }

    /// What training makes small, up to a factor: the log loss, or the mean squared error.
    #[must_use]
    pub fn loss(&self) -> f64 {
        match self {
            Self::Classification(metrics) => metrics.log_loss(),
            Self::Regression(metrics) => metrics.mse(),
            Self::Tokens(metrics) => metrics.log_loss(),
        }
    }

    /// Share of each class's samples that was recognised, NaN for a class without any; only a
    /// classification has it.
    #[must_use]
    pub fn recall(&self) -> Option<Vec<f64>> {
        match self {
            Self::Classification(metrics) => Some(metrics.recall()),
            Self::Regression(_) | Self::Tokens(_) => None,
        }
    }

    /// How often each class was taken for each, `[true class][named class]`; only a classification
    /// has it.
    #[must_use]
    pub fn confusion(&self) -> Option<Vec<Vec<u64>>> {
        match self {
            Self::Classification(metrics) => Some(metrics.confusion()),
            Self::Regression(_) | Self::Tokens(_) => None,
        }
    }
}

/// What one row of logits says: the class it names (the first of equals) and its log loss for the
/// right class, in nats. `None` where a logit is not a number or infinitely large, or where there
/// is no such class.
fn judge(logits: &[f32], target: i32) -> Option<(usize, f64)> {
    let target = *logits.get(usize::try_from(target).ok()?)?;
    let (mut named, mut max) = (0, f32::NEG_INFINITY);
    for (class, &logit) in logits.iter().enumerate() {
        if logit > max {
            (named, max) = (class, logit);
        }
    }
    // The largest logit is taken out first, so that no exponential overflows.
    let above = |logit: f32| f64::from(logit) - f64::from(max);
    let sum: f64 = logits.iter().map(|&logit| above(logit).exp()).sum();
    let loss = sum.ln() - above(target);
    (!loss.is_nan()).then_some((named, loss))
}

/// A share or a mean of counts; NaN of nothing.
#[allow(clippy::cast_precision_loss)] // counts of samples are far below 2^53
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Serde for a number that has to come back to the bit, NaN and infinities too, which JSON lacks.
pub(crate) mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

#[cfg(test)]
mod tests;
