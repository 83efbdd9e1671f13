//! Standardising: a mean and a deviation that a file of text gives back exactly.

use serde::{Deserialize, Serialize};

/// Numbers are standardised as `(x - mean) / sd`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Mean of the training values.
    pub mean: f64,
    /// Their standard deviation; 1 where all are equal.
    pub sd: f64,
}

impl Scale {
    /// Fitted on the training values; without any, it changes nothing.
    pub(crate) fn fit(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().map(|_| 1.0).sum::<f64>();
        if count == 0.0 {
            return Self { mean: 0.0, sd: 1.0 };
        }
        let mean = rounded(values.clone().sum::<f64>() / count);
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self {
            mean,
            sd: deviation(variance),
        }
    }

    #[allow(clippy::cast_possible_truncation)] // Clamped, and f32 is what networks compute in.
    pub(crate) fn apply(self, value: f64) -> f32 {
        const LIMIT: f64 = f32::MAX as f64;
        ((value - self.mean) / self.sd).clamp(-LIMIT, LIMIT) as f32
    }
}

/// The root of a variance, or 1 where it is no number to divide by.
pub(crate) fn deviation(variance: f64) -> f64 {
    let sd = rounded(variance.sqrt());
    if sd > f64::from(f32::MIN_POSITIVE) && sd.is_finite() {
        sd
    } else {
        1.0
    }
}

/// The nearest number of twelve digits: so few that every reader of JSON or TOML, exact or fast,
/// gives the same bits back, and new data is scaled as the training data was.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// The middle value; `None` without values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(rounded(f64::midpoint(lower, upper)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_standardised() {
        let scale = Scale::fit([1.0, 2.0, 3.0].into_iter());
        assert!(scale.apply(2.0).abs() < 1e-6);
        assert!((scale.apply(3.0) - 1.224_744_9).abs() < 1e-6); // 1 / sqrt(2/3)
    }

    #[test]
    fn equal_values_and_none_at_all_are_no_division_by_zero() {
        assert_eq!(
            Scale::fit([5.0, 5.0].into_iter()),
            Scale { mean: 5.0, sd: 1.0 }
        );
        assert_eq!(Scale::fit(std::iter::empty()), Scale { mean: 0.0, sd: 1.0 });
        assert!(
            Scale {
                mean: 0.0,
                sd: 1e-30
            }
            .apply(1e30)
            .is_finite()
        );
    }

    #[test]
    fn a_scale_survives_json() {
        for value in [1.0 / 3.0, 315.979_123_456_789, 1.6e9 + 0.1, 2.0e-7 / 3.0] {
            let scale = Scale {
                mean: rounded(value),
                sd: rounded(value * 1.7),
            };
            let text = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<Scale>(&text).unwrap(), scale);
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
