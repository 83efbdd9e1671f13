//! Rectifiers that are zero for every sample: no gradient ever reaches what is behind them.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::percent;
use crate::{Finding, Place, Record, Severity};

/// Share of a layer's units (SageMaker Debugger: a layer fires at more than a half).
const SHARE: f64 = 0.5;

pub(crate) const RULE: Rule = Rule {
    name: "dead_units",
    needs: Needs::Signals,
    explains: &["plateau", "underfit", "vanishing_gradient", "frozen_layer", "too_short", "imbalance"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() {
        return None;
    }
    let (step, last) = record.signals.last()?;
    let dead = last.layers.iter().filter_map(|layer| Some((layer.dead?, layer)));
    let (dead, layer) = dead.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if dead <= SHARE {
        return None;
    }
    let mut changes = vec![set("model.activation", "leaky_relu")];
    if record.learning_rate_excess() > 1.5 {
        let suggestion = record.suggested_learning_rate();
        changes.push(set("train.learning_rate", rounded(suggestion.rate)));
    }
    if record.number("train.clip_norm").is_none() {
        changes.push(set("train.clip_norm", json!(1.0)));
    }
    Some(
        Finding::new(RULE.name, Severity::Warning, "units are dead")
            .measured(format!("{} are 0 for every sample", percent(dead)))
            .at(Place::layer(&layer.name, *step))
            .remedy("use leaky rectifiers and a lower learning rate, and train again: dead units stay dead")
            .patch(record, changes)
            .confidence(0.4 + 0.4 * dead),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn dead(share: f64) -> Story {
        Story::classification()
            .poor()
            .hidden(|layer| layer.dead = Some(share))
    }

    #[test]
    fn a_dead_layer_is_found_and_given_leaky_rectifiers() {
        let found = dead(0.98).fires(&RULE);
        assert_eq!(found.patch[0], "model.activation=leaky_relu");
    }

    #[test]
    fn dead_units_of_a_run_that_does_well_are_left_alone() {
        Story::classification()
            .hidden(|layer| layer.dead = Some(0.9))
            .silent(&RULE);
    }

    #[test]
    fn a_half_is_still_fine() {
        dead(0.5).silent(&RULE);
        dead(0.51).fires(&RULE);
    }
}
