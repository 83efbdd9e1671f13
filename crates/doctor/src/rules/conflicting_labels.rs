//! Equal items with different answers: at least one of each pair is wrong, or an input is missing.

use super::{Needs, Rule};
use crate::words::{counted, percent, share};
use crate::{Finding, Record, Severity};

/// Share of the items from which on it limits the result (Deepchecks lists every pair; a share this
/// small moves no metric beyond its interval).
const NOTABLE: f64 = 0.01;
/// Share from which on it is the first thing to look at.
const MANY: f64 = 0.05;
/// Share from which on nothing else matters.
const MOST: f64 = 0.1;

pub(crate) const RULE: Rule = Rule {
    name: "conflicting_labels",
    needs: Needs::Data,
    explains: &["suspected_labels", "unrelated_labels", "underfit", "plateau"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    let part = share(data.conflicting, data.num_checked);
    if part < NOTABLE {
        return None;
    }
    let severity = if part >= MOST {
        Severity::Error
    } else if part >= MANY {
        Severity::Warning
    } else {
        Severity::Advice
    };
    Some(
        Finding::new(
            RULE.name,
            severity,
            "equal items have different answers",
        )
        .measured(format!(
            "{} of {} looked at, {}; there should be none",
            counted(data.conflicting, "item"),
            data.num_checked,
            percent(part)
        ))
        .remedy(
            "`fornax data check` names the pairs: correct the wrong answers, or add the input that \
             tells them apart",
        )
        .confidence(0.9),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(count: usize) -> Story {
        Story::classification().data(|data| data.conflicting = count)
    }

    #[test]
    fn many_conflicts_are_a_warning() {
        assert_eq!(with(60).fires(&RULE).severity, Severity::Warning);
        assert_eq!(with(120).fires(&RULE).severity, Severity::Error);
    }

    #[test]
    fn none_or_a_handful_is_left_alone() {
        with(0).silent(&RULE);
        with(5).silent(&RULE);
    }

    #[test]
    fn one_percent_is_worth_a_word() {
        assert_eq!(with(12).fires(&RULE).severity, Severity::Advice);
        with(11).silent(&RULE);
    }
}
