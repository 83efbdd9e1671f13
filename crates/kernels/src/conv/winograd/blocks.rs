//! As many pixels of as many channels at a time as a vector has lanes, turned about in the registers of
//! AVX-512 or AVX2.
//!
//! Each function says whether it could: elsewhere, and for fewer channels or pixels, it does nothing.

#[cfg(not(target_arch = "x86_64"))]
pub(super) use self::nowhere::{load, store};
#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::{load, store};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{__m256, __m512};

    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, Simd};

    use super::super::pixels::LANES;

    /// Writes rows, `[channel, pixel]`, to the places of the pixels.
    pub(in super::super) fn load(
        rows: &[f32],
        places: &[usize],
        channel: usize,
        values: &mut [f32],
    ) -> bool {
        let length = rows.len();
        let load = Load {
            rows,
            places,
            channel,
            values,
        };
        run(length, places.len(), load)
    }

    /// Writes the pixels at these places to rows, `[channel, pixel]`.
    pub(in super::super) fn store(
        values: &[f32],
        places: &[usize],
        channel: usize,
        rows: &mut [f32],
    ) -> bool {
        let length = rows.len();
        let store = Store {
            values,
            places,
            channel,
            rows,
        };
        run(length, places.len(), store)
    }

    /// What is done on vectors whose rows can be exchanged.
    trait Work {
        fn run<S: Exchange>(self, simd: S);
    }

    /// Does it on the longest vectors of this CPU that the pixels fill, if there are any.
    fn run(rows_len: usize, num_pixels: usize, work: impl Work) -> bool {
        let fits = |lanes| rows_len == LANES * num_pixels && num_pixels >= lanes;
        if let Some(simd) = V4::try_new().filter(|_| fits(V4::F32_LANES)) {
            simd.vectorize(On(simd, work));
        } else if let Some(simd) = V3::try_new().filter(|_| fits(V3::F32_LANES)) {
            simd.vectorize(On(simd, work));
        } else {
            return false;
        }
        true
    }

    struct On<S, W>(S, W);

    impl<S: Exchange, W: Work> NullaryFnOnce for On<S, W> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            self.1.run(self.0);
        }
    }

    struct Load<'a> {
        rows: &'a [f32],
        places: &'a [usize],
        channel: usize,
        values: &'a mut [f32],
    }

    impl Work for Load<'_> {
        #[inline(always)]
        fn run<S: Exchange>(self, simd: S) {
            let num_pixels = self.places.len();
            let rows = self.rows.chunks_exact(S::F32_LANES * num_pixels);
            for (channels, rows) in rows.enumerate() {
                let channel = self.channel + channels * S::F32_LANES;
                for pixel in starts::<S>(num_pixels) {
                    let mut block = [simd.splat_f32s(0.0); LANES];
                    for (vector, row) in block.iter_mut().zip(rows.chunks_exact(num_pixels)) {
                        *vector = S::as_simd_f32s(&row[pixel..pixel + S::F32_LANES]).0[0];
                    }
                    turn(simd, &mut block);
                    let places = &self.places[pixel..pixel + S::F32_LANES];
                    for (vector, &place) in block.iter().zip(places) {
                        let to = &mut self.values[place + channel..][..S::F32_LANES];
                        S::as_mut_simd_f32s(to).0[0] = *vector;
                    }
                }
            }
        }
    }

    struct Store<'a> {
        values: &'a [f32],
        places: &'a [usize],
        channel: usize,
        rows: &'a mut [f32],
    }

    impl Work for Store<'_> {
        #[inline(always)]
        fn run<S: Exchange>(self, simd: S) {
            let num_pixels = self.places.len();
            let rows = self.rows.chunks_exact_mut(S::F32_LANES * num_pixels);
            for (channels, rows) in rows.enumerate() {
                let channel = self.channel + channels * S::F32_LANES;
                for pixel in starts::<S>(num_pixels) {
                    let mut block = [simd.splat_f32s(0.0); LANES];
                    let places = &self.places[pixel..pixel + S::F32_LANES];
                    for (vector, &place) in block.iter_mut().zip(places) {
                        let from = &self.values[place + channel..][..S::F32_LANES];
                        *vector = S::as_simd_f32s(from).0[0];
                    }
                    turn(simd, &mut block);
                    for (vector, row) in block.iter().zip(rows.chunks_exact_mut(num_pixels)) {
                        S::as_mut_simd_f32s(&mut row[pixel..pixel + S::F32_LANES]).0[0] = *vector;
                    }
                }
            }
        }
    }

    /// The first pixel of each block; the last one may reach back into the one before.
    #[inline(always)]
    fn starts<S: Simd>(num_pixels: usize) -> impl Iterator<Item = usize> {
        let last = num_pixels - S::F32_LANES;
        (0..num_pixels)
            .step_by(S::F32_LANES)
            .map(move |pixel| pixel.min(last))
    }

    /// Rows become columns, of as many as a vector has lanes: rows half as many apart exchange halves,
    /// those a quarter apart then quarters, and so on.
    #[inline(always)]
    fn turn<S: Exchange>(simd: S, block: &mut [S::f32s; LANES]) {
        let block = &mut block[..S::F32_LANES];
        if S::F32_LANES > 8 {
            exchange_all::<S, 8>(simd, block);
        }
        exchange_all::<S, 4>(simd, block);
        exchange_all::<S, 2>(simd, block);
        exchange_all::<S, 1>(simd, block);
    }

    #[inline(always)]
    fn exchange_all<S: Exchange, const APART: usize>(simd: S, block: &mut [S::f32s]) {
        for row in 0..block.len() {
            if row & APART == 0 {
                let (upper, lower) = simd.exchange::<APART>(block[row], block[row + APART]);
                block[row] = upper;
                block[row + APART] = lower;
            }
        }
    }

    trait Exchange: Simd {
        /// Of rows that are `APART` from each other, exchanges runs of as many elements: those to the right
        /// in the upper row with those to the left in the lower one.
        fn exchange<const APART: usize>(
            self,
            upper: Self::f32s,
            lower: Self::f32s,
        ) -> (Self::f32s, Self::f32s);
    }

    impl Exchange for V4 {
        #[inline(always)]
        #[allow(clippy::cast_possible_truncation)] // at most 8
        fn exchange<const APART: usize>(
            self,
            upper: Self::f32s,
            lower: Self::f32s,
        ) -> (Self::f32s, Self::f32s) {
            // Below sixteen the lanes of the upper row, from there on those of the lower.
            let (mut first, mut second) = ([0_u32; LANES], [0_u32; LANES]);
            let apart = APART as u32;
            for (lane, (first, second)) in (0..).zip(first.iter_mut().zip(&mut second)) {
                let stays = lane & apart == 0;
                *first = if stays { lane } else { 16 + lane - apart };
                *second = if stays { lane + apart } else { 16 + lane };
            }
            let (a, b): (__m512, __m512) = (pulp::cast(upper), pulp::cast(lower));
            let select = |lanes| pulp::cast(self.avx512f._mm512_permutex2var_ps(a, lanes, b));
            (select(pulp::cast(first)), select(pulp::cast(second)))
        }
    }

    impl Exchange for V3 {
        #[inline(always)]
        fn exchange<const APART: usize>(
            self,
            upper: Self::f32s,
            lower: Self::f32s,
        ) -> (Self::f32s, Self::f32s) {
            let (a, b): (__m256, __m256) = (pulp::cast(upper), pulp::cast(lower));
            let avx = self.avx;
            let (upper, lower) = match APART {
                // The first halves of both, and the second ones.
                4 => (
                    avx._mm256_permute2f128_ps::<0x20>(a, b),
                    avx._mm256_permute2f128_ps::<0x31>(a, b),
                ),
                // The same of each half.
                2 => (
                    avx._mm256_shuffle_ps::<0b01_00_01_00>(a, b),
                    avx._mm256_shuffle_ps::<0b11_10_11_10>(a, b),
                ),
                // The even lanes of both, and the odd ones.
                _ => (
                    avx._mm256_blend_ps::<0b1010_1010>(a, avx._mm256_moveldup_ps(b)),
                    avx._mm256_blend_ps::<0b1010_1010>(avx._mm256_movehdup_ps(a), b),
                ),
            };
            (pulp::cast(upper), pulp::cast(lower))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::testing::numbers;

        /// There and back, by way of the places; on a CPU with AVX-512 for both kinds of vectors.
        fn turns_about<S: Exchange>(simd: S) {
            let num_pixels = 19;
            let channel = 16;
            let places: Vec<usize> = (0..num_pixels)
                .map(|pixel| (pixel + pixel / 5) * 40)
                .collect();
            let rows = numbers(LANES * num_pixels, 7);
            let mut values = vec![0.0; 40 * 23];
            Load {
                rows: &rows,
                places: &places,
                channel,
                values: &mut values,
            }
            .run(simd);
            let mut expected = vec![0.0; values.len()];
            for (index, &value) in rows.iter().enumerate() {
                expected[places[index % num_pixels] + channel + index / num_pixels] = value;
            }
            assert_eq!(values, expected);

            let mut back = vec![0.0; rows.len()];
            Store {
                values: &values,
                places: &places,
                channel,
                rows: &mut back,
            }
            .run(simd);
            assert_eq!(back, rows);
        }

        #[test]
        fn blocks_are_turned_about_and_back() {
            if let Some(simd) = V3::try_new() {
                turns_about(simd);
            }
            if let Some(simd) = V4::try_new() {
                turns_about(simd);
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
