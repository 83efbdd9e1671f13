//! Products on vectors, with AVX512-BF16.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, __mmask16, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
};
use std::mem::transmute;

use super::pack::mask;
use super::{Block, Into, LANES, Side, Tile};

/// Rows of the result that are computed at once. They divide a panel.
pub(super) const ROWS: usize = 8;

/// Panels that are computed at once: `ROWS * PANELS` sums fill most of the 32 vector registers.
pub(super) const PANELS: usize = 3;

/// Multiplies a tile of at most [`PANELS`] panels.
///
/// # Safety
/// The CPU has the instructions, and `out` the elements of the tile, which nothing else accesses.
pub(super) unsafe fn multiply(tile: &Tile) {
    // SAFETY: the caller vouches for all of it.
    unsafe {
        match tile.side {
            Side::Left => multiply_rows::<false>(tile),
            Side::Right => multiply_rows::<true>(tile),
        }
    }
}

/// `BY_STEPS` says that blocks on the left lie as on the right.
///
/// # Safety
/// As [`multiply`].
unsafe fn multiply_rows<const BY_STEPS: bool>(tile: &Tile) {
    // SAFETY: the caller vouches for all of it.
    unsafe {
        match *tile.right {
            [first] => multiply_panels::<BY_STEPS, 1>(tile, [first]),
            [first, second] => multiply_panels::<BY_STEPS, 2>(tile, [first, second]),
            [first, second, third] => {
                multiply_panels::<BY_STEPS, 3>(tile, [first, second, third]);
            }
            _ => unreachable!("a tile has at most {PANELS} panels"),
        }
    }
}

/// # Safety
/// As [`multiply`].
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn multiply_panels<const BY_STEPS: bool, const N: usize>(tile: &Tile, right: [&[Block]; N]) {
    let (left, lane) = (tile.left[0], tile.lane);
    assert!(lane + ROWS <= LANES && right.iter().all(|panel| panel.len() == left.len()));
    let mut sums = [[_mm512_setzero_ps(); N]; ROWS];
    for (block, Block(left)) in left.iter().enumerate() {
        for pair in 0..LANES {
            let mut columns = [_mm512_set1_epi32(0); N];
            for index in 0..N {
                let steps = &right[index][block].0[pair];
                // SAFETY: 64 bytes.
                columns[index] = unsafe { _mm512_loadu_si512(steps.as_ptr().cast()) };
            }
            for row in 0..ROWS {
                let value = if BY_STEPS {
                    left[pair][lane + row]
                } else {
                    left[lane + row][pair]
                };
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
pub(super) unsafe fn put(into: Into, sum: __m512, mask: __mmask16, place: *mut f32) {
    // SAFETY: the caller vouches for the elements.
    unsafe {
        let sum = match into {
            Into::Overwrite => sum,
            Into::Add => _mm512_add_ps(_mm512_maskz_loadu_ps(mask, place), sum),
            Into::Blend { keep, scale } => {
                let sum = _mm512_mul_ps(sum, _mm512_set1_ps(scale));
                if keep == 0.0 {
                    sum
                } else {
                    let kept = _mm512_maskz_loadu_ps(mask, place);
                    _mm512_fmadd_ps(kept, _mm512_set1_ps(keep), sum)
                }
            }
        };
        _mm512_mask_storeu_ps(place, mask, sum);
    }
}
