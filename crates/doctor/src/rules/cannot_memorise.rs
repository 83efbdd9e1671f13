//! A network that cannot even learn one batch by heart.

use super::{Needs, Rule};
use crate::words::percent;
use crate::{Finding, Record, Severity};

/// Share of the loss that is left after the same batch was shown again and again. A sound network
/// brings it near 0; that it does is the first test of the field (Karpathy 2019, *A Recipe for
/// Training Neural Networks*: "overfit a single batch").
const LEFT: f64 = 0.7;

pub(crate) const RULE: Rule = Rule {
    name: "cannot_memorise",
    needs: Needs::Data,
    explains: &["underfit", "plateau", "too_short"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let left = record.data?.memorised?;
    if left < LEFT || !record.outcome.is_poor() {
        return None;
    }
    Some(
        Finding::new(
            RULE.name,
            Severity::Warning,
            "the network cannot even learn one batch by heart",
        )
        .measured(format!(
            "{} of the loss was left after the same batch was shown again and again",
            percent(left)
        ))
        .remedy(
            "the fault lies before all data: in the network, its first weights or the learning rate; \
             begin with the defaults and change one thing at a time",
        )
        .confidence(0.4),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn left(share: f64) -> Story {
        Story::classification()
            .poor()
            .data(|data| data.memorised = Some(share))
    }

    #[test]
    fn a_network_that_keeps_its_loss_is_found() {
        left(0.98).fires(&RULE);
    }

    #[test]
    fn a_network_that_memorises_and_a_run_that_does_well_are_left_alone() {
        left(0.05).silent(&RULE);
        Story::classification()
            .data(|data| data.memorised = Some(0.9))
            .silent(&RULE);
    }

    #[test]
    fn the_limit_is_the_share_that_is_left() {
        left(0.69).silent(&RULE);
        left(0.71).fires(&RULE);
    }
}
