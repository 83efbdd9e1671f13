//! Labels that a model which never saw them contradicts with confidence.

use fornax_runs::{DataSignals, LabelCheck};

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
/// Share of the labels contradicted from which on classes overlap so much that even a sure model errs.
const OVERLAP: f64 = 0.25;
/// Share of the surest samples that may be contradicted beyond chance; of clean labels hardly any is.
const SURE: f64 = 0.02;

pub(crate) const RULE: Rule = Rule {
    name: "suspected_labels",
    needs: Needs::Data,
    explains: &["overfit", "underfit", "plateau", "overtrained", "noisy_gradient"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    let (measured, part) = by_all(data).or_else(|| by_the_surest(data.label_check?))?;
    let examples = data.suspected_labels.iter().take(3);
    let examples: Vec<_> = examples.map(String::as_str).collect();
    let examples = examples.join(", ");
    Some(
        Finding::new(RULE.name, Severity::Warning, "many labels are probably wrong")
            .measured(format!("{measured}, such as {examples}"))
            .remedy("look at the suspects and correct them, the first ones first")
            .confidence(0.55 + part.min(0.4)),
    )
}

/// Many labels that linear model and neighbours agree to contradict, and the share that they are.
fn by_all(data: &DataSignals) -> Option<(String, f64)> {
    let num_train: usize = data.class_counts.iter().sum();
    let part = share(data.num_suspected_labels, num_train);
    let most = share(data.class_counts.iter().copied().max()?, num_train);
    let contradicted = data.neighbour_gain.map(|gain| 1.0 - gain * most);
    let classes_overlap = contradicted.is_some_and(|contradicted| part < AGREED * contradicted);
    if part < MANY || data.num_suspected_labels < FEWEST || classes_overlap {
        return None;
    }
    let measured = format!(
        "{} of {num_train} training items, {}, look like another class to a model that never saw them; \
         3 % are usual",
        data.num_suspected_labels,
        percent(part)
    );
    Some((measured, part))
}

/// Labels contradicted by a model where it is surest, and the share of those samples that they are.
#[allow(clippy::cast_precision_loss)] // counts of samples
fn by_the_surest(check: LabelCheck) -> Option<(String, f64)> {
    let LabelCheck {
        surest,
        surest_contradicted: wrong,
        ..
    } = check;
    let beyond_chance = wrong as f64 - (wrong as f64).sqrt();
    let classes_overlap = share(check.contradicted, check.tried) > OVERLAP;
    if wrong < FEWEST || beyond_chance <= SURE * surest as f64 || classes_overlap {
        return None;
    }
    let part = share(wrong, surest);
    let measured = format!(
        "of the {surest} training items of which a model that never saw them is surest, {wrong}, {}, are \
         labelled as something else; hardly any is usual",
        percent(part)
    );
    Some((measured, part))
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

    #[test]
    fn what_a_model_is_surest_of_is_seldom_labelled_otherwise() {
        let of = |wrong: usize, contradicted: usize| {
            Story::classification().data(|data| {
                data.label_check = Some(LabelCheck {
                    tried: 1000,
                    contradicted,
                    surest: 200,
                    surest_contradicted: wrong,
                });
            })
        };
        assert!(of(10, 150).fires(&RULE).measured.contains(" 10, 5"));
        of(5, 150).silent(&RULE);
        of(10, 260).silent(&RULE);
    }
}
