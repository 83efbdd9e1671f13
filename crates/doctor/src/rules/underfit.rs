//! A network that does badly even on the samples that it trains on.

use serde_json::{Value, json};

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// How far the skill on training samples may lie below that of a quick model on samples that are
/// held out from it (Deepchecks, comparison with a simple model; AutoTrainer asks for an accuracy of
/// 0.6 whatever the data).
const BELOW: f64 = 0.02;
/// The share of what a quick model reaches that may be missing before this is more than advice: other
/// settings could do better, but nothing has to be wrong.
const MUCH: f64 = 0.2;
/// Skill on training samples that is low where no quick model says what can be reached.
const LOW: f64 = 0.3;

pub(crate) const RULE: Rule = Rule {
    name: "underfit",
    needs: Needs::Curves,
    explains: &[],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let outcome = &record.outcome;
    if !outcome.is_poor() || outcome.diverged {
        return None;
    }
    let train = outcome.train_skill?;
    let limit = outcome.reference.map_or(LOW, |reference| reference - BELOW);
    if train > limit {
        return None;
    }
    let last = record.epochs.last()?;
    let mut changes = vec![set("train.epochs", 2 * last.num_epochs)];
    for key in ["model.widths", "model.d_hidden"] {
        if let Some(now) = record.setting(key) {
            changes.push(set(key, doubled(now)));
        }
    }
    if record.word("model.cell") == "elman" {
        changes.push(set("model.cell", "gru")); // what it forgets, no width brings back
    }
    if record.learning_rate_excess() < 0.5 {
        let rate = record.suggested_learning_rate().rate;
        changes.push(set("train.learning_rate", rounded(rate)));
    }
    let quick = outcome.reference.map_or(String::new(), |reference| {
        format!(", and a quick model to {} on new ones", plain(reference))
    });
    let severity = if outcome.missing() > MUCH * outcome.reference.unwrap_or(1.0) {
        Severity::Warning
    } else {
        Severity::Advice
    };
    Some(
        Finding::new(
            RULE.name,
            severity,
            "the network does badly even on the samples it trains on",
        )
        .measured(format!(
            "from the simplest predictor (0) to a perfect one (1), it gets to {} on them{quick}",
            plain(train)
        ))
        .at(Place::epoch(last.epoch))
        .remedy("train for longer, with a larger network and less regularisation")
        .patch(record, changes)
        .confidence(0.3),
    )
}

fn doubled(now: &Value) -> Value {
    let twice = |width: &Value| json!(2 * width.as_u64().unwrap_or(0));
    match now {
        Value::Array(widths) => widths.iter().map(twice).collect(),
        width => twice(width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(train: f64, reference: f64) -> Story {
        Story::classification()
            .poor()
            .train_accuracies(&[train; 4])
            .data(|data| data.reference = Some(reference))
    }

    #[test]
    fn a_network_that_does_not_fit_is_made_larger() {
        let found = with(0.2, 0.9).fires(&RULE);
        assert_eq!(found.patch, ["train.epochs=8", "model.widths=[128,64]"]);
    }

    #[test]
    fn a_simple_recurrent_cell_is_replaced_too() {
        let story = Story::recurrent()
            .poor()
            .train_accuracies(&[0.2; 4])
            .data(|data| data.reference = Some(0.9));
        assert_eq!(
            story.fires(&RULE).patch,
            ["train.epochs=8", "model.d_hidden=128", "model.cell=gru"]
        );
    }

    #[test]
    fn a_network_that_fits_has_another_fault() {
        with(0.99, 0.9).silent(&RULE);
        Story::classification().silent(&RULE);
    }

    #[test]
    fn a_little_that_is_missing_is_worth_advice() {
        let reaches = |accuracy: f64| with(accuracy, 0.9).accuracies(&[accuracy; 4]).fires(&RULE);
        assert_eq!(reaches(0.8).severity, Severity::Advice);
        assert_eq!(reaches(0.6).severity, Severity::Warning);
    }

    #[test]
    fn a_hair_below_the_quick_model_is_still_fine() {
        with(0.89, 0.9).silent(&RULE);
        with(0.87, 0.9).fires(&RULE);
    }
}
