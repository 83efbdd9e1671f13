//! Texts that share nearly all of their shingles: runs of tokens, or the terms of a bag.
//!
//! Broder 1997, <https://doi.org/10.1109/SEQUEN.1997.666900>; pairs are found among those with an
//! equal band of least hashes.

use std::collections::{BTreeSet, HashMap};

use super::{Place, mixed};

/// Least hashes of a text, and how many of them make a band.
const HASHES: usize = 64;
const BAND: usize = 4;
/// Tokens of a shingle.
const RUN: usize = 3;
/// A text of fewer shingles is like many others.
const FEWEST: usize = 8;
/// Equal least hashes of near duplicates: about four fifths of their shingles are the same, as is
/// usual where collections of texts are cleaned (Lee et al. 2022, <https://arxiv.org/abs/2107.06499>).
const LIKENESS: usize = HASHES * 4 / 5;
/// With more texts of an equal band than this, the band says nothing.
const CROWD: usize = 32;

/// The texts seen so far.
#[derive(Default)]
pub(in crate::check) struct Texts {
    bands: HashMap<(usize, u64), Vec<u32>>,
    seen: Vec<([u32; HASHES], Place)>,
}

impl Texts {
    pub(super) fn find(&mut self, weights: &[f32], tokens: &[i32], place: Place) -> Option<Place> {
        let least = least(&shingles(weights, tokens))?;
        let number = u32::try_from(self.seen.len()).ok()?;
        let mut found = None;
        for (band, hashes) in least.chunks_exact(BAND).enumerate() {
            let hash = hashes
                .iter()
                .fold(0, |hash, &next| mixed(hash, next.into()));
            let others = self.bands.entry((band, hash)).or_default();
            for &other in others.iter() {
                let (theirs, place) = self.seen.get(other as usize)?;
                let equal = least.iter().zip(theirs).filter(|(a, b)| a == b).count();
                if equal >= LIKENESS {
                    found = found.or(Some(*place));
                }
            }
            if others.len() < CROWD {
                others.push(number);
            }
        }
        self.seen.push((least, place));
        found
    }
}

/// Of a bag the terms that it has; of a row of tokens its runs.
fn shingles(weights: &[f32], tokens: &[i32]) -> BTreeSet<u64> {
    let terms = (0..).zip(weights).filter(|(_, weight)| **weight != 0.0);
    let runs = tokens.windows(RUN).map(|run| {
        run.iter()
            .fold(1, |hash, &token| mixed(hash, token.unsigned_abs().into()))
    });
    terms.map(|(term, _)| term).chain(runs).collect()
}

/// The least hash of all shingles for each of some hash functions; `None` for too few shingles.
fn least(shingles: &BTreeSet<u64>) -> Option<[u32; HASHES]> {
    if shingles.len() < FEWEST {
        return None;
    }
    let mut least = [u32::MAX; HASHES];
    for &shingle in shingles {
        for (function, lowest) in (1..).zip(&mut least) {
            let high = mixed(shingle, function) >> 32;
            *lowest = (*lowest).min(u32::try_from(high).unwrap_or(u32::MAX));
        }
    }
    Some(least)
}
