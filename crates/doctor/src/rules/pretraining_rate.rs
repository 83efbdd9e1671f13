//! A learning rate of the pre-training that is too high, or too low.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::{highest, lowest, plain};
use crate::{Finding, Place, Record, Severity};

/// Update over weights (Hinton 2012, <https://doi.org/10.1007/978-3-642-35289-8_32>, section 7, wants
/// about a thousandth).
const LARGE: f64 = 0.1;
/// And the other way.
const SMALL: f64 = 1e-6;
/// Rise of the reconstruction error above its lowest value.
const RISE: f64 = 1.5;
/// The default, Hinton's for Bernoulli units.
const USUAL: f64 = 0.1;
/// Times above or below it that are no matter of taste.
const FAR: f64 = 4.0;
/// Times above or below it that alone explain a poor result.
const VERY_FAR: f64 = 20.0;
/// Rise of the reconstruction error after which nothing of the machine is left.
const RUINED: f64 = 100.0;

pub(crate) const RULE: Rule = Rule {
    name: "pretraining_rate",
    needs: Needs::Curves,
    explains: &[
        "stuck_hidden_units",
        "free_energy_gap",
        "unmixed_chain",
        "underfit",
        "plateau",
        "saturated_units",
        "dead_units",
        "vanishing_gradient",
        "initialisation",
        "not_finite",
        "high_learning_rate",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let rate = record.number("pretrain.learning_rate")?;
    let at = record.pretraining.last()?.0;
    let errors = record.pretraining.iter().map(|(_, error, _)| *error);
    let rises = (0..).map(|layer| {
        let of_layer = record.pretraining.iter().filter(|(at, ..)| at.layer == Some(layer));
        of_layer.map(|(_, error, _)| *error).collect::<Vec<f64>>()
    });
    let rise = highest(
        rises
            .take_while(|errors| !errors.is_empty())
            .map(|errors| errors[errors.len() - 1] / lowest(errors.iter().copied())),
    );
    let ratios = record.machines.iter().map(|(_, machine)| machine.update_ratio);
    let ratio = crate::words::median(ratios.collect());
    let broke = errors.clone().any(|error| !error.is_finite());
    let poor = record.outcome.is_poor();
    let high = broke || rise > RISE || ratio > LARGE || poor && rate > VERY_FAR * USUAL;
    let low = ratio < SMALL || poor && rate < USUAL / VERY_FAR;
    if !(broke || high && rate > USUAL / FAR || low && rate < USUAL) {
        return None;
    }
    let severity = if broke || rise > RUINED {
        Severity::Error
    } else {
        record.if_poor(Severity::Error, Severity::Advice)
    };
    let (word, remedy) = if high {
        ("too high", "lower the learning rate of the pre-training")
    } else {
        ("too low", "raise the learning rate of the pre-training")
    };
    let mut measured = format!("{} where {USUAL} is usual", plain(rate));
    if rise > RISE {
        measured = format!(
            "{measured}; the reconstruction error rose to {} times its lowest value",
            plain(rise)
        );
    }
    if ratio.is_finite() {
        measured = format!(
            "{measured}; a step moves weights by {} of their size, where 0.001 is usual",
            plain(ratio)
        );
    }
    let better = if high && rate < USUAL * FAR { rate / 10.0 } else { USUAL };
    Some(
        Finding::new(RULE.name, severity, format!("the learning rate of the pre-training is {word}"))
            .measured(measured)
            .at(Place::at(at))
            .remedy(remedy)
            .patch(record, [set("pretrain.learning_rate", json!(better))])
            .confidence(if (USUAL / FAR..=USUAL * FAR).contains(&rate) { 0.5 } else { 0.85 }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn an_error_that_rises_again_is_found() {
        let found = Story::dbn()
            .poor()
            .set("/pretrain/learning_rate", 5.0)
            .reconstruction(&[0.1, 0.2, 0.3])
            .fires(&RULE);
        assert_eq!(found.patch, ["pretrain.learning_rate=0.1"]);
    }

    #[test]
    fn a_machine_that_does_not_move_is_found() {
        let found = Story::dbn()
            .poor()
            .set("/pretrain/learning_rate", 1e-6)
            .machines(|machine| machine.update_ratio = 1e-8)
            .fires(&RULE);
        assert!(found.cause.contains("too low"));
    }

    #[test]
    fn a_rate_far_off_explains_a_poor_result_even_without_signals() {
        let with = |rate: f64| {
            let story = Story::dbn().poor().without_signals();
            story.set("/pretrain/learning_rate", rate)
        };
        assert!(with(20.0).fires(&RULE).cause.contains("too high"));
        assert!(with(1e-4).fires(&RULE).cause.contains("too low"));
        with(0.01).silent(&RULE);
    }

    #[test]
    fn a_healthy_machine_and_a_network_without_one_are_left_alone() {
        Story::dbn().silent(&RULE);
        Story::classification().poor().silent(&RULE);
    }

    #[test]
    fn a_step_of_a_tenth_is_where_it_begins() {
        let with = |ratio: f64| Story::dbn().poor().machines(|machine| machine.update_ratio = ratio);
        with(0.09).silent(&RULE);
        with(0.11).fires(&RULE);
    }
}
