//! First weights under which the signal grows or fades from layer to layer.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// The deviation of one layer's output over that of the next, or the other way round, in the first
/// window. SageMaker Debugger takes a ratio of 10 between variances of layers; of deviations, and
/// between neighbours, that is what no fitting scheme gives (He et al. 2015,
/// <https://arxiv.org/abs/1502.01852>, keep it at 1).
const RATIO: f64 = 10.0;

pub(crate) const RULE: Rule = Rule {
    name: "initialisation",
    needs: Needs::Signals,
    explains: &["plateau", "underfit", "too_short"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() {
        return None;
    }
    let (step, first) = record.signals.first()?;
    let hidden = &first.layers[..first.layers.len().saturating_sub(1)];
    let steps = hidden.windows(2).map(|pair| {
        let [from, to] = [&pair[0], &pair[1]].map(|layer| layer.activation_deviation);
        let ratio = if from > to { from / to } else { to / from };
        (ratio, pair)
    });
    let (ratio, pair) = steps.max_by(|a, b| a.0.total_cmp(&b.0))?;
    // A ratio to zero is that of a layer that is dead.
    if ratio <= RATIO || !ratio.is_finite() {
        return None;
    }
    Some(
        Finding::new(
            RULE.name,
            Severity::Warning,
            "the signal does not survive the way through the first weights",
        )
        .measured(format!(
            "deviation {} after {}, {} after {}; neighbours should be alike",
            plain(pair[0].activation_deviation),
            pair[0].name,
            plain(pair[1].activation_deviation),
            pair[1].name
        ))
        .at(Place::layer(&pair[1].name, *step))
        .remedy("normalise the layers, or take an activation whose first weights keep the variance")
        .patch(
            record,
            [set("model.batch_norm", true), set("model.norm", true)],
        )
        .confidence(0.45),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn fading(ratio: f64) -> Story {
        Story::classification().poor().signals(|signals| {
            signals.layers[0].activation_deviation = ratio * 0.1;
            signals.layers[1].activation_deviation = 0.1;
        })
    }

    #[test]
    fn a_signal_that_fades_is_found_and_normalised() {
        let found = fading(50.0).fires(&RULE);
        assert_eq!(found.patch, ["model.batch_norm=true"]);
        assert_eq!(found.place.layer.as_deref(), Some("hidden2"));
    }

    #[test]
    fn a_run_that_does_well_all_the_same_is_left_alone() {
        Story::classification()
            .hidden(|layer| layer.activation_deviation *= if layer.name == "hidden1" { 50.0 } else { 1.0 })
            .silent(&RULE);
    }

    #[test]
    fn ten_is_still_fine_and_a_dead_layer_is_another_matter() {
        fading(9.9).silent(&RULE);
        fading(10.1).fires(&RULE);
        fading(f64::INFINITY).silent(&RULE);
    }
}
