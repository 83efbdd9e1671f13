//! A layer whose weights do not move while those of others do.

use super::{Needs, Rule};
use crate::words::{highest, plain};
use crate::{Finding, Place, Record, Severity};

/// Step over weights below which nothing moves (SageMaker Debugger: 1e-8).
const STILL: f64 = 1e-8;
/// Step over weights of another layer, from which on there is training at all.
const MOVING: f64 = 1e-6;
/// A gradient below this is the reason itself: it vanishes, or the units are dead.
const GRADIENT: f64 = 1e-7;

pub(crate) const RULE: Rule = Rule {
    name: "frozen_layer",
    needs: Needs::Signals,
    explains: &["underfit", "plateau", "too_short"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let (step, last) = record.signals.last()?;
    let over_time = |of: fn(&fornax_runs::LayerSignals) -> f64, index: usize| {
        let layers = record.signals.iter();
        highest(layers.filter_map(|(_, signals)| signals.layers.get(index)).map(of))
    };
    let ratios: Vec<f64> = (0..last.layers.len())
        .map(|index| over_time(|layer| layer.update_ratio, index))
        .collect();
    if highest(ratios.iter().copied()) < MOVING {
        return None;
    }
    let still = (0..ratios.len()).find(|&index| {
        ratios[index] < STILL && over_time(|layer| layer.gradient_norm, index) > GRADIENT
    })?;
    let layer = &last.layers[still];
    let severity = record.if_poor(Severity::Error, Severity::Advice);
    Some(
        Finding::new(RULE.name, severity, "the weights of a layer do not move")
            .measured(format!(
                "at most {} of their size in a step, though the gradient is {}",
                plain(ratios[still]),
                plain(layer.gradient_norm)
            ))
            .at(Place::layer(&layer.name, *step))
            .remedy("let the optimiser have this layer's weights, or leave the layer out")
            .confidence(0.9),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(ratio: f64, gradient: f64) -> Story {
        Story::classification().poor().signals(|signals| {
            signals.layers[0].update_ratio = ratio;
            signals.layers[0].gradient_norm = gradient;
        })
    }

    #[test]
    fn a_layer_that_stands_still_beside_moving_ones_is_frozen() {
        let found = with(0.0, 0.5).fires(&RULE);
        assert_eq!(found.place.layer.as_deref(), Some("hidden1"));
    }

    #[test]
    fn a_layer_that_moves_and_one_without_gradient_are_left_alone() {
        with(1e-4, 0.5).silent(&RULE);
        with(0.0, 0.0).silent(&RULE);
    }

    #[test]
    fn where_nothing_moves_the_learning_rate_is_the_matter() {
        Story::classification()
            .poor()
            .signals(|signals| signals.layers.iter_mut().for_each(|layer| layer.update_ratio = 1e-9))
            .silent(&RULE);
    }
}
