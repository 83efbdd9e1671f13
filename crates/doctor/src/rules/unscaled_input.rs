//! Inputs far from mean 0 and deviation 1: the first layer is driven into its flat part.

use super::{Needs, Rule};
use crate::settings::set;
use crate::words::plain;
use crate::{Finding, Record, Severity};

/// Deviations and means beyond this are those of raw units. The field's own limits, inputs outside
/// of -1 to 1 (UMLAUT) and |mean| above 0.2 (SageMaker Debugger), fire on every scaled table; mean
/// activations of 10 and more are abnormal data to AutoTrainer. In between lies what standardising
/// cannot give: it makes deviations of 1.
const FAR: f64 = 5.0;

pub(crate) const RULE: Rule = Rule {
    name: "unscaled_input",
    needs: Needs::Data,
    explains: &[
        "saturated_units",
        "dead_units",
        "exploding_gradient",
        "vanishing_gradient",
        "initialisation",
        "plateau",
        "underfit",
        "oscillation",
        "loss_spike",
        "not_finite",
    ],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    if data.deviation <= FAR && data.mean.abs() <= FAR {
        return None;
    }
    let severity = record.if_poor(Severity::Error, Severity::Advice);
    Some(
        Finding::new(RULE.name, severity, "the inputs are not scaled")
            .measured(format!(
                "mean {}, deviation {}, from {} to {}; they should be near mean 0, deviation 1",
                plain(data.mean),
                plain(data.deviation),
                plain(data.lowest),
                plain(data.highest)
            ))
            .remedy("bring every input to mean 0 and deviation 1 before training")
            .patch(record, [set("data.normalize", true)])
            .confidence(0.85),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn raw_pixels_are_found_and_scaled() {
        let story = Story::classification()
            .poor()
            .set("/data/normalize", false)
            .data(|data| (data.mean, data.deviation, data.highest) = (73.0, 90.0, 255.0));
        let found = story.fires(&RULE);
        assert_eq!(found.patch, ["data.normalize=true"]);
        assert_eq!(found.severity, Severity::Error);
    }

    #[test]
    fn scaled_data_with_an_outlier_are_left_alone() {
        let story = Story::classification().data(|data| data.highest = 40.0);
        story.silent(&RULE);
    }

    #[test]
    fn a_deviation_at_the_limit_is_still_fine() {
        let deviation = |value: f64| Story::classification().data(|data| data.deviation = value);
        deviation(FAR).silent(&RULE);
        assert_eq!(deviation(FAR + 0.1).fires(&RULE).severity, Severity::Advice);
    }
}
