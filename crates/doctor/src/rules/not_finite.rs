//! A loss, gradient, activation or weight that is no number any more.

use fornax_runs::Quantity;
use serde_json::json;

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Any is too many (SageMaker Debugger, `ExplodingTensor`; AutoTrainer, `nan_loss`). After it no
/// weight is worth anything.
pub(crate) const RULE: Rule = Rule {
    name: "not_finite",
    needs: Needs::Curves,
    explains: &["plateau", "underfit", "oscillation", "loss_spike", "dead_units"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let (place, measured) = match (record.not_finite, record.diverged) {
        (Some((_, found)), _) if found.what == Quantity::Input => return None,
        (Some((at, found)), _) => {
            let what = match found.what {
                Quantity::Input | Quantity::Loss => "the loss",
                Quantity::Activation => "what the layer hands on",
                Quantity::Gradient => "the gradient of the layer",
                Quantity::Weight => "the weights of the layer",
            };
            let layer = Some(found.layer.clone()).filter(|layer| !layer.is_empty());
            let place = Place {
                layer,
                ..Place::at(at)
            };
            (place, format!("{what} first"))
        }
        (None, Some((at, epoch))) => {
            let place = Place {
                epoch: Some(epoch),
                ..Place::at(at)
            };
            let before = record.steps.iter().rev().find(|step| step.loss.is_finite());
            let before = before.map_or(String::new(), |step| {
                format!("; at step {} it was {}", step.step, plain(step.loss))
            });
            (place, format!("the loss{before}"))
        }
        (None, None) => return None,
    };
    let rate = record.number("train.learning_rate").unwrap_or(1e-3);
    Some(
        Finding::new(RULE.name, Severity::Error, "a number stopped being one")
            .measured(measured)
            .at(place)
            .remedy("lower the learning rate by ten and clip the gradient; look for odd items in the data")
            .patch(
                record,
                [
                    set("train.learning_rate", rounded(rate / 10.0)),
                    set("train.clip_norm", json!(1.0)),
                ],
            )
            .confidence(0.6),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn the_first_layer_that_blew_up_is_named() {
        let found = Story::classification()
            .not_finite(Quantity::Gradient, "hidden2")
            .fires(&RULE);
        assert_eq!(found.place.layer.as_deref(), Some("hidden2"));
        assert_eq!(
            found.patch,
            ["train.learning_rate=0.0002", "train.clip_norm=1.0"]
        );
    }

    #[test]
    fn a_run_without_signals_says_at_least_when() {
        let story = Story::classification().without_signals().diverges_at(25);
        assert_eq!(story.fires(&RULE).place.step, Some(25));
    }

    #[test]
    fn finite_runs_and_faulty_data_are_not_its_matter() {
        Story::classification().silent(&RULE);
        Story::classification()
            .not_finite(Quantity::Input, "")
            .silent(&RULE);
    }
}
