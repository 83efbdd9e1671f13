//! Hidden units of a restricted Boltzmann machine that are always on, or always off.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::percent;
use crate::{Finding, Place, Record, Severity};

/// Share of a machine's hidden units that hold one state for 99 of 100 samples. Hinton 2012,
/// <https://doi.org/10.1007/978-3-642-35289-8_32>, section 17, has them looked for by eye, and wants
/// an activity between 0.01 and 0.1 where sparsity is asked for.
const SHARE: f64 = 0.5;
/// A pull towards the wanted activity from which on the pull itself is the reason.
const STRONG: f64 = 1.0;

pub(crate) const RULE: Rule = Rule {
    name: "stuck_hidden_units",
    needs: Needs::Machines,
    explains: &[
        "vanishing_gradient",
        "initialisation",
        "dead_units",
        "too_short","underfit", "plateau", "saturated_units", "unmixed_chain"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let last = record.last_of_each_machine();
    let worst = last.iter().max_by(|a, b| a.1.stuck.total_cmp(&b.1.stuck));
    let (at, machine) = worst.filter(|(_, machine)| machine.stuck > SHARE)?;
    let severity = record.if_poor(Severity::Warning, Severity::Advice);
    let mut changes = Vec::new();
    if record.number("pretrain.sparsity_cost").is_some_and(|cost| cost >= STRONG) {
        changes.push(set("pretrain.sparsity_cost", json!(0.0)));
    } else if record.number("pretrain.learning_rate").is_some_and(|rate| rate > 0.1) {
        changes.push(set("pretrain.learning_rate", json!(0.1)));
    } else {
        changes.push(set("pretrain.sparsity_cost", json!(0.1)));
    }
    Some(
        Finding::new(RULE.name, severity, "hidden units hold one state whatever they are shown")
            .measured(format!(
                "{} of them; their mean activity is {}",
                percent(machine.stuck),
                percent(machine.hidden_mean)
            ))
            .at(Place::at(*at))
            .remedy("lower the learning rate of the pre-training, or pull the activity to its target")
            .patch(record, changes)
            .confidence(0.65),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn stuck(share: f64) -> Story {
        Story::dbn().poor().machines(|machine| machine.stuck = share)
    }

    #[test]
    fn a_machine_without_life_is_found() {
        let found = stuck(0.9).set("/pretrain/learning_rate", 2.0).fires(&RULE);
        assert_eq!(found.patch, ["pretrain.learning_rate=0.1"]);
        assert_eq!(found.place.machine, Some(0));
    }

    #[test]
    fn a_machine_whose_network_does_well_is_worth_no_alarm() {
        let story = Story::dbn().machines(|machine| machine.stuck = 0.9);
        assert_eq!(story.fires(&RULE).severity, Severity::Advice);
        Story::dbn().silent(&RULE);
    }

    #[test]
    fn a_pull_that_is_too_strong_is_taken_away() {
        let found = stuck(1.0).set("/pretrain/sparsity_cost", 10.0).fires(&RULE);
        assert_eq!(found.patch, ["pretrain.sparsity_cost=0.0"]);
    }

    #[test]
    fn a_half_is_still_fine() {
        stuck(0.5).silent(&RULE);
        stuck(0.51).fires(&RULE);
    }
}
