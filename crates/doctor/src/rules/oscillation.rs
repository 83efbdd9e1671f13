//! A loss that goes up and down instead of down.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::{rounded, set};
use crate::words::percent;
use crate::{Finding, Place, Record, Severity};

/// A swing of the training loss from one epoch to the next, relative to the loss. AutoTrainer counts
/// swings of accuracy of 0.03; of a loss, the epochs of a healthy run differ by less than this.
const SWING: f64 = 0.1;
/// Share of the epochs in which the direction turns by that much (AutoTrainer: 0.2 to 0.25).
const OFTEN: f64 = 0.25;
/// Epochs below which turns are chance.
const FEWEST: usize = 5;

pub(crate) const RULE: Rule = Rule {
    name: "oscillation",
    needs: Needs::Curves,
    explains: &["plateau", "underfit", "loss_spike"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let losses = record.losses();
    if losses.len() < FEWEST || !record.outcome.trains_poorly() || record.outcome.diverged {
        return None;
    }
    let changes: Vec<f64> = losses
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / pair[0].abs().max(1e-9))
        .collect();
    let turns = changes
        .windows(2)
        .filter(|pair| pair[0] * pair[1] < 0.0 && pair.iter().all(|swing| swing.abs() > SWING));
    #[allow(clippy::cast_precision_loss)] // epochs
    let share = turns.count() as f64 / (changes.len() - 1) as f64;
    if share < OFTEN {
        return None;
    }
    let rate = record.number("train.learning_rate").unwrap_or(1e-3);
    let lower = record.suggested_learning_rate().rate.min(rate / 4.0);
    let last = record.epochs.last().map_or(0, |epoch| epoch.epoch);
    Some(
        Finding::new(RULE.name, Severity::Warning, "the loss swings up and down")
            .measured(format!(
                "in {} of the epochs it turns by more than {}",
                percent(share),
                percent(SWING)
            ))
            .at(Place::epoch(last))
            .remedy("lower the learning rate, take larger batches, or let the rate fall over the training")
            .patch(
                record,
                [
                    set("train.learning_rate", rounded(lower)),
                    set("train.schedule", json!("one_cycle")),
                ],
            )
            .confidence(0.5),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn losses(values: &[f64]) -> Story {
        Story::classification()
            .losses(2.3, values)
            .accuracies(&vec![0.15; values.len()])
    }

    #[test]
    fn a_loss_that_goes_up_and_down_is_found() {
        let found = losses(&[2.0, 2.6, 1.9, 2.5, 1.8, 2.6]).fires(&RULE);
        assert_eq!(found.patch, ["train.learning_rate=0.0005"]);
    }

    #[test]
    fn a_loss_that_falls_is_left_alone() {
        losses(&[2.2, 2.1, 1.9, 1.7, 1.6, 1.5]).silent(&RULE);
        Story::classification()
            .losses(2.3, &[2.0, 2.6, 1.9, 2.5, 1.8, 0.2])
            .accuracies(&[0.2, 0.3, 0.4, 0.5, 0.8, 0.95])
            .silent(&RULE);
    }

    #[test]
    fn one_turn_of_four_is_where_it_begins() {
        losses(&[2.0, 2.6, 2.0, 1.7, 1.5, 1.3]).fires(&RULE);
        losses(&[2.0, 2.1, 2.0, 1.7, 1.5, 1.3]).silent(&RULE);
    }
}
