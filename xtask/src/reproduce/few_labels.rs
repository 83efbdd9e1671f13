//! The row on few labels: an example that is run, and a section of `RESULTS.md`.

use serde::Deserialize;

use super::example::Example;
use crate::statistics::mean_and_deviation;
use crate::table::{count, markdown};

pub(crate) const EXAMPLE: Example = Example {
    name: "few-labels",
    program: "few_labels",
    picture: "plot.svg",
};

/// Of the section.
pub(crate) const HEADING: &str = "What pre-training without labels is worth";

/// Places of the starts in a lesson.
const PRE_TRAINED: usize = 0;
const SIGMOIDS: usize = 1;
const RECTIFIERS: usize = 2;

/// What the example leaves.
#[derive(Deserialize)]
pub(crate) struct FewLabels {
    /// Of each lesson; absent for all of them.
    labels: Vec<Option<u32>>,
    /// Peaks of the learning rate, of each start in each lesson.
    rates: Vec<[f64; 3]>,
    /// Test errors in percent, seed by seed.
    errors: Vec<Vec<[f64; 3]>>,
    seconds: f64,
    commit: String,
}

impl FewLabels {
    /// The section of `RESULTS.md`.
    pub(crate) fn section(&self) -> String {
        format!(
            "\
## {HEADING}

Test error on MNIST in percent of 500, 500 and 2000 hidden units that learn from so many labels, by
`cargo run --release --example few_labels` in {:.0} s at {}; {} seeds, mean ± standard deviation, and in
the last columns that of the differences seed by seed:

{}
The deep belief network saw the pixels of all digits before: CD-1, ten epochs a layer. All three then learn
from the same labels in as many steps of Adam, over one cycle of a learning rate that was chosen of three by
the validation split and a seed that does not count (in brackets).

![How the error falls with the number of labels]({})
",
            self.seconds,
            self.commit,
            self.errors.len(),
            self.table(),
            EXAMPLE.picture_path(),
        )
    }

    pub(crate) fn table(&self) -> String {
        let header = [
            "labels",
            "pre-trained",
            "sigmoids, Xavier",
            "rectifiers, He",
            "better than sigmoids by",
            "better than rectifiers by",
        ];
        let lines: Vec<_> = (0..self.labels.len())
            .map(|lesson| self.line(lesson))
            .collect();
        markdown(header, &lines)
    }

    fn line(&self, lesson: usize) -> [String; 6] {
        let spread = |value: &dyn Fn(&[f64; 3]) -> f64| {
            let values = self.errors.iter().filter_map(|seed| seed.get(lesson));
            let values: Vec<f64> = values.map(value).collect();
            let [mean, deviation] = mean_and_deviation(&values);
            format!("{mean:.2} ± {deviation:.2}")
        };
        let error = |start: usize| {
            let rate = self
                .rates
                .get(lesson)
                .map_or(f64::NAN, |rates| rates[start]);
            format!("{} ({rate})", spread(&|errors| errors[start]))
        };
        let better = |than: usize| spread(&|errors| errors[than] - errors[PRE_TRAINED]);
        [
            self.labels[lesson].map_or_else(|| "all".to_owned(), |labels| count(f64::from(labels))),
            error(PRE_TRAINED),
            error(SIGMOIDS),
            error(RECTIFIERS),
            better(SIGMOIDS),
            better(RECTIFIERS),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_each_seed() {
        let text = r#"{"labels": [100, null], "rates": [[0.001, 0.002, 0.0005], [0.001, 0.001, 0.001]],
            "errors": [[[20.0, 25.0, 22.0], [1.5, 2.0, 1.5]], [[18.0, 23.0, 24.0], [1.5, 2.0, 1.5]]],
            "seconds": 9.6, "commit": "abc"}"#;
        let found: FewLabels = serde_json::from_str(text).unwrap();
        let expected = "100|19.00 ± 1.41 (0.001)|24.00 ± 1.41 (0.002)|23.00 ± 1.41 (0.0005)|\
             5.00 ± 0.00|4.00 ± 2.83";
        assert_eq!(found.line(0).join("|"), expected);
        assert_eq!(found.line(1)[0], "all");
        assert!(found.section().contains("in 10 s at abc; 2 seeds"));
    }
}
