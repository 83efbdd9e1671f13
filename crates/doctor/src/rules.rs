//! The table of rules: one file each, by what they look at.
//!
//! Some faults of the field have no rule, since no experiment can express them: the head and the
//! loss are both chosen from the task of the data, so no activation can stand before the softmax and
//! no loss be paired with the wrong head; labels are read together with their items, so their order
//! cannot differ; and weights are drawn to fit the activation that follows them.

use crate::{Finding, Record};

macro_rules! rules {
    ($($(#[$what:meta])* $name:ident),* $(,)?) => {
        $($(#[$what])* mod $name;)*

        /// Every rule, in the order of its file in this table.
        pub const RULES: &[&Rule] = &[$(&$name::RULE),*];
    };
}

rules! {
    // the data
    not_finite_input,
    unscaled_input,
    conflicting_labels,
    shared_by_splits,
    suspected_labels,
    unrelated_labels,
    imbalance,
    useless_columns,
    // the set-up
    linear_network,
    narrow_network,
    high_dropout,
    strong_regularisation,
    initialisation,
    frozen_layer,
    cannot_memorise,
    // the dynamics
    high_learning_rate,
    low_learning_rate,
    tight_clipping,
    not_finite,
    vanishing_gradient,
    exploding_gradient,
    dead_units,
    saturated_units,
    oscillation,
    loss_spike,
    plateau,
    too_short,
    underfit,
    overfit,
    overtrained,
    suspiciously_good,
    noisy_gradient,
    // recurrent networks
    vanishing_in_time,
    exploding_in_time,
    // restricted Boltzmann machines
    stuck_hidden_units,
    free_energy_gap,
    pretraining_rate,
    unmixed_chain,
}

/// One fault that can be found.
#[derive(Debug)]
pub struct Rule {
    /// As its file is called.
    pub name: &'static str,
    /// What it reads.
    pub needs: Needs,
    /// Rules whose findings follow from this one's.
    pub explains: &'static [&'static str],
    /// Looks at a run. It is only asked where the run has what it needs.
    pub check: fn(&Record) -> Option<Finding>,
}

/// What a rule reads beyond settings and curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Curves,
    /// What the preflight found in the data.
    Data,
    /// The signals of the layers.
    Signals,
    /// The signals of the pre-training.
    Machines,
}

/// Whether a finding of the rule called `name` is told without waiting for it to last.
pub(crate) fn at_once(name: &str) -> bool {
    let rule = RULES.iter().find(|rule| rule.name == name);
    let of_numbers = [not_finite::RULE.name, not_finite_input::RULE.name];
    rule.is_some_and(|rule| rule.needs == Needs::Data) || of_numbers.contains(&name)
}

/// What follows from a learning rate that is too high.
pub(crate) const OF_LARGE_STEPS: &[&str] = &[
    "not_finite",
    "exploding_gradient",
    "vanishing_gradient",
    "exploding_in_time",
    "vanishing_in_time",
    "dead_units",
    "saturated_units",
    "initialisation",
    "oscillation",
    "loss_spike",
    "plateau",
    "underfit",
    "noisy_gradient",
    "frozen_layer",
    "imbalance",
    "overfit",
    "overtrained",
    "suspiciously_good",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_explains_rules_that_exist() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in RULES {
            for other in rule.explains {
                assert!(names.contains(other), "{} explains {other}", rule.name);
                assert_ne!(rule.name, *other);
            }
        }
    }
}
