//! Weights or targets pulled so hard that nothing else moves them.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Record, Severity};

/// Weight decay that is added to the gradient. Usual values lie from 1e-5 to 1e-3 (He et al. 2016,
/// <https://arxiv.org/abs/1512.03385>: 1e-4); the adaptive optimisers amplify it besides.
const DECAY: f64 = 5e-3;
/// Decoupled weight decay, which the learning rate scales down (Loshchilov and Hutter 2019,
/// <https://arxiv.org/abs/1711.05101>: up to 0.1).
const DECOUPLED: f64 = 0.5;
/// Times the limit that are no matter of taste.
const FAR: f64 = 10.0;
/// Share of the target spread over all classes (Szegedy et al. 2016,
/// <https://arxiv.org/abs/1512.00567>: 0.1).
const SMOOTHING: f64 = 0.4;

pub(crate) const RULE: Rule = Rule {
    name: "strong_regularisation",
    needs: Needs::Curves,
    explains: &[
        "underfit",
        "plateau",
        "too_short",
        "vanishing_gradient",
        "dead_units",
        "imbalance",
        "initialisation",
        "noisy_gradient",
        "frozen_layer",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if record.outcome.diverged {
        return None;
    }
    let decoupled = record.word("train.optimizer") == "adamw";
    let limit = if decoupled { DECOUPLED } else { DECAY };
    let decay = record.number("train.weight_decay").unwrap_or(0.0);
    let smoothing = record.number("train.label_smoothing").unwrap_or(0.0);
    let (key, value, usual) = if decay > limit {
        ("train.weight_decay", decay, if decoupled { 0.01 } else { 0.0 })
    } else if smoothing > SMOOTHING {
        ("train.label_smoothing", smoothing, 0.0)
    } else {
        return None;
    };
    // Far beyond the limit, a result that falls short is enough to blame it.
    let far = value > FAR * limit;
    if !(record.outcome.is_poor() || far && record.outcome.falls_short()) {
        return None;
    }
    let measured = match shrunk(record) {
        Some(left) if key == "train.weight_decay" => format!(
            "`{key}` is {value}, at most {limit} is usual; the weights shrank to {} of their size",
            plain(left)
        ),
        _ => format!("`{key}` is {value}, far above what is usual"),
    };
    Some(
        Finding::new(RULE.name, Severity::Warning, "the regularisation is too strong")
            .measured(measured)
            .remedy("regularise less: first let the network fit the training data at all")
            .patch(record, [set(key, json!(usual))])
            .confidence(if far { 0.9 } else { 0.75 }),
    )
}

/// The smallest share that is left of a layer's weights since the first window.
fn shrunk(record: &Record) -> Option<f64> {
    let (first, last) = (record.signals.first()?.1, record.signals.last()?.1);
    let pairs = first.layers.iter().zip(&last.layers);
    let left = pairs.map(|(first, last)| last.weight_norm / first.weight_norm);
    Some(crate::words::lowest(left)).filter(|left| *left < 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn decay(value: f64) -> Story {
        Story::classification().poor().set("/train/weight_decay", value)
    }

    #[test]
    fn decay_that_holds_every_weight_at_zero_is_taken_out() {
        assert_eq!(decay(1.0).fires(&RULE).patch, ["train.weight_decay=0.0"]);
    }

    #[test]
    fn usual_decay_and_runs_that_do_well_are_left_alone() {
        decay(1e-3).silent(&RULE);
        Story::classification()
            .set("/train/weight_decay", 0.1)
            .silent(&RULE);
    }

    #[test]
    fn decoupled_decay_may_be_larger() {
        decay(0.1).fires(&RULE);
        decay(0.1).set("/train/optimizer", "adamw").silent(&RULE);
    }

    #[test]
    fn targets_that_say_hardly_anything_are_found() {
        let story = Story::classification()
            .poor()
            .set("/train/label_smoothing", 0.9);
        assert_eq!(story.fires(&RULE).patch, ["train.label_smoothing=0.0"]);
    }
}
