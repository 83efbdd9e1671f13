//! Units at the flat end of a tanh or sigmoid: hardly any gradient passes them.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::percent;
use crate::{Finding, Place, Record, Severity};

/// Share of a layer's activations (SageMaker Debugger: a layer fires at more than a half).
const SHARE: f64 = 0.5;

/// Hidden layers up to which a norm speeds a small network up.
const DEEP: usize = 4;

pub(crate) const RULE: Rule = Rule {
    name: "saturated_units",
    needs: Needs::Signals,
    explains: &["plateau", "underfit", "frozen_layer", "too_short", "imbalance"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() {
        return None;
    }
    let (step, last) = record.signals.last()?;
    let found = last
        .layers
        .iter()
        .filter_map(|layer| Some((layer.saturated?, layer)));
    let (share, layer) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if share <= SHARE {
        return None;
    }
    Some(
        Finding::new(RULE.name, Severity::Warning, "units are saturated")
            .measured(format!(
                "{} of what the layer hands on lies at the flat end of its activation",
                percent(share)
            ))
            .at(Place::layer(&layer.name, *step))
            .remedy("scale the inputs, normalise the layers, lower the learning rate, or use rectifiers")
            .patch(
                record,
                [
                    set("data.normalize", record.word("architecture") != "dbn" || record.flag("data.normalize")),
                    // A deep network learns more slowly with a norm: rectifiers come first.
                    set("model.batch_norm", record.numbers("model.widths").len() <= DEEP),
                    set("model.norm", true),
                    set("model.activation", "relu"),
                ],
            )
            .confidence(0.4 + 0.4 * share),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn saturated(share: f64) -> Story {
        Story::classification()
            .poor()
            .set("/model/activation", "tanh")
            .hidden(|layer| layer.saturated = Some(share))
    }

    #[test]
    fn a_saturated_layer_is_found() {
        let found = saturated(0.9).fires(&RULE);
        assert_eq!(
            found.patch,
            ["model.batch_norm=true", "model.activation=relu"]
        );
    }

    #[test]
    fn a_deep_network_is_given_rectifiers_alone() {
        let found = saturated(0.9)
            .set("/model/widths", serde_json::json!([32, 32, 32, 32, 32]))
            .fires(&RULE);
        assert_eq!(found.patch, ["model.activation=relu"]);
    }

    #[test]
    fn saturated_units_of_a_run_that_does_well_are_decided_units() {
        Story::classification()
            .hidden(|layer| layer.saturated = Some(0.9))
            .silent(&RULE);
    }

    #[test]
    fn a_half_is_still_fine() {
        saturated(0.5).silent(&RULE);
        saturated(0.51).fires(&RULE);
    }
}
