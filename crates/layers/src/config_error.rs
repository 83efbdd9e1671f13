//! The error of a configuration whose values do not fit.

use thiserror::Error;

/// Weights that a network may have: 8 GiB of `f32`, and training holds them four times (weights,
/// gradients, two moments of Adam). A mistyped width ends in a message instead of an abort.
const MAX_WEIGHTS: usize = 1 << 31;

/// Says which key of a configuration is wrong, what it was, and what it may be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key} = {value}` does not fit: {expected}")]
pub struct ConfigError {
    /// The key as it stands in the experiment, such as `dropout`.
    pub key: &'static str,
    /// The value that was given.
    pub value: String,
    /// What the key accepts, as the end of a sentence.
    pub expected: String,
}

impl ConfigError {
    /// An error for `key`, which was `value` and has to be `expected`.
    pub fn new(
        key: &'static str,
        value: impl std::fmt::Debug,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            key,
            value: format!("{value:?}"),
            expected: expected.into(),
        }
    }

    /// Refuses `value` unless it is a probability below one: `[0, 1)`.
    ///
    /// # Errors
    /// Outside that range, and for NaN.
    pub fn check_dropout(key: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..1.0).contains(&value) {
            return Ok(());
        }
        Err(Self::new(key, value, "a probability from 0 to below 1"))
    }

    /// Refuses `value` unless it is a number from 0 on.
    ///
    /// # Errors
    /// Below that, and for what is not finite.
    pub fn check_deviation(key: &'static str, value: f64) -> Result<(), Self> {
        if value.is_finite() && value >= 0.0 {
            return Ok(());
        }
        Err(Self::new(key, value, "a number from 0 on"))
    }

    /// Refuses zero.
    ///
    /// # Errors
    /// When `value` is zero.
    pub fn check_positive(key: &'static str, value: usize) -> Result<(), Self> {
        if value > 0 {
            return Ok(());
        }
        Err(Self::new(key, value, "at least 1"))
    }

    /// Refuses a list that holds a zero.
    ///
    /// # Errors
    /// When any of `values` is zero.
    pub fn check_all_positive(key: &'static str, values: &[usize]) -> Result<(), Self> {
        if values.iter().all(|&value| value > 0) {
            return Ok(());
        }
        Err(Self::new(key, values, "numbers of at least 1"))
    }

    /// Refuses a network of more than 2³¹ weights; `value` is the `key` that made it so large.
    ///
    /// # Errors
    /// When `num_weights` is above that.
    pub fn check_num_weights(
        key: &'static str,
        value: impl std::fmt::Debug,
        num_weights: usize,
    ) -> Result<(), Self> {
        if num_weights <= MAX_WEIGHTS {
            return Ok(());
        }
        let expected = format!("a network of at most {MAX_WEIGHTS} weights, not {num_weights}");
        Err(Self::new(key, value, expected))
    }
}
