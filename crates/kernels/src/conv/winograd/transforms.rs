//! Weights, patches and tiles into and out of the space where a convolution is a product.

use pulp::{Simd, WithSimd};

/// Elements behind the last tile that may be written with it, and never matter.
pub(super) const OVERSHOOT: usize = 16;

/// The 3 x 3 weights as 4 x 4 factors: `G g Gᵀ`.
pub(super) fn weights(taps: [f32; 9]) -> [f32; 16] {
    let widen = |a: f32, b: f32, c: f32| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    let mut rows = [[0.0; 4]; 3];
    for (row, taps) in rows.iter_mut().zip(taps.chunks_exact(3)) {
        *row = widen(taps[0], taps[1], taps[2]);
    }
    let mut factors = [0.0; 16];
    for column in 0..4 {
        let widened = widen(rows[0][column], rows[1][column], rows[2][column]);
        for (row, factor) in widened.into_iter().enumerate() {
            factors[row * 4 + column] = factor;
        }
    }
    factors
}

/// Patches of one channel: `Bᵀ d B` of each.
pub(super) struct Spread<'a> {
    /// Even rows: even columns, odd columns; odd rows: even columns, odd columns.
    pub(super) planes: &'a [f32],
    pub(super) plane_len: usize,
    /// From one row of a plane to the next, and from one row of tiles to the next.
    pub(super) pitch: usize,
    /// The first tile.
    pub(super) first: usize,
    pub(super) count: usize,
    /// `[place, tile]`, places `stride` apart, with room for `OVERSHOOT` more.
    pub(super) patches: &'a mut [f32],
    pub(super) stride: usize,
}

impl WithSimd for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        for tile in (0..self.count).step_by(lanes) {
            let start = self.first + tile;
            let mut rows = [[simd.splat_f32s(0.0); 4]; 4];
            for (y, row) in rows.iter_mut().enumerate() {
                let even = y % 2 * 2 * self.plane_len + start + y / 2 * self.pitch;
                let even = &self.planes[even..];
                let odd = &even[self.plane_len..];
                let patch = [
                    load::<S>(even),
                    load::<S>(odd),
                    load::<S>(&even[1..]),
                    load::<S>(&odd[1..]),
                ];
                *row = spread(simd, patch);
            }
            for x in 0..4 {
                let column = spread(simd, [rows[0][x], rows[1][x], rows[2][x], rows[3][x]]);
                for (y, values) in column.into_iter().enumerate() {
                    store::<S>(
                        &mut self.patches[(y * 4 + x) * self.stride + tile..],
                        values,
                    );
                }
            }
        }
    }
}

#[inline(always)]
fn spread<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [
        simd.sub_f32s(a, c),
        simd.add_f32s(b, c),
        simd.sub_f32s(c, b),
        simd.sub_f32s(b, d),
    ]
}

/// Tiles of one map: `Aᵀ m A` of each.
pub(super) struct Gather<'a> {
    /// `[place, tile]`, places `stride` apart.
    pub(super) products: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
    /// `[pixel, tile]`, pixels `pixel_stride` apart; whole vectors are written.
    pub(super) tiles: &'a mut [f32],
    pub(super) pixel_stride: usize,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for tile in (0..self.count).step_by(S::F32_LANES) {
            let mut rows = [[simd.splat_f32s(0.0); 2]; 4];
            for (y, row) in rows.iter_mut().enumerate() {
                let mut products = [simd.splat_f32s(0.0); 4];
                for (x, product) in products.iter_mut().enumerate() {
                    *product = load::<S>(&self.products[(y * 4 + x) * self.stride + tile..]);
                }
                *row = gather(simd, products);
            }
            for x in 0..2 {
                let pixels = gather(simd, [rows[0][x], rows[1][x], rows[2][x], rows[3][x]]);
                for (y, values) in pixels.into_iter().enumerate() {
                    let start = (y * 2 + x) * self.pixel_stride + tile;
                    store::<S>(&mut self.tiles[start..], values);
                }
            }
        }
    }
}

#[inline(always)]
fn gather<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    [
        simd.add_f32s(simd.add_f32s(a, b), c),
        simd.sub_f32s(simd.sub_f32s(b, c), d),
    ]
}

#[inline(always)]
fn load<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

#[inline(always)]
fn store<S: Simd>(to: &mut [f32], values: S::f32s) {
    S::as_mut_simd_f32s(&mut to[..S::F32_LANES]).0[0] = values;
}
