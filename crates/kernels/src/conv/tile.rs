//! The inner loops: sums of shifted rows, held in registers.

mod correlate;
mod correlate_weights;
mod term;
mod weights;

use pulp::{Simd, WithSimd};

pub(crate) use self::correlate::{Correlate, Values};
pub(crate) use self::correlate_weights::{CorrelateWeights, Factors, zeros_end};
pub(crate) use self::weights::PackedWeights;

/// Vectors of neighbouring positions that a tile holds for each of its rows.
const VECTORS: usize = 3;

/// The most rows a tile has, with the 32 registers of AVX-512.
pub(crate) const MAX_ROWS: usize = 8;

/// Elements that may be read behind the end of what is asked for, but never matter.
pub(crate) const SLACK: usize = 64;

/// Rows of a tile on this machine: sums of all of them fill most of its registers.
fn rows_per_tile() -> usize {
    struct Rows;
    impl WithSimd for Rows {
        type Output = usize;
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            rows::<S>()
        }
    }
    pulp::Arch::new().dispatch(Rows)
}

/// See [`rows_per_tile`].
pub(crate) const fn rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { MAX_ROWS } else { 4 }
}

/// Length of a row of results: a whole number of tiles.
pub(crate) fn padded(num_positions: usize) -> usize {
    num_positions.next_multiple_of(48)
}
