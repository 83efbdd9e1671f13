//! Plain text: the next character, from the characters before it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Opening, file};
use crate::baseline::{Scores, count};
use crate::order::rounded;
use crate::split::{Place, Store, StoredInputs, StoredTargets, count_classes};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task};

/// Stands for every character that the training text does not have; place 0 of each vocabulary.
/// Unicode keeps it for characters that cannot be shown.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// How a text becomes tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPreprocess {
    /// The stand-in for unknown characters, then the characters of the training text in the order
    /// of Unicode.
    pub vocabulary: Vec<char>,
    /// Characters in a sample.
    pub seq_len: usize,
}

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening.chosen_ends_with(&[".txt", ".text", ".md"])
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let config = opening.config;
    let seq_len = config.seq_len;
    let file = opening.main_file()?;
    let text = opening.read_text(file)?;
    let chars: Vec<char> = text.chars().collect();

    // A sample is `seq_len` characters and the one after them.
    let part = |fraction| rounded(chars.len(), fraction).max(seq_len.saturating_add(1));
    let valid_end = chars.len().saturating_sub(part(config.test_fraction));
    let train_end = valid_end.saturating_sub(part(config.valid_fraction));
    if train_end <= seq_len {
        let held_out = part(config.test_fraction).saturating_add(part(config.valid_fraction));
        return Err(DataError::TextTooShort {
            path: file.path.clone(),
            found: chars.len(),
            needed: held_out.saturating_add(seq_len).saturating_add(1),
            advice: format!("lower `data.seq_len` ({seq_len}), or give more text"),
        });
    }
    let newest = rounded(train_end, config.fraction).clamp(seq_len + 1, train_end);
    let train_start = train_end - newest;
    let train_chars = chars.get(train_start..train_end).unwrap_or_default();
    let preprocess = TextPreprocess {
        vocabulary: vocabulary(train_chars),
        seq_len,
    };

    let tokens: Vec<i32> = preprocess.tokens(chars.iter().copied());
    let baseline = unigram(
        &tokens,
        preprocess.vocabulary.len(),
        [train_start, train_end, valid_end],
    );
    let num_unknown = tokens
        .iter()
        .skip(train_end)
        .filter(|&&token| token == 0)
        .count();
    let store = Arc::new(store(tokens, seq_len));
    let split = |start, end| Split::new(store.clone(), &samples(start, end, seq_len));
    let train = split(train_start, train_end);
    let (valid, held_out) = (split(train_end, valid_end), split(valid_end, chars.len()));
    let vocab_size = preprocess.vocabulary.len();
    let mut reading = vec![
        format!(
            "`{}` has {} characters, {} different ones to train on",
            opening.name,
            chars.len(),
            vocab_size - 1
        ),
        format!(
            "samples of {seq_len} characters, one after another: {} to train on, {} to validate, \
             {} to test",
            train.len(),
            valid.len(),
            held_out.len()
        ),
    ];
    if num_unknown > 0 {
        reading.push(format!("{num_unknown} characters do not occur in training"));
    }
    Ok(Dataset {
        name: opening.name.clone(),
        task: Task::NextToken {
            vocabulary: preprocess.vocabulary.clone(),
        },
        input: InputShape::Tokens {
            vocab_size,
            seq_len,
        },
        preprocess: Preprocess::Text(preprocess),
        train,
        valid,
        test: held_out,
        sha256: opening.sha256(),
        reading,
        warnings: Vec::new(),
        left_out: Vec::new(),
        baseline,
    })
}

/// The samples of a new text.
pub(crate) fn open_inputs(preprocess: &TextPreprocess, path: &Path) -> Result<Split, DataError> {
    let text = file::text(path)?;
    let tokens = preprocess.encode(&text);
    let (found, seq_len) = (tokens.len(), preprocess.seq_len);
    if found <= seq_len {
        let advice = format!("the model was trained on samples of {seq_len} characters");
        let (path, needed) = (path.to_owned(), seq_len.saturating_add(1));
        return Err(DataError::TextTooShort {
            path,
            found,
            needed,
            advice,
        });
    }
    let items = samples(0, found, seq_len);
    Ok(Split::new(Arc::new(store(tokens, seq_len)), &items))
}

impl TextPreprocess {
    pub(crate) fn encode(&self, text: &str) -> Vec<i32> {
        self.tokens(text.chars())
    }

    pub(crate) fn decode(&self, tokens: &[i32]) -> String {
        let char_at = |&token: &i32| {
            let place = usize::try_from(token).ok()?;
            self.vocabulary.get(place).copied()
        };
        tokens
            .iter()
            .map(|token| char_at(token).unwrap_or(UNKNOWN))
            .collect()
    }

    fn tokens(&self, chars: impl Iterator<Item = char>) -> Vec<i32> {
        let known = self.vocabulary.get(1..).unwrap_or_default();
        let token = |letter| match known.binary_search(&letter) {
            Ok(place) => i32::try_from(place + 1).unwrap_or(0),
            Err(_) => 0,
        };
        chars.map(token).collect()
    }
}

fn vocabulary(chars: &[char]) -> Vec<char> {
    let distinct: BTreeSet<char> = chars.iter().copied().filter(|&c| c != UNKNOWN).collect();
    std::iter::once(UNKNOWN).chain(distinct).collect()
}

/// The first character of each sample in `start..end`. A sample begins where the one before it
/// ended, so that each character but the first is predicted once; a remainder is left out.
fn samples(start: usize, end: usize, seq_len: usize) -> Vec<usize> {
    (start..end.saturating_sub(seq_len))
        .step_by(seq_len)
        .collect()
}

fn store(tokens: Vec<i32>, seq_len: usize) -> Store {
    Store {
        inputs: StoredInputs::Tokens {
            seq_len,
            tokens: tokens.into(),
        },
        targets: StoredTargets::NextToken,
        place: Place::Counted("character", 0),
    }
}

/// Bits per character of the training text's frequencies, each counted once more than it occurs,
/// so that none is impossible (Laplace's rule).
fn unigram(
    tokens: &[i32],
    vocab_size: usize,
    [start, train_end, valid_end]: [usize; 3],
) -> Baseline {
    let part = |from: usize, to: usize| tokens.get(from..to).unwrap_or_default();
    let train = part(start, train_end);
    let counts = count_classes(train.iter().copied(), vocab_size);
    let bits = |tokens: &[i32]| {
        let total = count(train.len() + vocab_size);
        let bits_of = |&token: &i32| {
            let seen = usize::try_from(token)
                .ok()
                .and_then(|token| counts.get(token).copied());
            -(count(seen.unwrap_or(0) + 1) / total).log2()
        };
        tokens.iter().map(bits_of).sum::<f64>() / count(tokens.len().max(1))
    };
    let (valid, test) = (
        bits(part(train_end, valid_end)),
        bits(part(valid_end, tokens.len())),
    );
    Baseline::Unigram {
        bits_per_character: Scores { valid, test },
    }
}
