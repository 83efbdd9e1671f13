//! Single steps whose loss stands out: odd batches, or steps that overshot.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{median, plain};
use crate::{Finding, Place, Record, Severity};

/// The loss of a step over the usual loss around it (Lightning's spike detection: 2 over a window of
/// ten; small batches alone get that far).
const SPIKE: f64 = 4.0;
/// Steps on either side from which the usual loss is taken.
const AROUND: usize = 5;

pub(crate) const RULE: Rule = Rule {
    name: "loss_spike",
    needs: Needs::Curves,
    explains: &["plateau", "underfit"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.is_poor() || record.outcome.diverged {
        return None;
    }
    let logged = record.steps.iter().enumerate().map(|(index, step)| {
        let from = index.saturating_sub(AROUND);
        let to = (index + AROUND + 1).min(record.steps.len());
        let around = record.steps[from..to].iter().map(|step| step.loss);
        (step.loss / median(around.collect()), step.step, step.epoch, step.loss)
    });
    let windows = record.signals.iter().map(|(_, signals)| {
        let ratio = signals.highest_loss / signals.loss;
        (ratio, signals.highest_loss_step, signals.epoch, signals.highest_loss)
    });
    let finite = |spike: &(f64, usize, usize, f64)| spike.0.is_finite();
    let (ratio, step, epoch, loss) = logged
        .chain(windows)
        .filter(finite)
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    if ratio < SPIKE {
        return None;
    }
    Some(
        Finding::new(RULE.name, Severity::Warning, "the loss of single steps jumps up")
            .measured(format!(
                "{}, {} times what is usual around it",
                plain(loss),
                plain(ratio)
            ))
            .at(Place {
                step: Some(step),
                epoch: Some(epoch),
                ..Place::default()
            })
            .remedy("clip the gradient; look at the items of that step")
            .patch(record, [set("train.clip_norm", json!(1.0))])
            .confidence(0.4),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(spike: f64) -> Story {
        let mut steps = vec![1.0; 20];
        steps[7] = spike;
        Story::classification().poor().steps(&steps)
    }

    #[test]
    fn a_spike_is_found_at_its_step() {
        let found = with(9.0).fires(&RULE);
        assert_eq!(found.place.step, Some(14));
        assert_eq!(found.patch, ["train.clip_norm=1.0"]);
    }

    #[test]
    fn spikes_that_do_no_harm_are_left_alone() {
        let mut steps = vec![1.0; 20];
        steps[7] = 9.0;
        Story::classification().steps(&steps).silent(&RULE);
    }

    #[test]
    fn four_times_the_usual_is_where_it_begins() {
        with(3.9).silent(&RULE);
        with(4.1).fires(&RULE);
    }
}
