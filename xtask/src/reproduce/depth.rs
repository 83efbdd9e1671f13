//! The row on depth against width: an example that is run, and a section of `RESULTS.md`.

use serde::Deserialize;

use super::example::Example;
use crate::table::markdown;

pub(crate) const EXAMPLE: Example = Example {
    name: "depth-vs-width",
    program: "depth_vs_width",
    picture: "plot.svg",
};

/// Of the section.
pub(crate) const HEADING: &str = "Depth against width";

/// What the example leaves.
#[derive(Deserialize)]
pub(crate) struct Depth {
    sawtooths: Vec<Sawtooth>,
    naive_most: u32,
    seconds: f64,
    commit: String,
}

/// What it takes to fit one; see `Row` in the example.
#[derive(Deserialize)]
struct Sawtooth {
    n: u32,
    bound: u32,
    sup_bound: u32,
    one_layer: Option<u32>,
    deep: u32,
    built_rmse: f64,
    learned_rmse: Option<f64>,
    naive: Option<[Option<u32>; 2]>,
}

impl Depth {
    /// The section of `RESULTS.md`.
    pub(crate) fn section(&self) -> String {
        format!(
            "\
## {HEADING}

Hidden ReLUs for Telgarsky's sawtooth, a line of 2ⁿ pieces on [0, 1], to a root mean squared error
of 0.1 (a constant has 0.289), by `cargo run --release --example depth_vs_width` in {:.0} s at {}:

{}
For one layer, `sup ≥` and `rmse ≥` are lower bounds, for an error below 1/2 everywhere and for the
one asked for; `found` is the smallest layer that Adam finds, with exact output weights and a
straight line for nothing. The deep network is n layers of two ReLUs, `built` by hand or `learned`
one layer after the other. Plain training, Adam on all weights at once from a random start, does not
show this: the last two columns are the fewest ReLUs, doubled up to {}, with which one of three such
trainings is good.

![How the sizes grow, and what eight ReLUs draw]({})
",
            self.seconds,
            self.commit,
            self.table(),
            self.naive_most,
            EXAMPLE.picture_path(),
        )
    }

    pub(crate) fn table(&self) -> String {
        let header = [
            "n",
            "pieces",
            "one layer: sup ≥",
            "rmse ≥",
            "found",
            "deep",
            "built: rmse",
            "learned: rmse",
            "plain training: one layer",
            "n layers",
        ];
        let rows: Vec<_> = self.sawtooths.iter().map(|row| self.line(row)).collect();
        markdown(header, &rows)
    }

    fn line(&self, row: &Sawtooth) -> [String; 10] {
        let naive = |size: Option<u32>| {
            size.map_or_else(|| format!("> {}", self.naive_most), |size| size.to_string())
        };
        let [one, many] = row
            .naive
            .map_or_else(|| ["-", "-"].map(str::to_owned), |sizes| sizes.map(naive));
        [
            row.n.to_string(),
            2_u64.saturating_pow(row.n).to_string(),
            row.sup_bound.to_string(),
            row.bound.to_string(),
            row.one_layer
                .map_or_else(|| "none".to_owned(), |size| size.to_string()),
            row.deep.to_string(),
            row.built_rmse.to_string(),
            row.learned_rmse
                .map_or_else(|| "stuck".to_owned(), |rmse| format!("{rmse:.5}")),
            one,
            many,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_found_and_not_tried_reads_differently() {
        let text = r#"{"naive_most": 256, "seconds": 70.2, "commit": "abc", "sawtooths": [
            {"n": 6, "bound": 55, "sup_bound": 63, "one_layer": 61, "deep": 12,
             "built_rmse": 0.0, "learned_rmse": 0.0000049, "naive": [null, 255]},
            {"n": 7, "bound": 110, "sup_bound": 127, "one_layer": 122, "deep": 14,
             "built_rmse": 0.0, "learned_rmse": null, "naive": null}]}"#;
        let depth: Depth = serde_json::from_str(text).unwrap();
        let [six, seven] = [0, 1].map(|index| depth.line(&depth.sawtooths[index]).join(" "));
        assert_eq!(six, "6 64 63 55 61 12 0 0.00000 > 256 255");
        assert_eq!(seven, "7 128 127 110 122 14 0 stuck - -");
        assert!(depth.section().contains("in 70 s"));
    }
}
