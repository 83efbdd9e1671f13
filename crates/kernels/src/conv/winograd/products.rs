//! The inner loops: products of tiles, channels and maps, held in registers.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::tile::{MAX_ROWS, rows};
use crate::matmul::Matrix;
use crate::vectors::LANES;

/// Vectors side by side that a tile of registers holds for each of its rows, at most.
const VECTORS: usize = 3;

/// How many of `num_vectors` to take at once: few single ones, which would leave registers empty.
const fn at_once(num_vectors: usize) -> usize {
    match num_vectors {
        0..=3 => num_vectors,
        4 => 2,
        _ => VECTORS,
    }
}

/// A matrix in the order in which the inner loop reads it: a few columns of all rows after the other.
#[derive(Clone)]
pub(super) struct Panels {
    values: Vec<f32>,
    pub(super) num_rows: usize,
    /// A multiple of [`LANES`]: filled up with zeros.
    pub(super) num_columns: usize,
}

/// The columns of each panel.
pub(super) fn panels(num_columns: usize) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end;
        end += at_once((num_columns - start) / LANES) * LANES;
        (start < end).then_some(start..end)
    })
}

impl Panels {
    /// Columns of a panel, at most.
    pub(super) const WIDEST: usize = VECTORS * LANES;

    /// Zeros.
    pub(super) fn new(num_rows: usize, num_columns: usize) -> Self {
        let num_columns = num_columns.next_multiple_of(LANES);
        Self {
            values: vec![0.0; num_rows * num_columns],
            num_rows,
            num_columns,
        }
    }

    /// The panel of these columns, `[row, column]`.
    pub(super) fn panel(&self, columns: Range<usize>) -> &[f32] {
        &self.values[columns.start * self.num_rows..columns.end * self.num_rows]
    }

    /// Each panel by itself.
    pub(super) fn matrices(&self) -> impl Iterator<Item = Matrix<'_>> {
        panels(self.num_columns).map(|columns| {
            let width = columns.len();
            Matrix::new(self.panel(columns), self.num_rows, width)
        })
    }

    /// All panels, to write to.
    pub(super) fn panels_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let num_rows = self.num_rows;
        let mut rest = &mut self.values[..];
        panels(self.num_columns).map(move |columns| {
            let (panel, others) = std::mem::take(&mut rest).split_at_mut(columns.len() * num_rows);
            rest = others;
            panel
        })
    }
}

/// Sums over all channels: patches times weights.
pub(super) struct TileProducts<'a> {
    /// `[tile, channel]`
    pub(super) patches: &'a [f32],
    /// `[channel, map]`
    pub(super) weights: &'a [f32],
    /// Maps, a multiple of [`LANES`].
    pub(super) width: usize,
    /// `[tile, map]`
    pub(super) products: &'a mut [f32],
}

impl WithSimd for TileProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            tile_products::<S, MAX_ROWS, MAX_ROWS>(simd, self);
        } else {
            tile_products::<S, 4, 6>(simd, self);
        }
    }
}

/// `ROWS` tiles at once, or `NARROW` where that many vectors of each would leave registers empty.
#[inline(always)]
fn tile_products<S: Simd, const ROWS: usize, const NARROW: usize>(simd: S, mut work: TileProducts) {
    let mut map = 0;
    while map < work.width {
        let vectors = at_once((work.width - map) / S::F32_LANES);
        match vectors {
            1 => of_all_tiles::<S, NARROW, 1>(simd, &mut work, map),
            2 => of_all_tiles::<S, NARROW, 2>(simd, &mut work, map),
            _ => of_all_tiles::<S, ROWS, VECTORS>(simd, &mut work, map),
        }
        map += vectors * S::F32_LANES;
    }
}

/// Those of neighbouring maps.
#[inline(always)]
fn of_all_tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    work: &mut TileProducts,
    map: usize,
) {
    let num_tiles = work.products.len() / work.width;
    for tile in (0..num_tiles).step_by(ROWS) {
        products_of_tiles::<S, ROWS, VECTORS>(simd, work, tile, map);
    }
}

/// Those of a few tiles with neighbouring maps.
#[inline(always)]
fn products_of_tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    work: &mut TileProducts,
    first_tile: usize,
    map: usize,
) {
    let num_tiles = work.products.len() / work.width;
    let num_channels = work.weights.len() / work.width;
    let step = VECTORS * S::F32_LANES;
    // Beyond the last tile, the last one is taken again and its products are dropped.
    let patches: [&[f32]; ROWS] = std::array::from_fn(|row| {
        let tile = (first_tile + row).min(num_tiles - 1);
        &work.patches[tile * num_channels..][..num_channels]
    });
    let mut products = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (channel, weights) in work.weights.chunks_exact(work.width).enumerate() {
        let weights = &S::as_simd_f32s(&weights[map..map + step]).0[..VECTORS];
        for (products, patch) in products.iter_mut().zip(&patches) {
            let factor = simd.splat_f32s(patch[channel]);
            for (product, &weight) in products.iter_mut().zip(weights) {
                *product = simd.mul_add_e_f32s(factor, weight, *product);
            }
        }
    }
    let rows = work.products.chunks_exact_mut(work.width).skip(first_tile);
    for (row, products) in rows.zip(&products) {
        S::as_mut_simd_f32s(&mut row[map..map + step]).0[..VECTORS].copy_from_slice(products);
    }
}

/// Adds the sums over all tiles, maps times channels, to those of tiles before.
pub(super) struct WeightProducts<'a> {
    /// `[tile, channel]`
    pub(super) patches: &'a [f32],
    /// `[tile, map]`
    pub(super) d_tiles: &'a [f32],
    pub(super) channels: usize,
    pub(super) maps: usize,
    /// `[map, channel]`
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for WeightProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows::<S>() == MAX_ROWS {
            weight_products::<S, MAX_ROWS, VECTORS>(simd, self);
        } else {
            // With three vectors of each, the compiler keeps a sum in memory, at half the speed.
            weight_products::<S, 4, 2>(simd, self);
        }
    }
}

#[inline(always)]
fn weight_products<S: Simd, const ROWS: usize, const WIDEST: usize>(
    simd: S,
    mut work: WeightProducts,
) {
    let mut channel = 0;
    while channel < work.channels {
        let vectors = at_once((work.channels - channel) / S::F32_LANES).min(WIDEST);
        for map in (0..work.maps).step_by(ROWS) {
            match vectors {
                1 => products_of_maps::<S, ROWS, 1>(simd, &mut work, map, channel),
                2 => products_of_maps::<S, ROWS, 2>(simd, &mut work, map, channel),
                _ => products_of_maps::<S, ROWS, WIDEST>(simd, &mut work, map, channel),
            }
        }
        channel += vectors * S::F32_LANES;
    }
}

/// Those of a few maps with neighbouring channels.
#[inline(always)]
fn products_of_maps<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    work: &mut WeightProducts,
    map: usize,
    channel: usize,
) {
    let step = VECTORS * S::F32_LANES;
    let mut products = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    let patches = work.patches.chunks_exact(work.channels);
    let d_tiles = work.d_tiles.chunks_exact(work.maps);
    for (patch, d_tile) in patches.zip(d_tiles) {
        let patch = &S::as_simd_f32s(&patch[channel..channel + step]).0[..VECTORS];
        let d_tile = &d_tile[map..map + ROWS];
        for (products, &factor) in products.iter_mut().zip(d_tile) {
            let factor = simd.splat_f32s(factor);
            for (product, &value) in products.iter_mut().zip(patch) {
                *product = simd.mul_add_e_f32s(factor, value, *product);
            }
        }
    }
    let rows = work.sums.chunks_exact_mut(work.channels).skip(map);
    for (row, products) in rows.zip(&products) {
        let sums = S::as_mut_simd_f32s(&mut row[channel..channel + step]).0;
        for (sum, &product) in sums.iter_mut().zip(products) {
            *sum = simd.add_f32s(*sum, product);
        }
    }
}
