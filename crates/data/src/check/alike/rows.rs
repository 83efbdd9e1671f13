//! Rows of a table that are equal but for tiny differences.
//!
//! Rows that lie close together lie close together in every direction: they are compared by their
//! projections onto a few random ones (Johnson and Lindenstrauss 1984), and pairs are found among
//! those with an equal first one.

use std::collections::HashMap;

use super::{Place, mixed};

/// Random directions.
const DIRECTIONS: usize = 8;
/// Rows this far apart in each direction, in deviations, may be one row written twice.
const CLOSE: f32 = 1e-3;
/// Of fewer inputs, many rows are close by chance.
const FEWEST_INPUTS: usize = 4;
/// With more rows in one place than this, they are close to each other by their nature.
const CROWD: usize = 32;

/// The rows seen so far.
#[derive(Default)]
pub(in crate::check) struct Rows {
    by_first: HashMap<i64, Vec<u32>>,
    seen: Vec<([f32; DIRECTIONS], Place)>,
}

impl Rows {
    pub(super) fn find(&mut self, values: &[f32], place: Place) -> Option<Place> {
        if values.len() < FEWEST_INPUTS {
            return None;
        }
        let point = projected(values);
        #[allow(clippy::cast_possible_truncation)]
        // Rounded; where it is beyond, so are its equals.
        let cell = (point[0] / CLOSE).floor() as i64;
        let number = u32::try_from(self.seen.len()).ok()?;
        let mut found = None;
        for near in [cell - 1, cell, cell + 1] {
            for &other in self.by_first.get(&near).into_iter().flatten() {
                let (theirs, place) = self.seen.get(other as usize)?;
                let is_close = point
                    .iter()
                    .zip(theirs)
                    .all(|(a, b)| (a - b).abs() <= CLOSE);
                if is_close {
                    found = found.or(Some(*place));
                }
            }
        }
        let here = self.by_first.entry(cell).or_default();
        if here.len() < CROWD {
            here.push(number);
        }
        self.seen.push((point, place));
        found
    }
}

fn projected(values: &[f32]) -> [f32; DIRECTIONS] {
    let mut point = [0.0; DIRECTIONS];
    for (input, &value) in (0..).zip(values) {
        for (direction, sum) in (0..).zip(&mut point) {
            // From -1 to 1.
            let bits = u16::try_from(mixed(input, direction) >> 48).unwrap_or(0);
            *sum += value * (f32::from(bits) / 32_767.5 - 1.0);
        }
    }
    point
}
