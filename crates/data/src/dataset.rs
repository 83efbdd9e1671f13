//! A dataset: three splits, what they ask of a network, and what was understood of the source.

use serde::{Deserialize, Serialize};

use crate::{Baseline, Preprocess, Split};

/// A source, read, split and scaled.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The dataset's name or the file's stem, of `a-z`, `0-9` and `-` alone.
    pub name: String,
    /// What to predict.
    pub task: Task,
    /// What a network is shown.
    pub input: InputShape,
    /// Fitted on the training split alone; travels with the model.
    pub preprocess: Preprocess,
    /// The items to learn from.
    pub train: Split,
    /// The items by which settings and the best epoch are chosen, in the order of the file.
    pub valid: Split,
    /// The items for the last word, in the order of the file.
    pub test: Split,
    /// Checksum of the bytes of the source; of several files, of all their bytes one after
    /// another.
    pub sha256: String,
    /// What was understood of the source, a sentence each, for people.
    pub reading: Vec<String>,
    /// What a person should look at, a sentence each.
    pub warnings: Vec<String>,
    /// What a network has to beat.
    pub baseline: Baseline,
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of several classes.
    Classification {
        /// The names of the classes; their places are the targets.
        classes: Vec<String>,
    },
    /// A number.
    Regression {
        /// The column it comes from.
        target: String,
    },
    /// The next values of a series.
    Forecast {
        /// The column that is forecast.
        target: String,
        /// Steps ahead; a network gives one number for each.
        horizon: usize,
    },
    /// The next character of a text.
    NextToken {
        /// Every character of the training text, after the stand-in for all others at place 0.
        vocabulary: Vec<char>,
    },
}

impl Task {
    /// How many numbers a network gives an item (for text: at each place).
    #[must_use]
    pub fn num_outputs(&self) -> usize {
        match self {
            Self::Classification { classes } => classes.len(),
            Self::Regression { .. } => 1,
            Self::Forecast { horizon, .. } => *horizon,
            Self::NextToken { vocabulary } => vocabulary.len(),
        }
    }
}

/// The shape of one item as a network is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputShape {
    /// `[D]`
    Vector {
        /// D
        width: usize,
    },
    /// `[C, H, W]`
    Image {
        /// C
        channels: usize,
        /// H
        height: usize,
        /// W
        width: usize,
    },
    /// `[T, D]`: a series to classify, or the window from which to forecast
    Sequence {
        /// D
        width: usize,
        /// The T of the longest item of all splits.
        max_len: usize,
    },
    /// `[T]`
    Tokens {
        /// V, with the stand-in for unknown characters
        vocab_size: usize,
        /// T
        seq_len: usize,
    },
}
