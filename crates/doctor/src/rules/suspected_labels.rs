//! Labels that a model which never saw them contradicts with confidence.

use super::{Needs, Rule};
use crate::words::{percent, share};
use crate::{Finding, Record, Severity};

/// Share of the training items. Northcutt, Athalye and Mueller 2021,
/// <https://arxiv.org/abs/2103.14749>, found 3.3 % on average in ten test sets that the field lives
/// with.
const MANY: f64 = 0.035;
/// Of the samples that their neighbours contradict, the share that they contradict nearly with one voice.
/// Where classes overlap, neighbours are often wrong but seldom agree; wrong labels stand among samples
/// whose neighbours do.
const AGREED: f64 = 0.2;
/// One or two may be chance, whatever share of a few items they are.
const FEWEST: usize = 3;

pub(crate) const RULE: Rule = Rule {
    name: "suspected_labels",
    needs: Needs::Data,
    explains: &["overfit", "underfit", "plateau", "overtrained", "noisy_gradient"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    let num_train: usize = data.class_counts.iter().sum();
    let part = share(data.num_suspected_labels, num_train);
    let most = share(data.class_counts.iter().copied().max()?, num_train);
    let contradicted = data.neighbour_gain.map(|gain| 1.0 - gain * most);
    let classes_overlap = contradicted.is_some_and(|contradicted| part < AGREED * contradicted);
    if part < MANY || data.num_suspected_labels < FEWEST || classes_overlap {
        return None;
    }
    let examples = data.suspected_labels.iter().take(3);
    let examples: Vec<_> = examples.map(String::as_str).collect();
    Some(
        Finding::new(RULE.name, Severity::Warning, "many labels are probably wrong")
            .measured(format!(
                "{} of {num_train} training items, {}, look like another class to a model that never \
                 saw them, such as {}; 3 % are usual",
                data.num_suspected_labels,
                percent(part),
                examples.join(", ")
            ))
            .remedy("look at the suspects and correct them, the first ones first")
            .confidence(0.55 + part.min(0.4)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(count: usize) -> Story {
        Story::classification().data(|data| {
            data.num_suspected_labels = count;
            data.suspected_labels = vec!["line 7".to_owned()];
        })
    }

    #[test]
    fn a_fifth_of_wrong_labels_is_found_and_named() {
        assert!(with(200).fires(&RULE).measured.contains("line 7"));
    }

    #[test]
    fn the_usual_share_is_left_alone() {
        with(30).silent(&RULE);
    }

    #[test]
    fn the_limit_is_a_share_of_the_training_items() {
        with(34).silent(&RULE);
        with(35).fires(&RULE);
    }

    #[test]
    fn two_of_a_few_are_chance() {
        let of = |count: usize| with(count).data(|data| data.class_counts = vec![9; 4]);
        of(2).silent(&RULE);
        of(3).fires(&RULE);
    }

    #[test]
    fn classes_that_overlap_are_no_wrong_labels() {
        let right = |accuracy: f64| {
            Story::classification().data(|data| {
                let most = share(data.class_counts[0], data.class_counts.iter().sum());
                data.num_suspected_labels = 50;
                data.neighbour_gain = Some(accuracy / most);
            })
        };
        right(0.8).fires(&RULE);
        right(0.6).silent(&RULE);
    }
}
