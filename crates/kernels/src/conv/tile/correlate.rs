//! Rows of sums from shifted rows of values: maps of images, and images of maps.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::term::Weight;
use super::weights::{PackedWeights, Weights};
use super::{MAX_ROWS, VECTORS, padded, rows};
use crate::matmul::bf16::ShiftedSums;

/// Rows that shifted pieces are taken of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    Plain(&'a [f32]),
    /// Two rows in one, rounded: half as many.
    ByTwos(&'a [u32]),
}

/// For one block of rows, sums `weight * values[position + offset]` over all terms at each position.
///
pub(crate) struct Correlate<'a> {
    /// In the form of the weights.
    pub(crate) values: Values<'a>,
    /// Where each term begins in `values`, as if they were plain; at least `padded(num_positions)`
    /// elements follow.
    pub(crate) offsets: &'a [usize],
    pub(crate) weights: &'a PackedWeights,
    /// The block.
    pub(crate) rows: Range<usize>,
    pub(crate) num_positions: usize,
    /// Becomes the rows of the block, each `padded(num_positions)` long; behind them may be others.
    pub(crate) sums: &'a mut Vec<f32>,
}

impl Correlate<'_> {
    /// # Panics
    /// When values and weights differ in their form.
    pub(crate) fn run(self) {
        let Correlate {
            values,
            offsets,
            weights,
            rows,
            num_positions,
            sums,
        } = self;
        sums.resize(weights.block() * padded(num_positions), 0.0);
        match (values, weights.of_block(rows.start)) {
            (Values::Plain(values), Weights::Plain(weights)) => {
                pulp::Arch::new().dispatch(Correlation {
                    form: (),
                    values,
                    offsets,
                    weights,
                    num_positions,
                    sums,
                });
            }
            (Values::ByTwos(values), Weights::ByTwos(form, weights)) => {
                form.dispatch(Correlation {
                    form,
                    values,
                    offsets,
                    weights,
                    num_positions,
                    sums,
                });
            }
            (Values::ByTwos(values), Weights::Tiles(form, weights, [num_pairs, num_terms])) => {
                // Row after row of values has all terms.
                let next = offsets.get(num_terms).unwrap_or(&offsets[0]);
                let sums = ShiftedSums {
                    values,
                    stride: next - offsets[0],
                    num_pairs,
                    weights,
                    num_rows: rows.len(),
                    num_positions,
                    sums,
                };
                let num_tiles = offsets
                    .len()
                    .div_ceil(num_terms)
                    .div_ceil(2)
                    .div_ceil(num_pairs);
                let tiles = offsets.chunks(num_pairs * num_terms).take(num_tiles);
                let first_rows = tiles.flat_map(|tile| &tile[..num_terms]);
                sums.run(form, &first_rows.copied().collect::<Vec<_>>());
            }
            _ => unreachable!("values are rounded where weights are"),
        }
    }
}

/// [`Correlate`] with terms of one kind. Where a term is two, so are the weights, and of the offsets the
/// first half matters: there each row of values is two.
struct Correlation<'a, T: Weight> {
    form: T::Form,
    values: &'a [T],
    offsets: &'a [usize],
    /// Of the block.
    weights: &'a [T],
    num_positions: usize,
    sums: &'a mut [f32],
}

impl<T: Weight> WithSimd for Correlation<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            correlate::<S, T, MAX_ROWS>(simd, self);
        } else {
            correlate::<S, T, 4>(simd, self);
        }
    }
}

#[inline(always)]
fn correlate<S: Simd, T: Weight, const ROWS: usize>(simd: S, work: Correlation<T>) {
    let Correlation {
        form,
        values,
        offsets,
        weights,
        num_positions,
        sums,
    } = work;
    let step = VECTORS * S::F32_LANES;
    let row_len = padded(num_positions);
    let (weights, _) = weights.as_chunks::<ROWS>();
    for position in (0..num_positions).step_by(step) {
        let values = &values[position..];
        let mut tile = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (&offset, weights) in offsets.iter().zip(weights) {
            let row = &T::vectors::<S>(&values[offset..offset + step])[..VECTORS];
            for (sums, &weight) in tile.iter_mut().zip(weights) {
                let weight = weight.splat(simd);
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum = T::add_product(form, simd, weight, value, *sum);
                }
            }
        }
        for (row, tile) in sums.chunks_exact_mut(row_len).zip(&tile) {
            S::as_mut_simd_f32s(&mut row[position..position + step]).0[..VECTORS]
                .copy_from_slice(tile);
        }
    }
}
