//! Weights, patches and tiles into and out of the space where a convolution is a product.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Scalar, Simd, WithSimd};

use super::lines::{Factors, Line, Narrow, Taps};
use super::pixels::Pixels;
use crate::vectors::{LANES, load_line, store_line};

/// The 3 x 3 weights of some maps as factors, column after column.
pub(super) fn weights<const SIDE: usize>(taps: &[[f32; LANES]; 9]) -> [[[f32; LANES]; SIDE]; SIDE]
where
    Factors: Line<3, SIDE>,
{
    let mut factors = [[[0.0; LANES]; SIDE]; SIDE];
    let mut between = [[0.0; 3]; SIDE];
    for lane in 0..LANES {
        both_ways::<Factors, _, 3, SIDE>(
            Scalar::new(),
            &mut between,
            |y| [0, 1, 2].map(|x| taps[y * 3 + x][lane]),
            |x, column| {
                for (factor, value) in factors[x].iter_mut().zip(column) {
                    factor[lane] = value;
                }
            },
        );
    }
    factors
}

/// Transforms rows, and what came of them as columns once more; of columns it makes rows in the same way.
/// What is in `between` has no effect.
#[inline(always)]
fn both_ways<L: Line<IN, OUT>, S: Simd, const IN: usize, const OUT: usize>(
    simd: S,
    between: &mut [[S::f32s; IN]; OUT],
    row: impl Fn(usize) -> [S::f32s; IN],
    mut put_column: impl FnMut(usize, [S::f32s; OUT]),
) {
    for y in 0..IN {
        let row = L::of(simd, row(y));
        for x in 0..OUT {
            between[x][y] = row[x];
        }
    }
    for (x, column) in between.iter().enumerate() {
        put_column(x, L::of(simd, *column));
    }
}

/// Some tiles of an image or a map.
#[derive(Clone)]
pub(super) struct TilesOf<'a> {
    pub(super) pixels: &'a Pixels,
    /// Pixels from one tile to the next.
    pub(super) apart: usize,
    /// Tiles of a row.
    pub(super) columns: usize,
    pub(super) tiles: Range<usize>,
}

/// Where the transforms of tiles go.
pub(super) trait Sink {
    /// Where those of a tile and some channels lie.
    type Spot: Copy;

    /// `channel` is the first of them.
    fn spot(&self, tile: usize, channel: usize) -> Self::Spot;

    /// Takes in those of a column of places, the first of which is `place`.
    fn put<S: Simd, const N: usize>(
        &mut self,
        spot: Self::Spot,
        place: usize,
        column: [S::f32s; N],
    );
}

/// Keeps them as they are.
pub(super) struct Plain<'a> {
    /// `[place, tile, channel]`, places `place_stride` apart.
    pub(super) values: &'a mut [f32],
    pub(super) place_stride: usize,
    pub(super) channels: usize,
}

impl Sink for Plain<'_> {
    /// In the first place.
    type Spot = usize;

    #[inline(always)]
    fn spot(&self, tile: usize, channel: usize) -> usize {
        tile * self.channels + channel
    }

    #[inline(always)]
    fn put<S: Simd, const N: usize>(&mut self, spot: usize, place: usize, column: [S::f32s; N]) {
        let values = &mut self.values[place * self.place_stride + spot..];
        store_line::<S, N>(values, self.place_stride, column);
    }
}

/// Transforms some tiles, looking at `IN` rows and columns of each.
pub(super) struct Collect<'a, K, L, const IN: usize, const OUT: usize> {
    pub(super) tiles: TilesOf<'a>,
    /// The first one's number in the sink.
    pub(super) first: usize,
    pub(super) sink: K,
    pub(super) line: PhantomData<L>,
}

impl<K: Sink, L: Line<IN, OUT>, const IN: usize, const OUT: usize> WithSimd
    for Collect<'_, K, L, IN, OUT>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let TilesOf {
            pixels,
            apart,
            columns,
            tiles,
        } = self.tiles;
        let mut sink = self.sink;
        let (width, channels) = (pixels.width, pixels.channels);
        let mut between = [[simd.splat_f32s(0.0); IN]; OUT];
        for (index, tile) in (self.first..).zip(tiles) {
            let start = apart * (tile / columns * width + tile % columns) * channels;
            for channel in (0..channels).step_by(S::F32_LANES) {
                let corner = &pixels.values[start + channel..];
                let spot = sink.spot(index, channel);
                both_ways::<L, S, IN, OUT>(
                    simd,
                    &mut between,
                    |y| load_line::<S, IN>(&corner[y * width * channels..], channels),
                    |x, column| sink.put::<S, OUT>(spot, x * OUT, column),
                );
            }
        }
    }
}

/// The pixels of some tiles, `TILE` rows and columns of each, from their products.
pub(super) struct Gather<'a, const SIDE: usize, const TILE: usize> {
    /// `[place, tile, map]`, places `place_stride` apart.
    pub(super) products: &'a [f32],
    pub(super) place_stride: usize,
    /// Tiles of a row.
    pub(super) columns: usize,
    pub(super) tiles: Range<usize>,
    pub(super) maps: Range<usize>,
    pub(super) pixels: &'a mut Pixels,
}

impl<const SIDE: usize, const TILE: usize> WithSimd for Gather<'_, SIDE, TILE>
where
    Narrow: Line<SIDE, TILE>,
{
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
        let mut between = [[simd.splat_f32s(0.0); SIDE]; TILE];
        for (index, tile) in self.tiles.enumerate() {
            let corner = TILE * (tile / self.columns * *width + tile % self.columns);
            let start = corner * *channels + self.maps.start;
            for map in (0..num_maps).step_by(S::F32_LANES) {
                let products = &self.products[index * num_maps + map..];
                both_ways::<Narrow, S, SIDE, TILE>(
                    simd,
                    &mut between,
                    |x| {
                        load_line::<S, SIDE>(
                            &products[x * SIDE * self.place_stride..],
                            self.place_stride,
                        )
                    },
                    |y, row| {
                        let row_start = start + y * *width * *channels + map;
                        store_line::<S, TILE>(&mut values[row_start..], *channels, row);
                    },
                );
            }
        }
    }
}

/// The taps of one map from what their factors got.
pub(super) struct TapsOf<'a, const SIDE: usize> {
    /// `[place, channel]`, places `place_stride` apart.
    pub(super) sums: &'a [f32],
    pub(super) place_stride: usize,
    /// `[channel, 3, 3]`
    pub(super) weights: &'a mut [f32],
}

impl<const SIDE: usize> WithSimd for TapsOf<'_, SIDE>
where
    Taps: Line<SIDE, 3>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut found = [[0.0; LANES]; 9];
        let mut between = [[simd.splat_f32s(0.0); SIDE]; 3];
        for (index, channels) in self.weights.chunks_mut(9 * S::F32_LANES).enumerate() {
            let sums = &self.sums[index * S::F32_LANES..];
            both_ways::<Taps, S, SIDE, 3>(
                simd,
                &mut between,
                |x| load_line::<S, SIDE>(&sums[x * SIDE * self.place_stride..], self.place_stride),
                |y, row| store_line::<S, 3>(found[y * 3..][..3].as_flattened_mut(), LANES, row),
            );
            for (channel, taps) in channels.chunks_exact_mut(9).enumerate() {
                for (to, found) in taps.iter_mut().zip(&found) {
                    *to = found[channel];
                }
            }
        }
    }
}
