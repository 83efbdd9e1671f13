//! Numbers in bf16 that lie as they did in `f32`, for sums that are no products of matrices.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_loadu_si512,
    _mm512_mask_storeu_epi16, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_ps,
    _mm512_permutexvar_epi16, _mm512_setzero_ps,
};
use std::mem::{size_of, transmute, transmute_copy};

use pulp::Simd;

use super::pack::{INTERLEAVED, mask};
use super::{Form, LANES, Parts, STEPS};

impl Form {
    /// Whether numbers may lie in rows. In two parts they cannot: sums then stay in `f32`.
    pub(crate) fn takes_rows(self) -> bool {
        self.parts == Parts::One
    }

    /// Rounds each number.
    ///
    /// # Panics
    /// When there are not as many in `rounded`, or the form does not take rows.
    pub(crate) fn round(self, numbers: &[f32], rounded: &mut [u16]) {
        assert!(self.takes_rows(), "rounded to one number each");
        assert_eq!(numbers.len(), rounded.len(), "as many as there were");
        // SAFETY: a form exists only where the CPU has the instructions.
        unsafe { round(numbers, rounded) };
    }

    /// Rounds numbers of two rows, that of the second in the upper half; zeros where there is no second.
    ///
    /// # Panics
    /// When not all are of one length, or the form does not take rows.
    pub(crate) fn round_by_twos(self, first: &[f32], second: Option<&[f32]>, pairs: &mut [u32]) {
        assert!(self.takes_rows(), "rounded to one number each");
        let length = pairs.len();
        let as_long = |row: &[f32]| row.len() == length;
        assert!(
            as_long(first) && second.is_none_or(as_long),
            "as many as there were"
        );
        // SAFETY: a form exists only where the CPU has the instructions.
        unsafe { round_by_twos(first, second, pairs) };
    }

    /// Adds to each `f32` the products of two neighbouring numbers in bf16. Fast where
    /// [`Form::dispatch`] runs the caller.
    ///
    /// # Panics
    /// When the vectors are not the widest.
    #[inline(always)]
    pub(crate) fn add_products<S: Simd, V: Copy>(self, sums: S::f32s, a: V, b: V) -> S::f32s {
        debug_assert!(self.takes_rows(), "rounded to one number each");
        assert!(
            size_of::<S::f32s>() == size_of::<__m512>() && size_of::<V>() == size_of::<__m512i>(),
            "the vectors of the instruction"
        );
        // SAFETY: all of them are plain numbers of 64 bytes in all, and a form exists only where the CPU
        // has the instruction.
        unsafe {
            let sums = add_products(
                transmute_copy::<S::f32s, __m512>(&sums),
                transmute_copy::<V, __m512bh>(&a),
                transmute_copy::<V, __m512bh>(&b),
            );
            transmute_copy::<__m512, S::f32s>(&sums)
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn add_products(sums: __m512, a: __m512bh, b: __m512bh) -> __m512 {
    _mm512_dpbf16_ps(sums, a, b)
}

/// At most [`LANES`] numbers, the others zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(numbers: &[f32]) -> __m512 {
    // SAFETY: `mask` leaves out what lies behind the numbers.
    unsafe { _mm512_maskz_loadu_ps(mask(numbers.len()), numbers.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn round(numbers: &[f32], rounded: &mut [u16]) {
    for (numbers, rounded) in numbers.chunks(STEPS).zip(rounded.chunks_mut(STEPS)) {
        let (first, second) = numbers.split_at(numbers.len().min(LANES));
        let mask = u32::MAX >> (STEPS - rounded.len());
        // SAFETY: both are 64 bytes, and `mask` leaves out what lies behind the numbers.
        unsafe {
            let both =
                transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(load(second), load(first)));
            _mm512_mask_storeu_epi16(rounded.as_mut_ptr().cast(), mask, both);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn round_by_twos(first: &[f32], second: Option<&[f32]>, pairs: &mut [u32]) {
    // SAFETY: 64 bytes.
    let order = unsafe { _mm512_loadu_si512(INTERLEAVED.as_ptr().cast()) };
    for (index, pairs) in pairs.chunks_mut(LANES).enumerate() {
        let here = index * LANES..index * LANES + pairs.len();
        let second = match second {
            Some(second) => load(&second[here.clone()]),
            None => _mm512_setzero_ps(),
        };
        // SAFETY: both are 64 bytes, and `mask` leaves out what lies behind the pairs.
        unsafe {
            let both = _mm512_cvtne2ps_pbh(second, load(&first[here]));
            let both = _mm512_permutexvar_epi16(order, transmute::<__m512bh, __m512i>(both));
            _mm512_mask_storeu_epi32(pairs.as_mut_ptr().cast(), mask(pairs.len()), both);
        }
    }
}
