//! A gradient that fades on its way back to the first layers.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Norm of the first layer's gradient over that of the last (AutoTrainer).
const RATIO: f64 = 1e-3;
/// And that norm itself (AutoTrainer).
const NORM: f64 = 1e-4;
/// Mean absolute gradient of a layer, whatever the others have (SageMaker Debugger).
const MEAN: f64 = 1e-7;

pub(crate) const RULE: Rule = Rule {
    name: "vanishing_gradient",
    needs: Needs::Signals,
    explains: &[
        "plateau",
        "underfit",
        "too_short",
        "cannot_memorise",
        "initialisation",
        "frozen_layer",
        "imbalance",
        "noisy_gradient",
        "low_learning_rate",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() || record.outcome.diverged {
        return None;
    }
    let (step, last) = record.signals.last()?;
    let (first_layer, last_layer) = (last.layers.first()?, last.layers.last()?);
    if last.layers.len() < 2 {
        return None;
    }
    let norm = record.median_signal(|signals| Some(signals.layers.first()?.gradient_norm));
    let ratio = record.median_signal(|signals| {
        Some(signals.layers.first()?.gradient_norm / signals.layers.last()?.gradient_norm)
    });
    let mean = record.median_signal(|signals| Some(signals.layers.first()?.gradient_mean));
    let fades = (ratio < RATIO && norm < NORM) || (mean < MEAN && ratio < 0.1);
    if !fades {
        return None;
    }
    let bounded = matches!(record.word("model.activation"), "sigmoid" | "tanh");
    Some(
        Finding::new(
            RULE.name,
            Severity::Error,
            "the gradient vanishes before it reaches the first layer",
        )
        .measured(format!(
            "its norm is {} at {}, {} of that at {}",
            plain(norm),
            first_layer.name,
            plain(ratio),
            last_layer.name
        ))
        .at(Place::layer(&first_layer.name, *step))
        .remedy(
            "use rectifiers, normalise the layers, or use fewer of them; pre-train a deep belief \
             network",
        )
        .patch(record, changes(record, bounded))
        .confidence(if bounded { 0.9 } else { 0.7 }),
    )
}

fn changes(record: &Record, bounded: bool) -> Vec<crate::settings::Change> {
    let mut changes = vec![set("model.batch_norm", true), set("model.norm", true)];
    if bounded {
        changes.push(set("model.activation", "relu"));
    }
    if record.word("architecture") == "dbn" && record.count("pretrain.epochs") == 0 {
        changes.push(set("pretrain.epochs", json!(10)));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn faded(norm: f64) -> Story {
        Story::classification()
            .poor()
            .set("/model/activation", "sigmoid")
            .signals(|signals| {
                signals.layers[0].gradient_norm = norm;
                signals.layers[0].gradient_mean = norm * 1e-2;
            })
    }

    #[test]
    fn a_deep_sigmoid_network_is_given_rectifiers() {
        let found = faded(1e-6).fires(&RULE);
        assert_eq!(
            found.patch,
            ["model.batch_norm=true", "model.activation=relu"]
        );
    }

    #[test]
    fn a_network_that_learns_with_small_gradients_is_left_alone() {
        Story::classification()
            .signals(|signals| signals.layers[0].gradient_norm = 1e-7)
            .silent(&RULE);
    }

    #[test]
    fn both_the_norm_and_the_ratio_have_to_be_small() {
        faded(2e-4).silent(&RULE);
        faded(0.9e-4).fires(&RULE);
        faded(0.9e-4)
            .signals(|signals| signals.layers[2].gradient_norm = 1e-4)
            .silent(&RULE);
    }
}
