//! How good the result of a run is, on a scale that all tasks share: alarms about the inside of a
//! network are raised only where this is poor.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{EpochRecord, Record};

/// Below this skill, hardly anything was learned.
const HARDLY_ANYTHING: f64 = 0.1;
/// Below this skill a result is poor where no other model says what can be reached.
const LOW: f64 = 0.3;
/// How far below a quick model a network has to stay, beside the noise, before that counts.
const MARGIN: f64 = 0.03;
/// The same for training samples, which are answered worse while dropout and noise disturb.
const TRAINING_MARGIN: f64 = 0.25;
/// Validation samples below which the training samples have a say too: of so few any number may be right
/// by chance.
const FEW: usize = 30;
/// The loss has to fall at least to this share of the first one, where nothing else is known.
const FALLEN: f64 = 0.9;

/// How good a result is.
///
/// A *skill* is 0 for the simplest predictor (always the most frequent class, the mean, the
/// frequencies of characters) and 1 for a perfect one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Whether a number stopped being finite.
    pub diverged: bool,
    /// Of the best epoch, on the validation split where there is one.
    pub skill: Option<f64>,
    /// Of the last epoch, on the same split.
    pub last_skill: Option<f64>,
    /// Of the last epoch, on the training split, while it was trained on.
    pub train_skill: Option<f64>,
    /// The same of the best epoch, whose weights are kept.
    pub kept_train_skill: Option<f64>,
    /// Two standard errors of `train_skill`, where the validation split is too small to be believed alone.
    pub train_noise: Option<f64>,
    /// Of a quick model on the validation split.
    pub reference: Option<f64>,
    /// Two standard errors of `skill`.
    pub noise: f64,
    /// The lowest training loss of an epoch over the loss of the first step.
    pub fallen: Option<f64>,
}

impl Outcome {
    pub(crate) fn of(record: &Record) -> Self {
        let scale = Scale::of(record);
        let judged = |epoch: &EpochRecord<'_>| {
            let metrics = if epoch.valid.is_empty() {
                epoch.train
            } else {
                epoch.valid
            };
            scale.skill(metrics)
        };
        let (best, last) = (record.best_epoch(), record.epochs.last());
        let lowest = crate::words::lowest(record.losses());
        let reference = record.data.and_then(|data| data.reference);
        Self {
            diverged: record.diverged.is_some()
                || record
                    .pretraining
                    .iter()
                    .any(|(_, error, _)| !error.is_finite())
                || record.not_finite.is_some()
                || record.losses().iter().any(|loss| !loss.is_finite()),
            skill: best.and_then(judged),
            last_skill: last.and_then(judged),
            train_skill: last.and_then(|epoch| scale.skill(epoch.train)),
            kept_train_skill: best.and_then(|epoch| scale.skill(epoch.train)),
            train_noise: last
                .filter(|_| (1..FEW).contains(&record.num_samples[1]))
                .map(|epoch| scale.noise(epoch.train, record.num_samples[0])),
            reference: reference.and_then(|value| scale.of_value(value)),
            noise: best.map_or(0.0, |epoch| scale.noise(epoch.valid, record.num_samples[1])),
            fallen: record
                .first_loss()
                .filter(|first| *first > 0.0 && lowest.is_finite())
                .map(|first| lowest / first),
        }
    }

    /// Whether something has to be wrong: nothing was learned, or less than a model that took
    /// seconds did.
    #[must_use]
    pub fn is_poor(&self) -> bool {
        if self.diverged {
            return true;
        }
        match (self.skill, self.reference) {
            (Some(skill), _) if skill.is_nan() => true,
            (Some(skill), Some(reference)) => {
                skill < reference - self.noise.max(MARGIN) || self.is_poor_in_training(reference)
            }
            (Some(skill), None) => skill < LOW,
            (None, _) => self.fallen.is_some_and(|fallen| fallen > FALLEN),
        }
    }

    /// Whether even the training samples are answered worse than a quick model answers others, where
    /// those others are few.
    fn is_poor_in_training(&self, reference: f64) -> bool {
        let skill = self.train_skill.zip(self.train_noise);
        skill.is_some_and(|(skill, noise)| skill < reference - noise.max(TRAINING_MARGIN))
    }

    /// Whether the optimiser may be to blame for a poor result: not where the training samples are answered
    /// better than a quick model answers others, for it did its work then.
    #[must_use]
    pub fn trains_poorly(&self) -> bool {
        let skill = self.train_skill.zip(self.reference);
        let fits = !self.diverged && skill.is_some_and(|(skill, reference)| skill > reference);
        self.is_poor() && !fits
    }

    /// Whether it is not surely better than a quick model: enough to believe a setting that is far
    /// off, and for nothing else.
    #[must_use]
    pub fn falls_short(&self) -> bool {
        self.is_poor()
            || self
                .skill
                .zip(self.reference)
                .is_some_and(|(skill, reference)| skill < reference + self.noise)
    }

    /// Whether it is no better than a quick model, were it by chance.
    #[must_use]
    pub fn trails(&self) -> bool {
        self.is_poor()
            || self
                .skill
                .zip(self.reference)
                .is_some_and(|(skill, reference)| skill < reference)
    }

    /// Whether the network is hardly better than the simplest predictor.
    #[must_use]
    pub fn learned_nothing(&self) -> bool {
        self.diverged
            || self
                .skill
                .is_none_or(|skill| skill.is_nan() || skill < HARDLY_ANYTHING)
    }

    /// How much of what a quick model shows to be possible is missing; of everything, where there
    /// is no such model.
    #[must_use]
    pub fn missing(&self) -> f64 {
        let reached = self.skill.filter(|skill| skill.is_finite()).unwrap_or(0.0);
        (self.reference.unwrap_or(1.0) - reached).max(0.0)
    }
}

/// What is 0 and what is 1 on the scale of a task's metric.
enum Scale {
    /// Accuracy, with that of the most frequent class.
    Accuracy(f64),
    /// Bits per character, with those of the frequencies.
    Bits(f64),
    /// Root mean squared error, with that of the mean or of the naive forecast.
    Error(f64),
    /// R², which is a skill already; but of a series, whose mean nobody would forecast.
    R2,
    Unknown,
}

impl Scale {
    fn of(record: &Record) -> Self {
        let baseline = record.data.and_then(|data| data.baseline);
        match (record.task, baseline.filter(|base| base.is_finite())) {
            ("classification", base) => match base.or_else(|| majority(record)) {
                Some(share) if share < 1.0 => Self::Accuracy(share),
                _ => Self::Unknown,
            },
            ("next_token", Some(bits)) if bits > 0.0 => Self::Bits(bits),
            ("regression" | "forecast", Some(error)) if error > 0.0 => Self::Error(error),
            ("regression", _) => Self::R2,
            _ => Self::Unknown,
        }
    }

    fn skill(&self, metrics: &BTreeMap<String, f64>) -> Option<f64> {
        let name = match self {
            Self::Accuracy(_) => "accuracy",
            Self::Bits(_) => "bits_per_character",
            Self::Error(_) => "rmse",
            Self::R2 => "r2",
            Self::Unknown => return None,
        };
        metrics.get(name).and_then(|value| self.of_value(*value))
    }

    fn of_value(&self, value: f64) -> Option<f64> {
        match self {
            Self::Accuracy(base) => Some((value - base) / (1.0 - base)),
            Self::Bits(base) => Some(1.0 - value / base),
            Self::Error(base) => Some(1.0 - (value / base).powi(2)),
            Self::R2 => Some(value),
            Self::Unknown => None,
        }
    }

    /// Two standard errors over `n` samples: of an accuracy, of a mean of squares as of normal errors;
    /// of text, what it moves by between seeds.
    #[allow(clippy::cast_precision_loss)] // counts of samples
    fn noise(&self, metrics: &BTreeMap<String, f64>, n: usize) -> f64 {
        let n = n.max(1) as f64;
        match self {
            Self::Accuracy(base) => {
                let p = metrics.get("accuracy").copied().unwrap_or(0.5);
                // All of a few right is no proof of perfection: the next may be wrong (Laplace's rule).
                let next = 1.0 / (n + 2.0);
                let p = p.clamp(next, 1.0 - next);
                2.0 * (p * (1.0 - p) / n).max(0.0).sqrt() / (1.0 - base)
            }
            Self::Error(_) | Self::R2 => {
                let left = 1.0 - self.skill(metrics).unwrap_or(0.0).clamp(0.0, 1.0);
                2.0 * (2.0 / n).sqrt() * left
            }
            Self::Bits(_) => 0.02,
            Self::Unknown => 0.0,
        }
    }
}

/// The share of the most frequent class, or that of any of K classes where no counts are known.
fn majority(record: &Record) -> Option<f64> {
    let counts = record.data.map_or(&[][..], |data| &data.class_counts);
    let most = counts.iter().max();
    match most {
        Some(&most) if most > 0 => Some(crate::words::share(most, counts.iter().sum())),
        _ if !record.recall.is_empty() => Some(crate::words::share(1, record.recall.len())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::story::Story;

    #[test]
    fn a_result_is_poor_below_a_quick_model() {
        let reaches = |accuracy: f64| {
            let story = Story::classification().accuracies(&[0.5 * accuracy, accuracy]);
            story.data(|data| data.reference = Some(0.9))
        };
        assert!(!reaches(0.91).told(|record| record.outcome.is_poor()));
        assert!(
            !reaches(0.87).told(|record| record.outcome.is_poor()),
            "within the noise"
        );
        assert!(reaches(0.7).told(|record| record.outcome.is_poor()));
    }

    #[test]
    fn without_a_quick_model_only_a_low_skill_is_poor() {
        let reaches = |accuracy: f64| Story::classification().accuracies(&[0.1, accuracy]);
        assert!(!reaches(0.7).told(|record| record.outcome.is_poor()));
        assert!(reaches(0.2).told(|record| record.outcome.is_poor()));
        assert!(reaches(0.11).told(|record| record.outcome.learned_nothing()));
    }

    #[test]
    fn of_few_validation_samples_the_training_samples_have_a_say() {
        let reaches = |num_valid: usize| {
            let story = Story::classification().accuracies(&[0.9; 4]);
            let story = story.train_accuracies(&[0.3; 4]).counts([1000, num_valid]);
            story.data(|data| data.reference = Some(0.9))
        };
        assert!(reaches(20).told(|record| record.outcome.is_poor()));
        assert!(!reaches(200).told(|record| record.outcome.is_poor()));
    }

    #[test]
    fn the_optimiser_is_not_to_blame_once_the_training_samples_are_learned() {
        let reaches = |accuracy: f64| {
            let story = Story::classification().accuracies(&[0.5; 4]);
            let story = story.train_accuracies(&[0.5, 0.5, 0.5, accuracy]);
            story
                .data(|data| data.reference = Some(0.9))
                .told(|record| record.outcome.trains_poorly())
        };
        assert!(reaches(0.85));
        assert!(!reaches(0.95));
    }

    #[test]
    fn all_of_a_few_right_is_no_certainty() {
        let noise = |num_valid: usize| {
            let story = Story::classification().accuracies(&[1.0; 4]);
            story
                .counts([1000, num_valid])
                .told(|record| record.outcome.noise)
        };
        assert!(noise(6) > 0.25);
        assert!(noise(2000) < 0.005);
    }

    #[test]
    fn what_is_not_surely_better_than_a_quick_model_falls_short() {
        let reaches = |num_valid: usize| {
            let story = Story::classification()
                .accuracies(&[0.92; 4])
                .counts([1000, num_valid]);
            let story = story.data(|data| data.reference = Some(0.9));
            story.told(|record| record.outcome.falls_short())
        };
        assert!(reaches(100));
        assert!(!reaches(10_000));
    }

    #[test]
    fn a_run_that_diverged_is_poor_whatever_came_before() {
        let story = Story::classification()
            .accuracies(&[0.5, 0.9])
            .diverges_at(30);
        assert!(story.told(|record| record.outcome.is_poor()));
    }
}
