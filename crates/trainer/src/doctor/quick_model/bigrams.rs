//! A model of text that knows one character: how often each follows each.

use fornax_data::{Dataset, Inputs, Split, Targets};

use crate::error::Error;

/// Bits per character on the validation split when each character depends on the one before it alone.
#[allow(clippy::cast_precision_loss)] // counts of characters
pub(super) fn bigrams(
    dataset: &Dataset,
    vocab_size: usize,
    passages: usize,
) -> Result<Option<f64>, Error> {
    /// What every pair is counted beforehand (Lidstone's rule).
    const PSEUDO: f64 = 0.1;
    let pairs = |split: &Split| -> Result<Vec<(usize, usize)>, Error> {
        let count = split.len().min(passages);
        let places: Vec<usize> = (0..count).map(|at| at * split.len() / count).collect();
        let batch = split.batch(&places)?;
        let (Inputs::Tokens { tokens, .. }, Targets::Tokens(next)) = (batch.inputs, batch.targets)
        else {
            return Ok(Vec::new());
        };
        let place = |token: i32| usize::try_from(token).unwrap_or(0).min(vocab_size - 1);
        let pairs = tokens.iter().zip(&next);
        Ok(pairs.map(|(&from, &to)| (place(from), place(to))).collect())
    };
    if dataset.valid.is_empty() || vocab_size == 0 {
        return Ok(None);
    }
    let mut counts = vec![0.0_f64; vocab_size * vocab_size];
    for (from, to) in pairs(&dataset.train)? {
        counts[from * vocab_size + to] += 1.0;
    }
    let totals: Vec<f64> = counts
        .chunks(vocab_size)
        .map(|row| row.iter().sum())
        .collect();
    let valid = pairs(&dataset.valid)?;
    let bits = valid.iter().map(|&(from, to)| {
        let all = totals[from] + PSEUDO * vocab_size as f64;
        -((counts[from * vocab_size + to] + PSEUDO) / all).log2()
    });
    let mean = bits.sum::<f64>() / valid.len().max(1) as f64;
    Ok(mean.is_finite().then_some(mean))
}
