//! A network without a hidden layer, and so without a non-linearity.

use serde_json::json;

use super::{Needs, Rule};
use crate::settings::set;
use crate::{Finding, Record, Severity};

/// Layers without a non-linearity between them are one layer (UMLAUT, `linear activations`); ours
/// always have one, but there may be no hidden layer at all.
pub(crate) const RULE: Rule = Rule {
    name: "linear_network",
    needs: Needs::Curves,
    explains: &["underfit", "plateau", "cannot_memorise", "narrow_network", "too_short"],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let widths = record.setting("model.widths")?.as_array()?;
    if !widths.is_empty() || !record.outcome.trails() || record.outcome.diverged {
        return None;
    }
    Some(
        Finding::new(
            RULE.name,
            Severity::Warning,
            "the network has no hidden layer: it can only draw straight borders",
        )
        .measured("`model.widths` is empty")
        .remedy("give it hidden layers")
        .patch(record, [set("model.widths", json!([256, 128]))])
        .confidence(0.8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn a_linear_network_that_fails_is_given_layers() {
        let story = Story::classification().poor().set("/model/widths", json!([]));
        assert_eq!(story.fires(&RULE).patch, ["model.widths=[256,128]"]);
    }

    #[test]
    fn a_linear_network_that_does_well_is_a_good_choice() {
        Story::classification()
            .set("/model/widths", json!([]))
            .silent(&RULE);
    }

    #[test]
    fn a_network_with_layers_is_left_alone() {
        Story::classification().poor().silent(&RULE);
    }
}
