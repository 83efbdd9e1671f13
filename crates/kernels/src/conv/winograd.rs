//! Winograd's convolution: a map of 3 x 3 weights with 36 products for sixteen pixels instead of 144.
//!
//! A map is made in tiles of 4 x 4 pixels, each from a patch of 6 x 6. Patches and weights are
//! `transforms` of themselves in which a tile is 36 products, one for each place in the patch: so
//! the sums over all channels are 36 products of matrices, `tiles x channels` by `channels x maps`.
//! F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. Where
//! tiles of 2 x 2 would fill a map with fewer products, 16 for each, they do: F(2 x 2, 3 x 3).
//!
//! Products may be in bf16, those of small tiles: what is rounded then are the transforms, which in these only add
//! and halve. On vectors, where bf16 is twice as fast as `f32`, large tiles in `f32` are faster still, for less of
//! them is transformed, unless there are many channels and maps.
//!
//! In here the channels of a pixel lie side by side (`pixels`), so that all loops run over full
//! vectors, however small the maps are. Tiles of small images are multiplied together.

mod factors;
mod lines;
mod pixels;
mod products;
#[cfg(test)]
mod tests;
mod transforms;
mod weights;

use std::ops::Range;

use rayon::prelude::*;

use self::factors::{Factor, Weights, place_len};
use self::lines::{Factors, Line, Narrow, Spread};
use self::pixels::{Frame, Pixels};
use self::products::{Panels, panels};
use self::transforms::{Gather, TilesOf};
use super::geometry::Geometry;
use super::rounded::form_of_rows;
use super::tile::padded;
use crate::matmul::bf16::Form;
use crate::vectors::LANES;

pub(crate) use self::weights::WeightGradient;

/// Channels and maps below which the transforms would take longer than they save.
const FEW_MAPS: usize = 16;

/// What it takes to transform a pixel of a channel or map, in products in bf16. Measured with AVX512-BF16
/// on Zen 5, where both ways take as long.
const TRANSFORM: usize = 140;

/// Weights of a tap, channels times maps, up to which large tiles in `f32` are faster than small ones in bf16 on
/// vectors: of more, those of all places are too many for the second cache, which holds twice as many in bf16. 2^13 were
/// measured to gain, and 2^15 to lose, on Zen 4.
const FEW_WEIGHTS: usize = 1 << 14;

/// Images below which to transform the weights would take longer than it saves.
const FEW_IMAGES: usize = 8;

/// Numbers of all patches that stay in the second cache.
const PATCHES_AT_ONCE: usize = 1 << 17;

/// Products of all tiles with a map of a panel, as many of which stay there too.
const PRODUCTS_AT_ONCE: usize = 2048;

/// Images that are worked on at once, at most.
const MOST_IMAGES: usize = 16;

/// True where the convolution is one that this module computes, and faster than the plain sum, with
/// products in `form` or else in `f32`.
pub(crate) fn fits(geometry: &Geometry, form: Option<Form>) -> bool {
    geometry.kernel == [3, 3]
        && geometry.stride == [1, 1]
        && geometry.dilation == [1, 1]
        && geometry.groups == 1
        // A tile reaches two pixels beyond the image, before it and behind.
        && (0..2).all(|axis| {
            let before = geometry.padding[axis];
            before <= 2 && geometry.map[axis] <= geometry.image[axis] + before
        })
        && geometry.channels.min(geometry.width) >= FEW_MAPS
        && geometry.batch_size >= FEW_IMAGES
        && !form_of_rows(geometry, form).is_some_and(|form| rows_are_faster(geometry, form))
}

/// Whether the plain sum of rounded rows takes less than products in tiles and their transforms, which
/// stay in `f32`: where the CPU multiplies tiles of rows, or there are few maps, which small tiles fill.
fn rows_are_faster(geometry: &Geometry, form: Form) -> bool {
    if form.takes_tiles() {
        return true;
    }
    let products = geometry.channels * geometry.width;
    if Tile::of(geometry.map, products, Some(form)).0 == Tile::Four {
        return false;
    }
    let pixels = geometry.map[0] * geometry.map[1];
    let in_rows = padded(geometry.positions()) * 9 * products;
    let in_tiles = pixels * (4 * products + TRANSFORM * (geometry.channels + geometry.width));
    in_rows <= in_tiles
}

/// What a map is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tile {
    Two,
    Four,
}

impl Tile {
    /// The one that is faster for maps of this size, and what its products are in if not in `f32`.
    ///
    /// `num_weights` are those of a tap.
    fn of(map: [usize; 2], num_weights: usize, form: Option<Form>) -> (Self, Option<Form>) {
        let num_products = |tile: Self| {
            let [rows, columns] = tile.cover(map);
            tile.num_places() * rows * columns
        };
        let rounds = |form: Form| form.takes_tiles() || num_weights > FEW_WEIGHTS;
        if !form.is_some_and(rounds) && num_products(Self::Four) < num_products(Self::Two) {
            (Self::Four, None)
        } else {
            (Self::Two, form)
        }
    }

    /// Its rows and columns.
    fn length(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Places of the patch that it is made from.
    fn num_places(self) -> usize {
        (self.length() + 2).pow(2)
    }

    /// Rows and columns of tiles that fill a map.
    fn cover(self, map: [usize; 2]) -> [usize; 2] {
        map.map(|length| length.div_ceil(self.length()))
    }
}

/// What is convolved, and what comes out.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) channels: usize,
    /// Rows and columns of what is loaded.
    pub(crate) image: [usize; 2],
    /// Zeros before the first row and the first column.
    pub(crate) padding: [usize; 2],
    pub(crate) maps: usize,
    /// Rows and columns of what comes out.
    pub(crate) map: [usize; 2],
    /// Images that may be worked on at once.
    pub(crate) most_images: usize,
}

/// A convolution whose weights are transformed.
pub(crate) struct Winograd {
    sizes: Sizes,
    tile: Tile,
    /// Rows and columns of tiles.
    tiles: [usize; 2],
    weights: Weights,
    images_at_once: usize,
    tiles_at_once: usize,
}

/// What a thread works in.
pub(crate) struct Memory {
    images: Vec<Pixels>,
    maps: Vec<Pixels>,
    /// For each place, `tiles x channels`.
    patches: Factor,
    /// `[place, tile, map of a panel]`
    products: Vec<f32>,
    /// A few maps, `[map, row, column]`.
    rows: Vec<f32>,
}

impl Memory {
    /// Takes in an image, `[C, H, W]`; `index` is below `images_at_once`.
    pub(crate) fn load(&mut self, index: usize, image: &[f32]) {
        self.images[index].load(image);
    }
}

impl Winograd {
    /// `weight` says what a map multiplies a channel by, at each of the nine taps. Products are in
    /// `form` where that is faster, or else in `f32`.
    pub(crate) fn new(
        sizes: Sizes,
        form: Option<Form>,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let (tile, form) = Tile::of(sizes.map, sizes.channels * sizes.maps, form);
        let tiles = tile.cover(sizes.map);
        let num_channels = sizes.channels.next_multiple_of(LANES);
        let places = match tile {
            Tile::Two => transformed::<4>(num_channels, &sizes, weight),
            Tile::Four => transformed::<6>(num_channels, &sizes, weight),
        };
        let weights = Weights::new(places, form);
        let tiles_of_image = tiles[0] * tiles[1];
        let most_tiles = (PATCHES_AT_ONCE / num_channels).min(PRODUCTS_AT_ONCE) / tile.num_places();
        let most_tiles = most_tiles.max(1);
        let most_images = sizes.most_images.clamp(1, MOST_IMAGES);
        let images_at_once = (most_tiles / tiles_of_image).clamp(1, most_images);
        Self {
            sizes,
            tile,
            tiles,
            weights,
            images_at_once,
            tiles_at_once: most_tiles.min(images_at_once * tiles_of_image),
        }
    }

    /// Images that fill the caches when they are worked on together.
    pub(crate) fn images_at_once(&self) -> usize {
        self.images_at_once
    }

    pub(crate) fn memory(&self) -> Memory {
        let Sizes { channels, maps, .. } = self.sizes;
        let image = image_frame(self.sizes.image, self.sizes.padding, self.tile, self.tiles);
        let map = map_frame(self.sizes.map, self.tile, self.tiles);
        let images = 0..self.images_at_once;
        let num_places = self.tile.num_places();
        Memory {
            images: images
                .clone()
                .map(|_| Pixels::new(&image, channels))
                .collect(),
            maps: images.map(|_| Pixels::new(&map, maps)).collect(),
            patches: self.weights.room(self.tiles_at_once),
            products: vec![0.0; num_places * place_len(self.tiles_at_once, Panels::WIDEST)],
            rows: vec![0.0; LANES * self.map_len()],
        }
    }

    /// Convolves the first `num_images` that are loaded; `finish` gets each map of each image.
    pub(crate) fn run(
        &self,
        memory: &mut Memory,
        num_images: usize,
        mut finish: impl FnMut(usize, usize, &[f32]),
    ) {
        let num_tiles = num_images * self.tiles_of_image();
        for first in (0..num_tiles).step_by(self.tiles_at_once) {
            let tiles = first..num_tiles.min(first + self.tiles_at_once);
            self.collect(memory, tiles.clone());
            for (panel, maps) in self.weights.panels().enumerate() {
                let (patches, products) = (&mut memory.patches, &mut memory.products);
                let columns = (panel, maps.clone());
                self.weights
                    .multiply(patches, tiles.len(), columns, products);
                self.gather(memory, tiles.clone(), maps);
            }
        }
        for (image, pixels) in memory.maps.iter().take(num_images).enumerate() {
            for maps in pixels.blocks() {
                pixels.store(maps.clone(), &mut memory.rows);
                for (map, rows) in maps.zip(memory.rows.chunks_exact(self.map_len())) {
                    finish(image, map, rows);
                }
            }
        }
    }

    /// The patches of some tiles, transformed.
    fn collect(&self, memory: &mut Memory, tiles: Range<usize>) {
        let mut first = 0;
        for (image, tiles) in self.by_image(tiles) {
            let num_tiles = tiles.len();
            let tiles = TilesOf {
                pixels: &memory.images[image],
                apart: self.tile.length(),
                columns: self.tiles[1],
                tiles,
            };
            match self.tile {
                Tile::Two => memory.patches.collect::<Spread, 4, 4>(tiles, first),
                Tile::Four => memory.patches.collect::<Spread, 6, 6>(tiles, first),
            }
            first += num_tiles;
        }
    }

    /// The pixels of these tiles, of the maps of a panel.
    fn gather(&self, memory: &mut Memory, tiles: Range<usize>, maps: Range<usize>) {
        match self.tile {
            Tile::Two => self.gather_tiles::<4, 2>(memory, tiles, maps),
            Tile::Four => self.gather_tiles::<6, 4>(memory, tiles, maps),
        }
    }

    /// As [`Self::gather`], for tiles of this size.
    fn gather_tiles<const SIDE: usize, const TILE: usize>(
        &self,
        memory: &mut Memory,
        tiles: Range<usize>,
        maps: Range<usize>,
    ) where
        Narrow: Line<SIDE, TILE>,
    {
        let mut products = &memory.products[..];
        let place_stride = products.len() / (SIDE * SIDE);
        for (image, tiles) in self.by_image(tiles) {
            let length = tiles.len() * maps.len();
            pulp::Arch::new().dispatch(Gather::<SIDE, TILE> {
                products,
                place_stride,
                columns: self.tiles[1],
                tiles,
                maps: maps.clone(),
                pixels: &mut memory.maps[image],
            });
            products = &products[length..];
        }
    }

    /// Tiles image by image: the image, and its tiles.
    fn by_image(&self, tiles: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let tiles_of_image = self.tiles_of_image();
        let images = tiles.start / tiles_of_image..tiles.end.div_ceil(tiles_of_image);
        images.map(move |image| {
            let first = image * tiles_of_image;
            let start = tiles.start.max(first) - first;
            let end = tiles.end.min(first + tiles_of_image) - first;
            (image, start..end)
        })
    }

    fn tiles_of_image(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// From one map to the next.
    fn map_len(&self) -> usize {
        self.sizes.map[0] * self.sizes.map[1]
    }
}

/// An image with as many zeros around as the patches of its tiles reach.
fn image_frame(image: [usize; 2], padding: [usize; 2], tile: Tile, tiles: [usize; 2]) -> Frame {
    Frame {
        size: tiles.map(|tiles| tile.length() * tiles + 2),
        start: padding,
        image,
    }
}

/// A map that is filled up to whole tiles.
fn map_frame(map: [usize; 2], tile: Tile, tiles: [usize; 2]) -> Frame {
    Frame {
        size: tiles.map(|tiles| tile.length() * tiles),
        start: [0, 0],
        image: map,
    }
}

/// For each place of a patch, the factors of `num_channels` for all maps.
fn transformed<const SIDE: usize>(
    num_channels: usize,
    sizes: &Sizes,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Vec<Panels>
where
    Factors: Line<3, SIDE>,
{
    let factors = |first_map: usize, channel: usize| {
        let maps = first_map..sizes.maps.min(first_map + LANES);
        let mut taps = [[0.0; LANES]; 9];
        for (lane, map) in maps.enumerate() {
            for (tap, taps) in taps.iter_mut().enumerate() {
                taps[lane] = weight(map, channel, tap);
            }
        }
        transforms::weights::<SIDE>(&taps)
    };
    let mut weights = vec![Panels::new(num_channels, sizes.maps); SIDE * SIDE];
    let columns: Vec<_> = panels(weights[0].num_columns).collect();
    let mut by_columns: Vec<Vec<&mut [f32]>> = columns.iter().map(|_| Vec::new()).collect();
    for place in &mut weights {
        for (panels, panel) in by_columns.iter_mut().zip(place.panels_mut()) {
            panels.push(panel);
        }
    }
    let work = columns.into_par_iter().zip(by_columns);
    work.for_each(|(columns, mut panels)| {
        for channel in 0..sizes.channels {
            for first_map in columns.clone().step_by(LANES) {
                let start = channel * columns.len() + first_map - columns.start;
                let factors = factors(first_map, channel);
                for (panel, factors) in panels.iter_mut().zip(factors.as_flattened()) {
                    panel[start..start + LANES].copy_from_slice(factors);
                }
            }
        }
    });
    weights
}
