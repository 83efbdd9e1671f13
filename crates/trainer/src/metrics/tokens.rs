//! Metrics of text: how well the next character is foreseen.

use serde::{Deserialize, Serialize};

use super::{bits, judge, ratio};

/// Sums over the places of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenMetrics {
    vocab_size: usize,
    num_tokens: u64,
    num_judged: u64,
    num_right: u64,
    #[serde(with = "bits")]
    loss_sum: f64,
}

impl TokenMetrics {
    /// No place yet; at least one character.
    #[must_use]
    pub fn new(vocab_size: usize) -> Self {
        Self {
            vocab_size: vocab_size.max(1),
            num_tokens: 0,
            num_judged: 0,
            num_right: 0,
            loss_sum: 0.0,
        }
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// - `logits`: `[B * T, V]`, row by row
    /// - `targets`: `[B * T]`
    pub fn update(&mut self, logits: &[f32], targets: &[i32]) {
        for (row, &target) in logits.chunks_exact(self.vocab_size).zip(targets) {
            self.num_tokens += 1;
            let Some((named, loss)) = judge(row, target) else {
                self.loss_sum = f64::NAN;
                continue;
            };
            self.num_judged += 1;
            self.num_right += u64::from(usize::try_from(target) == Ok(named));
            self.loss_sum += loss;
        }
    }

    /// Share of the places where the likeliest character was the right one.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        if self.num_judged < self.num_tokens {
            return f64::NAN;
        }
        ratio(self.num_right, self.num_tokens)
    }

    /// Mean of -ln p, where p is the probability that was given to the right character; in nats.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a count of characters
    pub fn log_loss(&self) -> f64 {
        self.loss_sum / self.num_tokens as f64
    }

    /// The same in bits: what a character takes in a text that the network compresses.
    #[must_use]
    pub fn bits_per_character(&self) -> f64 {
        self.log_loss() / std::f64::consts::LN_2
    }

    /// The number of characters that a die of equal uncertainty would have.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        self.log_loss().exp()
    }
}
