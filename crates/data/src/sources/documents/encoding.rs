//! From a text to numbers: as a bag of terms with their weights, or as a row of tokens.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::baseline::count;
use crate::config::TextForm;
use crate::scale::rounded;
use crate::{DataConfig, DataError};

/// Terms of a bag, or tokens of a vocabulary, at most: the most frequent ones.
const MAX_TERMS: usize = 10_000;
/// Terms that are counted at once. Above it the rarest are forgotten, so that texts without end are
/// counted in bounded memory; of what is frequent nothing is lost (lossy counting: Manku and Motwani
/// 2002, Approximate frequency counts over data streams).
const MAX_COUNTED: usize = 2_000_000;
/// Texts in which a term has to occur, so that something can be learned of it.
const MIN_TEXTS: usize = 2;
/// Characters of the longest run that is a term, where a text is read by characters.
const MAX_RUN: usize = 3;

/// What a text is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextLevel {
    /// Words in small letters, all digits alike; every other mark on its own.
    Words,
    /// Characters as they are.
    Characters,
}

/// What a text becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum TextEncoding {
    /// A weight for each term: `(1 + ln n) * idf` for one that occurs n times, all divided by the
    /// root of the sum of their squares.
    Bag {
        /// What the text is cut into.
        level: TextLevel,
        /// Single words and pairs, or runs of one to three characters; sorted.
        terms: Vec<String>,
        /// `1 + ln((1 + N) / (1 + n))` for a term in n of the N training texts.
        idf: Vec<f64>,
    },
    /// A row of places in the vocabulary, counted from 1; 0 stands for all others.
    Tokens {
        /// What the text is cut into.
        level: TextLevel,
        /// Sorted.
        vocabulary: Vec<String>,
        /// Tokens of a text that are read; what follows is cut off.
        max_len: usize,
    },
}

impl TextEncoding {
    /// Chooses the terms by the training texts.
    pub(super) fn fit<'a>(
        config: &DataConfig,
        level: TextLevel,
        texts: impl Iterator<Item = Result<Cow<'a, str>, DataError>>,
    ) -> Result<Self, DataError> {
        let is_bag = config.text_form != TextForm::Tokens;
        let mut num_texts = 0;
        let mut longest = 1;
        let mut in_texts = HashMap::<String, usize>::new();
        let mut floor = 0;
        for text in texts {
            num_texts += 1;
            let tokens = cut(&text?, level);
            longest = longest.max(tokens.len());
            let own: BTreeSet<String> = if is_bag {
                terms_of(&tokens, level).collect()
            } else {
                tokens.into_iter().collect()
            };
            for term in own {
                *in_texts.entry(term).or_default() += 1;
            }
            while in_texts.len() > MAX_COUNTED {
                floor += 1;
                in_texts.retain(|_, texts| *texts > floor);
            }
        }
        let mut frequent: Vec<(String, usize)> = in_texts
            .into_iter()
            .filter(|(_, texts)| *texts >= MIN_TEXTS)
            .collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        frequent.truncate(MAX_TERMS);
        frequent.sort();
        if !is_bag {
            return Ok(Self::Tokens {
                level,
                vocabulary: frequent.into_iter().map(|(term, _)| term).collect(),
                max_len: longest.min(config.max_tokens),
            });
        }
        let idf = |texts: usize| rounded(1.0 + (count(1 + num_texts) / count(1 + texts)).ln());
        Ok(Self::Bag {
            level,
            idf: frequent.iter().map(|(_, texts)| idf(*texts)).collect(),
            terms: frequent.into_iter().map(|(term, _)| term).collect(),
        })
    }

    /// Whether the parts fit each other.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Bag { terms, idf, .. } => !terms.is_empty() && terms.len() == idf.len(),
            Self::Tokens { max_len, .. } => *max_len > 0,
        }
    }

    /// Terms or tokens that are known.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Bag { terms, .. } => terms.len(),
            Self::Tokens { vocabulary, .. } => vocabulary.len(),
        }
    }

    /// For people.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Bag {
                level: TextLevel::Words,
                terms,
                ..
            } => format!(
                "a text is a bag of {} frequent words and pairs of words",
                terms.len()
            ),
            Self::Bag { terms, .. } => format!(
                "a text is a bag of {} frequent runs of one to {MAX_RUN} characters",
                terms.len()
            ),
            Self::Tokens {
                level,
                vocabulary,
                max_len,
            } => {
                let what = match level {
                    TextLevel::Words => "words",
                    TextLevel::Characters => "characters",
                };
                format!(
                    "a text is a row of up to {max_len} {what}, {} different ones",
                    vocabulary.len()
                )
            }
        }
    }

    /// The known terms of a text with their weights, by their places.
    #[allow(clippy::cast_possible_truncation)] // Networks compute in f32.
    pub(super) fn bag(&self, text: &str) -> Vec<(i32, f32)> {
        let Self::Bag { level, terms, idf } = self else {
            return Vec::new();
        };
        let mut counts = std::collections::BTreeMap::<usize, usize>::new();
        for term in terms_of(&cut(text, *level), *level) {
            if let Ok(place) = terms.binary_search(&term) {
                *counts.entry(place).or_default() += 1;
            }
        }
        let weigh = |(place, n): (&usize, &usize)| {
            let idf = idf.get(*place).copied().unwrap_or(1.0);
            (*place, (1.0 + count(*n).ln()) * idf)
        };
        let weights: Vec<(usize, f64)> = counts.iter().map(weigh).collect();
        let norm = weights
            .iter()
            .map(|(_, weight)| weight * weight)
            .sum::<f64>()
            .sqrt();
        let scaled = |(place, weight): (usize, f64)| {
            Some((i32::try_from(place).ok()?, (weight / norm) as f32))
        };
        weights.into_iter().filter_map(scaled).collect()
    }

    /// The first tokens of a text, at least one.
    pub(super) fn tokens(&self, text: &str) -> Vec<i32> {
        let Self::Tokens {
            level,
            vocabulary,
            max_len,
        } = self
        else {
            return Vec::new();
        };
        let place = |token: &String| match vocabulary.binary_search(token) {
            Ok(place) => i32::try_from(place + 1).unwrap_or(0),
            Err(_) => 0,
        };
        let mut tokens: Vec<i32> = cut(text, *level).iter().take(*max_len).map(place).collect();
        if tokens.is_empty() {
            tokens.push(0);
        }
        tokens
    }
}

/// Bytes of a text that are looked at: a book is known by its beginning.
const MAX_BYTES: usize = 4 << 20;

/// The words or characters of a text.
fn cut(text: &str, level: TextLevel) -> Vec<String> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    if level == TextLevel::Characters {
        return text.chars().map(String::from).collect();
    }
    let mut tokens = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() || (letter == '\'' && !word.is_empty()) {
            match letter {
                digit if digit.is_numeric() => word.push('0'),
                letter => word.extend(letter.to_lowercase()),
            }
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if !letter.is_whitespace() {
            tokens.push(letter.to_string());
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

fn terms_of(tokens: &[String], level: TextLevel) -> impl Iterator<Item = String> {
    let (longest, between) = match level {
        TextLevel::Words => (2, " "),
        TextLevel::Characters => (MAX_RUN, ""),
    };
    (1..=longest).flat_map(move |length| tokens.windows(length).map(move |run| run.join(between)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_words_and_marks() {
        let words = cut("Don't pay £1.50, NOW!", TextLevel::Words);
        assert_eq!(
            words,
            ["don't", "pay", "£", "0", ".", "00", ",", "now", "!"]
        );
        assert_eq!(cut("äß", TextLevel::Characters), ["ä", "ß"]);
    }

    fn fitted(config: &DataConfig, texts: &[&str]) -> TextEncoding {
        let texts = texts.iter().map(|&text| Ok(Cow::Borrowed(text)));
        TextEncoding::fit(config, TextLevel::Words, texts).unwrap()
    }

    #[test]
    fn a_bag_is_of_length_one_and_rare_terms_weigh_more() {
        let texts = [
            "good film",
            "good book",
            "bad film",
            "bad book",
            "good good",
        ];
        let bag = fitted(&DataConfig::default(), &texts);
        let weights = bag.bag("good book unheard");
        let norm: f32 = weights.iter().map(|(_, weight)| weight * weight).sum();
        assert!((norm - 1.0).abs() < 1e-6);
        assert_eq!(weights.len(), 2, "words that occur in two texts are known");
        assert!(weights[0].1 > weights[1].1, "`book` is rarer than `good`");
        assert!(bag.bag("nothing known").is_empty());
    }

    #[test]
    fn tokens_are_cut_off_and_never_none() {
        let config = DataConfig {
            text_form: TextForm::Tokens,
            max_tokens: 3,
            ..DataConfig::default()
        };
        let encoding = fitted(&config, &["a b a b", "b a"]);
        assert_eq!(encoding.tokens("b a zzz b"), [2, 1, 0]);
        assert_eq!(encoding.tokens(""), [0]);
    }
}
