//! So much dropout that too little is left to learn from.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::percent;
use crate::{Finding, Record, Severity};

/// Above a half more is dropped than kept (Srivastava et al. 2014,
/// <https://jmlr.org/papers/v15/srivastava14a.html>, keep at least a half of hidden units; UMLAUT
/// warns from there on).
const HALF: f64 = 0.5;
/// From here on the training loss suffers in any network.
const MOST: f64 = 0.7;
/// What is usual.
const USUAL: f64 = 0.2;

pub(crate) const RULE: Rule = Rule {
    name: "high_dropout",
    needs: Needs::Curves,
    explains: &[
        "not_finite",
        "exploding_gradient",
        "underfit",
        "plateau",
        "too_short",
        "suspiciously_good",
        "noisy_gradient",
        "imbalance",
        "cannot_memorise",
        "oscillation",
        "loss_spike",
        "vanishing_gradient",
        "dead_units",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let p = record.number("model.dropout")?;
    if p <= HALF || !(record.outcome.is_poor() || starved(record, p)) {
        return None;
    }
    Some(
        Finding::new(RULE.name, Severity::Warning, "dropout leaves too little to learn from")
            .measured(format!(
                "`model.dropout` is {p}: each step sees {} of the units",
                percent(1.0 - p)
            ))
            .remedy("drop at most a half, and less in small networks")
            .patch(record, [set("model.dropout", USUAL)])
            .confidence(0.6 + 0.75 * (p - HALF)),
    )
}

/// Whether the network does far better with all of its units than while it was trained.
fn starved(record: &Record, p: f64) -> bool {
    let last = record.epochs.last();
    let losses = last.and_then(|epoch| Some((*epoch.train.get("log_loss")?, epoch.valid_loss()?)));
    p >= MOST && losses.is_some_and(|(train, valid)| train > 2.0 * valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn dropout_that_starves_the_network_is_lowered() {
        let story = Story::classification().poor().set("/model/dropout", 0.95);
        let found = story.fires(&RULE);
        assert_eq!(found.patch, ["model.dropout=0.2"]);
        assert!(found.confidence > 0.9);
    }

    #[test]
    fn dropout_of_a_half_is_a_legal_choice_even_in_a_poor_run() {
        Story::classification()
            .poor()
            .set("/model/dropout", 0.5)
            .silent(&RULE);
        Story::classification()
            .set("/model/dropout", 0.6)
            .silent(&RULE);
    }

    #[test]
    fn a_network_that_does_far_better_without_it_is_starved() {
        let with = |train: f64| {
            Story::classification()
                .set("/model/dropout", 0.8)
                .losses(2.3, &[train; 4])
        };
        with(1.5).fires(&RULE);
        with(0.5).silent(&RULE);
    }
}
