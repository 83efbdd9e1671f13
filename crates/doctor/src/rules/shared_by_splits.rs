//! Items that lie in two splits: what is learned by heart counts as understood.

use super::{Needs, Rule};
use crate::words::{counted, percent, share};
use crate::{Finding, Record, Severity};

/// Share of all items: from here on a metric of the held-out splits, a quarter of the items by
/// default, moves by its own interval (Barz and Denzler 2020, <https://arxiv.org/abs/1902.00423>,
/// found 3.3 % of CIFAR-10's test images in its training set, and differences that mattered).
const NOTABLE: f64 = 0.01;
/// Share from which on the held-out splits are worth nothing.
const MANY: f64 = 0.1;

pub(crate) const RULE: Rule = Rule {
    name: "shared_by_splits",
    needs: Needs::Data,
    explains: &["suspiciously_good"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    // Who finds an item again with another answer is none the better for it.
    let count = data.shared_by_splits.saturating_sub(data.conflicting);
    let part = share(count, data.num_checked);
    if part < NOTABLE {
        return None;
    }
    let severity = if part >= MANY {
        Severity::Error
    } else {
        Severity::Warning
    };
    Some(
        Finding::new(
            RULE.name,
            severity,
            "the same items lie in two splits, so the result is too good to be true",
        )
        .measured(format!(
            "{} of {} looked at, {}; there should be none",
            counted(count, "item"),
            data.num_checked,
            percent(part)
        ))
        .remedy(
            "take the duplicates out before the data is split; `fornax data check` names them",
        )
        .confidence(0.9),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn with(count: usize) -> Story {
        Story::classification().data(|data| data.shared_by_splits = count)
    }

    #[test]
    fn a_leak_is_an_error() {
        assert_eq!(with(200).fires(&RULE).severity, Severity::Error);
    }

    #[test]
    fn splits_without_a_common_item_are_fine() {
        with(0).silent(&RULE);
    }

    #[test]
    fn a_single_pair_among_many_is_left_alone() {
        with(11).silent(&RULE);
        assert_eq!(with(12).fires(&RULE).severity, Severity::Warning);
    }
}
