//! Epochs that brought nothing any more.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::share;
use crate::{Finding, Place, Record, Severity};

/// Epochs without a better result before it is worth a word (SageMaker Debugger: 10 of validation).
const IDLE: usize = 10;
/// And their share of the training.
const SHARE: f64 = 0.5;

pub(crate) const RULE: Rule = Rule {
    name: "overtrained",
    needs: Needs::Curves,
    explains: &[],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let (best, last) = (record.best_epoch()?.epoch, record.epochs.last()?.epoch);
    let idle = last - best;
    if idle < IDLE || share(idle, last) < SHARE || record.finished.is_none() {
        return None;
    }
    // The best weights are kept: only time was lost.
    Some(
        Finding::new(RULE.name, Severity::Advice, "the second half of the training brought nothing")
            .measured(format!("epoch {best} of {last} was the best; its weights were kept"))
            .at(Place::epoch(best))
            .remedy("stop once nothing improves any more")
            .patch(record, [set("train.patience", json!(IDLE))])
            .confidence(0.8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;
    use std::cmp::Ordering;

    fn best_at(best: usize, of: usize) -> Story {
        let accuracies: Vec<f64> = (1..=of)
            .map(|epoch| match epoch.cmp(&best) {
                Ordering::Less => 0.5,
                Ordering::Equal => 0.9,
                Ordering::Greater => 0.8,
            })
            .collect();
        Story::classification()
            .accuracies(&accuracies)
            .losses(2.3, &vec![0.5; of])
    }

    #[test]
    fn a_long_tail_is_cut_off_by_patience() {
        assert_eq!(best_at(5, 40).fires(&RULE).patch, ["train.patience=10"]);
    }

    #[test]
    fn a_training_that_is_best_at_its_end_is_left_alone() {
        best_at(38, 40).silent(&RULE);
        Story::classification().silent(&RULE);
    }

    #[test]
    fn ten_epochs_and_half_of_the_training_have_to_be_idle() {
        best_at(10, 20).fires(&RULE);
        best_at(11, 20).silent(&RULE);
        best_at(25, 40).silent(&RULE);
    }
}
