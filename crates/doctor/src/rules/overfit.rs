//! What is learned of the training samples does not hold for others.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{lowest, percent, plain};
use crate::{Finding, Place, Record, Severity};

/// Rise of the validation loss above its lowest value while the training loss falls (SageMaker
/// Debugger: 0.1 between the two at once, which small data always have).
const RISE: f64 = 0.1;
/// Skill on training samples beyond that on new ones from which on the network is the matter and not
/// the small data: of healthy runs on small data hardly any loses as much.
const GAP: f64 = 0.25;
/// The same where there are so few samples of a class that data is what is missing.
const SCARCE_GAP: f64 = 0.05;
/// Training samples of a class below which that is so ..
const SCARCE: usize = 40;
/// .. and the fewest classes that are counted: two need as much, and so does a number to predict.
const FEWEST_CLASSES: usize = 5;
/// Characters of a text below which that is so: some ten pages.
const SCARCE_TEXT: usize = 20_000;
/// Skill beyond which a handful was enough ..
const NEARLY_PERFECT: f64 = 0.97;
/// .. and the validation samples that it takes to believe that.
const BELIEVED: usize = 30;

pub(crate) const RULE: Rule = Rule {
    name: "overfit",
    needs: Needs::Curves,
    explains: &["overtrained", "too_short", "underfit", "imbalance"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    too_few(record).or_else(|| by_heart(record))
}

/// Data was left out, and what is left is a handful of each class.
fn too_few(record: &Record) -> Option<Finding> {
    let fraction = record.number("data.fraction").filter(|share| *share < 1.0)?;
    let skill = record.outcome.skill?;
    let suffices = skill > NEARLY_PERFECT && record.num_samples[1] >= BELIEVED;
    if !is_scarce(record) || record.outcome.diverged || suffices {
        return None;
    }
    Some(
        Finding::new(
            RULE.name,
            Severity::Warning,
            "there are too few training samples, for most were left out",
        )
        .measured(format!(
            "{} of them, for `data.fraction` is {fraction}; skill {} on new samples",
            record.num_samples[0],
            plain(skill)
        ))
        .remedy("use all of the data")
        .patch(record, changes(record))
        .confidence(0.9),
    )
}

fn is_scarce(record: &Record) -> bool {
    let classes = record.data.map_or(0, |data| data.class_counts.len());
    if record.task == "next_token" {
        let passage = record.count("data.seq_len").try_into().unwrap_or(usize::MAX);
        return record.num_samples[0].saturating_mul(passage) < SCARCE_TEXT;
    }
    record.num_samples[0] < SCARCE * classes.max(FEWEST_CLASSES)
}

fn by_heart(record: &Record) -> Option<Finding> {
    let outcome = &record.outcome;
    let last = record.epochs.last()?;
    let losses = || record.epochs.iter().filter_map(crate::EpochRecord::valid_loss);
    let least = lowest(losses());
    let rise = last.valid_loss()? / least - 1.0;
    let falls = last.train_loss() <= lowest(record.losses()) * (1.0 + RISE);
    // What was learned by heart after the best epoch is not kept.
    let gap = outcome.kept_train_skill? - outcome.skill?;
    let scarce = is_scarce(record);
    let limit = if scarce { SCARCE_GAP } else { GAP };
    let wide = gap > limit + outcome.noise && record.task != "next_token";
    if outcome.diverged || !falls || !(rise > RISE || wide) {
        return None;
    }
    // A good result is worth no alarm, however much better the training samples are known: texts always
    // are. Of a handful even the quick model, which saw no more, tells little.
    let beaten = outcome.reference.is_some() && !outcome.falls_short();
    let harmful = wide && (scarce || !beaten) || outcome.is_poor() && gap > GAP / 2.0;
    let severity = if harmful {
        Severity::Warning
    } else {
        Severity::Advice
    };
    let turn = record
        .epochs
        .iter()
        .find(|epoch| epoch.valid_loss() == Some(least));
    Some(
        Finding::new(
            RULE.name,
            severity,
            "what was learned of the training samples does not hold for others",
        )
        .measured(format!(
            "skill {} on them, {} on new ones; the validation loss rose by {} after its lowest value",
            plain(outcome.kept_train_skill?),
            plain(outcome.skill?),
            percent(rise.max(0.0))
        ))
        .at(turn.map_or(Place::default(), |epoch| Place::epoch(epoch.epoch)))
        .remedy("use more data, vary it (`[augment]`), regularise, use a smaller network, or stop earlier")
        .patch(record, changes(record))
        .confidence(if wide && rise > RISE { 0.75 } else { 0.6 }),
    )
}

fn changes(record: &Record) -> Vec<crate::settings::Change> {
    let fraction = record.number("data.fraction").unwrap_or(1.0);
    if fraction < 1.0 {
        return vec![set("data.fraction", json!(1.0))];
    }
    let mut changes = Vec::new();
    if record.number("model.dropout").is_some_and(|p| p < 0.3) {
        changes.push(set("model.dropout", json!(0.4)));
    }
    if record.number("train.weight_decay") == Some(0.0) {
        changes.push(set("train.weight_decay", json!(1e-4)));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(valid: f64, last_loss: f64) -> Story {
        Story::classification()
            .accuracies(&[valid; 4])
            .train_accuracies(&[0.5, 0.8, 0.95, 1.0])
            .losses(2.3, &[1.0, 0.5, 0.1, 0.01])
            .valid_losses(&[1.2, 1.0, 1.1, last_loss])
    }

    #[test]
    fn a_network_that_learns_by_heart_is_regularised() {
        let found = with(0.5, 2.0).fires(&RULE);
        assert_eq!(found.severity, Severity::Warning);
        assert_eq!(found.place.epoch, Some(2));
        assert_eq!(found.patch, ["model.dropout=0.4", "train.weight_decay=0.0001"]);
    }

    #[test]
    fn data_that_was_left_out_comes_first() {
        let story = with(0.5, 2.0).set("/data/fraction", 0.1);
        assert_eq!(story.fires(&RULE).patch, ["data.fraction=1.0"]);
    }

    #[test]
    fn a_handful_of_samples_of_a_class_are_too_few() {
        let of = |num_classes: usize| with(0.85, 1.2).data(|data| data.class_counts = vec![9; num_classes]);
        assert_eq!(of(60).fires(&RULE).severity, Severity::Warning);
        assert_eq!(of(10).fires(&RULE).severity, Severity::Advice);
    }

    #[test]
    fn what_was_left_out_is_missed_where_a_handful_is_left() {
        let of = |num_classes: usize| {
            Story::classification()
                .set("/data/fraction", 0.1)
                .data(|data| data.class_counts = vec![9; num_classes])
        };
        assert_eq!(of(60).fires(&RULE).patch, ["data.fraction=1.0"]);
        of(10).silent(&RULE);
    }

    #[test]
    fn a_text_of_a_few_pages_is_too_short() {
        let of = |num_passages: usize| {
            let story = Story::classification().counts([num_passages, 200]);
            let story = story.set("/data/fraction", 0.1);
            story.on_text().data(|data| data.baseline = Some(4.0))
        };
        assert_eq!(of(100).fires(&RULE).patch, ["data.fraction=1.0"]);
        of(1000).silent(&RULE);
    }

    #[test]
    fn a_result_far_above_that_of_a_quick_model_is_worth_no_alarm() {
        let beside = |reference: f64| {
            let story = with(0.5, 2.0).data(|data| data.reference = Some(reference));
            story.fires(&RULE).severity
        };
        assert_eq!(beside(0.3), Severity::Advice);
        assert_eq!(beside(0.5), Severity::Warning);
    }

    #[test]
    fn few_validation_samples_do_not_show_that_a_handful_was_enough() {
        let of = |num_valid: usize| {
            let story = Story::classification().accuracies(&[1.0; 4]);
            story.set("/data/fraction", 0.1).counts([100, num_valid])
        };
        of(10).fires(&RULE);
        of(30).silent(&RULE);
    }

    #[test]
    fn a_small_gap_is_worth_advice_and_no_alarm() {
        assert_eq!(with(0.9, 1.2).fires(&RULE).severity, Severity::Advice);
        with(0.9, 1.05).silent(&RULE);
        Story::classification().silent(&RULE);
    }
}
