//! Batches so small that their gradients are mostly chance.

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Batches that would have to be averaged until signal and noise are equal. McCandlish et al. 2018,
/// <https://arxiv.org/abs/1812.06162>: beyond one, larger batches pay; a good deal beyond, smaller
/// learning rates or larger batches are needed at all.
const NOISE: f64 = 20.0;
/// Batches from here on are large enough for small networks, however noisy.
const LARGE: u64 = 16;

pub(crate) const RULE: Rule = Rule {
    name: "noisy_gradient",
    needs: Needs::Signals,
    explains: &["oscillation", "loss_spike", "plateau", "underfit"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let batch_size = record.count("train.batch_size");
    if !record.outcome.trains_poorly() || record.outcome.diverged || batch_size >= LARGE {
        return None;
    }
    let noise = record.median_signal(|signals| signals.gradient_noise);
    if noise.is_nan() || noise < NOISE {
        return None;
    }
    let (step, _) = record.signals.last()?;
    let rate = record.suggested_learning_rate().rate;
    Some(
        Finding::new(RULE.name, Severity::Warning, "the batches are too small: their gradients are mostly chance")
            .measured(format!(
                "{} batches of {batch_size} would have to be averaged until signal and noise are equal",
                plain(noise)
            ))
            .at(Place {
                step: Some(*step),
                ..Place::default()
            })
            .remedy("take larger batches, or a lower learning rate")
            .patch(
                record,
                [
                    set("train.batch_size", 4 * LARGE),
                    set("train.learning_rate", rounded(rate)),
                ],
            )
            .confidence(0.6),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(noise: f64, batch_size: u64) -> Story {
        Story::classification()
            .poor()
            .set("/train/batch_size", batch_size)
            .signals(|signals| signals.gradient_noise = Some(noise))
    }

    #[test]
    fn batches_of_two_that_are_all_noise_are_made_larger() {
        assert_eq!(with(200.0, 2).fires(&RULE).patch, ["train.batch_size=64"]);
    }

    #[test]
    fn noise_at_the_end_of_a_good_training_is_usual() {
        Story::classification()
            .set("/train/batch_size", 2)
            .signals(|signals| signals.gradient_noise = Some(500.0))
            .silent(&RULE);
    }

    #[test]
    fn large_batches_are_not_the_matter() {
        with(200.0, 16).silent(&RULE);
        with(200.0, 15).fires(&RULE);
        with(19.0, 2).silent(&RULE);
    }
}
