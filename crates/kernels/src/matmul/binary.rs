//! Products whose left factor is zeros and ones, as the units of a Boltzmann machine are once they are drawn: each
//! row of the product is a sum of some of the right factor's rows.
//!
//! Those are added four at a time. Any four have sixteen sums, which are made once; every row of the left factor
//! then picks one of them, where a product would multiply and add four times.
//! Arlazarov, Dinic, Kronrod and Faradžev 1970, as in Aho, Hopcroft and Ullman 1974, section 6.6.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Matrix;
use crate::vectors::{LANES, load_line, scatter, store_line};

/// Rows of the right factor whose sums are made at once.
const GROUP: usize = 4;

/// The sums of a group: one for each choice of its rows.
const CHOICES: usize = 1 << GROUP;

/// Groups whose choices are read together, as bits of one number.
const GROUPS: usize = u32::BITS as usize / GROUP;

/// Rows of the right factor in all those groups.
const STEPS: usize = GROUP * GROUPS;

/// Columns whose sums are made at once: with [`GROUPS`] groups they fill half of the first cache.
const WIDTH: usize = 2 * LANES;

/// Rows of the left factor below which it takes longer to make the sums than they save.
const MIN_ROWS: usize = 64;

/// The product of `a`, `[B, K]`, and `b`, where every element of `a` is 0 or 1 and there are enough rows to be worth
/// it.
///
/// # Panics
/// When the shapes do not fit each other.
pub(crate) fn product_of_binary(a: &[f32], num_rows: usize, b: Matrix) -> Option<Vec<f32>> {
    assert_eq!(
        a.len(),
        num_rows * b.rows,
        "the inner sizes of a product are equal"
    );
    if num_rows < MIN_ROWS || b.rows < STEPS || b.columns < LANES {
        return None;
    }
    let bits = Bits::new(a, num_rows)?;
    let starts: Vec<_> = (0..b.columns).step_by(WIDTH).collect();
    let blocks = starts.into_par_iter().map_init(Vec::new, |lines, start| {
        let columns = start..b.columns.min(start + WIDTH);
        lay_out(b.some_columns(columns), lines);
        bits.product(lines)
    });
    Some(side_by_side(&blocks.collect::<Vec<_>>(), b.columns))
}

/// Starts where a line of the cache does: vectors that lie in two of them take twice as long to read and write.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Aligned<T>(T);

/// Some columns of a row.
type Line = Aligned<[f32; WIDTH]>;

/// Which elements are 1.
struct Bits {
    num_rows: usize,
    /// `[step / STEPS, row]`, the first of the steps in the lowest bit.
    words: Vec<u32>,
}

impl Bits {
    /// `None` where an element is neither 0 nor 1.
    #[allow(clippy::float_cmp)] // it is exactly one of them
    fn new(a: &[f32], num_rows: usize) -> Option<Self> {
        let inner = a.len() / num_rows;
        let mut words = vec![0; inner.div_ceil(STEPS) * num_rows];
        for (row, values) in a.chunks_exact(inner).enumerate() {
            let words = words[row..].iter_mut().step_by(num_rows);
            for (word, values) in words.zip(values.chunks(STEPS)) {
                let mut is_binary = true;
                for (bit, &value) in values.iter().enumerate() {
                    is_binary &= value == 0.0 || value == 1.0;
                    *word |= u32::from(value == 1.0) << bit;
                }
                if !is_binary {
                    return None;
                }
            }
        }
        Some(Self { num_rows, words })
    }

    /// The product by the columns that were laid out.
    fn product(&self, lines: &[f32]) -> Vec<Line> {
        let mut sums = vec![Aligned([0.0; WIDTH]); self.num_rows];
        pulp::Arch::new().dispatch(AddChosen {
            lines,
            words: &self.words,
            sums: &mut sums,
        });
        sums
    }
}

/// Writes some columns to `[step, WIDTH]`, with zeros for the steps that fill the last word. What lies beyond the
/// columns means nothing.
fn lay_out(columns: Matrix, lines: &mut Vec<f32>) {
    let (inner, width) = (columns.rows, columns.columns);
    lines.resize(inner.next_multiple_of(STEPS) * WIDTH, 0.0);
    if columns.column_stride == 1 {
        for (step, line) in lines.chunks_exact_mut(WIDTH).take(inner).enumerate() {
            line[..width].copy_from_slice(&columns.data[step * columns.row_stride..][..width]);
        }
        return;
    }
    assert_eq!(
        [columns.row_stride, columns.column_stride],
        [1, inner],
        "rows or columns lie without gaps"
    );
    let all = columns.data[..width * inner].chunks(LANES * inner);
    for (index, columns) in all.enumerate() {
        let place = |step| step * WIDTH + index * LANES;
        let places: Vec<_> = (0..inner).map(place).collect();
        scatter(columns, &places, lines);
    }
}

/// Blocks of lines as one matrix.
fn side_by_side(blocks: &[Vec<Line>], num_columns: usize) -> Vec<f32> {
    let num_rows = blocks[0].len();
    let mut out = vec![0.0; num_rows * num_columns];
    let rows = out.par_chunks_exact_mut(num_columns).enumerate();
    rows.with_min_len(MIN_ROWS).for_each(|(row, out)| {
        for (to, block) in out.chunks_mut(WIDTH).zip(blocks) {
            to.copy_from_slice(&block[row].0[..to.len()]);
        }
    });
    out
}

/// Adds to each row of sums the lines that its words choose.
struct AddChosen<'a> {
    /// `[step, WIDTH]`
    lines: &'a [f32],
    /// `[step / STEPS, row]`
    words: &'a [u32],
    /// One for each row.
    sums: &'a mut [Line],
}

impl WithSimd for AddChosen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, { WIDTH / 16 }>(simd),
            8 => self.run::<S, { WIDTH / 8 }>(simd),
            4 => self.run::<S, { WIDTH / 4 }>(simd),
            _ => self.run::<S, WIDTH>(simd),
        }
    }
}

impl AddChosen<'_> {
    /// `N` vectors are as wide as a line.
    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let mut table = Aligned([[[simd.splat_f32s(0.0); N]; CHOICES]; GROUPS]);
        let words = self.words.chunks_exact(self.sums.len());
        for (lines, words) in self.lines.chunks_exact(STEPS * WIDTH).zip(words) {
            for (sums, lines) in table.0.iter_mut().zip(lines.chunks_exact(GROUP * WIDTH)) {
                sum_choices(simd, lines, sums);
            }
            for (&word, sums) in words.iter().zip(&mut *self.sums) {
                let mut row = load_line::<S, N>(&sums.0, S::F32_LANES);
                for (group, table) in table.0.iter().enumerate() {
                    let choice = (word >> (group * GROUP)) as usize % CHOICES;
                    for (sum, &chosen) in row.iter_mut().zip(&table[choice]) {
                        *sum = simd.add_f32s(*sum, chosen);
                    }
                }
                store_line::<S, N>(&mut sums.0, S::F32_LANES, row);
            }
        }
    }
}

/// The sums of every choice of four lines: one that is not chosen counts 0 times, so that what is not a number
/// stays none.
#[inline(always)]
fn sum_choices<S: Simd, const N: usize>(
    simd: S,
    lines: &[f32],
    sums: &mut [[S::f32s; N]; CHOICES],
) {
    let zero = simd.splat_f32s(0.0);
    for vector in 0..N {
        let column = &lines[vector * S::F32_LANES..];
        let line = load_line::<S, GROUP>(column, WIDTH);
        let none = line.map(|values| simd.mul_f32s(values, zero));
        let mut pairs = [[zero; 4]; 2];
        for (pair, sums) in pairs.iter_mut().enumerate() {
            let (first, second) = (2 * pair, 2 * pair + 1);
            *sums = [
                simd.add_f32s(none[first], none[second]),
                simd.add_f32s(line[first], none[second]),
                simd.add_f32s(none[first], line[second]),
                simd.add_f32s(line[first], line[second]),
            ];
        }
        for (sums, second) in sums.chunks_exact_mut(4).zip(pairs[1]) {
            for (sum, first) in sums.iter_mut().zip(pairs[0]) {
                sum[vector] = simd.add_f32s(first, second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;

    /// Zeros and ones, as many of one as of the other.
    fn binary(length: usize) -> Vec<f32> {
        let is_one = |&value: &f32| f32::from(u8::from(value > 0.0));
        numbers(length, 5).iter().map(is_one).collect()
    }

    /// Rows, columns, inner size: whole blocks and words, and some that are not.
    const SIZES: [[usize; 3]; 5] = [
        [128, 784, 500],
        [64, 64, 64],
        [65, 17, 35],
        [64, 16, 32],
        [72, 95, 1001],
    ];

    #[test]
    fn products_of_zeros_and_ones_are_sums_of_rows() {
        for [rows, columns, inner] in SIZES {
            let (a, b) = (binary(rows * inner), numbers(inner * columns, 6));
            for is_transposed in [false, true] {
                let (matrix, [down, right]) = if is_transposed {
                    (Matrix::new(&b, columns, inner).transposed(), [1, inner])
                } else {
                    (Matrix::new(&b, inner, columns), [columns, 1])
                };
                let product = product_of_binary(&a, rows, matrix).expect("it is worth it");
                assert_eq!(product.len(), rows * columns);
                for (place, &found) in product.iter().enumerate() {
                    let (row, column) = (place / columns, place % columns);
                    let term = |step| {
                        let b = b[step * down + column * right];
                        f64::from(a[row * inner + step] * b)
                    };
                    let expected: f64 = (0..inner).map(term).sum();
                    assert!(
                        (f64::from(found) - expected).abs() < 1e-4,
                        "{rows} x {columns}: {found} instead of {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let [rows, columns, inner] = [64, 16, 40];
        for lost in [f32::NAN, f32::INFINITY] {
            let mut b = numbers(inner * columns, 6);
            b[7 * columns + 3] = lost;
            let matrix = Matrix::new(&b, inner, columns);
            let a = vec![0.0; rows * inner];
            let product = product_of_binary(&a, rows, matrix).unwrap();
            for (place, value) in product.iter().enumerate() {
                assert_eq!(value.is_nan(), place % columns == 3, "{value} at {place}");
            }
        }
    }

    #[test]
    fn other_numbers_and_few_rows_are_left_to_others() {
        let b = numbers(64 * 64, 6);
        let b = Matrix::new(&b, 64, 64);
        assert!(product_of_binary(&binary(63 * 64), 63, b).is_none());
        for other in [0.5, -1.0, 2.0, f32::NAN, f32::INFINITY] {
            let mut a = binary(64 * 64);
            a[64 * 64 - 1] = other;
            assert!(product_of_binary(&a, 64, b).is_none(), "{other}");
        }
    }
}
