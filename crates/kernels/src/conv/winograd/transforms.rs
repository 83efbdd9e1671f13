//! Weights, patches and tiles into and out of the space where a convolution is a product.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::pixels::{LANES, Pixels};

/// The 3 x 3 weights of some maps as 4 x 4 factors, column after column: `G g Gᵀ`.
pub(super) fn weights(taps: &[[f32; LANES]; 9]) -> [[f32; LANES]; 16] {
    let mut factors = [[0.0; LANES]; 16];
    for lane in 0..LANES {
        let widen = |a: f32, b: f32, c: f32| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
        let mut rows = [[0.0; 4]; 3];
        for (y, row) in rows.iter_mut().enumerate() {
            *row = widen(
                taps[y * 3][lane],
                taps[y * 3 + 1][lane],
                taps[y * 3 + 2][lane],
            );
        }
        for x in 0..4 {
            let column = widen(rows[0][x], rows[1][x], rows[2][x]);
            for (y, factor) in column.into_iter().enumerate() {
                factors[x * 4 + y][lane] = factor;
            }
        }
    }
    factors
}

/// How the pixels of a tile become the sixteen numbers of a product, column after column.
pub(super) trait Transform {
    /// Rows and columns that it looks at.
    const SIDE: usize;

    fn of<S: Simd>(&self, simd: S, pixels: [[S::f32s; 4]; 4]) -> Columns<S>;
}

/// Of an image: `Bᵀ d B`.
pub(super) struct Patches;

impl Transform for Patches {
    const SIDE: usize = 4;

    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, pixels: [[S::f32s; 4]; 4]) -> Columns<S> {
        let mut columns = [[simd.splat_f32s(0.0); 4]; 4];
        for y in 0..4 {
            let row = spread(simd, pixels[y]);
            for x in 0..4 {
                columns[x][y] = row[x];
            }
        }
        for column in &mut columns {
            *column = spread(simd, *column);
        }
        columns
    }
}

/// Of the gradient of a map: `A d Aᵀ`.
pub(super) struct Tiles;

impl Transform for Tiles {
    const SIDE: usize = 2;

    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, pixels: [[S::f32s; 4]; 4]) -> Columns<S> {
        let mut columns = [[simd.splat_f32s(0.0); 4]; 4];
        for y in 0..2 {
            let row = widen(simd, [pixels[y][0], pixels[y][1]]);
            for x in 0..4 {
                columns[x][y] = row[x];
            }
        }
        for column in &mut columns {
            *column = widen(simd, [column[0], column[1]]);
        }
        columns
    }
}

/// Some tiles of an image or a map, two pixels apart.
#[derive(Clone)]
pub(super) struct TilesOf<'a> {
    pub(super) pixels: &'a Pixels,
    /// Tiles of a row.
    pub(super) columns: usize,
    pub(super) tiles: Range<usize>,
}

/// The sixteen numbers of a product, column after column, of neighbouring channels.
pub(super) type Columns<S> = [[<S as Simd>::f32s; 4]; 4];

/// Where the transforms of tiles go.
pub(super) trait Sink {
    /// Takes in those of some channels, from `channel` on.
    fn put<S: Simd>(&mut self, tile: usize, channel: usize, columns: &Columns<S>);
}

/// Keeps them as they are.
pub(super) struct Plain<'a> {
    /// `[place, tile, channel]`, places `place_stride` apart.
    pub(super) values: &'a mut [f32],
    pub(super) place_stride: usize,
    pub(super) channels: usize,
}

impl Sink for Plain<'_> {
    #[inline(always)]
    fn put<S: Simd>(&mut self, tile: usize, channel: usize, columns: &Columns<S>) {
        for (place, &values) in columns.as_flattened().iter().enumerate() {
            let start = place * self.place_stride + tile * self.channels + channel;
            store::<S>(&mut self.values[start..], values);
        }
    }
}

/// Transforms some tiles.
pub(super) struct Collect<'a, K, T> {
    pub(super) tiles: TilesOf<'a>,
    /// The first one's number in the sink.
    pub(super) first: usize,
    pub(super) sink: K,
    pub(super) transform: T,
}

impl<K: Sink, T: Transform> WithSimd for Collect<'_, K, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            tiles:
                TilesOf {
                    pixels:
                        &Pixels {
                            ref values,
                            width,
                            channels,
                            ..
                        },
                    columns,
                    tiles,
                },
            first,
            mut sink,
            transform,
        } = self;
        for (index, tile) in (first..).zip(tiles) {
            let start = (2 * (tile / columns) * width + 2 * (tile % columns)) * channels;
            for channel in (0..channels).step_by(S::F32_LANES) {
                let mut pixels = [[simd.splat_f32s(0.0); 4]; 4];
                for (y, pixels) in pixels.iter_mut().take(T::SIDE).enumerate() {
                    for (x, pixel) in pixels.iter_mut().take(T::SIDE).enumerate() {
                        let place = start + (y * width + x) * channels + channel;
                        *pixel = load::<S>(&values[place..]);
                    }
                }
                sink.put::<S>(index, channel, &transform.of(simd, pixels));
            }
        }
    }
}

/// The pixels of some tiles: `Aᵀ m A` of each.
pub(super) struct Gather<'a> {
    /// `[place, tile, map]`, places `place_stride` apart.
    pub(super) products: &'a [f32],
    pub(super) place_stride: usize,
    /// Tiles of a row.
    pub(super) columns: usize,
    pub(super) tiles: Range<usize>,
    pub(super) maps: Range<usize>,
    pub(super) pixels: &'a mut Pixels,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Pixels {
            values,
            width,
            channels,
            ..
        } = self.pixels;
        let num_maps = self.maps.len();
        for (index, tile) in self.tiles.enumerate() {
            let (row, column) = (tile / self.columns, tile % self.columns);
            let start = (2 * row * *width + 2 * column) * *channels + self.maps.start;
            for map in (0..num_maps).step_by(S::F32_LANES) {
                let mut columns = [[simd.splat_f32s(0.0); 2]; 4];
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut products = [simd.splat_f32s(0.0); 4];
                    for (y, product) in products.iter_mut().enumerate() {
                        let place = (x * 4 + y) * self.place_stride + index * num_maps + map;
                        *product = load::<S>(&self.products[place..]);
                    }
                    *column = narrow(simd, products);
                }
                for y in 0..2 {
                    let row = [columns[0][y], columns[1][y], columns[2][y], columns[3][y]];
                    for (x, pixel) in narrow(simd, row).into_iter().enumerate() {
                        let place = start + (y * *width + x) * *channels + map;
                        store::<S>(&mut values[place..], pixel);
                    }
                }
            }
        }
    }
}

/// The taps of one map from what their factors got: `Gᵀ m G`.
pub(super) struct Taps<'a> {
    /// `[place, channel]`, places `place_stride` apart.
    pub(super) sums: &'a [f32],
    pub(super) place_stride: usize,
    /// `[channel, 3, 3]`
    pub(super) weights: &'a mut [f32],
}

impl WithSimd for Taps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut found = [[0.0; LANES]; 9];
        for (index, channels) in self.weights.chunks_mut(9 * S::F32_LANES).enumerate() {
            let mut columns = [[simd.splat_f32s(0.0); 3]; 4];
            for (x, column) in columns.iter_mut().enumerate() {
                let mut sums = [simd.splat_f32s(0.0); 4];
                for (y, sum) in sums.iter_mut().enumerate() {
                    let place = (x * 4 + y) * self.place_stride + index * S::F32_LANES;
                    *sum = load::<S>(&self.sums[place..]);
                }
                *column = taps(simd, sums);
            }
            for y in 0..3 {
                let row = [columns[0][y], columns[1][y], columns[2][y], columns[3][y]];
                for (x, tap) in taps(simd, row).into_iter().enumerate() {
                    store::<S>(&mut found[y * 3 + x], tap);
                }
            }
            for (channel, taps) in channels.chunks_exact_mut(9).enumerate() {
                for (to, found) in taps.iter_mut().zip(&found) {
                    *to = found[channel];
                }
            }
        }
    }
}

/// `Bᵀ d`
#[inline(always)]
fn spread<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [
        simd.sub_f32s(a, c),
        simd.add_f32s(b, c),
        simd.sub_f32s(c, b),
        simd.sub_f32s(b, d),
    ]
}

/// `Aᵀ m`
#[inline(always)]
fn narrow<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    [
        simd.add_f32s(simd.add_f32s(a, b), c),
        simd.sub_f32s(simd.sub_f32s(b, c), d),
    ]
}

/// `A d`
#[inline(always)]
fn widen<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [
        a,
        simd.add_f32s(a, b),
        simd.sub_f32s(a, b),
        simd.sub_f32s(simd.splat_f32s(0.0), b),
    ]
}

/// `Gᵀ m`
#[inline(always)]
fn taps<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
    let half = simd.splat_f32s(0.5);
    let sum = simd.mul_f32s(half, simd.add_f32s(b, c));
    let difference = simd.mul_f32s(half, simd.sub_f32s(b, c));
    [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
}

#[inline(always)]
fn load<S: Simd>(values: &[f32]) -> S::f32s {
    S::as_simd_f32s(&values[..S::F32_LANES]).0[0]
}

#[inline(always)]
pub(super) fn store<S: Simd>(to: &mut [f32], values: S::f32s) {
    S::as_mut_simd_f32s(&mut to[..S::F32_LANES]).0[0] = values;
}
