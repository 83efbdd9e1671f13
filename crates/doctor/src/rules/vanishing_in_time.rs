//! A gradient that fades on its way back through the steps of a sequence.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{highest, plain};
use crate::{Finding, Place, Record, Severity};

/// The gradient at the first step over the largest one. No tool of the field has a rule for it;
/// Bengio et al. 1994, <https://doi.org/10.1109/72.279181>, and Pascanu et al. 2013 describe it. What
/// is a thousandth moves no weight beside the rest.
const RATIO: f64 = 1e-3;
/// Steps below which nothing can fade.
const SHORTEST: usize = 8;

pub(crate) const RULE: Rule = Rule {
    name: "vanishing_in_time",
    needs: Needs::Signals,
    explains: &["plateau", "underfit", "too_short", "vanishing_gradient", "cannot_memorise"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    if !record.outcome.falls_short() || record.outcome.diverged {
        return None;
    }
    let (step, last) = record
        .signals
        .iter()
        .rev()
        .find(|(_, signals)| signals.gradient_by_time.len() >= SHORTEST)?;
    let ratio = record.median_signal(|signals| {
        let first = signals.gradient_by_time.first()?;
        Some(first / highest(signals.gradient_by_time.iter().copied()))
    });
    if ratio.is_nan() || ratio > RATIO {
        return None;
    }
    let elman = record.word("model.cell") == "elman";
    Some(
        Finding::new(
            RULE.name,
            Severity::Warning,
            "the gradient vanishes on its way back through the sequence",
        )
        .measured(format!(
            "at the first of {} steps it is {} of its largest value",
            last.gradient_by_time.len(),
            plain(ratio)
        ))
        .at(Place {
            step: Some(*step),
            ..Place::default()
        })
        .remedy("use a gated cell (LSTM or GRU), shorter sequences, or read them from both ends")
        .patch(record, [set("model.cell", if elman { "gru" } else { "lstm" })])
        .confidence(if elman { 0.75 } else { 0.5 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn fading(factor: f64) -> Story {
        Story::recurrent().poor().signals(|signals| {
            signals.gradient_by_time = (0..30).map(|t| factor.powi(29 - t)).collect();
        })
    }

    #[test]
    fn a_simple_cell_that_forgets_is_replaced_by_a_gated_one() {
        assert_eq!(fading(0.5).fires(&RULE).patch, ["model.cell=gru"]);
    }

    #[test]
    fn a_gradient_that_arrives_and_a_run_that_does_well_are_left_alone() {
        fading(0.9).silent(&RULE);
        Story::recurrent().silent(&RULE);
    }

    #[test]
    fn a_thousandth_is_as_good_as_nothing() {
        fading(0.78).fires(&RULE);
        fading(0.8).silent(&RULE);
    }

    #[test]
    fn short_sequences_cannot_fade() {
        let of = |steps: i32| {
            Story::recurrent().poor().signals(|signals| {
                signals.gradient_by_time = (0..steps).map(|t| 0.1_f64.powi(steps - t)).collect();
            })
        };
        of(7).silent(&RULE);
        of(8).fires(&RULE);
    }
}
