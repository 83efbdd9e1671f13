//! What to read and how: the `[data]` table of an experiment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{DataError, TextLevel};

/// What to read, and how. The `[data]` table of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Name of a shipped or fetched dataset, or a path; empty means not given.
    pub source: String,
    /// Table: the column to predict. Series: the column to forecast.
    pub target: Option<String>,
    /// How to predict a table's target where both ways are possible.
    pub task: Option<TableTask>,
    /// Table: stretches between quantiles that each number becomes, beside itself, from 2 to 256;
    /// absent for none.
    pub pieces: Option<usize>,
    /// Series: columns to forecast at once, each from its own past by the same network, in place of
    /// the target; `*` for every column of numbers. Errors are in standard deviations of each.
    pub channels: Vec<String>,
    /// Columns to leave out.
    pub drop: Vec<String>,
    /// Table: whether the day comes first in dates such as 3/4/2024; absent for what the whole column
    /// says.
    pub day_first: Option<bool>,
    /// Series: steps that the network sees. Its presence makes a CSV file a series.
    pub window: Option<usize>,
    /// Series: steps ahead that the network predicts, at least 1.
    pub horizon: usize,
    /// Series: the columns that tell several series apart, such as a store and an article; empty for
    /// one series, or for what the times say.
    pub series: Vec<String>,
    /// Series: columns whose values are known for the steps to forecast, such as prices; the column
    /// of the time stands for its calendar.
    pub known_future: Vec<String>,
    /// Text: characters in a sample, at least 1. Each epoch of training cuts the text at other places.
    pub seq_len: usize,
    /// Share of the items that goes to the validation split, in `(0, 1)`.
    pub valid_fraction: f64,
    /// Share of the items that goes to the test split, in `(0, 1)`; not used where the data
    /// brings a test set of its own.
    pub test_fraction: f64,
    /// Share of the training split to use, in `(0, 1]`: drawn class by class, or the newest part of
    /// a series or a text.
    pub fraction: f64,
    /// Training items whose answers are used, drawn class by class, as many of each; absent for all.
    /// The others are learned from without answers where a network can: a deep belief network is
    /// pre-trained on them too.
    pub labels: Option<usize>,
    /// Images: standardise by the mean and deviation of the training pixels; `false` keeps the
    /// pixels in `[0, 1]`, as a network of binary units wants them.
    pub normalize: bool,
    /// Images in files: the longer side that all are brought to, in pixels, from 4 to 1024; absent
    /// for 64, or for their own where all are of one size that is not larger.
    pub image_size: Option<usize>,
    /// Table: the column to read as text, from which the class is predicted; absent for the only one
    /// that is worth it.
    pub text: Option<String>,
    /// Texts to classify: a bag of terms, or a row of tokens as recurrent networks read it.
    pub text_form: TextForm,
    /// Texts to classify: cut into words or characters; absent for what suits their length.
    pub level: Option<TextLevel>,
    /// Texts to classify, as rows: tokens that are read of each, at least 1.
    pub max_tokens: usize,
    /// Recordings: loudness in bands of pitch over time, or the wave itself.
    pub sound_form: SoundForm,
    /// Recordings: samples per second that all are brought to, from 1000 to 192000; absent for the
    /// most frequent rate of the training recordings, at most 16000.
    pub rate: Option<u32>,
    /// Recordings: bands of pitch, from 4 to 256.
    pub num_mels: usize,
    /// Recordings: seconds that are read of each, above 0.
    pub max_seconds: f64,
    /// Leave out files that cannot be read, and say which, where `false` refuses the data.
    pub skip_faulty: bool,
    /// Megabytes of values that are kept in memory; more lie in a temporary file.
    pub memory_mb: usize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: String::new(),
            target: None,
            task: None,
            pieces: None,
            channels: Vec::new(),
            drop: Vec::new(),
            day_first: None,
            window: None,
            horizon: 1,
            series: Vec::new(),
            known_future: Vec::new(),
            seq_len: 64,
            valid_fraction: 0.1,
            test_fraction: 0.15,
            fraction: 1.0,
            labels: None,
            normalize: true,
            image_size: None,
            text: None,
            text_form: TextForm::Bag,
            level: None,
            max_tokens: 200,
            sound_form: SoundForm::LogMel,
            rate: None,
            num_mels: 40,
            max_seconds: 5.0,
            skip_faulty: false,
            memory_mb: 512,
        }
    }
}

impl DataConfig {
    /// The default way to read `source`.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`DataError::Config`] names the first key that does not fit.
    pub fn validate(&self) -> Result<(), DataError> {
        let share = |value: f64| value > 0.0 && value < 1.0;
        let refuse = |key, value: String, expected| {
            Err(DataError::Config {
                key,
                value,
                expected,
            })
        };
        if !share(self.valid_fraction) {
            let value = self.valid_fraction.to_string();
            return refuse("valid_fraction", value, "a number between 0 and 1");
        }
        if !share(self.test_fraction) {
            let value = self.test_fraction.to_string();
            return refuse("test_fraction", value, "a number between 0 and 1");
        }
        if self.valid_fraction + self.test_fraction >= 1.0 {
            let value = format!("{} + {}", self.valid_fraction, self.test_fraction);
            let expected = "together below 1, so that something is left to train on";
            return refuse("valid_fraction + test_fraction", value, expected);
        }
        if !(self.fraction > 0.0 && self.fraction <= 1.0) {
            let value = self.fraction.to_string();
            return refuse("fraction", value, "a number above 0 and up to 1");
        }
        if self.window == Some(0) {
            return refuse("window", "0".into(), "at least 1");
        }
        if let (Some(target), false) = (&self.target, self.channels.is_empty()) {
            let value = format!("{target} beside data.channels");
            return refuse("target", value, "one of both: the target, or channels");
        }
        if let Some(pieces) = self.pieces.filter(|pieces| !(2..=256).contains(pieces)) {
            return refuse("pieces", pieces.to_string(), "a number from 2 to 256");
        }
        if self.horizon == 0 {
            return refuse("horizon", "0".into(), "at least 1");
        }
        if self.seq_len == 0 {
            return refuse("seq_len", "0".into(), "at least 1");
        }
        if self.max_tokens == 0 {
            return refuse("max_tokens", "0".into(), "at least 1");
        }
        if !(4..=256).contains(&self.num_mels) {
            let value = self.num_mels.to_string();
            return refuse("num_mels", value, "a number from 4 to 256");
        }
        if !(self.max_seconds > 0.0 && self.max_seconds <= 3600.0) {
            let value = self.max_seconds.to_string();
            return refuse("max_seconds", value, "a number above 0 and up to 3600");
        }
        if let Some(rate) = self.rate.filter(|rate| !(1000..=192_000).contains(rate)) {
            return refuse("rate", rate.to_string(), "a number from 1000 to 192000");
        }
        match self.image_size {
            Some(size) if !(4..=1024).contains(&size) => {
                refuse("image_size", size.to_string(), "a number from 4 to 1024")
            }
            _ => Ok(()),
        }
    }

    /// Bytes of cells of a table that are kept in memory while the values that become of them are.
    pub(crate) fn cell_bytes(&self) -> usize {
        self.memory_bytes() / 2
    }

    /// Bytes of values that are kept in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_mb.saturating_mul(1 << 20)
    }
}

/// What a text to classify becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextForm {
    /// A vector of weights, one for each term, wherever it stands.
    Bag,
    /// A row of tokens, in their order.
    Tokens,
}

/// What a recording becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundForm {
    /// A step each 10 ms, with the logarithm of the energy in each band of the mel scale.
    LogMel,
    /// A step each sample, with one number.
    Wave,
}

/// How the target of a table is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableTask {
    /// As one of the values that the column holds.
    Classification,
    /// As a number.
    Regression,
}

/// Where fetched datasets lie, looked through in order: each folder holds one folder a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFolders(pub Vec<PathBuf>);
