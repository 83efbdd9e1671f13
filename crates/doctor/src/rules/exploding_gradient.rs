//! A gradient that grows on its way back to the first layers, or altogether.

use fornax_runs::Quantity;
use serde_json::json;

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Norm of the first layer's gradient over that of the last (AutoTrainer).
const RATIO: f64 = 70.0;
/// Joint norm of all gradients. Clipping, where it is used, is done at 0.25 to 10 (Pascanu et al.
/// 2013, <https://arxiv.org/abs/1211.5063>, and what followed).
const NORM: f64 = 100.0;

pub(crate) const RULE: Rule = Rule {
    name: "exploding_gradient",
    needs: Needs::Signals,
    explains: &["not_finite", "loss_spike", "oscillation", "dead_units", "saturated_units", "plateau", "underfit"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.trains_poorly() {
        return None;
    }
    let broke = record
        .not_finite
        .is_some_and(|(_, found)| found.what == Quantity::Gradient);
    let norm = |signals: &fornax_runs::Signals| signals.gradient_norm;
    let (step, worst) = record
        .signals
        .iter()
        .max_by(|a, b| norm(a.1).total_cmp(&norm(b.1)))?;
    let ratio = record.median_signal(|signals| {
        let (first, last) = (signals.layers.first()?, signals.layers.last()?);
        (first.gradient_norm > 1.0).then(|| first.gradient_norm / last.gradient_norm)
    });
    let grows = ratio > RATIO;
    let large = worst.gradient_norm > NORM;
    if !(grows || large || broke) {
        return None;
    }
    let measured = if grows {
        format!(
            "at the first layer it is {} times that of the last",
            plain(ratio)
        )
    } else {
        format!("its norm reached {}", plain(worst.gradient_norm))
    };
    let mut changes = vec![set("train.clip_norm", json!(1.0))];
    let suggestion = record.suggested_learning_rate();
    if record.learning_rate_excess() > 2.0 {
        changes.push(set("train.learning_rate", rounded(suggestion.rate)));
    }
    changes.push(set("model.batch_norm", true));
    Some(
        Finding::new(RULE.name, Severity::Error, "the gradient explodes")
            .measured(measured)
            .at(Place {
                step: Some(*step),
                epoch: Some(worst.epoch),
                ..Place::default()
            })
            .remedy("clip the gradient, lower the learning rate, normalise the layers")
            .patch(record, changes)
            .confidence(if grows && large { 0.75 } else { 0.55 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn norm(value: f64) -> Story {
        Story::classification()
            .poor()
            .signals(|signals| signals.gradient_norm = value)
    }

    #[test]
    fn a_huge_gradient_is_clipped() {
        let found = norm(1e4).fires(&RULE);
        assert!(found.patch.contains(&"train.clip_norm=1.0".to_owned()));
    }

    #[test]
    fn a_large_gradient_of_a_run_that_does_well_is_left_alone() {
        Story::classification()
            .signals(|signals| signals.gradient_norm = 1e4)
            .silent(&RULE);
        norm(5.0).silent(&RULE);
    }

    #[test]
    fn a_hundred_is_where_it_begins_and_growth_counts_too() {
        norm(99.0).silent(&RULE);
        norm(101.0).fires(&RULE);
        norm(1.0)
            .signals(|signals| signals.layers[0].gradient_norm = 36.0)
            .fires(&RULE);
    }
}
