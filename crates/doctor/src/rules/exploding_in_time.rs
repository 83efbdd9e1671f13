//! A gradient that grows on its way back through the steps of a sequence.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// The gradient at the first step over that at the last. No tool of the field has a rule for it;
/// Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>, describe it and clip.
const RATIO: f64 = 1e3;

pub(crate) const RULE: Rule = Rule {
    name: "exploding_in_time",
    needs: Needs::Signals,
    explains: &["exploding_gradient", "not_finite", "loss_spike", "oscillation", "plateau", "underfit"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() {
        return None;
    }
    let growth = |signals: &fornax_runs::Signals| {
        let (first, last) = (
            signals.gradient_by_time.first()?,
            signals.gradient_by_time.last()?,
        );
        Some(first / last).filter(|ratio| ratio.is_finite())
    };
    let worst = record
        .signals
        .iter()
        .filter_map(|(step, signals)| Some((growth(signals)?, step, signals)));
    let (ratio, step, signals) = worst.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if ratio < RATIO {
        return None;
    }
    let mut changes = vec![set("train.clip_norm", json!(1.0))];
    if record.word("model.cell") == "elman" {
        changes.push(set("model.cell", "gru"));
    }
    Some(
        Finding::new(
            RULE.name,
            Severity::Error,
            "the gradient explodes on its way back through the sequence",
        )
        .measured(format!(
            "at the first of {} steps it is {} times that of the last",
            signals.gradient_by_time.len(),
            plain(ratio)
        ))
        .at(Place {
            step: Some(*step),
            epoch: Some(signals.epoch),
            ..Place::default()
        })
        .remedy("clip the gradient, and use a gated cell (LSTM or GRU)")
        .patch(record, changes)
        .confidence(0.75),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn growing(ratio: f64) -> Story {
        Story::recurrent().poor().signals(|signals| {
            signals.gradient_by_time = vec![ratio, 1.0, 1.0];
        })
    }

    #[test]
    fn a_gradient_that_grows_is_clipped() {
        assert_eq!(
            growing(1e5).fires(&RULE).patch,
            ["train.clip_norm=1.0", "model.cell=gru"]
        );
    }

    #[test]
    fn a_healthy_run_is_left_alone() {
        Story::recurrent().silent(&RULE);
        Story::classification().silent(&RULE);
    }

    #[test]
    fn a_thousand_is_where_it_begins() {
        growing(999.0).silent(&RULE);
        growing(1001.0).fires(&RULE);
    }
}
