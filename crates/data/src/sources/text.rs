//! Plain text: the next character, from the characters before it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::text_file::Text;
use super::{Opening, SourceFile};
use crate::baseline::{Scores, count};
use crate::cache::{Cache, CacheWriter};
use crate::order::rounded;
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataConfig, DataError, Dataset, InputShape, Preprocess, Split, Task};

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
    let text = opening.text(file)?;
    let num_chars = count_chars(&text)?;

    // A sample is `seq_len` characters and the one after them.
    let part = |fraction| rounded(num_chars, fraction).max(seq_len.saturating_add(1));
    let valid_end = num_chars.saturating_sub(part(config.test_fraction));
    let train_end = valid_end.saturating_sub(part(config.valid_fraction));
    if train_end <= seq_len {
        let held_out = part(config.test_fraction).saturating_add(part(config.valid_fraction));
        return Err(DataError::TextTooShort {
            path: file.path.clone(),
            found: num_chars,
            needed: held_out.saturating_add(seq_len).saturating_add(1),
            advice: format!("lower `data.seq_len` ({seq_len}), or give more text"),
        });
    }
    let newest = rounded(train_end, config.fraction).clamp(seq_len + 1, train_end);
    let train_start = train_end - newest;
    let preprocess = TextPreprocess {
        vocabulary: vocabulary(&text, train_start..train_end)?,
        seq_len,
    };
    let vocab_size = preprocess.vocabulary.len();
    let mut counts = [
        vec![0; vocab_size],
        vec![0; vocab_size],
        vec![0; vocab_size],
    ];
    let tokens = preprocess.read(&text, config.memory_bytes(), |place, token| {
        let part = match place {
            place if place < train_start => return,
            place if place < train_end => 0,
            place if place < valid_end => 1,
            _ => 2,
        };
        counts[part][token] += 1;
    })?;
    let baseline = unigram(&counts);
    let num_unknown = counts[1][0] + counts[2][0];
    let store = Arc::new(store(tokens, seq_len));
    let split = |start, end| Split::new(store.clone(), &samples(start, end, seq_len));
    let train = split(train_start, train_end).of_text(seq_len);
    let (valid, held_out) = (split(train_end, valid_end), split(valid_end, num_chars));
    let mut reading = vec![
        format!(
            "`{}` has {} characters, {} different ones to train on",
            opening.name,
            num_chars,
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
    let file = SourceFile::on_disk(path.to_owned());
    let text = Text::of(&file, &mut Sha256::default())?;
    let memory_bytes = DataConfig::default().memory_bytes();
    count_chars(&text)?;
    let tokens = preprocess.read(&text, memory_bytes, |_, _| {})?;
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
    /// The places of all characters in the vocabulary; `see` is shown each, with where it stands.
    fn read(
        &self,
        text: &Text,
        memory_bytes: usize,
        mut see: impl FnMut(usize, usize),
    ) -> Result<Cache<i32>, DataError> {
        let mut tokens = CacheWriter::new(memory_bytes);
        let mut place = 0;
        text.each_part(|part| {
            let of_part = self.encode(part);
            for &token in &of_part {
                see(place, usize::try_from(token).unwrap_or(0));
                place += 1;
            }
            tokens.extend(&of_part)
        })?;
        tokens.finish()
    }

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

/// How many characters a text has.
///
/// # Errors
/// When it has too many to be numbered.
fn count_chars(text: &Text) -> Result<usize, DataError> {
    const MOST: usize = u32::MAX as usize;
    let mut count = 0;
    text.each_part(|part| {
        count += part.chars().count();
        if count > MOST {
            return Err(DataError::TooLarge {
                path: text.path().to_owned(),
                limit: MOST as u64,
            });
        }
        Ok(())
    })?;
    Ok(count)
}

/// The characters at these places, after the stand-in for all others.
fn vocabulary(text: &Text, places: Range<usize>) -> Result<Vec<char>, DataError> {
    let mut distinct = BTreeSet::new();
    let mut place = 0;
    text.each_part(|part| {
        for letter in part.chars() {
            if places.contains(&place) && letter != UNKNOWN {
                distinct.insert(letter);
            }
            place += 1;
        }
        Ok(())
    })?;
    Ok(std::iter::once(UNKNOWN).chain(distinct).collect())
}

/// The first character of each sample in `start..end`. A sample begins where the one before it
/// ended, so that each character but the first is predicted once; a remainder is left out.
fn samples(start: usize, end: usize, seq_len: usize) -> Vec<usize> {
    (start..end.saturating_sub(seq_len))
        .step_by(seq_len)
        .collect()
}

fn store(tokens: Cache<i32>, seq_len: usize) -> Store {
    Store {
        inputs: StoredInputs::Tokens { seq_len, tokens },
        targets: StoredTargets::NextToken,
        place: Place::Counted("character", 0),
    }
}

/// Bits per character of the training text's frequencies, each counted once more than it occurs,
/// so that none is impossible (Laplace's rule). Of each split, how often each character occurs.
fn unigram([train, valid, test]: &[Vec<usize>; 3]) -> Baseline {
    let sum = |counts: &[usize]| counts.iter().sum::<usize>();
    let total = count(sum(train) + train.len());
    let bits = |counts: &[usize]| {
        let of_all = counts.iter().zip(train).map(|(&times, &seen)| {
            let bits = -(count(seen + 1) / total).log2();
            count(times) * bits
        });
        of_all.sum::<f64>() / count(sum(counts).max(1))
    };
    Baseline::Unigram {
        bits_per_character: Scores {
            valid: bits(valid),
            test: bits(test),
        },
    }
}
