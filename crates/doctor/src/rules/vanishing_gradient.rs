//! A gradient that fades on its way back to the first layers.

use serde_json::{Value, json};

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{plain, share};
use crate::{Finding, Place, Record, Severity};

/// Norm of the first layer's gradient over that of the last. AutoTrainer takes 1e-3, and that norm
/// below 1e-4 besides, which an adaptive optimiser does not care for; of networks that learn, none comes
/// near.
const RATIO: f64 = 2e-3;
/// Windows at the start of the training, and share of all, in which it is looked for: once some layers
/// have learned, the others follow, too late.
const FIRST: usize = 4;
const EARLY: usize = 4;
/// Share of those windows in which it has to be so.
const OFTEN: f64 = 0.5;
/// Layers from which on it is worth to try fewer of them, and how many are then left.
const DEEP: usize = 4;
const KEPT: usize = 3;
/// Mean absolute gradient of a layer, whatever the others have (SageMaker Debugger).
const MEAN: f64 = 1e-7;

pub(crate) const RULE: Rule = Rule {
    name: "vanishing_gradient",
    needs: Needs::Signals,
    explains: &[
        "saturated_units",
        "plateau",
        "underfit",
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
    let (_, last) = record.signals.last()?;
    let (first_layer, last_layer) = (last.layers.first()?, last.layers.last()?);
    if last.layers.len() < 2 {
        return None;
    }
    let num_early = (record.signals.len() / EARLY).max(FIRST);
    let early = &record.signals[..num_early.min(record.signals.len())];
    let ratios = early.iter().filter_map(|(step, signals)| {
        let (first, last) = (signals.layers.first()?, signals.layers.last()?);
        let ratio = first.gradient_norm / last.gradient_norm;
        let fades = ratio < RATIO || first.gradient_mean < MEAN && ratio < 0.1;
        fades.then_some((ratio, first.gradient_norm, *step))
    });
    let faded: Vec<(f64, f64, usize)> = ratios.collect();
    let (ratio, norm, step) = *faded.first()?;
    if share(faded.len(), early.len()) < OFTEN {
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
        .at(Place::layer(&first_layer.name, step))
        .remedy(
            "use rectifiers, normalise the layers, or use fewer of them; pre-train a deep belief \
             network",
        )
        .patch(record, changes(record, bounded))
        .confidence(if bounded { 0.9 } else { 0.7 }),
    )
}

fn changes(record: &Record, bounded: bool) -> Vec<crate::settings::Change> {
    // A deep narrow network learns more slowly with a norm: rectifiers come first.
    let mut changes = if bounded {
        vec![set("model.activation", "relu")]
    } else {
        vec![set("model.batch_norm", true), set("model.norm", true)]
    };
    let widths = record.setting("model.widths").and_then(Value::as_array);
    // Of a tower of narrow layers the first few do what all were meant to.
    if let Some(widths) = widths.filter(|widths| widths.len() > DEEP) {
        changes.push(set("model.widths", json!(widths[..KEPT])));
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
            ["model.activation=relu"]
        );
    }

    #[test]
    fn of_a_tower_of_layers_the_first_few_are_kept() {
        let story = faded(1e-6).set("/model/widths", json!([32, 32, 32, 32, 32, 32]));
        assert_eq!(
            story.fires(&RULE).patch,
            ["model.activation=relu", "model.widths=[32,32,32]"]
        );
    }

    #[test]
    fn a_network_that_learns_with_small_gradients_is_left_alone() {
        Story::classification()
            .signals(|signals| signals.layers[0].gradient_norm = 1e-7)
            .silent(&RULE);
    }

    #[test]
    fn what_counts_is_the_gradient_beside_that_of_the_last_layer() {
        faded(1.1e-3).silent(&RULE);
        faded(0.9e-3).fires(&RULE);
        faded(0.9e-3)
            .signals(|signals| signals.layers[2].gradient_norm = 1e-3)
            .silent(&RULE);
    }

    #[test]
    fn half_of_the_first_windows_suffice() {
        let in_epochs = |last: usize| {
            Story::classification().poor().signals(|signals| {
                if signals.epoch <= last {
                    signals.layers[0].gradient_norm = 1e-6;
                }
            })
        };
        in_epochs(2).fires(&RULE);
        in_epochs(1).silent(&RULE);
    }
}
