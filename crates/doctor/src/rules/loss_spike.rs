//! Single steps whose loss stands out, and after which it never comes back to what it was: odd batches,
//! or steps that overshot.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{lowest, median, plain};
use crate::{Finding, Place, Record, Severity, StepRecord};

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
    if !record.outcome.trains_poorly() || record.outcome.diverged {
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
    let (ratio, step, epoch, loss) = logged
        .chain(windows)
        .filter(|&(ratio, step, ..)| ratio.is_finite() && ratio >= SPIKE && lasts(record, step))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
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

/// Whether the usual loss of the reported steps after this one stays above that of those before. Most
/// spikes are forgotten within a few steps: a result that is poor has another cause then.
fn lasts(record: &Record, step: usize) -> bool {
    let before = record.steps.partition_point(|other| other.step < step);
    let after = record.steps.partition_point(|other| other.step <= step);
    let usual = |steps: &[StepRecord]| median(steps.iter().map(|step| step.loss).collect());
    let earlier = usual(&record.steps[before.saturating_sub(AROUND)..before]);
    let later = lowest(record.steps[after..].chunks(AROUND).map(usual));
    later.is_finite() && later > earlier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn then(spike: f64, after: f64) -> Story {
        let steps: Vec<f64> = (0..20)
            .map(|step| match step {
                0..7 => 1.0,
                7 => spike,
                _ => after,
            })
            .collect();
        Story::classification().poor().steps(&steps)
    }

    #[test]
    fn a_spike_is_found_at_its_step() {
        let found = then(9.0, 1.6).fires(&RULE);
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
    fn spikes_that_are_forgotten_are_left_alone() {
        then(9.0, 1.0).silent(&RULE);
        let mut slowly = vec![1.0; 5];
        slowly.push(9.0);
        slowly.extend((0..20).map(|step| 1.6 - 0.04 * f64::from(step)));
        Story::classification().poor().steps(&slowly).silent(&RULE);
    }

    #[test]
    fn four_times_the_usual_is_where_it_begins() {
        then(6.2, 1.6).silent(&RULE);
        then(6.6, 1.6).fires(&RULE);
    }
}
