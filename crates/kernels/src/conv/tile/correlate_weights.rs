//! Sums over all positions: the gradient of weights.

use pulp::{Simd, WithSimd};

use super::term::Term;
use super::{MAX_ROWS, rows};
use crate::matmul::bf16::Form;

/// Shifted rows and what they are multiplied by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Factors<'a> {
    /// Values and rows.
    Plain(&'a [f32], &'a [f32]),
    /// The same, rounded.
    Rounded(Form, &'a [u16], &'a [u16]),
}

/// Adds to `sums[row][term]` the sum over all positions of `rows[row][position]` times
/// `values[position + offset of the term]`.
pub(crate) struct CorrelateWeights<'a> {
    /// Rows are `row_len` apart, with zeros from `num_positions` to `zeros_end(num_positions)`.
    pub(crate) factors: Factors<'a>,
    /// Where each term begins in the values; at least `zeros_end(num_positions)` elements follow.
    pub(crate) offsets: &'a [usize],
    pub(crate) row_len: usize,
    pub(crate) num_positions: usize,
    /// Row after row, `offsets.len()` long.
    pub(crate) sums: &'a mut [f32],
}

/// Where the zeros behind a row of so many positions end: at a whole number of vectors of any kind.
pub(crate) fn zeros_end(num_positions: usize) -> usize {
    num_positions.next_multiple_of(32)
}

impl CorrelateWeights<'_> {
    pub(crate) fn run(self) {
        let CorrelateWeights {
            factors,
            offsets,
            row_len,
            num_positions,
            sums,
        } = self;
        match factors {
            Factors::Plain(values, rows) => pulp::Arch::new().dispatch(WeightCorrelation {
                form: (),
                values,
                offsets,
                rows,
                row_len,
                num_positions,
                sums,
            }),
            Factors::Rounded(form, values, rows) => form.dispatch(WeightCorrelation {
                form,
                values,
                offsets,
                rows,
                row_len,
                num_positions,
                sums,
            }),
        }
    }
}

/// [`CorrelateWeights`] with numbers of one kind.
struct WeightCorrelation<'a, T: Term> {
    form: T::Form,
    values: &'a [T],
    offsets: &'a [usize],
    rows: &'a [T],
    row_len: usize,
    num_positions: usize,
    sums: &'a mut [f32],
}

impl<T: Term> WithSimd for WeightCorrelation<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            correlate_weights::<S, T, 4, 6>(simd, self);
        } else {
            correlate_weights::<S, T, 2, 4>(simd, self);
        }
    }
}

#[inline(always)]
fn correlate_weights<S: Simd, T: Term, const ROWS: usize, const TERMS: usize>(
    simd: S,
    work: WeightCorrelation<T>,
) {
    let WeightCorrelation {
        form,
        values,
        offsets,
        rows,
        row_len,
        num_positions,
        sums,
    } = work;
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let length = num_positions.next_multiple_of(lanes);
    let num_terms = offsets.len();
    let num_rows = sums.len() / num_terms;
    for first_row in (0..num_rows).step_by(ROWS) {
        // Beyond the last row or term, the last one is taken again and its sum is dropped.
        let rows: [&[T::Vector<S>]; ROWS] = std::array::from_fn(|row| {
            let row = (first_row + row).min(num_rows - 1);
            T::vectors::<S>(&rows[row * row_len..][..length])
        });
        for first_term in (0..num_terms).step_by(TERMS) {
            let terms: [&[T::Vector<S>]; TERMS] = std::array::from_fn(|term| {
                let offset = offsets[(first_term + term).min(num_terms - 1)];
                T::vectors::<S>(&values[offset..][..length])
            });
            let mut tile = [[simd.splat_f32s(0.0); TERMS]; ROWS];
            for position in 0..length / lanes {
                for row in 0..ROWS {
                    for term in 0..TERMS {
                        let (a, b) = (rows[row][position], terms[term][position]);
                        tile[row][term] = T::add_product(form, simd, a, b, tile[row][term]);
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
