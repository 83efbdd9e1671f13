//! A gradient that is clipped to next to nothing: every step is as small as the limit makes it.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Record, Severity};

/// Limits below this are used by nobody (Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>, and
/// what followed: 0.25 to 10).
const TIGHT: f64 = 0.1;
/// How many times the limit the usual gradient has to be, so that clipping decides the steps.
const EXCESS: f64 = 10.0;

pub(crate) const RULE: Rule = Rule {
    name: "tight_clipping",
    needs: Needs::Curves,
    explains: &[
        "low_learning_rate",
        "underfit",
        "plateau",
        "too_short",
        "cannot_memorise",
        "imbalance",
        "vanishing_gradient",
        "frozen_layer",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let limit = record.number("train.clip_norm")?;
    // The steps of the others do not depend on the size of the gradient.
    let scales = matches!(record.word("train.optimizer"), "sgd");
    if !scales || limit >= TIGHT || !record.outcome.falls_short() {
        return None;
    }
    let norm = record.median_signal(|signals| Some(signals.gradient_norm));
    if norm < EXCESS * limit {
        return None;
    }
    let usual = if norm.is_finite() {
        format!(", where the gradient is {}", plain(norm))
    } else {
        String::new()
    };
    Some(
        Finding::new(RULE.name, Severity::Error, "the gradient is clipped to next to nothing")
            .measured(format!("`train.clip_norm` is {}{usual}", plain(limit)))
            .remedy("clip at about 1, which stops the outliers alone")
            .patch(record, [set("train.clip_norm", json!(1.0))])
            .confidence(if norm.is_finite() { 0.9 } else { 0.7 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn clipped(limit: f64) -> Story {
        Story::classification()
            .poor()
            .set("/train/optimizer", "sgd")
            .set("/train/learning_rate", 0.05)
            .set("/train/clip_norm", limit)
    }

    #[test]
    fn a_limit_that_decides_every_step_is_raised() {
        assert_eq!(clipped(1e-3).fires(&RULE).patch, ["train.clip_norm=1.0"]);
    }

    #[test]
    fn usual_limits_and_optimisers_that_rescale_are_left_alone() {
        clipped(1.0).silent(&RULE);
        clipped(1e-3).set("/train/optimizer", "adam").silent(&RULE);
        Story::classification()
            .set("/train/optimizer", "sgd")
            .set("/train/clip_norm", 1e-3)
            .silent(&RULE);
    }

    #[test]
    fn a_limit_below_small_gradients_decides_nothing() {
        let with = |norm: f64| clipped(0.05).signals(|signals| signals.gradient_norm = norm);
        with(0.4).silent(&RULE);
        with(0.6).fires(&RULE);
    }
}
