//! A dataset: three splits, what they ask of a network, and what was understood of the source.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::preprocess::Scale;
use crate::sources::splits::{Drawing, Own};
use crate::{Baseline, DataConfig, DataError, Preprocess, Source, Split};

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
    /// Columns of a table that are not predicted from.
    pub left_out: Vec<LeftOut>,
    /// What a network has to beat.
    pub baseline: Baseline,
}

impl Dataset {
    /// Data that a program brings along, divided at random, class by class. A model trained on it
    /// reads its inputs from the program, not from files.
    ///
    /// # Errors
    /// When a setting is out of its range, or there are too few items to split.
    pub fn from_source(
        name: &str,
        source: impl Source + 'static,
        input: InputShape,
        task: Task,
        config: &DataConfig,
        seed: u64,
    ) -> Result<Self, DataError> {
        config.validate()?;
        let source: Arc<dyn Source> = Arc::new(source);
        let classes = match &task {
            Task::Classification { classes } => classes.clone(),
            _ => Vec::new(),
        };
        let groups: Vec<i32> = (0..source.len()).map(|item| source.class(item)).collect();
        let mut warnings = Vec::new();
        let drawing = Drawing {
            path: name.into(),
            config,
            seed,
        };
        let division = drawing.divide(&groups, &classes, Own::default(), &mut warnings)?;
        let split = |items: &[usize]| Split::new(source.clone(), items);
        let (train, valid) = (split(&division.train), split(&division.valid));
        let test = split(&division.test);
        let baseline = match &task {
            Task::Classification { classes } => {
                Baseline::majority(classes, [&train, &valid, &test])
            }
            _ => Baseline::mean(Scale { mean: 0.0, sd: 1.0 }, [&valid, &test])?,
        };
        Ok(Self {
            name: name.to_owned(),
            task,
            input,
            preprocess: Preprocess::Program { classes },
            train,
            valid,
            test,
            sha256: String::new(),
            reading: vec![format!("`{name}` has {} items", source.len())],
            warnings,
            left_out: Vec::new(),
            baseline,
        })
    }
}

/// A column that is not predicted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// As in the header.
    pub column: String,
    /// Such as `it holds one value`, `it counts the rows`, `every cell differs`.
    pub why: String,
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
        /// The column that is forecast; of several, their names.
        target: String,
        /// Steps ahead; a network gives one number for each.
        horizon: usize,
        /// The columns where several are forecast, as [`Split::channel`](crate::Split::channel)
        /// counts them; empty for one.
        #[serde(default)]
        channels: Vec<String>,
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

    /// The column that the numbers of an item are of, by its [channel](crate::Split::channel); `None`
    /// for classes and characters.
    #[must_use]
    pub fn column(&self, channel: usize) -> Option<&str> {
        match self {
            Self::Forecast {
                target, channels, ..
            } => Some(channels.get(channel).unwrap_or(target)),
            Self::Regression { target } => Some(target),
            Self::Classification { .. } | Self::NextToken { .. } => None,
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
    /// `[T]`, a text to classify
    Documents {
        /// V, with the stand-in for unknown tokens
        vocab_size: usize,
        /// The largest T.
        max_len: usize,
    },
}
