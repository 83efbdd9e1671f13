//! Vectors that lie apart from each other, and blocks of them whose rows become columns.
#![allow(unsafe_code)]

use pulp::Simd;

/// The lanes of the longest vectors.
pub(crate) const LANES: usize = 16;

/// Vectors that are `apart` elements from each other, the first at the start of `values`.
///
/// # Panics
/// When `values` ends before the last of them does.
#[inline(always)]
pub(crate) fn load_line<S: Simd, const N: usize>(values: &[f32], apart: usize) -> [S::f32s; N] {
    assert!((N - 1) * apart + S::F32_LANES <= values.len());
    std::array::from_fn(|index| {
        // SAFETY: the last of them ends in `values`.
        let values = unsafe { values.get_unchecked(index * apart..index * apart + S::F32_LANES) };
        S::as_simd_f32s(values).0[0]
    })
}

/// Writes where [`load_line`] reads.
///
/// # Panics
/// As [`load_line`].
#[inline(always)]
pub(crate) fn store_line<S: Simd, const N: usize>(
    values: &mut [f32],
    apart: usize,
    line: [S::f32s; N],
) {
    assert!((N - 1) * apart + S::F32_LANES <= values.len());
    for (index, vector) in line.into_iter().enumerate() {
        let place = index * apart..index * apart + S::F32_LANES;
        // SAFETY: the last of them ends in `values`.
        let values = unsafe { values.get_unchecked_mut(place) };
        S::as_mut_simd_f32s(values).0[0] = vector;
    }
}

/// Writes rows, `[row, column]`, as columns: each element at the place of its column and as many elements beyond
/// as its row has before it.
///
/// # Panics
/// When `rows` are no rows of as many columns as there are places, or `values` ends before an element does.
pub(crate) fn scatter(rows: &[f32], places: &[usize], values: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if x86::scatter(rows, places, values) {
        return;
    }
    for (index, row) in rows_of(rows, places) {
        for (&place, &value) in places.iter().zip(&rows[row]) {
            values[place + index] = value;
        }
    }
}

/// Reads rows from where [`scatter`] writes them.
///
/// # Panics
/// As [`scatter`].
pub(crate) fn gather(values: &[f32], places: &[usize], rows: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if x86::gather(values, places, rows) {
        return;
    }
    for (index, row) in rows_of(rows, places) {
        for (&place, to) in places.iter().zip(&mut rows[row]) {
            *to = values[place + index];
        }
    }
}

/// Where each row is.
fn rows_of(
    rows: &[f32],
    places: &[usize],
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + use<> {
    let (length, width) = (rows.len(), places.len());
    assert!(
        width > 0 && length.is_multiple_of(width),
        "rows have a column for each place"
    );
    (0..length / width).map(move |row| (row, row * width..(row + 1) * width))
}

/// In the registers of AVX-512 or AVX2.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{__m256, __m512};

    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, Simd};

    use super::{LANES, load_line, store_line};

    /// As [`super::scatter`]; whether it could.
    pub(super) fn scatter(rows: &[f32], places: &[usize], values: &mut [f32]) -> bool {
        let length = rows.len();
        let work = Scatter {
            rows,
            places,
            values,
        };
        run(length, places.len(), work)
    }

    /// As [`super::gather`]; whether it could.
    pub(super) fn gather(values: &[f32], places: &[usize], rows: &mut [f32]) -> bool {
        let length = rows.len();
        let work = Gather {
            values,
            places,
            rows,
        };
        run(length, places.len(), work)
    }

    /// What is done on vectors whose rows can be exchanged.
    trait Work {
        /// `N` are the lanes.
        fn run<S: Exchange, const N: usize>(self, simd: S);
    }

    /// Does it on the longest vectors of this CPU that the columns fill, of as many rows as the longest have lanes.
    fn run(length: usize, num_columns: usize, work: impl Work) -> bool {
        let fits = |lanes| length == LANES * num_columns && num_columns >= lanes;
        if let Some(simd) = V4::try_new().filter(|_| fits(V4::F32_LANES)) {
            simd.vectorize(On::<_, _, { V4::F32_LANES }>(simd, work));
        } else if let Some(simd) = V3::try_new().filter(|_| fits(V3::F32_LANES)) {
            simd.vectorize(On::<_, _, { V3::F32_LANES }>(simd, work));
        } else {
            return false;
        }
        true
    }

    struct On<S, W, const N: usize>(S, W);

    impl<S: Exchange, W: Work, const N: usize> NullaryFnOnce for On<S, W, N> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            self.1.run::<S, N>(self.0);
        }
    }

    struct Scatter<'a> {
        rows: &'a [f32],
        places: &'a [usize],
        values: &'a mut [f32],
    }

    impl Work for Scatter<'_> {
        #[inline(always)]
        fn run<S: Exchange, const N: usize>(self, simd: S) {
            let num_columns = self.places.len();
            for (index, rows) in self.rows.chunks_exact(N * num_columns).enumerate() {
                for (column, places) in blocks::<N>(self.places) {
                    let rows = load_line::<S, N>(&rows[column..], num_columns);
                    for (vector, place) in turned(simd, rows).into_iter().zip(places) {
                        store_line::<S, 1>(&mut self.values[place + index * N..], 0, [vector]);
                    }
                }
            }
        }
    }

    struct Gather<'a> {
        values: &'a [f32],
        places: &'a [usize],
        rows: &'a mut [f32],
    }

    impl Work for Gather<'_> {
        #[inline(always)]
        fn run<S: Exchange, const N: usize>(self, simd: S) {
            let num_columns = self.places.len();
            for (index, rows) in self.rows.chunks_exact_mut(N * num_columns).enumerate() {
                for (column, places) in blocks::<N>(self.places) {
                    let columns = places.map(|place| {
                        let [vector] = load_line::<S, 1>(&self.values[place + index * N..], 0);
                        vector
                    });
                    store_line::<S, N>(&mut rows[column..], num_columns, turned(simd, columns));
                }
            }
        }
    }

    /// As many places at once, and the first one's number; the last ones may have been among those before.
    #[inline(always)]
    fn blocks<const N: usize>(places: &[usize]) -> impl Iterator<Item = (usize, [usize; N])> {
        let last = places.len() - N;
        let starts = (0..places.len())
            .step_by(N)
            .map(move |start| start.min(last));
        starts.map(|start| (start, std::array::from_fn(|index| places[start + index])))
    }

    /// Rows as columns, of as many as a vector has lanes: rows half as many apart exchange halves,
    /// those a quarter apart then quarters, and so on.
    #[inline(always)]
    fn turned<S: Exchange, const N: usize>(simd: S, mut block: [S::f32s; N]) -> [S::f32s; N] {
        if N > 8 {
            exchange_all::<S, N, 8>(simd, &mut block);
        }
        exchange_all::<S, N, 4>(simd, &mut block);
        exchange_all::<S, N, 2>(simd, &mut block);
        exchange_all::<S, N, 1>(simd, &mut block);
        block
    }

    #[inline(always)]
    fn exchange_all<S: Exchange, const N: usize, const APART: usize>(
        simd: S,
        block: &mut [S::f32s; N],
    ) {
        for row in 0..N {
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
        fn turns_about<S: Exchange, const N: usize>(simd: S) {
            let num_columns = 19;
            let places: Vec<usize> = (0..num_columns)
                .map(|column| (column + column / 5) * 40)
                .collect();
            let rows = numbers(LANES * num_columns, 7);
            let mut values = vec![0.0; 40 * 23];
            Scatter {
                rows: &rows,
                places: &places,
                values: &mut values,
            }
            .run::<S, N>(simd);
            let mut expected = vec![0.0; values.len()];
            for (index, &value) in rows.iter().enumerate() {
                expected[places[index % num_columns] + index / num_columns] = value;
            }
            assert_eq!(values, expected);

            let mut back = vec![0.0; rows.len()];
            Gather {
                values: &values,
                places: &places,
                rows: &mut back,
            }
            .run::<S, N>(simd);
            assert_eq!(back, rows);
        }

        #[test]
        fn blocks_are_turned_about_and_back() {
            if let Some(simd) = V3::try_new() {
                turns_about::<V3, 8>(simd);
            }
            if let Some(simd) = V4::try_new() {
                turns_about::<V4, 16>(simd);
            }
        }
    }
}
