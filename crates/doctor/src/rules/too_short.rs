//! A training that ends before it has begun: too few steps.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{counted, percent};
use crate::{Finding, Place, Record, Severity};

/// Steps that a small network needs with a learning rate that suits: the shortest defaults of
/// `fornax train` take more.
const FEW: usize = 150;
/// Steps that suffice for most small data.
const ENOUGH: usize = 1000;
/// Fall of the loss in the last epoch, relative to it, that is worth another epoch.
const FALLING: f64 = 0.05;
/// Rates this many times above or below the one that suits let the loss fall slowly, however long.
const OFF: f64 = 3.0;

pub(crate) const RULE: Rule = Rule {
    name: "too_short",
    needs: Needs::Curves,
    explains: &["underfit", "imbalance"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.falls_short() || record.outcome.diverged || record.finished.is_none() {
        return None;
    }
    let (last, losses) = (record.epochs.last()?, record.losses());
    let before = match losses[..] {
        [.., before, _] => before,
        _ => record.first_loss()?,
    };
    let fall = (before - last.train_loss()) / before.abs().max(1e-9);
    let few = last.step < FEW;
    // Few steps alone say nothing, and nor does a loss that still falls in a good training.
    let (few_and_falling, either) = (few && fall > FALLING, few || fall > FALLING);
    let excess = record.learning_rate_excess();
    let suits = few || (1.0 / OFF..OFF).contains(&excess);
    if !(few_and_falling || either && suits && record.outcome.trains_poorly()) {
        return None;
    }
    let num_train = record.num_samples[0];
    let batch_size = record.count("train.batch_size");
    let usual_batch = (num_train / 20).next_power_of_two().clamp(16, 128) as u64;
    let per_epoch = last.step.div_ceil(last.epoch.max(1)).max(1);
    let mut changes = Vec::new();
    let mut steps = per_epoch;
    if batch_size > 4 * usual_batch {
        changes.push(set("train.batch_size", usual_batch));
        steps = num_train.div_ceil(usual_batch.try_into().unwrap_or(128)).max(1);
    }
    let epochs = (2 * last.num_epochs).max(ENOUGH.div_ceil(steps)).min(500);
    changes.push(set("train.epochs", epochs));
    Some(
        Finding::new(RULE.name, Severity::Warning, "the training is too short")
            .measured(format!(
                "{} in {}; the loss fell by {} in the last one",
                counted(last.step, "step"),
                counted(last.epoch, "epoch"),
                percent(fall)
            ))
            .at(Place::epoch(last.epoch))
            .remedy("train for more epochs, or with smaller batches, which make more steps")
            .patch(record, changes)
            .confidence(if few_and_falling { 0.7 } else { 0.5 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn ends_at(last: f64) -> Story {
        Story::classification()
            .accuracies(&[0.2; 4])
            .losses(2.3, &[2.2, 2.1, 2.0, last])
    }

    #[test]
    fn few_steps_and_a_falling_loss_ask_for_more_epochs() {
        let found = ends_at(1.8).fires(&RULE);
        assert_eq!(found.patch, ["train.epochs=100"]);
    }

    #[test]
    fn batches_of_everything_are_cut_down() {
        let story = ends_at(1.8).set("/train/batch_size", 1000);
        assert_eq!(story.fires(&RULE).patch[0], "train.batch_size=64");
    }

    #[test]
    fn a_short_training_that_does_well_is_left_alone() {
        Story::classification().silent(&RULE);
    }

    #[test]
    fn a_training_under_way_is_not_yet_too_short() {
        ends_at(1.8).of_epochs(20).silent(&RULE);
    }
}
