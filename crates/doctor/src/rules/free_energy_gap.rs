//! A restricted Boltzmann machine that learns its samples by heart.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Place, Record, Severity};

/// Gap between the mean free energies of validation and training samples, relative to what the
/// latter came down by since the first epoch. Hinton 2012,
/// <https://doi.org/10.1007/978-3-642-35289-8_32>, section 6: the machine overfits once the gap
/// grows.
const GAP: f64 = 0.3;

pub(crate) const RULE: Rule = Rule {
    name: "free_energy_gap",
    needs: Needs::Curves,
    explains: &["overfit"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let of = |layer: usize| -> Vec<(fornax_runs::Position, f64, f64)> {
        let epochs = record.pretraining.iter();
        epochs
            .filter(|(at, ..)| at.layer == Some(layer))
            .filter_map(|&(at, _, [train, valid])| Some((at, train?, valid?)))
            .collect()
    };
    let gaps = (0..).map(of).take_while(|epochs| !epochs.is_empty());
    let judged = gaps.filter_map(|epochs| {
        let (first, last) = (epochs.first()?, epochs.last()?);
        let fall = (first.1 - last.1).abs();
        let (before, now) = (first.2 - first.1, last.2 - last.1);
        (now > before && fall > 0.0).then_some((now / fall, now, last.0))
    });
    let (relative, gap, at) = judged.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if relative < GAP || !relative.is_finite() {
        return None;
    }
    let severity = record.if_poor(Severity::Warning, Severity::Advice);
    let epochs = record.count("pretrain.epochs");
    Some(
        Finding::new(RULE.name, severity, "the pre-training learns its samples by heart")
            .measured(format!(
                "free energy of validation samples is {} above that of training samples, {} of what \
                 it came down by",
                plain(gap),
                plain(relative)
            ))
            .at(Place::at(at))
            .remedy("pre-train for fewer epochs, with more weight decay or fewer hidden units")
            .patch(
                record,
                [
                    set("pretrain.epochs", (epochs / 2).max(1)),
                    set("pretrain.weight_decay", json!(2e-3)),
                ],
            )
            .confidence(0.5),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn ends_with(gap: f64) -> Story {
        Story::dbn()
            .poor()
            .energies(&[[-50.0, -49.5], [-60.0, -58.0], [-70.0, -70.0 + gap]])
    }

    #[test]
    fn a_gap_that_grows_is_found() {
        assert_eq!(ends_with(15.0).fires(&RULE).patch[0], "pretrain.epochs=1");
    }

    #[test]
    fn a_healthy_machine_and_a_network_without_one_are_left_alone() {
        Story::dbn().silent(&RULE);
        Story::classification().poor().silent(&RULE);
    }

    #[test]
    fn a_third_of_the_fall_is_where_it_begins() {
        ends_with(5.9).silent(&RULE);
        ends_with(6.1).fires(&RULE);
    }
}
