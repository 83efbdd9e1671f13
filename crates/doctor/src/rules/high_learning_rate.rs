//! Steps so large that they overshoot.

use serde_json::json;

use super::{Needs, OF_LARGE_STEPS, Rule};
use crate::settings::{rounded, set};
use crate::words::{highest, plain};
use crate::{Finding, Place, Record, Severity};

/// How many times the rate that suits may be exceeded without a word: schedules and tastes differ by
/// as much. A fixed limit (UMLAUT: 0.01) fires on every healthy run with plain SGD.
const EXCESS: f64 = 3.0;
/// And how many times so that a mediocre result is blamed on it.
const FAR: f64 = 8.0;
/// A step of a tenth of the weights' size is no longer a refinement; a thousandth is usual
/// (the notes of Stanford's course on networks for vision). SageMaker Debugger waits until 10.
const LARGE_STEP: f64 = 0.1;
/// The loss of an epoch over that of the first step: training never has to make it worse.
const WORSE: f64 = 1.1;
/// Dropout and weight decay beyond which the loss of a step says little about the step.
const HELD_DROPOUT: f64 = 0.7;
const HELD_DECAY: f64 = 0.05;
/// Momentum from which on a step echoes for twenty others, and what is usual.
const ECHOES: f64 = 0.95;
const USUAL_MOMENTUM: f64 = 0.9;
/// Where a rate that is usual diverged, a tenth is tried.
const TENTH: f64 = 0.1;

pub(crate) const RULE: Rule = Rule {
    name: "high_learning_rate",
    needs: Needs::Curves,
    explains: OF_LARGE_STEPS,
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let outcome = &record.outcome;
    let far = record.learning_rate_excess() >= FAR;
    if !(outcome.is_poor() || far && outcome.falls_short()) {
        return None;
    }
    let rate = record.number("train.learning_rate")?;
    let (excess, suggestion) = (
        record.learning_rate_excess(),
        record.suggested_learning_rate(),
    );
    let worst = highest(record.losses());
    let grew = record
        .first_loss()
        .is_some_and(|first| worst > WORSE * first || outcome.fallen.is_some_and(|left| left > 1.0));
    let large = record.update_ratio() > LARGE_STEP;
    let beyond = record
        .range_test()
        .and_then(|test| test.limit)
        .is_some_and(|limit| rate >= limit);
    let signs = [outcome.diverged, grew, large, beyond];
    let num_signs = signs.iter().filter(|sign| **sign).count();
    // Losses that jump about have another reason where next to nothing of the network is left.
    let beyond = |key: &str, limit: f64| record.number(key).is_some_and(|value| value > limit);
    let held_down = beyond("model.dropout", HELD_DROPOUT)
        || beyond("train.weight_decay", HELD_DECAY) && !outcome.diverged;
    if held_down && excess < EXCESS {
        return None;
    }
    let by_size = match excess {
        30.0.. => 0.85,
        FAR.. => 0.7,
        EXCESS.. => 0.5,
        1.2.. if num_signs > 0 => 0.4,
        _ if outcome.diverged || (grew && large) => 0.3,
        _ => return None,
    };
    let mut confidence = by_size;
    for _ in 0..num_signs {
        confidence += 0.3 * (1.0 - confidence);
    }
    let better = if excess < EXCESS {
        (rate * TENTH).min(suggestion.rate)
    } else {
        suggestion.rate
    };
    // Less momentum is a lower rate too: what is usual is usual with 0.9.
    let echoes = matches!(record.word("train.optimizer"), "sgd" | "rmsprop")
        && record.number("train.momentum").is_some_and(|momentum| momentum > ECHOES);
    let mut changes = if echoes {
        let momentum = record.number("train.momentum").unwrap_or(USUAL_MOMENTUM);
        let rate = better * (1.0 - USUAL_MOMENTUM) / (1.0 - momentum).max(1e-6);
        vec![
            set("train.learning_rate", rounded(rate.min(better * 100.0))),
            set("train.momentum", json!(USUAL_MOMENTUM)),
        ]
    } else {
        vec![set("train.learning_rate", rounded(better))]
    };
    if outcome.diverged && record.number("train.clip_norm").is_none() {
        changes.push(set("train.clip_norm", json!(1.0)));
    }
    let severity = if outcome.learned_nothing() {
        Severity::Error
    } else {
        Severity::Warning
    };
    Some(
        Finding::new(RULE.name, severity, "the learning rate is too high")
            .measured(measured(record, rate, worst, &suggestion.reason, signs))
            .at(place(record))
            .remedy("lower the learning rate; a warm-up and clipping help beside it")
            .patch(record, changes)
            .confidence(confidence),
    )
}

fn measured(
    record: &Record,
    rate: f64,
    worst: f64,
    reason: &str,
    [diverged, grew, large, _]: [bool; 4],
) -> String {
    let mut words = vec![format!("{} where {reason}", plain(rate))];
    if diverged {
        words.push("the loss stopped being a number".to_owned());
    }
    if let Some(first) = record.first_loss().filter(|_| grew && !diverged) {
        words.push(format!(
            "the loss went from {} up to {}",
            plain(first),
            plain(worst)
        ));
    }
    if large {
        words.push(format!(
            "a step moves weights by {} of their size, where 0.001 is usual",
            plain(record.update_ratio())
        ));
    }
    words.join("; ")
}

/// Where it diverged, or else the epoch with the highest loss.
fn place(record: &Record) -> Place {
    if let Some((at, epoch)) = record.diverged {
        return Place {
            epoch: Some(epoch),
            ..Place::at(at)
        };
    }
    let worst = record
        .epochs
        .iter()
        .max_by(|a, b| a.train_loss().total_cmp(&b.train_loss()));
    worst.map_or(Place::default(), |epoch| Place::epoch(epoch.epoch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn a_rate_far_beyond_the_usual_one_is_brought_back() {
        let story = Story::classification()
            .set("/train/learning_rate", 5.0)
            .accuracies(&[0.1; 4])
            .losses(2.3, &[900.0, 40.0, 3.0, 2.4]);
        let found = story.fires(&RULE);
        assert_eq!(found.patch, ["train.learning_rate=0.002"]);
        assert_eq!(found.severity, Severity::Error);
        assert!(found.confidence > 0.85, "{found:?}");
    }

    #[test]
    fn a_high_rate_that_does_well_is_a_legal_choice() {
        Story::classification()
            .set("/train/optimizer", "sgd")
            .set("/train/learning_rate", 0.5)
            .silent(&RULE);
    }

    #[test]
    fn momentum_that_never_ends_is_a_high_rate_too() {
        let found = Story::classification()
            .poor()
            .set("/train/optimizer", "sgd")
            .set("/train/learning_rate", 0.5)
            .set("/train/momentum", 0.99)
            .fires(&RULE);
        assert_eq!(
            found.patch,
            ["train.learning_rate=0.05", "train.momentum=0.9"]
        );
    }

    #[test]
    fn a_poor_run_at_the_usual_rate_has_another_fault() {
        Story::classification().poor().silent(&RULE);
        Story::classification()
            .poor()
            .set("/train/learning_rate", 5e-3)
            .silent(&RULE);
        Story::classification()
            .poor()
            .set("/train/learning_rate", 6.1e-3)
            .fires(&RULE);
    }

    #[test]
    fn a_usual_rate_that_diverged_is_divided_by_ten_and_clipped() {
        let found = Story::classification().diverges_at(5).fires(&RULE);
        assert_eq!(
            found.patch,
            ["train.learning_rate=0.0002", "train.clip_norm=1.0"]
        );
    }
}
