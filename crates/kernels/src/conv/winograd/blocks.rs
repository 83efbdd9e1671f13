//! Sixteen pixels of sixteen channels at a time, turned about in the registers of AVX-512.
//!
//! Each function says whether it could: elsewhere, and for fewer channels or pixels, it does nothing.

#[cfg(not(target_arch = "x86_64"))]
pub(super) use self::nowhere::{load, store};
#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::{load, store};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::__m512;

    use pulp::x86::V4;
    use pulp::{NullaryFnOnce, Simd};

    use super::super::pixels::LANES;

    /// Writes rows, `[channel, pixel]`, to the places of the pixels.
    pub(in super::super) fn load(
        rows: &[f32],
        places: &[usize],
        channel: usize,
        values: &mut [f32],
    ) -> bool {
        let Some(simd) = fitting(rows.len(), places.len()) else {
            return false;
        };
        simd.vectorize(Load {
            simd,
            rows,
            places,
            channel,
            values,
        });
        true
    }

    /// Writes the pixels at these places to rows, `[channel, pixel]`.
    pub(in super::super) fn store(
        values: &[f32],
        places: &[usize],
        channel: usize,
        rows: &mut [f32],
    ) -> bool {
        let Some(simd) = fitting(rows.len(), places.len()) else {
            return false;
        };
        simd.vectorize(Store {
            simd,
            values,
            places,
            channel,
            rows,
        });
        true
    }

    fn fitting(rows_len: usize, num_pixels: usize) -> Option<V4> {
        let fits = rows_len == LANES * num_pixels && num_pixels >= LANES;
        V4::try_new().filter(|_| fits)
    }

    /// The first pixel of each block; the last one may reach back into the one before.
    #[inline(always)]
    fn starts(num_pixels: usize) -> impl Iterator<Item = usize> {
        let last = num_pixels - LANES;
        (0..num_pixels)
            .step_by(LANES)
            .map(move |pixel| pixel.min(last))
    }

    struct Load<'a> {
        simd: V4,
        rows: &'a [f32],
        places: &'a [usize],
        channel: usize,
        values: &'a mut [f32],
    }

    impl NullaryFnOnce for Load<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            for pixel in starts(self.places.len()) {
                let mut block = [self.simd.splat_f32s(0.0); LANES];
                for (vector, row) in block
                    .iter_mut()
                    .zip(self.rows.chunks_exact(self.places.len()))
                {
                    *vector = V4::as_simd_f32s(&row[pixel..pixel + LANES]).0[0];
                }
                turn(self.simd, &mut block);
                for (vector, &place) in block.iter().zip(&self.places[pixel..pixel + LANES]) {
                    let to = &mut self.values[place + self.channel..][..LANES];
                    V4::as_mut_simd_f32s(to).0[0] = *vector;
                }
            }
        }
    }

    struct Store<'a> {
        simd: V4,
        values: &'a [f32],
        places: &'a [usize],
        channel: usize,
        rows: &'a mut [f32],
    }

    impl NullaryFnOnce for Store<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            for pixel in starts(self.places.len()) {
                let mut block = [self.simd.splat_f32s(0.0); LANES];
                for (vector, &place) in block.iter_mut().zip(&self.places[pixel..pixel + LANES]) {
                    let from = &self.values[place + self.channel..][..LANES];
                    *vector = V4::as_simd_f32s(from).0[0];
                }
                turn(self.simd, &mut block);
                for (vector, row) in block
                    .iter()
                    .zip(self.rows.chunks_exact_mut(self.places.len()))
                {
                    V4::as_mut_simd_f32s(&mut row[pixel..pixel + LANES]).0[0] = *vector;
                }
            }
        }
    }

    /// Rows become columns: rows eight apart exchange halves, those four apart then quarters, and so on.
    #[inline(always)]
    fn turn(simd: V4, block: &mut [V4Vector; LANES]) {
        exchange::<8>(simd, block);
        exchange::<4>(simd, block);
        exchange::<2>(simd, block);
        exchange::<1>(simd, block);
    }

    type V4Vector = <V4 as Simd>::f32s;

    /// Of rows that are APART from each other, exchanges runs of as many elements: those to the right in
    /// the upper row with those to the left in the lower one.
    #[inline(always)]
    fn exchange<const APART: u32>(simd: V4, block: &mut [V4Vector; LANES]) {
        // Below sixteen the lanes of the first, from there on those of the second.
        let (mut upper, mut lower) = ([0_u32; LANES], [0_u32; LANES]);
        for (lane, (upper, lower)) in (0..).zip(upper.iter_mut().zip(&mut lower)) {
            let stays = lane & APART == 0;
            *upper = if stays { lane } else { 16 + lane - APART };
            *lower = if stays { lane + APART } else { 16 + lane };
        }
        let (upper, lower) = (pulp::cast(upper), pulp::cast(lower));
        let apart = APART as usize;
        for row in 0..LANES {
            if row & apart == 0 {
                let a: __m512 = pulp::cast(block[row]);
                let b: __m512 = pulp::cast(block[row + apart]);
                let select = simd.avx512f;
                block[row] = pulp::cast(select._mm512_permutex2var_ps(a, upper, b));
                block[row + apart] = pulp::cast(select._mm512_permutex2var_ps(a, lower, b));
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod nowhere {
    pub(in super::super) fn load(_: &[f32], _: &[usize], _: usize, _: &mut [f32]) -> bool {
        false
    }

    pub(in super::super) fn store(_: &[f32], _: &[usize], _: usize, _: &mut [f32]) -> bool {
        false
    }
}
