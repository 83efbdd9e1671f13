//! Pictures that look alike, by the steps between neighbouring patches.
//!
//! The difference hash of Krawetz 2013; pairs are found among those with an equal quarter.

use std::collections::HashMap;

use super::Place;

/// Patches along a side.
const SIDE: usize = 16;
/// Steps that may go the other way in a near duplicate, of 240.
const MOST_DIFFERENT: u32 = 4;
/// With more items of an equal quarter than this, the quarter says nothing.
const CROWD: usize = 32;
/// Fewer steps than this are no picture.
const FEWEST_STEPS: u32 = 24;

/// The pictures seen so far.
pub(in crate::check) struct Pictures {
    /// `[C, H, W]`
    shape: [usize; 3],
    quarters: [HashMap<u64, Vec<u32>>; 4],
    seen: Vec<([u64; 4], Place)>,
}

impl Pictures {
    pub(super) fn new(shape: [usize; 3]) -> Self {
        Self {
            shape,
            quarters: Default::default(),
            seen: Vec::new(),
        }
    }

    pub(super) fn find(&mut self, values: &[f32], place: Place) -> Option<Place> {
        let hash = hash(values, self.shape)?;
        let num_steps: u32 = hash.iter().map(|quarter| quarter.count_ones()).sum();
        if num_steps < FEWEST_STEPS {
            return None;
        }
        let number = u32::try_from(self.seen.len()).ok()?;
        let mut found = None;
        for (quarter, known) in hash.iter().zip(&mut self.quarters) {
            let others = known.entry(*quarter).or_default();
            for &other in others.iter() {
                let (theirs, place) = self.seen.get(other as usize)?;
                let pairs = hash.iter().zip(theirs);
                let different: u32 = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
                if different <= MOST_DIFFERENT {
                    found = found.or(Some(*place));
                }
            }
            if others.len() < CROWD {
                others.push(number);
            }
        }
        self.seen.push((hash, place));
        found
    }
}

/// One bit for each two neighbouring patches: whether the right one is clearly brighter.
fn hash(values: &[f32], [channels, height, width]: [usize; 3]) -> Option<[u64; 4]> {
    if height < SIDE || width < SIDE {
        return None;
    }
    let patch = |row: usize, column: usize| {
        let rows = row * height / SIDE..(row + 1) * height / SIDE;
        let columns = column * width / SIDE..(column + 1) * width / SIDE;
        let mut sum = 0.0;
        let mut count = 0.0_f32;
        for channel in 0..channels {
            for y in rows.clone() {
                for x in columns.clone() {
                    sum += values
                        .get((channel * height + y) * width + x)
                        .copied()
                        .unwrap_or(0.0);
                    count += 1.0;
                }
            }
        }
        sum / count.max(1.0)
    };
    let mut hash = [0_u64; 4];
    for row in 0..SIDE {
        let mut before = patch(row, 0);
        for column in 1..SIDE {
            let here = patch(row, column);
            let place = row * (SIDE - 1) + column - 1;
            if here > before + 0.05 {
                hash[place / 64] |= 1 << (place % 64);
            }
            before = here;
        }
    }
    Some(hash)
}
