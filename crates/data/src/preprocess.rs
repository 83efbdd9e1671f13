//! From the bytes of a file to the inputs of a network, the same way each time.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sources::{documents, forecast, images, sound, table, text, ts};
use crate::{DataError, Split};

pub use crate::scale::Scale;
pub use crate::sources::documents::{DocumentPreprocess, TextColumns, TextEncoding, TextLevel};
pub use crate::sources::forecast::{Channel, OtherSeries, SeriesPreprocess};
pub use crate::sources::images::ImagePreprocess;
pub use crate::sources::sound::SoundPreprocess;
pub use crate::sources::table::{
    ColumnEncoding, DateEncoding, DateOrder, DatePart, InputColumn, TablePreprocess, TargetEncoding,
};
pub use crate::sources::text::TextPreprocess;
pub use crate::sources::ts::SequencePreprocess;

/// Everything needed to turn new bytes into inputs, and outputs back into the user's words and
/// units. Fitted on the training split alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Preprocess {
    /// Images of bytes.
    Images(ImagePreprocess),
    /// Rows of numbers and words.
    Table(TablePreprocess),
    /// Windows of one series.
    Series(SeriesPreprocess),
    /// Series to classify.
    Sequences(SequencePreprocess),
    /// Characters.
    Text(TextPreprocess),
    /// Texts to classify.
    Documents(DocumentPreprocess),
    /// Recordings.
    Sound(SoundPreprocess),
    /// Nothing: the items come from a program, ready.
    Program {
        /// In the order of the outputs; empty where there are none.
        classes: Vec<String>,
    },
}

impl Preprocess {
    /// Reads new items in the manner of the training data. Targets are read where every item has
    /// one, else [`Targets::Absent`](crate::Targets::Absent). Of a series, the one item is the
    /// window at its end, from which the future follows.
    ///
    /// # Errors
    /// When the file cannot be read or is not of the form of the training data.
    pub fn open_inputs(&self, path: &Path) -> Result<Split, DataError> {
        self.validate()?;
        match self {
            Self::Images(preprocess) => images::open_inputs(preprocess, path),
            Self::Table(table) => table::open_inputs(table, path),
            Self::Series(series) => forecast::open_last_window(series, path),
            Self::Sequences(sequences) => ts::open_inputs(sequences, path),
            Self::Text(text) => text::open_inputs(text, path),
            Self::Documents(documents) => documents::open_inputs(documents, path),
            Self::Sound(sound) => sound::open_inputs(sound, path),
            Self::Program { .. } => Err(DataError::FromProgram {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads new items with their targets, to score a network on them. Of a series, every window
    /// whose future the file holds.
    ///
    /// # Errors
    /// As [`Preprocess::open_inputs`], and [`DataError::NoTargets`].
    pub fn open_labelled(&self, path: &Path) -> Result<Split, DataError> {
        self.validate()?;
        let split = match self {
            Self::Series(series) => forecast::open_windows(series, path)?,
            _ => self.open_inputs(path)?,
        };
        if split.has_targets() {
            return Ok(split);
        }
        let what = match self {
            Self::Table(table) => format!("`{}`", table.target.name()),
            _ => "the class".to_owned(),
        };
        Err(DataError::NoTargets {
            path: path.to_owned(),
            what,
        })
    }

    /// Checks what was read from a file for sizes that no training gives.
    ///
    /// # Errors
    /// [`DataError::Preprocess`] says which.
    pub fn validate(&self) -> Result<(), DataError> {
        let problem = match self {
            Self::Images(images) if images.shape.contains(&0) || images.max == 0 => {
                "images of no pixels"
            }
            Self::Images(ImagePreprocess {
                shape: [channels, ..],
                mean,
                sd,
                ..
            }) if mean.len() != *channels || sd.len() != *channels => {
                "a mean or a deviation for each channel is missing"
            }
            Self::Table(table) if table.width() == 0 => "no column to predict from",
            Self::Series(series) if series.window == 0 || series.horizon == 0 => {
                "a window or a horizon of no steps"
            }
            Self::Sequences(sequences) if sequences.scales.is_empty() => "no channel",
            Self::Text(text) if text.seq_len == 0 || text.vocabulary.is_empty() => {
                "no vocabulary, or samples of no characters"
            }
            Self::Documents(documents) if !documents.encoding.is_sound() => {
                "no terms, or a weight is missing"
            }
            Self::Sound(sound) if !sound.is_sound() => "a rate, a length or a band out of range",
            _ => return Ok(()),
        };
        Err(DataError::Preprocess { problem })
    }

    /// The names of the classes, in the order of the outputs; `None` for other tasks.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Images(images) => Some(&images.classes),
            Self::Table(table) => table.target.classes(),
            Self::Sequences(sequences) => Some(&sequences.classes),
            Self::Documents(documents) => Some(&documents.classes),
            Self::Sound(sound) => Some(&sound.classes),
            Self::Program { classes } if !classes.is_empty() => Some(classes),
            Self::Series(_) | Self::Text(_) | Self::Program { .. } => None,
        }
    }

    /// The characters of `text` as places in the vocabulary; 0 for those not seen in training.
    ///
    /// # Errors
    /// [`DataError::NotText`] when the model was not trained on text.
    pub fn encode_text(&self, text: &str) -> Result<Vec<i32>, DataError> {
        match self {
            Self::Text(preprocess) => Ok(preprocess.encode(text)),
            _ => Err(DataError::NotText { kind: self.kind() }),
        }
    }

    /// The characters at these places of the vocabulary; a place outside it, and all places of a
    /// model that was not trained on text, give U+FFFD, the stand-in for unknown characters.
    #[must_use]
    pub fn decode(&self, tokens: &[i32]) -> String {
        match self {
            Self::Text(preprocess) => preprocess.decode(tokens),
            _ => tokens.iter().map(|_| char::REPLACEMENT_CHARACTER).collect(),
        }
    }

    /// What the model reads, as a plural for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Images(_) => "images",
            Self::Table(_) => "rows of a table",
            Self::Series(_) => "windows of a series",
            Self::Sequences(_) => "series to classify",
            Self::Text(_) => "text",
            Self::Documents(_) => "texts to classify",
            Self::Sound(_) => "recordings",
            Self::Program { .. } => "items of a program",
        }
    }
}
