//! Rare classes that are hardly ever recognised.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{percent, plain, share};
use crate::{Finding, Place, Record, Severity};

/// The most frequent class over this one: below, imbalance is a property of the data and no fault.
/// SageMaker Debugger and Deepchecks take 10; recall decides, so that this can be lower.
const RATIO: f64 = 4.0;
/// A class of which less is recognised is lost (SageMaker Debugger: 0.7 of it mispredicted).
const RECALL: f64 = 0.3;
/// Validation samples of a class below which its recall is chance ..
const FEWEST: f64 = 4.0;
/// .. and the ratio from which on it is then lost even so (SageMaker Debugger, Deepchecks), unless
/// those few were found.
const FAR: f64 = 10.0;
/// Validation samples from which on their recall speaks against it ..
const SEEN: f64 = 2.0;
/// .. and the recall that does.
const FOUND: f64 = 0.7;

pub(crate) const RULE: Rule = Rule {
    name: "imbalance",
    needs: Needs::Data,
    explains: &[],
    check,
};

#[allow(clippy::cast_precision_loss)] // counts of samples
fn check(record: &Record) -> Option<Finding> {
    let counts = &record.data?.class_counts;
    let most = *counts.iter().max()? as f64;
    let total: usize = counts.iter().sum();
    let num_valid = record.num_samples[1] as f64;
    let lost = counts.iter().zip(record.recall).enumerate();
    let lost = lost.filter(|(_, (count, recall))| {
        let ratio = most / (**count).max(1) as f64;
        if num_valid * share(**count, total) >= FEWEST {
            ratio >= RATIO && **recall < RECALL
        } else {
            let seen = num_valid * share(**count, total) >= SEEN;
            ratio >= FAR && !(seen && **recall >= FOUND)
        }
    });
    let (class, (count, recall)) = lost.min_by(|a, b| a.1.1.total_cmp(b.1.1))?;
    let last = record.epochs.last().map_or(0, |epoch| epoch.epoch);
    Some(
        Finding::new(RULE.name, Severity::Warning, "a rare class is hardly ever recognised")
            .measured(format!(
                "{} of class {class} is recognised, of which there are {count} training samples; the \
                 most frequent class has {}",
                percent(*recall),
                plain(most)
            ))
            .at(Place::epoch(last))
            .remedy(
                "weight every class by how rare it is, collect more of the rare ones, and judge by \
                 macro F1 instead of accuracy",
            )
            .patch(record, [set("train.balance_classes", true)])
            .confidence(0.8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(rare: usize, recall: f64) -> Story {
        let mut recalls = vec![0.95; 10];
        recalls[9] = recall;
        Story::classification()
            .data(|data| {
                data.class_counts = vec![400; 10];
                data.class_counts[9] = rare;
            })
            .recall(&recalls)
    }

    #[test]
    fn a_rare_class_that_is_lost_is_found() {
        assert_eq!(with(80, 0.1).fires(&RULE).patch, ["train.balance_classes=true"]);
    }

    #[test]
    fn imbalance_of_five_to_one_that_does_no_harm_is_left_alone() {
        with(80, 0.8).silent(&RULE);
        Story::classification().silent(&RULE);
    }

    #[test]
    fn a_class_of_few_validation_samples_is_judged_by_its_size() {
        with(60, 0.0).silent(&RULE);
        with(40, 0.0).fires(&RULE);
        with(40, f64::NAN).fires(&RULE);
        with(40, 1.0).silent(&RULE);
        with(20, 1.0).fires(&RULE);
        with(100, 0.29).fires(&RULE);
        with(100, 0.3).silent(&RULE);
    }
}
