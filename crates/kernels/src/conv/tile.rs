//! The inner loops: sums of shifted rows, held in registers.

use pulp::{Simd, WithSimd};

/// Vectors of neighbouring positions that a tile holds for each of its rows.
const VECTORS: usize = 3;

/// The most rows a tile has, with the 32 registers of AVX-512.
pub(crate) const MAX_ROWS: usize = 8;

/// Elements that may be read behind the end of what is asked for, but never matter.
pub(crate) const SLACK: usize = 64;

/// Weights in the order in which a tile reads them.
pub(crate) struct PackedWeights {
    /// For each block of rows: the weights of all its rows for each term, side by side.
    values: Vec<f32>,
    num_rows: usize,
    num_terms: usize,
    block: usize,
}

impl PackedWeights {
    /// `weight` says what row and term are multiplied by.
    pub(crate) fn new(
        num_rows: usize,
        num_terms: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let block = rows_per_tile();
        let num_blocks = num_rows.div_ceil(block);
        let mut values = vec![0.0; num_blocks * num_terms * block];
        for row in 0..num_rows {
            let (index, inside) = (row / block, row % block);
            for term in 0..num_terms {
                values[(index * num_terms + term) * block + inside] = weight(row, term);
            }
        }
        Self {
            values,
            num_rows,
            num_terms,
            block,
        }
    }

    /// Rows of each block, and how many rows each has.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let (block, num_rows) = (self.block, self.num_rows);
        (0..num_rows.div_ceil(block))
            .map(move |index| index * block..num_rows.min((index + 1) * block))
    }

    fn of_block(&self, first_row: usize) -> &[f32] {
        let length = self.num_terms * self.block;
        &self.values[first_row / self.block * length..][..length]
    }
}

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

/// For one block of rows, sums `weight * values[position + offset]` over all terms at each position.
///
/// `sums` holds the rows of the block, each `padded(num_positions)` long and complete.
pub(crate) struct Correlate<'a> {
    pub(crate) values: &'a [f32],
    /// Where each term begins in `values`; at least `padded(num_positions)` elements follow.
    pub(crate) offsets: &'a [usize],
    pub(crate) weights: &'a PackedWeights,
    pub(crate) first_row: usize,
    pub(crate) num_positions: usize,
    pub(crate) sums: &'a mut [f32],
}

impl Correlate<'_> {
    pub(crate) fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            correlate::<S, MAX_ROWS>(simd, self);
        } else {
            correlate::<S, 4>(simd, self);
        }
    }
}

#[inline(always)]
fn correlate<S: Simd, const ROWS: usize>(simd: S, work: Correlate) {
    let Correlate {
        values,
        offsets,
        weights,
        first_row,
        num_positions,
        sums,
    } = work;
    let step = VECTORS * S::F32_LANES;
    let row_len = padded(num_positions);
    let (weights, _) = weights.of_block(first_row).as_chunks::<ROWS>();
    for position in (0..num_positions).step_by(step) {
        let values = &values[position..];
        let mut tile = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (&offset, weights) in offsets.iter().zip(weights) {
            let row = &S::as_simd_f32s(&values[offset..offset + step]).0[..VECTORS];
            for (sums, &weight) in tile.iter_mut().zip(weights) {
                let weight = simd.splat_f32s(weight);
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum = simd.mul_add_e_f32s(weight, value, *sum);
                }
            }
        }
        for (row, tile) in sums.chunks_exact_mut(row_len).zip(&tile) {
            S::as_mut_simd_f32s(&mut row[position..position + step]).0[..VECTORS]
                .copy_from_slice(tile);
        }
    }
}

/// Adds to `sums[row][term]` the sum over all positions of `rows[row][position]` times
/// `values[position + offset of the term]`.
pub(crate) struct CorrelateWeights<'a> {
    pub(crate) values: &'a [f32],
    /// Where each term begins in `values`; at least `padded(num_positions)` elements follow.
    pub(crate) offsets: &'a [usize],
    /// Each `row_len` apart, with zeros from `num_positions` to `padded(num_positions)`.
    pub(crate) rows: &'a [f32],
    pub(crate) row_len: usize,
    pub(crate) num_positions: usize,
    /// Row after row, `offsets.len()` long.
    pub(crate) sums: &'a mut [f32],
}

impl CorrelateWeights<'_> {
    pub(crate) fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl WithSimd for CorrelateWeights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            correlate_weights::<S, 4, 6>(simd, self);
        } else {
            correlate_weights::<S, 2, 4>(simd, self);
        }
    }
}

#[inline(always)]
fn correlate_weights<S: Simd, const ROWS: usize, const TERMS: usize>(
    simd: S,
    work: CorrelateWeights,
) {
    let CorrelateWeights {
        values,
        offsets,
        rows,
        row_len,
        num_positions,
        sums,
    } = work;
    let lanes = S::F32_LANES;
    let length = num_positions.next_multiple_of(lanes);
    let num_terms = offsets.len();
    let num_rows = sums.len() / num_terms;
    for first_row in (0..num_rows).step_by(ROWS) {
        // Beyond the last row or term, the last one is taken again and its sum is dropped.
        let rows: [&[S::f32s]; ROWS] = std::array::from_fn(|row| {
            let row = (first_row + row).min(num_rows - 1);
            S::as_simd_f32s(&rows[row * row_len..][..length]).0
        });
        for first_term in (0..num_terms).step_by(TERMS) {
            let terms: [&[S::f32s]; TERMS] = std::array::from_fn(|term| {
                let offset = offsets[(first_term + term).min(num_terms - 1)];
                S::as_simd_f32s(&values[offset..][..length]).0
            });
            let mut tile = [[simd.splat_f32s(0.0); TERMS]; ROWS];
            for position in 0..length / lanes {
                for row in 0..ROWS {
                    for term in 0..TERMS {
                        let (a, b) = (rows[row][position], terms[term][position]);
                        tile[row][term] = simd.mul_add_e_f32s(a, b, tile[row][term]);
                    }
                }
            }
            // All of them first: a tile of which only some are taken would not stay in registers.
            let mut totals = [[0.0; TERMS]; ROWS];
            for row in 0..ROWS {
                for term in 0..TERMS {
                    totals[row][term] = simd.reduce_sum_f32s(tile[row][term]);
                }
            }
            for (row, totals) in (first_row..num_rows).zip(&totals) {
                let sums = &mut sums[row * num_terms..][..num_terms];
                for (sum, total) in sums[first_term..].iter_mut().zip(totals) {
                    *sum += total;
                }
            }
        }
    }
}
