//! Numbers that a network is shown and that are none: one of them makes every weight NaN.

use fornax_runs::Quantity;

use super::{Needs, Rule};
use crate::words::counted;
use crate::{Finding, Place, Record, Severity};

/// Any is too many (UMLAUT, `NaN in input`; DeepDiagnosis).
pub(crate) const RULE: Rule = Rule {
    name: "not_finite_input",
    needs: Needs::Curves,
    explains: &["not_finite", "high_learning_rate", "exploding_gradient"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let count = record.data.map_or(0, |data| data.num_not_finite);
    let seen = record
        .not_finite
        .filter(|(_, found)| found.what == Quantity::Input);
    let (measured, place) = match seen {
        Some((at, found)) => (
            format!("in {}", found.items.join(", ")),
            Place::at(at),
        ),
        None if count > 0 => (
            format!(
                "{} that are NaN or infinite; there should be none",
                counted(count, "number")
            ),
            Place::default(),
        ),
        None => return None,
    };
    Some(
        Finding::new(
            RULE.name,
            Severity::Error,
            "the inputs hold numbers that are none",
        )
        .measured(measured)
        .at(place)
        .remedy(
            "correct these items or take them out; `fornax data check` names them; a cell that is \
             unknown is best left empty",
        )
        .confidence(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn a_single_nan_is_found() {
        let story = Story::classification().data(|data| data.num_not_finite = 1);
        assert_eq!(story.fires(&RULE).severity, Severity::Error);
    }

    #[test]
    fn the_items_of_the_batch_are_named() {
        let story = Story::classification().not_finite(Quantity::Input, "");
        assert!(story.fires(&RULE).measured.contains("line 17"));
    }

    #[test]
    fn finite_data_and_faults_elsewhere_are_left_alone() {
        Story::classification().silent(&RULE);
        Story::classification()
            .not_finite(Quantity::Gradient, "hidden1")
            .silent(&RULE);
    }
}
