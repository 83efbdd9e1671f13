//! Answers that have nothing to do with their inputs, such as labels in another order.

use super::{Needs, Rule};
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Neither a quick model nor the network gets beyond a twentieth of the way from the simplest
/// predictor to a perfect one. Zhang et al. 2017, <https://arxiv.org/abs/1611.03530>: shuffled labels
/// are learned by heart, and nothing of it holds for new data.
const NOTHING: f64 = 0.05;

/// The same where the neighbours of a sample hardly ever share its answer, which says so once more.
const LITTLE: f64 = 0.15;
/// Accuracy of the neighbours' vote over that of always naming the most frequent class, among training
/// samples, of which there are more than of validation samples ..
const LONELY: f64 = 1.15;
/// .. and where it shows that the inputs do tell something.
const SOCIABLE: f64 = 1.25;
/// Skill that is more than nothing, however few validation samples of the rare classes there are to tell.
const SOMETHING: f64 = 0.3;

pub(crate) const RULE: Rule = Rule {
    name: "unrelated_labels",
    needs: Needs::Data,
    explains: &[
        "overfit",
        "underfit",
        "plateau",
        "suspected_labels",
        "too_short",
        "overtrained",
        "cannot_memorise",
        "imbalance",
        "noisy_gradient",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    // A series may well be no better forecast than by repeating it.
    if !matches!(record.task, "classification" | "regression") {
        return None;
    }
    let reference = record.outcome.reference?;
    let skill = record.outcome.skill.filter(|skill| skill.is_finite())?;
    let gain = record.data.and_then(|data| data.neighbour_gain);
    let nothing = match gain {
        Some(..LONELY) => LITTLE,
        Some(SOCIABLE..) => return None,
        _ => NOTHING,
    };
    let noise = record.outcome.noise;
    if reference > nothing.max(noise / 2.0) || skill > nothing.max(noise.min(SOMETHING)) {
        return None;
    }
    let by_heart = record.outcome.train_skill.is_some_and(|train| train > 0.3);
    let last = record.epochs.last().map_or(0, |epoch| epoch.epoch);
    Some(
        Finding::new(
            RULE.name,
            Severity::Error,
            "the answers have nothing to do with the inputs",
        )
        .measured(format!(
            "from the simplest predictor (0) to a perfect one (1), this network gets to {} on new \
             samples{}, and a quick model to {}",
            plain(skill),
            record.outcome.train_skill.filter(|_| by_heart).map_or(
                String::new(),
                |train| format!(", though to {} on those it trained on", plain(train))
            ),
            plain(reference)
        ))
        .at(Place::epoch(last))
        .remedy(
            "look whether inputs and answers are in the same order (`fornax data show`), and whether \
             the inputs can tell the answer at all",
        )
        .confidence(if by_heart { 0.95 } else { 0.85 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn shuffled(reference: f64) -> Story {
        Story::classification()
            .poor()
            .train_accuracies(&[0.3, 0.6, 0.8, 0.99])
            .data(|data| data.reference = Some(reference))
    }

    #[test]
    fn shuffled_labels_are_learned_by_heart_alone() {
        assert_eq!(shuffled(0.1).fires(&RULE).severity, Severity::Error);
    }

    #[test]
    fn neighbours_that_disagree_widen_the_limit() {
        let with = |gain: f64| shuffled(0.2).data(|data| data.neighbour_gain = Some(gain));
        with(1.1).fires(&RULE);
        with(1.2).silent(&RULE);
        let noise = |gain: f64| shuffled(0.1).data(|data| data.neighbour_gain = Some(gain));
        noise(1.2).fires(&RULE);
        noise(1.3).silent(&RULE);
    }

    #[test]
    fn a_network_that_learns_is_left_alone_whatever_a_quick_model_thinks() {
        Story::classification()
            .data(|data| data.reference = Some(0.1))
            .silent(&RULE);
    }

    #[test]
    fn rare_classes_do_not_hide_that_something_was_learned() {
        let of = |skill: f64| {
            let story = shuffled(0.1).accuracies(&[0.1 + 0.9 * skill; 4]);
            story.counts([1000, 5])
        };
        of(0.35).silent(&RULE);
        of(0.25).fires(&RULE);
    }

    #[test]
    fn a_network_that_fails_where_a_quick_model_does_not_has_another_fault() {
        shuffled(0.2).silent(&RULE);
        shuffled(0.13).fires(&RULE);
    }
}
