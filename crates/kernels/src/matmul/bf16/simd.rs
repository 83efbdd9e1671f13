//! The instructions: rounding and packing an operand, and multiplying one tile of a product.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, __mmask16, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_fmadd_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_permutexvar_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::{MaybeUninit, transmute};

use super::{Into, LANES, Matrix, Pairs, ROWS};

/// Packs the panels of `matrix` from `first_panel` on that `panels` has room for.
///
/// # Panics
/// When `panels` is no whole number of panels of this matrix, or reaches beyond its last one.
pub(super) fn pack(matrix: Matrix, first_panel: usize, panels: &mut [MaybeUninit<Pairs>]) {
    let num_pairs = matrix.rows.div_ceil(2);
    assert_eq!(panels.len() % num_pairs, 0, "only whole panels are packed");
    let end = first_panel + panels.len() / num_pairs;
    assert!(end <= matrix.columns.div_ceil(LANES), "a panel has columns");
    // SAFETY: whoever has a `Packed` made has asked for the instructions; the panels exist.
    unsafe {
        if matrix.column_stride == 1 {
            pack_rows(matrix, first_panel, panels);
        } else {
            pack_columns(matrix, first_panel, panels);
        }
    }
}

/// The first `count` lanes, of which there are [`LANES`].
fn mask(count: usize) -> __mmask16 {
    match count {
        0..LANES => (1 << count) - 1,
        _ => __mmask16::MAX,
    }
}

/// Of a matrix whose rows lie in order: two rows become the pairs of all columns.
///
/// # Safety
/// The CPU has the instructions, `panels` are whole and panels of the matrix.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pack_rows(matrix: Matrix, first_panel: usize, panels: &mut [MaybeUninit<Pairs>]) {
    let num_pairs = matrix.rows.div_ceil(2);
    let mut order = [0_u16; 2 * LANES];
    for lane in 0..LANES {
        #[allow(clippy::cast_possible_truncation)] // below 32
        let lane_of_first = lane as u16;
        order[2 * lane] = lane_of_first;
        order[2 * lane + 1] = lane_of_first + 16;
    }
    // SAFETY: an array of 64 bytes.
    let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
    for pair in 0..num_pairs {
        for (panel, out) in panels.chunks_exact_mut(num_pairs).enumerate() {
            let column = (first_panel + panel) * LANES;
            let mask = mask(matrix.columns - column);
            let row = |row: usize| {
                // SAFETY: the constructors of `Matrix` keep its elements inside the slice, and
                // only those within the row are read.
                unsafe {
                    let start = matrix.data.as_ptr().add(row * matrix.row_stride + column);
                    _mm512_maskz_loadu_ps(mask, start)
                }
            };
            let first = row(2 * pair);
            let second = if 2 * pair + 1 < matrix.rows {
                row(2 * pair + 1)
            } else {
                _mm512_setzero_ps()
            };
            // SAFETY: both are 64 bytes.
            let rounded: __m512i = unsafe { transmute(_mm512_cvtne2ps_pbh(second, first)) };
            let pairs = _mm512_permutexvar_epi16(order, rounded);
            // SAFETY: 64 bytes of ours.
            unsafe { _mm512_storeu_si512(out[pair].as_mut_ptr().cast(), pairs) };
        }
    }
}

/// Of a matrix whose columns lie in order: the pairs of 16 columns are transposed.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pack_columns(matrix: Matrix, first_panel: usize, panels: &mut [MaybeUninit<Pairs>]) {
    assert_eq!(matrix.row_stride, 1, "rows or columns lie in order");
    let num_pairs = matrix.rows.div_ceil(2);
    for (panel, out) in panels.chunks_exact_mut(num_pairs).enumerate() {
        let first_column = (first_panel + panel) * LANES;
        let num_columns = LANES.min(matrix.columns - first_column);
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            let row = block * 2 * LANES;
            let (low, high) = (
                mask(matrix.rows - row),
                mask((matrix.rows - row).saturating_sub(LANES)),
            );
            let mut columns = [_mm512_set1_epi32(0); LANES];
            for (index, rounded) in columns.iter_mut().take(num_columns).enumerate() {
                let place = (first_column + index) * matrix.column_stride + row;
                // SAFETY: the constructors of `Matrix` keep its elements inside the slice, and only
                // those of the column are read, the others masked out wherever they would lie.
                *rounded = unsafe {
                    let start = matrix.data.as_ptr().wrapping_add(place);
                    let first = _mm512_maskz_loadu_ps(low, start);
                    let second = _mm512_maskz_loadu_ps(high, start.wrapping_add(LANES));
                    transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first))
                };
            }
            let pairs = transposed(&columns);
            for (out, pairs) in out.iter_mut().zip(pairs) {
                // SAFETY: 64 bytes of ours.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), pairs) };
            }
        }
    }
}

/// Exchanges rows and columns of 16 x 16 numbers of 32 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: &[__m512i; LANES]) -> [__m512i; LANES] {
    let mut by_two = *rows;
    for at in (0..LANES).step_by(2) {
        by_two[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        by_two[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    // By four: the vector 4 q + c has, in its 128-bit part p, the column 4 p + c of rows 4 q to
    // 4 q + 3.
    let mut by_four = by_two;
    for at in (0..LANES).step_by(4) {
        by_four[at] = _mm512_unpacklo_epi64(by_two[at], by_two[at + 2]);
        by_four[at + 1] = _mm512_unpackhi_epi64(by_two[at], by_two[at + 2]);
        by_four[at + 2] = _mm512_unpacklo_epi64(by_two[at + 1], by_two[at + 3]);
        by_four[at + 3] = _mm512_unpackhi_epi64(by_two[at + 1], by_two[at + 3]);
    }
    let mut out = by_four;
    for c in 0..4 {
        let [q0, q1, q2, q3] = [0, 4, 8, 12].map(|q| by_four[q + c]);
        let even_01 = _mm512_shuffle_i32x4::<0b10_00_10_00>(q0, q1); // parts 0 2 of both
        let odd_01 = _mm512_shuffle_i32x4::<0b11_01_11_01>(q0, q1); // parts 1 3
        let even_23 = _mm512_shuffle_i32x4::<0b10_00_10_00>(q2, q3);
        let odd_23 = _mm512_shuffle_i32x4::<0b11_01_11_01>(q2, q3);
        out[c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_01, even_23);
        out[4 + c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_01, odd_23);
        out[8 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_01, even_23);
        out[12 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_01, odd_23);
    }
    out
}

/// A part of a product: some rows of the left operand by some panels of the right one.
pub(super) struct Tile<'a> {
    /// The panel of the rows.
    pub(super) left: &'a [Pairs],
    /// The first row in that panel.
    pub(super) lane: usize,
    /// At most [`ROWS`].
    pub(super) num_rows: usize,
    pub(super) num_columns: usize,
    /// The first element.
    pub(super) out: *mut f32,
    pub(super) out_stride: usize,
    pub(super) into: Into,
}

/// Multiplies a tile.
///
/// # Safety
/// The CPU has the instructions, and `out` the elements of the tile, which nothing else accesses.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn multiply<const N: usize>(tile: &Tile, right: [&[Pairs]; N]) {
    let num_pairs = tile.left.len();
    assert!(tile.lane + ROWS <= LANES && right.iter().all(|panel| panel.len() == num_pairs));
    let left: *const u32 = tile.left.as_ptr().cast::<u32>().wrapping_add(tile.lane);
    let right = right.map(<[Pairs]>::as_ptr);
    let mut sums = [[_mm512_setzero_ps(); N]; ROWS];
    for pair in 0..num_pairs {
        let mut columns = [_mm512_set1_epi32(0); N];
        for index in 0..N {
            // SAFETY: pair by pair through a panel that has them.
            columns[index] = unsafe { _mm512_loadu_si512(right[index].add(pair).cast()) };
        }
        for row in 0..ROWS {
            // SAFETY: the same, and `lane + row` is below `LANES`.
            let value = unsafe { *left.add(pair * LANES + row) };
            let value = _mm512_set1_epi32(value.cast_signed());
            for index in 0..N {
                // SAFETY: all three are 64 bytes.
                sums[row][index] = unsafe {
                    let (value, column) = (
                        transmute::<__m512i, __m512bh>(value),
                        transmute::<__m512i, __m512bh>(columns[index]),
                    );
                    _mm512_dpbf16_ps(sums[row][index], value, column)
                };
            }
        }
    }
    for (row, sums) in sums.iter().enumerate().take(tile.num_rows) {
        for (index, &sum) in sums.iter().enumerate() {
            let mask = mask(tile.num_columns - index * LANES);
            // SAFETY: an element of the tile, and `mask` leaves out what lies behind its columns.
            unsafe {
                let place = tile.out.add(row * tile.out_stride + index * LANES);
                put(tile.into, sum, mask, place);
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions; `place` has as many elements as `mask` leaves.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn put(into: Into, sum: __m512, mask: __mmask16, place: *mut f32) {
    let (keep, scale) = match into {
        Into::Overwrite => (0.0, 1.0),
        Into::Add => (1.0, 1.0),
        Into::Blend { keep, scale } => (keep, scale),
    };
    let mut sum = _mm512_mul_ps(sum, _mm512_set1_ps(scale));
    // SAFETY: the caller vouches for the elements.
    unsafe {
        if keep != 0.0 {
            let kept = _mm512_maskz_loadu_ps(mask, place);
            sum = _mm512_fmadd_ps(kept, _mm512_set1_ps(keep), sum);
        }
        _mm512_mask_storeu_ps(place, mask, sum);
    }
}
