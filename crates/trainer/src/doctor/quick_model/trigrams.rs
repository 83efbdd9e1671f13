//! A model of text that knows two characters: how often each follows each pair.

use std::collections::HashMap;

use fornax_data::{Dataset, Inputs, Split, Targets};

use crate::error::Error;

/// Bits per character on the validation split when each character depends on the two before it alone.
#[allow(clippy::cast_precision_loss)] // counts of characters
pub(super) fn trigrams(
    dataset: &Dataset,
    vocab_size: usize,
    passages: usize,
) -> Result<Option<f64>, Error> {
    if dataset.valid.is_empty() || vocab_size == 0 {
        return Ok(None);
    }
    let mut model = Trigrams::new(vocab_size);
    for [before, last, next] in triples(&dataset.train, passages)? {
        model.count(before, last, next);
    }
    let valid = triples(&dataset.valid, passages)?;
    let bits = valid
        .iter()
        .map(|&[before, last, next]| -model.share(before, last, next).log2());
    let mean = bits.sum::<f64>() / valid.len().max(1) as f64;
    Ok(mean.is_finite().then_some(mean))
}

/// Three characters in a row, from passages all over the split.
fn triples(split: &Split, passages: usize) -> Result<Vec<[u32; 3]>, Error> {
    let count = split.len().min(passages);
    let places: Vec<usize> = (0..count).map(|at| at * split.len() / count).collect();
    let batch = split.batch(&places)?;
    let (Inputs::Tokens { tokens, .. }, Targets::Tokens(next)) = (batch.inputs, batch.targets)
    else {
        return Ok(Vec::new());
    };
    let steps = tokens.len() / count.max(1);
    if steps < 2 {
        return Ok(Vec::new());
    }
    let token = |token: i32| u32::try_from(token).unwrap_or(0);
    let passages = tokens.chunks_exact(steps).zip(next.chunks_exact(steps));
    let triples = passages.flat_map(|(tokens, next)| {
        let pairs = tokens.windows(2).zip(&next[1..]);
        pairs.map(|(pair, &next)| [token(pair[0]), token(pair[1]), token(next)])
    });
    Ok(triples.collect())
}

/// Counts of what follows nothing, one character and two.
struct Trigrams {
    vocab_size: f64,
    /// By the order of the context and the characters in it.
    contexts: HashMap<(u8, u32, u32), Context>,
}

/// What follows some characters.
#[derive(Default)]
struct Context {
    total: f64,
    next: HashMap<u32, f64>,
}

impl Trigrams {
    #[allow(clippy::cast_precision_loss)] // a count of characters
    fn new(vocab_size: usize) -> Self {
        Self {
            vocab_size: vocab_size as f64,
            contexts: HashMap::new(),
        }
    }

    /// From the shortest to the longest.
    fn keys(before: u32, last: u32) -> [(u8, u32, u32); 3] {
        [(0, 0, 0), (1, 0, last), (2, before, last)]
    }

    fn count(&mut self, before: u32, last: u32, next: u32) {
        for key in Self::keys(before, last) {
            let context = self.contexts.entry(key).or_default();
            context.total += 1.0;
            *context.next.entry(next).or_default() += 1.0;
        }
    }

    /// How likely `next` is: what was counted, and as many times what the shorter context says as
    /// different characters were seen (the rule of Witten and Bell 1991).
    #[allow(clippy::cast_precision_loss)] // counts of characters
    fn share(&self, before: u32, last: u32, next: u32) -> f64 {
        let mut share = 1.0 / self.vocab_size;
        for key in Self::keys(before, last) {
            if let Some(context) = self.contexts.get(&key) {
                let seen = context.next.get(&next).copied().unwrap_or(0.0);
                let kinds = context.next.len() as f64;
                share = (seen + kinds * share) / (context.total + kinds);
            }
        }
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_and_follow_the_counts() {
        let mut model = Trigrams::new(4);
        for _ in 0..30 {
            model.count(0, 1, 2);
        }
        model.count(0, 1, 3);
        for (before, last) in [(0, 1), (3, 1), (3, 3)] {
            let sum: f64 = (0..4).map(|next| model.share(before, last, next)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        assert!(model.share(0, 1, 2) > 0.9);
        assert!(model.share(0, 1, 0) > 0.0);
    }
}
