//! A validation result that is better than what the network does on the samples it trains on.

use serde_json::Value;

use super::{Needs, Rule};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Skill on new samples beyond that on training samples, at the end (UMLAUT: 0.05 of accuracy, and
/// any accuracy above 0.95 besides, which fires on every good network).
const BETTER: f64 = 0.08;
/// Dropout from which on training samples are harder than new ones.
const DROPOUT: f64 = 0.3;

pub(crate) const RULE: Rule = Rule {
    name: "suspiciously_good",
    needs: Needs::Curves,
    explains: &[],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let last = record.epochs.last().filter(|_| record.finished.is_some())?;
    let hardened = record.number("model.dropout").unwrap_or(0.0) >= DROPOUT
        || is_augmented(record)
        || record.number("train.label_smoothing").unwrap_or(0.0) > 0.0;
    let (train, valid) = (record.outcome.train_skill?, record.outcome.last_skill?);
    // The training metric is the mean over the epoch: a loss that still falls makes it look worse.
    let losses = record.losses();
    let settled = matches!(losses[..], [.., before, last] if last > 0.8 * before);
    if hardened || !settled || last.valid.is_empty() || record.outcome.is_poor() {
        return None;
    }
    if valid - train < BETTER + 2.0 * record.outcome.noise {
        return None;
    }
    Some(
        Finding::new(RULE.name, Severity::Warning, "the validation result is too good")
            .measured(format!(
                "skill {} on samples that it never saw, {} on those it trains on",
                plain(valid),
                plain(train)
            ))
            .at(Place::epoch(last.epoch))
            .remedy(
                "look whether the validation samples are easier, or copies of training samples \
                 (`fornax data check`)",
            )
            .confidence(0.5),
    )
}

fn is_augmented(record: &Record) -> bool {
    let augment = record.setting("augment").and_then(Value::as_object);
    augment.is_some_and(|keys| {
        keys.values()
            .any(|value| value.as_f64().is_some_and(|value| value != 0.0) || *value == Value::Bool(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn train(accuracy: f64) -> Story {
        Story::classification()
            .accuracies(&[0.9, 0.95, 0.97, 0.98])
            .train_accuracies(&[accuracy; 4])
            .losses(2.3, &[1.0, 0.9, 0.85, 0.84])
    }

    #[test]
    fn a_validation_split_that_is_easier_is_found() {
        train(0.7).fires(&RULE);
    }

    #[test]
    fn a_good_result_alone_is_no_cause_for_suspicion() {
        train(0.99).silent(&RULE);
        Story::classification().silent(&RULE);
    }

    #[test]
    fn dropout_explains_a_gap() {
        train(0.7).set("/model/dropout", 0.5).silent(&RULE);
        train(0.87).silent(&RULE);
    }
}
