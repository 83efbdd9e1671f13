//! A loss that stays where it is, high up.

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::{mean, percent, plain};
use crate::{Finding, Place, Record, Severity};

/// Change of the loss over the second half of the training (SageMaker Debugger, `LossNotDecreasing`,
/// asks for any change over ten steps).
const CHANGE: f64 = 0.02;
/// Share of the first loss below which a plateau is an end and not a failure.
const HIGH: f64 = 0.7;

pub(crate) const RULE: Rule = Rule {
    name: "plateau",
    needs: Needs::Curves,
    explains: &["underfit", "too_short"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let losses = record.losses();
    if losses.len() < 3 || !record.outcome.is_poor() || record.outcome.diverged {
        return None;
    }
    let (first, last) = (record.first_loss()?, *losses.last()?);
    let middle = losses[losses.len() / 2];
    let change = (middle - last).abs() / middle.abs().max(1e-9);
    if change > CHANGE || last < HIGH * first || !mean(&losses).is_finite() {
        return None;
    }
    let suggestion = record.suggested_learning_rate();
    let excess = record.learning_rate_excess();
    let rate = if (0.7..=1.5).contains(&excess) {
        suggestion.rate / 3.0
    } else {
        suggestion.rate
    };
    let epoch = record.epochs[losses.len() / 2].epoch;
    Some(
        Finding::new(RULE.name, Severity::Warning, "the loss stays where it is")
            .measured(format!(
                "it moved by {} over the second half, at {} after {} at the first step",
                percent(change),
                plain(last),
                plain(first)
            ))
            .at(Place::epoch(epoch))
            .remedy(
                "look in this order: are the answers right, does the learning rate fit, is the network \
                 large enough",
            )
            .patch(record, [set("train.learning_rate", rounded(rate))])
            .confidence(0.35),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn a_loss_that_never_moves_is_found() {
        let found = Story::classification().poor().fires(&RULE);
        assert_eq!(found.place.epoch, Some(3));
    }

    #[test]
    fn a_plateau_at_the_bottom_is_the_end_of_a_good_training() {
        Story::classification()
            .losses(2.3, &[0.5, 0.1, 0.05, 0.05])
            .silent(&RULE);
    }

    #[test]
    fn two_percent_are_still_no_progress() {
        let to = |last: f64| {
            Story::classification()
                .accuracies(&[0.11; 4])
                .losses(2.3, &[2.3, 2.2, 2.0, last])
        };
        to(1.97).fires(&RULE);
        to(1.9).silent(&RULE);
    }
}
