//! The rows: what is trained, what others reach, and what we owe.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::outcome::Outcome;
use super::training::Training;
use crate::precision::Precision;

/// One row of the table.
pub(crate) struct Row {
    /// Its experiment is `experiments/<name>.toml`.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    /// What the literature reaches.
    pub(crate) published: &'static str,
    /// What PyTorch reaches on two cores.
    pub(crate) peer: &'static str,
    /// Where the two stand.
    pub(crate) source: &'static str,
    pub(crate) owed: f64,
    pub(crate) ambition: f64,
    pub(crate) seeds: u64,
    /// Whether it takes seconds.
    pub(crate) quick: bool,
    /// Another experiment, trained from the same seeds: the row is how much better this one is.
    pub(crate) against: Option<&'static str>,
}

/// What is measured on a split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measure {
    /// Share of wrong answers, in percent.
    Error,
    /// Share of right answers, in percent.
    Accuracy,
    /// Cross-entropy, in nats.
    Nats,
    /// Root of the mean squared error, in so many units of the target.
    Rmse(f64),
    /// Mean squared error of several columns, in standard deviations of each.
    Mse,
}

impl Measure {
    /// Its value, from the metrics of a split.
    pub(crate) fn of(self, metrics: &BTreeMap<String, f64>) -> Result<f64> {
        let metric = |name: &str| {
            let value = metrics.get(name).copied();
            value.with_context(|| format!("the run has no metric called `{name}`"))
        };
        Ok(match self {
            Self::Error => 100.0 * (1.0 - metric("accuracy")?),
            Self::Accuracy => 100.0 * metric("accuracy")?,
            Self::Nats => metric("log_loss")?,
            Self::Rmse(unit) => metric("rmse")? / unit,
            Self::Mse => metric("rmse")?.powi(2),
        })
    }

    /// A value as people read it.
    pub(crate) fn shown(self, value: f64) -> String {
        let digits = self.digits(value);
        match self {
            Self::Error | Self::Accuracy => format!("{digits} %"),
            Self::Nats | Self::Rmse(_) | Self::Mse => digits,
        }
    }

    /// The same without its unit.
    pub(crate) fn digits(self, value: f64) -> String {
        match self {
            Self::Error | Self::Accuracy => format!("{value:.2}"),
            Self::Nats | Self::Rmse(_) | Self::Mse => format!("{value:.3}"),
        }
    }
}

impl Row {
    /// The experiments that each seed trains.
    pub(crate) fn experiments(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.against)
    }

    /// What a seed came to: the row's experiment, and the one that it is measured against.
    pub(crate) fn outcomes(&self, seed: u64, precision: Precision) -> Result<[Option<Outcome>; 2]> {
        let outcome = |name| Training::new(name, seed, precision)?.outcome();
        Ok([
            outcome(self.name)?,
            self.against.map(outcome).transpose()?.flatten(),
        ])
    }

    /// Its title in the table.
    pub(crate) fn title_in(&self, precision: Precision) -> String {
        match precision {
            Precision::F32 => self.title.to_owned(),
            other => format!("{}, {}", self.title, other.name()),
        }
    }

    /// Whether a value is as good as a target.
    pub(crate) fn meets(&self, value: f64, target: f64) -> bool {
        let more_is_better = self.against.is_some() || self.measure == Measure::Accuracy;
        if more_is_better {
            value >= target
        } else {
            value <= target
        }
    }
}

const MLP: &str = "Srivastava et al. 2014, table 2 (3x1024 rectifiers with dropout 1.25, 2x8192 with \
     max-norm 0.95); peer: PyTorch, 784-512-256-10, 10 epochs";
const CNN: &str = "LeCun et al. 1998 (LeNet-5, 0.8), Wan et al. 2013 (with augmentation, 0.25 to 0.3); \
     peer: PyTorch, two convolutions and a dense layer, 3 epochs";
const DBN: &str = "Hinton, Osindero and Teh 2006 (up-down, 1.25), Srivastava et al. 2014 (with dropout, \
     0.92); peer: PyTorch, CD-1 and backpropagation";
const ROWS_OF_DIGITS: &str = "peer: PyTorch, 128 units, 4 epochs";
const MNIST_1D: &str =
    "Greydanus and Kobak 2020, table of the paper; peer: PyTorch, Adam, 6,000 steps";
const FASHION: &str = "the benchmark page of the set";
const CIFAR: &str = "He et al. 2016, table 6 (ResNet-20 91.25, the best ResNet-110 93.57); later recipes, \
     up to 96, from memory, not confirmed";
const SERIES: &str = "Ismail Fawaz et al. 2020 (InceptionTime), Dempster et al. 2020 (ROCKET)";
const NOT_CONFIRMED: &str = "from memory, not confirmed";

/// Every row, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row(
        "mnist-mlp",
        "MNIST, MLP",
        Measure::Error,
        ["1.25, 0.95", "1.38"],
        MLP,
        [1.25, 0.95],
    ),
    row(
        "mnist-cnn",
        "MNIST, CNN",
        Measure::Error,
        ["0.8, 0.25", "0.81"],
        CNN,
        [0.45, 0.25],
    ),
    row(
        "mnist-dbn",
        "MNIST, DBN",
        Measure::Error,
        ["1.25, 0.92", "1.53"],
        DBN,
        [1.25, 0.92],
    ),
    Row {
        against: Some("mnist-100-relu"),
        seeds: 5,
        ..row(
            "mnist-100-dbn",
            "MNIST, 100 labels: DBN better than ReLU by",
            Measure::Error,
            ["-", "2.1"],
            "peer: PyTorch, four seeds, 20.7 against 22.8",
            [2.0, 5.0],
        )
    },
    row(
        "mnist-lstm",
        "MNIST by rows, LSTM",
        Measure::Error,
        ["1.0 to 1.5", "1.37"],
        ROWS_OF_DIGITS,
        [1.2, 0.7],
    ),
    row(
        "mnist-gru",
        "MNIST by rows, GRU",
        Measure::Error,
        ["-", "1.50"],
        ROWS_OF_DIGITS,
        [1.2, 0.7],
    ),
    row(
        "mnist-pixels",
        "MNIST pixel by pixel, GRU",
        Measure::Accuracy,
        ["97 to 98.9", "-"],
        "Le, Jaitly and Hinton 2015 (IRNN 97); LSTMs from memory, not confirmed",
        [97.0, 98.9],
    ),
    Row {
        quick: true,
        ..row(
            "mnist-1d-logistic",
            "MNIST-1D, logistic",
            Measure::Accuracy,
            ["32", "31.4"],
            MNIST_1D,
            [31.5, 32.0],
        )
    },
    row(
        "mnist-1d-mlp",
        "MNIST-1D, MLP",
        Measure::Accuracy,
        ["68", "63.8"],
        MNIST_1D,
        [65.0, 68.0],
    ),
    row(
        "mnist-1d-cnn",
        "MNIST-1D, CNN",
        Measure::Accuracy,
        ["94", "93.8"],
        MNIST_1D,
        [94.0, 96.0],
    ),
    row(
        "mnist-1d-gru",
        "MNIST-1D, GRU",
        Measure::Accuracy,
        ["91", "91.1"],
        MNIST_1D,
        [91.0, 94.0],
    ),
    row(
        "fashion-mlp",
        "Fashion-MNIST, MLP",
        Measure::Accuracy,
        ["88 to 90", "-"],
        FASHION,
        [89.5, 90.5],
    ),
    row(
        "fashion-cnn",
        "Fashion-MNIST, CNN",
        Measure::Accuracy,
        ["91 to 95", "-"],
        FASHION,
        [93.0, 94.5],
    ),
    row(
        "cifar10-cnn",
        "CIFAR-10, CNN",
        Measure::Accuracy,
        ["91 to 96", "-"],
        CIFAR,
        [88.0, 93.0],
    ),
    Row {
        quick: true,
        ..row(
            "japanese-vowels",
            "JapaneseVowels, RNN",
            Measure::Accuracy,
            ["98 to 99", "-"],
            SERIES,
            [97.0, 98.5],
        )
    },
    Row {
        quick: true,
        ..row(
            "basic-motions",
            "BasicMotions, CNN",
            Measure::Accuracy,
            ["100", "-"],
            SERIES,
            [95.0, 100.0],
        )
    },
    Row {
        quick: true,
        ..row(
            "italy-power-demand",
            "ItalyPowerDemand, CNN",
            Measure::Accuracy,
            ["96 to 97", "-"],
            SERIES,
            [95.5, 97.0],
        )
    },
    row(
        "fsdd",
        "Spoken digits, CNN",
        Measure::Accuracy,
        ["97 to 99", "-"],
        NOT_CONFIRMED,
        [98.0, 99.3],
    ),
    row(
        "tiny-shakespeare",
        "Tiny Shakespeare, LSTM",
        Measure::Nats,
        ["1.47", "-"],
        "nanoGPT, 10.7 M parameters, on its validation split",
        [1.5, 1.4],
    ),
    Row {
        quick: true,
        ..row(
            "adult",
            "Adult, MLP",
            Measure::Accuracy,
            ["85 to 87", "-"],
            NOT_CONFIRMED,
            [85.3, 86.5],
        )
    },
    row(
        "california-housing",
        "California housing, MLP",
        Measure::Rmse(1e5),
        ["0.46 to 0.50", "-"],
        NOT_CONFIRMED,
        [0.52, 0.46],
    ),
    row(
        "etth1",
        "ETTh1, 96 hours ahead, linear",
        Measure::Mse,
        ["0.375", "-"],
        "Zeng et al. 2023, table 2 (DLinear, all seven columns, standardised)",
        [0.4, 0.37],
    ),
];

/// A row of three seeds; `[published, peer]`, `[owed, ambition]`.
const fn row(
    name: &'static str,
    title: &'static str,
    measure: Measure,
    [published, peer]: [&'static str; 2],
    source: &'static str,
    [owed, ambition]: [f64; 2],
) -> Row {
    Row {
        name,
        title,
        measure,
        published,
        peer,
        source,
        owed,
        ambition,
        seeds: 3,
        quick: false,
        against: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_experiment_and_every_experiment_a_row() {
        let folder = crate::workspace::root().join("experiments");
        let mut files: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let mut rows: Vec<_> = ROWS.iter().flat_map(Row::experiments).collect();
        rows.sort_unstable();
        assert_eq!(files, rows);
    }

    #[test]
    fn targets_are_met_from_the_right_side() {
        let error = ROWS.iter().find(|row| row.name == "mnist-mlp").unwrap();
        assert!(error.meets(1.25, 1.25) && !error.meets(1.26, 1.25));
        let accuracy = ROWS.iter().find(|row| row.name == "adult").unwrap();
        assert!(accuracy.meets(85.3, 85.3) && !accuracy.meets(85.2, 85.3));
    }
}
