//! Rounding an operand, and laying it into blocks.

use std::arch::x86_64::{
    __m256i, __m512, __m512bh, __m512i, __mmask16, _MM_HINT_T1, _mm_prefetch, _mm512_castsi512_ps,
    _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_extracti64x4_epi64,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_permutexvar_epi16,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32,
    _mm512_storeu_si512, _mm512_sub_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::{MaybeUninit, transmute};

use super::{Block, LANES, Matrix, Parts, STEPS, Side};

/// 16 vectors: a block, before it meets memory.
type Vectors = [__m512i; LANES];

/// Packs the panels of `matrix` from `first_panel` on that `panels` has room for.
///
/// # Panics
/// When `panels` is no whole number of panels of this matrix, or reaches beyond its last one.
pub(super) fn pack(
    matrix: Matrix,
    first_panel: usize,
    parts: Parts,
    side: Side,
    panels: &mut [MaybeUninit<Block>],
) {
    // SAFETY: whoever has a `Packed` made has asked for the instructions.
    unsafe {
        match parts {
            Parts::One => pack_parts::<1>(matrix, first_panel, side, panels),
            Parts::Two => pack_parts::<2>(matrix, first_panel, side, panels),
        }
    }
}

/// # Safety
/// The CPU has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pack_parts<const PARTS: usize>(
    matrix: Matrix,
    first_panel: usize,
    side: Side,
    panels: &mut [MaybeUninit<Block>],
) {
    let num_blocks = matrix.rows.div_ceil(STEPS);
    let panel_len = num_blocks * PARTS;
    assert_eq!(panels.len() % panel_len, 0, "only whole panels are packed");
    let end = first_panel + panels.len() / panel_len;
    assert!(end <= matrix.columns.div_ceil(LANES), "a panel has columns");
    let lie_by_rows = matrix.column_stride == 1;
    assert!(
        lie_by_rows || matrix.row_stride == 1,
        "rows or columns lie in order"
    );
    // Neighbouring panels lie in neighbouring memory.
    for block in 0..num_blocks {
        for (panel, out) in panels.chunks_exact_mut(panel_len).enumerate() {
            let (row, column) = (block * STEPS, (first_panel + panel) * LANES);
            // SAFETY: the panels and blocks are those of the matrix.
            let mut parts: [Vectors; PARTS] = unsafe {
                if lie_by_rows {
                    of_rows(matrix, row, column)
                } else {
                    of_columns(matrix, row, column)
                }
            };
            if lie_by_rows != (side == Side::Right) {
                for part in &mut parts {
                    *part = transposed(part);
                }
            }
            for (out, part) in out[block * PARTS..].iter_mut().zip(&parts) {
                let out = out.as_mut_ptr().cast::<__m512i>();
                for (index, &vector) in part.iter().enumerate() {
                    // SAFETY: a block is 16 vectors of 64 bytes.
                    unsafe { _mm512_storeu_si512(out.add(index), vector) };
                }
            }
        }
    }
}

/// The first `count` lanes, of which there are [`LANES`].
pub(super) fn mask(count: usize) -> __mmask16 {
    match count {
        0..LANES => (1 << count) - 1,
        _ => __mmask16::MAX,
    }
}

/// Of a matrix whose rows lie in order: two neighbouring steps of all columns in each vector.
///
/// # Safety
/// The CPU has the instructions; row and column lie in the matrix.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn of_rows<const PARTS: usize>(
    matrix: Matrix,
    row: usize,
    column: usize,
) -> [Vectors; PARTS] {
    // SAFETY: 64 bytes.
    let order = unsafe { _mm512_loadu_si512(INTERLEAVED.as_ptr().cast()) };
    let mask = mask(matrix.columns - column);
    let load = |row: usize| {
        if row >= matrix.rows {
            return _mm512_setzero_ps();
        }
        // SAFETY: the constructors of `Matrix` keep its elements inside the slice, and only those
        // within the row are read.
        unsafe {
            let start = matrix.data.as_ptr().add(row * matrix.row_stride + column);
            fetch(start, STEPS * matrix.row_stride);
            _mm512_maskz_loadu_ps(mask, start)
        }
    };
    let mut parts = [[_mm512_setzero_si512(); LANES]; PARTS];
    for pair in 0..LANES {
        let row = row + 2 * pair;
        let rounded = split::<PARTS>(load(row), load(row + 1));
        for (part, rounded) in parts.iter_mut().zip(rounded) {
            part[pair] = _mm512_permutexvar_epi16(order, rounded);
        }
    }
    parts
}

/// Asks for what lies `ahead` elements behind `start`, in the next block: rows or columns far from each other are
/// more than the CPU follows by itself. It goes to the second cache, as it may be of one set of the first.
#[inline(always)]
fn fetch(start: *const f32, ahead: usize) {
    // SAFETY: a hint, for any address.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(ahead).cast()) };
}

/// Brings each number of the lower half together with its neighbour in the upper one.
#[allow(clippy::cast_possible_truncation)] // below 32
pub(super) const INTERLEAVED: [u16; STEPS] = {
    let mut order = [0; STEPS];
    let mut lane = 0;
    while lane < LANES {
        order[2 * lane] = lane as u16;
        order[2 * lane + 1] = (lane + LANES) as u16;
        lane += 1;
    }
    order
};

/// Of a matrix whose columns lie in order: all steps of one column in each vector.
///
/// # Safety
/// As [`of_rows`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn of_columns<const PARTS: usize>(
    matrix: Matrix,
    row: usize,
    column: usize,
) -> [Vectors; PARTS] {
    let left = matrix.rows - row;
    let (low, high) = (mask(left), mask(left.saturating_sub(LANES)));
    let mut parts = [[_mm512_setzero_si512(); LANES]; PARTS];
    for lane in 0..LANES.min(matrix.columns - column) {
        let place = (column + lane) * matrix.column_stride + row;
        // SAFETY: the constructors of `Matrix` keep its elements inside the slice, and only those of
        // the column are read, the others masked out wherever they would lie.
        let (first, second) = unsafe {
            let start = matrix.data.as_ptr().wrapping_add(place);
            fetch(start, STEPS);
            fetch(start, STEPS + LANES);
            (
                _mm512_maskz_loadu_ps(low, start),
                _mm512_maskz_loadu_ps(high, start.wrapping_add(LANES)),
            )
        };
        let rounded = split::<PARTS>(first, second);
        for (part, rounded) in parts.iter_mut().zip(rounded) {
            part[lane] = rounded;
        }
    }
    parts
}

/// The numbers rounded, two in each; then what that leaves, rounded; and so on.
#[inline(always)]
pub(super) fn by_twos<const PARTS: usize>(values: &[f32; LANES]) -> [[u32; LANES / 2]; PARTS] {
    // SAFETY: whoever has a `Packed` made has asked for the instructions; `values` are 64 bytes, and so
    // are two halves of what is split.
    unsafe {
        split::<PARTS>(_mm512_loadu_ps(values.as_ptr()), _mm512_setzero_ps())
            .map(|part| transmute::<__m256i, [u32; LANES / 2]>(_mm512_castsi512_si256(part)))
    }
}

/// As [`by_twos`], in the lower half of one each.
#[inline(always)]
pub(super) fn one_by_one<const PARTS: usize>(values: &[f32; LANES]) -> [[u32; LANES]; PARTS] {
    // SAFETY: as there.
    unsafe {
        split::<PARTS>(_mm512_loadu_ps(values.as_ptr()), _mm512_setzero_ps()).map(|part| {
            let widened = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(part));
            transmute::<__m512i, [u32; LANES]>(widened)
        })
    }
}

/// Lays a block of the right operand as one of the left.
pub(super) fn turn(block: &mut Block) {
    // SAFETY: whoever has a `Packed` made has asked for the instructions; a block is 16 vectors.
    unsafe {
        let rows = transmute::<[[u32; LANES]; LANES], Vectors>(block.0);
        block.0 = transmute::<Vectors, [[u32; LANES]; LANES]>(transposed(&rows));
    }
}

/// Both vectors rounded, `first` in the lower half; then what that leaves, rounded; and so on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn split<const PARTS: usize>(mut first: __m512, mut second: __m512) -> [__m512i; PARTS] {
    let mut parts = [_mm512_setzero_si512(); PARTS];
    for index in 0..PARTS {
        let rounded = _mm512_cvtne2ps_pbh(second, first);
        // SAFETY: both are 64 bytes.
        parts[index] = unsafe { transmute::<__m512bh, __m512i>(rounded) };
        if index + 1 < PARTS {
            first = _mm512_sub_ps(first, widened(_mm512_castsi512_si256(parts[index])));
            let upper = _mm512_extracti64x4_epi64::<1>(parts[index]);
            second = _mm512_sub_ps(second, widened(upper));
        }
    }
    parts
}

/// The numbers in bf16 as `f32`.
#[inline]
#[target_feature(enable = "avx512f")]
fn widened(rounded: __m256i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(rounded)))
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
