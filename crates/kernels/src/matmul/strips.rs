//! A right factor that many products of few rows share, in the order in which they read it.
//!
//! As it lies, neighbouring columns of one row are a few kilobytes from those of the next: in the caches they
//! push each other out, and every product would fetch or copy the whole matrix anew.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Matrix;

/// Vectors side by side that a tile of registers holds for each of its rows.
const VECTORS: usize = 3;

/// A matrix cut into strips of as many columns as a tile takes.
#[derive(Debug)]
pub(crate) struct Strips {
    /// Strip after strip, `[row, column]`; the last one is as wide as its vectors, filled up with zeros.
    values: Vec<f32>,
    num_rows: usize,
    num_columns: usize,
}

impl Strips {
    pub(super) fn new(matrix: Matrix) -> Self {
        let (num_rows, num_columns) = (matrix.rows, matrix.columns);
        let lanes = lanes();
        let mut values = vec![0.0; num_rows * num_columns.next_multiple_of(lanes)];
        let strips = values.par_chunks_mut((VECTORS * lanes * num_rows).max(1));
        strips.enumerate().for_each(|(index, strip)| {
            let first = index * VECTORS * lanes;
            let width = strip.len() / num_rows;
            let columns = matrix.some_columns(first..num_columns.min(first + width));
            fill(strip, width, columns);
        });
        Self {
            values,
            num_rows,
            num_columns,
        }
    }

    /// Adds the product of `a` by this factor to `out`, whose rows are `out_stride` elements apart, on the
    /// calling thread.
    ///
    /// # Panics
    /// When the shapes do not fit each other, or the elements of a row of `a` are not neighbours.
    pub(super) fn add_product(&self, a: Matrix, out: &mut [f32], out_stride: usize) {
        assert_eq!(
            a.columns, self.num_rows,
            "the inner sizes of a product are equal"
        );
        assert_eq!(a.column_stride, 1, "a row of the left factor has no gaps");
        super::check_room(a.rows, self.num_columns, out, out_stride);
        pulp::Arch::new().dispatch(Sums {
            a,
            strips: self,
            out,
            out_stride,
        });
    }
}

/// The lanes of a vector on this machine.
fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Lanes)
}

/// Writes some columns, which may be fewer than the strip is wide, to their strip.
fn fill(strip: &mut [f32], width: usize, columns: Matrix) {
    if columns.column_stride == 1 {
        for (row, to) in strip.chunks_exact_mut(width).enumerate() {
            let from = &columns.data[row * columns.row_stride..][..columns.columns];
            to[..columns.columns].copy_from_slice(from);
        }
        return;
    }
    let from = columns.data.chunks(columns.column_stride);
    for (index, column) in from.take(columns.columns).enumerate() {
        let to = strip[index..].iter_mut().step_by(width);
        for (to, &value) in to.zip(column.iter().step_by(columns.row_stride)) {
            *to = value;
        }
    }
}

struct Sums<'a> {
    a: Matrix<'a>,
    strips: &'a Strips,
    out: &'a mut [f32],
    out_stride: usize,
}

impl WithSimd for Sums<'_> {
    type Output = ();

    /// Sums of all rows fill most of the registers.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 {
            self.of_strips::<S, 8, 8>(simd);
        } else {
            self.of_strips::<S, 4, 6>(simd);
        }
    }
}

impl Sums<'_> {
    /// `ROWS` at once, or `NARROW` where there are fewer vectors of each.
    #[inline(always)]
    fn of_strips<S: Simd, const ROWS: usize, const NARROW: usize>(mut self, simd: S) {
        let strip_len = VECTORS * S::F32_LANES * self.strips.num_rows;
        let strips = self.strips.values.chunks(strip_len.max(1));
        for (index, strip) in strips.enumerate() {
            let column = index * VECTORS * S::F32_LANES;
            match strip.len() / (S::F32_LANES * self.strips.num_rows) {
                1 => self.of_rows::<S, NARROW, 1>(simd, strip, column),
                2 => self.of_rows::<S, NARROW, 2>(simd, strip, column),
                _ => self.of_rows::<S, ROWS, VECTORS>(simd, strip, column),
            }
        }
    }

    #[inline(always)]
    fn of_rows<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        strip: &[f32],
        column: usize,
    ) {
        for first in (0..self.a.rows).step_by(ROWS) {
            if first + 1 == self.a.rows {
                self.tile::<S, 1, VECTORS>(simd, strip, [first, column]);
            } else {
                self.tile::<S, ROWS, VECTORS>(simd, strip, [first, column]);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        strip: &[f32],
        [first_row, column]: [usize; 2],
    ) {
        let inner = self.strips.num_rows;
        // Beyond the last row, the last one is taken again and its sums are dropped.
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| {
            let row = (first_row + row).min(self.a.rows - 1);
            &self.a.data[row * self.a.row_stride..][..inner]
        });
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (step, values) in strip.chunks_exact(VECTORS * S::F32_LANES).enumerate() {
            let values = &S::as_simd_f32s(values).0[..VECTORS];
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let factor = simd.splat_f32s(row[step]);
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = simd.mul_add_e_f32s(factor, value, *sum);
                }
            }
        }
        let width = (self.strips.num_columns - column).min(VECTORS * S::F32_LANES);
        let rows = self.out.chunks_mut(self.out_stride).skip(first_row);
        for (row, sums) in rows.zip(&sums).take(self.a.rows - first_row) {
            let (whole, rest) = S::as_mut_simd_f32s(&mut row[column..column + width]);
            for (out, &sum) in whole.iter_mut().zip(sums) {
                *out = simd.add_f32s(*out, sum);
            }
            if !rest.is_empty() {
                let sum = simd.add_f32s(simd.partial_load_f32s(rest), sums[whole.len()]);
                simd.partial_store_f32s(rest, sum);
            }
        }
    }
}
