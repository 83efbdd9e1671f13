//! Drawing the next token from its scores.

use fornax_layers::ConfigError;
use rand::{Rng, RngExt};

/// How boldly tokens are drawn.
///
/// # Example
/// ```
/// use fornax_rnn::Sampling;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let careful = Sampling { temperature: 0.0, top_k: None };
/// assert_eq!(careful.sample(&[0.1, 2.5, -1.0], &mut rng), Some(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides the logits: below 1 likely tokens win more often, above 1 less often. 0 always
    /// takes the most likely.
    pub temperature: f64,
    /// Only so many of the most likely tokens are drawn from; all where none.
    pub top_k: Option<usize>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
        }
    }
}

impl Sampling {
    /// Checks both values.
    ///
    /// # Errors
    /// When the temperature is negative or not finite, and when no token would be left.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            let expected = "a number from 0 on";
            return Err(ConfigError::new("temperature", self.temperature, expected));
        }
        self.top_k
            .map_or(Ok(()), |top_k| ConfigError::check_positive("top_k", top_k))
    }

    /// Draws a token with probability proportional to exp(logit / temperature).
    ///
    /// Returns the token's index; none where no logit is a number. Of equally likely tokens, the
    /// first counts as the most likely.
    pub fn sample(&self, logits: &[f32], rng: &mut impl Rng) -> Option<usize> {
        let mut candidates: Vec<_> = logits
            .iter()
            .map(|&logit| f64::from(logit))
            .enumerate()
            .collect();
        candidates.retain(|(_, logit)| !logit.is_nan());
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: first come, first served
        let &(most_likely, highest) = candidates.first()?;
        candidates.truncate(self.top_k.unwrap_or(usize::MAX).max(1));
        if !(self.temperature > 0.0 && highest.is_finite()) {
            return Some(most_likely);
        }

        // Less the highest: the exponential cannot overflow.
        let weight = |logit: f64| ((logit - highest) / self.temperature).exp();
        let total: f64 = candidates.iter().map(|&(_, logit)| weight(logit)).sum();
        let mut left = rng.random::<f64>() * total;
        for &(token, logit) in &candidates {
            left -= weight(logit);
            if left < 0.0 {
                return Some(token);
            }
        }
        // Only rounding leads here.
        Some(most_likely)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;

    const LOGITS: [f32; 4] = [0.0, 2.0, 1.0, 2.0];

    /// How often each token comes in 20,000 draws.
    fn shares(temperature: f64, top_k: Option<usize>) -> [f64; 4] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut shares = [0.0; 4];
        for _ in 0..20_000 {
            let token = Sampling { temperature, top_k }
                .sample(&LOGITS, &mut rng)
                .unwrap();
            shares[token] += 1.0 / 20_000.0;
        }
        shares
    }

    #[track_caller]
    fn check(temperature: f64, top_k: Option<usize>, expected: [f64; 4]) {
        for (share, expected) in shares(temperature, top_k).into_iter().zip(expected) {
            // Three standard deviations of a share of one half.
            assert!(
                (share - expected).abs() < 0.011,
                "{share} instead of {expected}"
            );
        }
    }

    #[test]
    fn tokens_come_as_often_as_the_softmax_says() {
        check(1.0, None, [0.0541, 0.3995, 0.1470, 0.3995]);
        check(0.5, None, [0.0085, 0.4643, 0.0628, 0.4643]);
        check(1e9, None, [0.25; 4]);
    }

    #[test]
    fn top_k_leaves_only_the_most_likely() {
        check(1.0, Some(2), [0.0, 0.5, 0.0, 0.5]);
        check(1.0, Some(3), [0.0, 0.4223, 0.1554, 0.4223]);
        check(1.0, Some(9), [0.0541, 0.3995, 0.1470, 0.3995]);
        check(1.0, Some(1), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn temperature_zero_takes_the_most_likely() {
        check(0.0, None, [0.0, 1.0, 0.0, 0.0]);
        check(1e-300, Some(1), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn logits_that_are_no_numbers_are_never_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut sample = |logits: &[f32]| Sampling::default().sample(logits, &mut rng);
        let (nan, infinity) = (f32::NAN, f32::INFINITY);
        assert_eq!(sample(&[]), None);
        assert_eq!(sample(&[nan, nan]), None);
        assert_eq!(sample(&[nan, -3.0]), Some(1));
        assert_eq!(sample(&[1.0, infinity]), Some(1));
        assert_eq!(sample(&[-infinity, -infinity]), Some(0));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let refused = |temperature, top_k| Sampling { temperature, top_k }.validate().is_err();
        assert!(refused(-0.1, None) && refused(f64::NAN, None) && refused(1.0, Some(0)));
        assert!(!refused(0.0, None) && !refused(2.0, Some(1)));
    }
}
