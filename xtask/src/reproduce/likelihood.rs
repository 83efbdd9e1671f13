//! The row on the likelihood of a small machine: an example that is run, and a section of
//! `RESULTS.md`.

use serde::Deserialize;

use super::example::Example;
use crate::table::markdown;

pub(crate) const EXAMPLE: Example = Example {
    name: "rbm-likelihood",
    program: "rbm_likelihood",
    picture: "fantasies.png",
};

/// Of the section.
pub(crate) const HEADING: &str = "How likely a restricted Boltzmann machine finds digits";

/// What the example leaves.
#[derive(Deserialize)]
pub(crate) struct Likelihood {
    machines: Vec<Machine>,
    epochs: u32,
    seconds: f64,
    commit: String,
}

/// One machine; see `Row` in the example.
#[derive(Deserialize)]
struct Machine {
    hidden: u32,
    rule: String,
    exact: Option<f64>,
    estimate: f64,
    interval: [Option<f64>; 2],
    train: f64,
    test: f64,
    seconds: f64,
}

impl Likelihood {
    /// The section of `RESULTS.md`.
    pub(crate) fn section(&self) -> String {
        format!(
            "\
## {HEADING}

Mean log-likelihood of an MNIST image in nats, each pixel drawn once as black or white, after {} epochs
of batches of 100, by `cargo run --release --example rbm_likelihood` in {:.0} s at {}:

{}
log Z is summed over all states of 20 hidden units, and estimated by annealed importance sampling (100
chains of 14,500 steps; in brackets three standard errors) for all. Salakhutdinov and Murray 2008 report
-86 for 500 hidden units after CD-25 with many more epochs (from memory, not confirmed).

![What the machine of the last row dreams after 2000 steps of Gibbs sampling]({})
",
            self.epochs,
            self.seconds,
            self.commit,
            self.table(),
            EXAMPLE.picture_path(),
        )
    }

    pub(crate) fn table(&self) -> String {
        let header = [
            "hidden",
            "rule",
            "log Z, summed",
            "log Z, estimated",
            "train",
            "test",
            "s",
        ];
        let rows: Vec<_> = self.machines.iter().map(Machine::line).collect();
        markdown(header, &rows)
    }
}

impl Machine {
    fn line(&self) -> [String; 7] {
        let [low, high] = self
            .interval
            .map(|end| end.map_or_else(|| "-∞".to_owned(), |end| format!("{end:.2}")));
        [
            self.hidden.to_string(),
            self.rule.clone(),
            self.exact
                .map_or_else(|| "-".to_owned(), |exact| format!("{exact:.2}")),
            format!("{:.2} ({low} to {high})", self.estimate),
            format!("{:.2}", self.train),
            format!("{:.2}", self.test),
            format!("{:.0}", self.seconds),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_summed_is_a_dash() {
        let text = r#"{"epochs": 3, "seconds": 9.6, "commit": "abc", "machines": [
            {"hidden": 500, "rule": "CD-1", "exact": null, "estimate": 451.234,
             "interval": [null, 452.0], "train": -101.0, "test": -102.5, "seconds": 8.2}]}"#;
        let found: Likelihood = serde_json::from_str(text).unwrap();
        let line = found.machines[0].line().join(" ");
        assert_eq!(line, "500 CD-1 - 451.23 (-∞ to 452.00) -101.00 -102.50 8");
        assert!(found.section().contains("in 10 s at abc"));
    }
}
