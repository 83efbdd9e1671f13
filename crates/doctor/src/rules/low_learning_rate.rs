//! Steps so small that the training ends before it gets anywhere.

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// How many times below the rate that suits it may lie without a word. A fixed limit (UMLAUT: 1e-7)
/// fires only where hardly a bit of a weight moves.
const BELOW: f64 = 5.0;
/// And how many times so that a mediocre result is blamed on it.
const FAR: f64 = 15.0;
/// Step over weights that leads nowhere within thousands of steps; a thousandth is usual.
const SMALL_STEP: f64 = 1e-5;

pub(crate) const RULE: Rule = Rule {
    name: "low_learning_rate",
    needs: Needs::Curves,
    explains: &[
        "underfit",
        "plateau",
        "cannot_memorise",
        "frozen_layer",
        "vanishing_gradient",
        "initialisation",
        "imbalance",
        "narrow_network",
        "noisy_gradient",
        "dead_units",
        "saturated_units",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let outcome = &record.outcome;
    let far = record.learning_rate_excess() < 1.0 / FAR;
    if outcome.diverged || !(outcome.is_poor() || far && outcome.falls_short()) {
        return None;
    }
    let rate = record.number("train.learning_rate")?;
    let suggestion = record.suggested_learning_rate();
    let below = 1.0 / record.learning_rate_excess();
    let small = record.update_ratio() < SMALL_STEP;
    let mut confidence: f64 = match below {
        50.0.. => 0.9,
        FAR.. => 0.8,
        BELOW.. => 0.6,
        _ if small && below > 1.5 => 0.5,
        _ => return None,
    };
    if small {
        confidence += 0.3 * (1.0 - confidence);
    }
    let mut measured = format!("{} where {}", plain(rate), suggestion.reason);
    if let (Some(first), Some(last)) = (record.first_loss(), record.epochs.last()) {
        measured = format!(
            "{measured}; the loss went from {} to {} in {} steps",
            plain(first),
            plain(last.train_loss()),
            last.step
        );
    }
    if small {
        measured = format!(
            "{measured}; a step moves weights by {} of their size, where 0.001 is usual",
            plain(record.update_ratio())
        );
    }
    let last = record.epochs.last().map_or(0, |epoch| epoch.epoch);
    let severity = if outcome.learned_nothing() {
        Severity::Error
    } else {
        Severity::Warning
    };
    Some(
        Finding::new(RULE.name, severity, "the learning rate is too low")
            .measured(measured)
            .at(Place::epoch(last))
            .remedy("raise the learning rate, or train for many more epochs")
            .patch(
                record,
                [set("train.learning_rate", rounded(suggestion.rate))],
            )
            .confidence(confidence),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(rate: f64) -> Story {
        Story::classification()
            .poor()
            .set("/train/learning_rate", rate)
    }

    #[test]
    fn a_rate_that_moves_nothing_is_raised() {
        let found = with(1e-7)
            .signals(|signals| signals.layers.iter_mut().for_each(|layer| layer.update_ratio = 1e-7))
            .fires(&RULE);
        assert_eq!(found.patch, ["train.learning_rate=0.002"]);
        assert_eq!(found.severity, Severity::Error);
        assert!(found.confidence > 0.9);
    }

    #[test]
    fn a_low_rate_that_gets_there_is_left_alone() {
        Story::classification()
            .set("/train/learning_rate", 1e-5)
            .silent(&RULE);
    }

    #[test]
    fn a_fifth_of_the_usual_rate_is_where_it_begins() {
        with(4.2e-4).silent(&RULE);
        with(3.9e-4).fires(&RULE);
    }
}
