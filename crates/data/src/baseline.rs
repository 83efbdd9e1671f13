//! What a network has to beat: the best answer that needs no learning.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scale::Scale;
use crate::{DataError, Split, Targets};

/// The score of the simplest predictor of a task, on the valid and on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Classification: always name the class that is most frequent in training.
    Majority {
        /// That class.
        class: String,
        /// Share of right answers, in `[0, 1]`.
        accuracy: Scores,
    },
    /// Regression: always say the mean of the training targets.
    Mean {
        /// That mean, in original units.
        value: f64,
        /// Root mean squared error, in original units.
        rmse: Scores,
    },
    /// Forecast: repeat what was seen.
    Naive {
        /// Steps after which the series repeats; 1 where no season was found.
        season: usize,
        /// Root mean squared error of repeating the value of one season before.
        seasonal_rmse: Scores,
        /// Root mean squared error of repeating the last value.
        persistence_rmse: Scores,
    },
    /// Next character: give each its frequency in the training text.
    Unigram {
        /// Cross-entropy in bits.
        bits_per_character: Scores,
    },
}

/// One number for each split that is not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// On the valid split.
    pub valid: f64,
    /// On the test split.
    pub test: f64,
}

impl Baseline {
    pub(crate) fn majority(classes: &[String], [train, valid, test]: [&Split; 3]) -> Self {
        let counts = train.class_counts().unwrap_or_default();
        let most = (0..counts.len())
            .rev()
            .max_by_key(|&class| counts[class])
            .unwrap_or(0);
        let share = |split: &Split| {
            let counts = split.class_counts().unwrap_or_default();
            ratio(counts.get(most).copied().unwrap_or(0), split.len())
        };
        Self::Majority {
            class: classes.get(most).cloned().unwrap_or_default(),
            accuracy: Scores {
                valid: share(valid),
                test: share(test),
            },
        }
    }

    pub(crate) fn mean(scale: Scale, [valid, test]: [&Split; 2]) -> Result<Self, DataError> {
        let rmse = |split: &Split| {
            let all: Vec<usize> = (0..split.len()).collect();
            let Targets::Values { values, .. } = split.targets(&all)? else {
                return Ok(0.0);
            };
            // A scaled target is its distance to the mean.
            Ok(scale.sd * root_mean_square(values.into_iter().map(f64::from)))
        };
        Ok(Self::Mean {
            value: scale.mean,
            rmse: Scores {
                valid: rmse(valid)?,
                test: rmse(test)?,
            },
        })
    }

    /// The scores to beat: an accuracy to exceed, an error or a number of bits to stay below. Of
    /// the two naive forecasts the one that is better on the test split.
    #[must_use]
    pub fn to_beat(&self) -> Scores {
        match self {
            Self::Majority { accuracy, .. } => *accuracy,
            Self::Mean { rmse, .. } => *rmse,
            Self::Naive {
                seasonal_rmse,
                persistence_rmse,
                ..
            } => {
                if persistence_rmse.test < seasonal_rmse.test {
                    *persistence_rmse
                } else {
                    *seasonal_rmse
                }
            }
            Self::Unigram { bits_per_character } => *bits_per_character,
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority { class, accuracy } => {
                write!(
                    f,
                    "always `{class}`: test accuracy {:.1} %",
                    100.0 * accuracy.test
                )
            }
            Self::Mean { value, rmse } => {
                write!(f, "always the mean {value:.4}: test RMSE {:.4}", rmse.test)
            }
            Self::Naive {
                season: 1,
                persistence_rmse,
                ..
            } => write!(f, "the last value: test RMSE {:.4}", persistence_rmse.test),
            Self::Naive {
                season,
                seasonal_rmse,
                persistence_rmse,
            } => write!(
                f,
                "the value {season} steps before: test RMSE {:.4}; the last value: {:.4}",
                seasonal_rmse.test, persistence_rmse.test
            ),
            Self::Unigram { bits_per_character } => write!(
                f,
                "frequencies of the characters: test {:.3} bits per character",
                bits_per_character.test
            ),
        }
    }
}

pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    count(part) / count(whole.max(1))
}

#[allow(clippy::cast_precision_loss)] // Counts of items are far below 2^52.
pub(crate) fn count(items: usize) -> f64 {
    items as f64
}

/// The root of the mean of the squares; 0 of nothing.
pub(crate) fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0_f64), |(sum, count), value| {
        (sum + value * value, count + 1.0)
    });
    (sum / count.max(1.0)).sqrt()
}
