//! Gibbs chains that stay where they started: what a machine dreams is what it was shown.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Mean correlation of a visible unit with itself ten steps before. Near 1 a chain does not move, and
/// contrastive divergence sees only the neighbourhood of the data (Tieleman 2008,
/// <https://doi.org/10.1145/1390156.1390290>; no tool of the field has a rule for it).
const CORRELATION: f64 = 0.95;

pub(crate) const RULE: Rule = Rule {
    name: "unmixed_chain",
    needs: Needs::Machines,
    explains: &[],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let last = record.last_of_each_machine();
    let correlations = last
        .iter()
        .filter_map(|(at, machine)| Some((machine.chain_correlation?, at)));
    let (correlation, at) = correlations.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if correlation.is_nan() || correlation < CORRELATION {
        return None;
    }
    // The classifier that is unrolled from the machines does not need their dreams.
    let severity = record.if_poor(Severity::Warning, Severity::Advice);
    Some(
        Finding::new(RULE.name, severity, "the Gibbs chains do not mix")
            .measured(format!(
                "after ten steps a visible unit still correlates with itself by {}",
                plain(correlation)
            ))
            .at(Place::at(*at))
            .remedy("keep the chains from step to step (persistent contrastive divergence), with a lower learning rate and more steps")
            .patch(
                record,
                [
                    set("pretrain.persistent", true),
                    set("pretrain.cd_steps", json!(record.count("pretrain.cd_steps").max(5))),
                ],
            )
            .confidence(0.4),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn correlated(by: f64) -> Story {
        Story::dbn()
            .poor()
            .machines(|machine| machine.chain_correlation = Some(by))
    }

    #[test]
    fn a_chain_that_stays_is_made_persistent() {
        assert_eq!(
            correlated(0.99).fires(&RULE).patch,
            ["pretrain.persistent=true", "pretrain.cd_steps=5"]
        );
    }

    #[test]
    fn dreams_that_move_and_machines_without_chains_are_left_alone() {
        Story::dbn().silent(&RULE);
        Story::dbn()
            .machines(|machine| machine.chain_correlation = None)
            .silent(&RULE);
    }

    #[test]
    fn the_limit_is_nearly_one() {
        correlated(0.94).silent(&RULE);
        correlated(0.96).fires(&RULE);
    }
}
