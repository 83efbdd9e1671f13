//! A layer so narrow that what has to pass does not.

use serde_json::{Value, json};

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{counted, lowest};
use crate::{Finding, Record, Severity};

/// Units of a layer below which little passes, whatever the task. K classes need about log2 K
/// numbers to be told apart in principle, and in practice as many as there are directions that a
/// linear head can separate: half of K is taken.
const NARROW: f64 = 4.0;
/// Units that suffice for most of what two cores can train.
const ENOUGH: u64 = 64;

/// Where layers get their width from.
const KEYS: [&str; 3] = ["model.d_hidden", "model.widths", "model.dense"];

pub(crate) const RULE: Rule = Rule {
    name: "narrow_network",
    needs: Needs::Curves,
    explains: &[
        "underfit",
        "plateau",
        "cannot_memorise",
        "too_short",
        "dead_units",
        "saturated_units",
        "imbalance",
        "vanishing_gradient",
        "vanishing_in_time",
        "exploding_in_time",
        "exploding_gradient",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let outcome = &record.outcome;
    // What is too small does badly on the samples that it trains on, too.
    let fits = outcome
        .train_skill
        .zip(outcome.reference)
        .is_some_and(|(train, reference)| train > reference);
    if !outcome.falls_short() || outcome.diverged || fits {
        return None;
    }
    let classes = record.data.map_or(0, |data| data.class_counts.len());
    #[allow(clippy::cast_precision_loss)] // a count of classes
    let limit = NARROW.max(classes as f64 / 2.0);
    let key = KEYS.iter().find(|key| narrowest(record, key) <= limit)?;
    let too_narrow = KEYS.iter().filter(|key| narrowest(record, key) <= limit);
    let changes = too_narrow.filter_map(|key| Some(set(key, widened(record.setting(key)?))));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count of units
    let units = narrowest(record, key) as usize;
    Some(
        Finding::new(RULE.name, Severity::Warning, "a layer is too narrow for the task")
            .measured(format!(
                "`{key}` goes down to {}{}",
                counted(units, "unit"),
                if classes > 0 {
                    format!(" for {classes} classes")
                } else {
                    String::new()
                }
            ))
            .remedy("make the layer wider")
            .patch(record, changes)
            .confidence(0.75),
    )
}

fn narrowest(record: &Record, key: &str) -> f64 {
    let one = record.number(key);
    lowest(one.into_iter().chain(record.numbers(key)))
}

fn widened(now: &Value) -> Value {
    let wide = |width: &Value| json!(width.as_u64().unwrap_or(0).max(ENOUGH));
    match now {
        Value::Array(widths) => widths.iter().map(wide).collect(),
        width => wide(width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(widths: &[u64]) -> Story {
        Story::classification().poor().set("/model/widths", json!(widths))
    }

    #[test]
    fn a_bottleneck_is_widened_and_the_other_layers_stay() {
        let found = with(&[128, 2]).fires(&RULE);
        assert_eq!(found.patch, ["model.widths=[128,64]"]);
    }

    #[test]
    fn a_narrow_network_that_does_well_is_left_alone() {
        Story::classification()
            .set("/model/widths", json!([4]))
            .silent(&RULE);
    }

    #[test]
    fn half_as_many_units_as_classes_are_too_few() {
        with(&[5]).fires(&RULE);
        with(&[6]).silent(&RULE);
    }

    #[test]
    fn every_narrow_layer_is_widened() {
        let model = json!({"widths": [1, 1], "dense": [2, 32]});
        let story = Story::classification().poor().set("/model", model);
        assert_eq!(
            story.fires(&RULE).patch,
            ["model.widths=[64,64]", "model.dense=[64,64]"]
        );
    }

    #[test]
    fn a_recurrent_network_has_a_width_too() {
        let story = Story::recurrent().poor().set("/model/d_hidden", 1);
        assert_eq!(story.fires(&RULE).patch, ["model.d_hidden=64"]);
    }
}
