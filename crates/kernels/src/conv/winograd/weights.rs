//! The gradient of the 3 x 3 weights from the same tiles, with as many products.
//!
//! For each place of a patch, the gradient of the transformed weights is a product of matrices: the
//! transformed gradients of all tiles, `maps x tiles`, by their patches, `tiles x channels`. Tiles of
//! several images are collected until there are enough of them.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::factors::{Factor, Rounding};
use super::lines::{Spread, Widen};
use super::pixels::Pixels;
use super::products::WeightProducts;
use super::transforms::{TapsOf, TilesOf};
use super::{Tile, image_frame, map_frame};
use crate::matmul::bf16::{Form, Right};
use crate::matmul::{Into, matmul_packed};

/// Numbers of all tiles that are collected.
const COLLECTED: usize = 1 << 18;

/// Tiles at a time: what a block of rounded numbers takes.
const TILES: usize = 32;

/// The gradient of the weights of some images, as far as it is summed.
pub(crate) struct WeightGradient {
    geometry: Geometry,
    tile: Tile,
    /// Rows and columns of tiles.
    tiles: [usize; 2],
    image: Pixels,
    d_map: Pixels,
    /// For each place, `tiles x channels`.
    patches: Factor,
    /// For each place, `tiles x maps`.
    d_tiles: Factor,
    tiles_at_once: usize,
    num_collected: usize,
    /// `[place, map, channel]`
    sums: Vec<f32>,
}

impl WeightGradient {
    /// For a convolution that [`fits`](super::fits), of at most `num_images` images. Products are in
    /// `form` where that is faster, or else in `f32`.
    pub(crate) fn new(geometry: &Geometry, form: Option<Form>, num_images: usize) -> Self {
        let num_weights = geometry.channels * geometry.width;
        let (tile, form) = Tile::of(geometry.map, num_weights, form);
        let tiles = tile.cover(geometry.map);
        let image = image_frame(geometry.image, geometry.padding, tile, tiles);
        let image = Pixels::new(&image, geometry.channels);
        let d_map = Pixels::new(&map_frame(geometry.map, tile, tiles), geometry.width);
        let (channels, maps) = (image.channels, d_map.channels);
        let most = num_images * tiles[0] * tiles[1];
        let num_places = tile.num_places();
        let tiles_at_once = (COLLECTED / (num_places * (channels + maps))).min(most);
        let tiles_at_once = tiles_at_once.next_multiple_of(TILES);
        let rounding = form.map(Rounding::by_tiles);
        let factor = |width| Factor::new(rounding, num_places, tiles_at_once, width);
        Self {
            geometry: *geometry,
            tile,
            tiles,
            image,
            d_map,
            patches: factor(channels),
            d_tiles: factor(maps),
            tiles_at_once,
            num_collected: 0,
            sums: vec![0.0; num_places * maps * channels],
        }
    }

    /// Takes in an image, `[C, H, W]`, and the gradient of its maps, `[width, H, W]`.
    pub(crate) fn add(&mut self, image: &[f32], d_map: &[f32]) {
        self.image.load(image);
        self.d_map.load(d_map);
        let num_tiles = self.tiles[0] * self.tiles[1];
        let mut done = 0;
        while done < num_tiles {
            let room = self.tiles_at_once - self.num_collected;
            let tiles = done..num_tiles.min(done + room);
            done = tiles.end;
            self.collect(tiles);
            if self.num_collected == self.tiles_at_once {
                self.multiply();
            }
        }
    }

    /// Transforms some tiles of what is loaded.
    fn collect(&mut self, tiles: Range<usize>) {
        let first = self.num_collected;
        self.num_collected += tiles.len();
        let of = |pixels| TilesOf {
            pixels,
            apart: self.tile.length(),
            columns: self.tiles[1],
            tiles: tiles.clone(),
        };
        let (image, d_map) = (of(&self.image), of(&self.d_map));
        match self.tile {
            Tile::Two => {
                self.patches.collect::<Spread, 4, 4>(image, first);
                self.d_tiles.collect::<Widen, 2, 4>(d_map, first);
            }
            Tile::Four => {
                self.patches.collect::<Spread, 6, 6>(image, first);
                self.d_tiles.collect::<Widen, 4, 6>(d_map, first);
            }
        }
    }

    /// Adds the products of what is collected to the sums.
    fn multiply(&mut self) {
        let num_tiles = std::mem::take(&mut self.num_collected);
        if num_tiles == 0 {
            return;
        }
        let (channels, maps) = (self.image.channels, self.d_map.channels);
        let sums = self.sums.chunks_exact_mut(maps * channels);
        match (&mut self.patches, &mut self.d_tiles) {
            (Factor::Plain(patches), Factor::Plain(d_tiles)) => {
                let num_places = self.tile.num_places();
                let patches = patches.chunks_exact(patches.len() / num_places);
                let d_tiles = d_tiles.chunks_exact(d_tiles.len() / num_places);
                for ((sums, patches), d_tiles) in sums.zip(patches).zip(d_tiles) {
                    pulp::Arch::new().dispatch(WeightProducts {
                        patches: &patches[..num_tiles * channels],
                        d_tiles: &d_tiles[..num_tiles * maps],
                        channels,
                        maps,
                        sums,
                    });
                }
            }
            (Factor::Rounded(_, patches), Factor::Rounded(_, d_tiles)) => {
                for ((sums, patches), d_tiles) in sums.zip(patches).zip(d_tiles) {
                    patches.set_steps(num_tiles);
                    d_tiles.set_steps(num_tiles);
                    d_tiles.stand_left();
                    let patches = Right::Packed(patches);
                    matmul_packed(d_tiles, patches, sums, channels, Into::Add);
                }
            }
            _ => unreachable!("both factors are of one form"),
        }
    }

    /// The gradient, `[width, C, 3, 3]`; it begins anew.
    pub(crate) fn take(&mut self) -> Vec<f32> {
        self.multiply();
        let (channels, maps) = (self.image.channels, self.d_map.channels);
        let mut d_weight = vec![0.0; self.geometry.weight_len()];
        let d_maps = d_weight.chunks_exact_mut(9 * self.geometry.channels);
        for (map, weights) in d_maps.enumerate() {
            let sums = &self.sums[map * channels..];
            let place_stride = maps * channels;
            match self.tile {
                Tile::Two => pulp::Arch::new().dispatch(TapsOf::<4> {
                    sums,
                    place_stride,
                    weights,
                }),
                Tile::Four => pulp::Arch::new().dispatch(TapsOf::<6> {
                    sums,
                    place_stride,
                    weights,
                }),
            }
        }
        self.sums.fill(0.0);
        d_weight
    }
}
