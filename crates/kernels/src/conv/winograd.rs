//! Winograd's convolution: a map of 3 x 3 weights with 16 products for four pixels instead of 36.
//!
//! A map is made in tiles of 2 x 2 pixels, each from a patch of 4 x 4. Patches and weights are
//! `transforms` of themselves in which a tile is 16 products, one for each place in the patch: so
//! the sums over all channels are 16 products of matrices, `weights x channels` by `channels x
//! tiles`. F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2015. Its transforms only add and halve, so what it rounds is close to what the plain sum does.
//!
//! Tiles lie one after the other, row after row and image after image; each row has one more than
//! the map needs, whose patch reaches into the next row and whose pixels are dropped.

mod transforms;

use std::ops::Range;

use self::transforms::{Gather, OVERSHOOT, Spread};
use super::geometry::Geometry;
use super::planes::Planes;
use super::tile::{Correlate, PackedWeights, padded};

/// Places of a patch, 4 x 4.
const PLACES: usize = 16;

/// Channels and maps below which the transforms would take longer than they save.
const FEW_MAPS: usize = 16;

/// Images below which to transform the weights would take longer than it saves.
const FEW_IMAGES: usize = 8;

/// Tiles whose patches stay in the second cache with all their channels.
const TILES_AT_ONCE: usize = 96;

/// Where many channels make a patch large.
const TILES_OF_MANY_CHANNELS: usize = 48;
const MANY_CHANNELS: usize = 64;

/// Tiles whose products with a block of maps stay in the first cache; a width of the inner loops.
const TILES_OF_PRODUCTS: usize = 48;

/// Images that are worked on at once, at most: small ones fill the vectors only together.
const MOST_IMAGES: usize = 16;

/// True where the convolution is one that this module computes, and faster than the plain sum.
pub(crate) fn fits(geometry: &Geometry) -> bool {
    geometry.kernel == [3, 3]
        && geometry.stride == [1, 1]
        && geometry.dilation == [1, 1]
        && geometry.groups == 1
        && geometry.padding.iter().all(|&padding| padding <= 2)
        && geometry.channels.min(geometry.width) >= FEW_MAPS
        && geometry.batch_size >= FEW_IMAGES
}

/// What is convolved, and what comes out.
pub(crate) struct Sizes {
    pub(crate) channels: usize,
    /// Rows and columns of what is loaded for each channel.
    pub(crate) image: [usize; 2],
    /// Zeros before the first row and the first column.
    pub(crate) padding: [usize; 2],
    pub(crate) maps: usize,
    /// Rows and columns of what comes out.
    pub(crate) map: [usize; 2],
    /// From one row of a map to the next; at least its columns.
    pub(crate) map_stride: usize,
    /// Images that may be worked on at once.
    pub(crate) most_images: usize,
}

/// A convolution whose weights are transformed.
pub(crate) struct Winograd {
    sizes: Sizes,
    /// The patches as a convolution of 4 x 4, two pixels apart: their pixels lie in four planes,
    /// even or odd in their row and column.
    patches: Geometry,
    /// For each place of a patch, maps by channels.
    weights: Vec<PackedWeights>,
    rows_at_once: usize,
    images_at_once: usize,
}

/// What a thread works in.
pub(crate) struct Memory {
    /// The planes of each image.
    images: Vec<Planes>,
    /// `[place, channel, tile]`, each channel `row_len` apart.
    patches: Vec<f32>,
    /// `[place, map of a block, tile]`
    products: Vec<f32>,
    /// `[map of a block, pixel of the tile, tile]`
    tiles: Vec<f32>,
    /// `[image, map]`, each as wide as its rows need. Images take turns in it.
    maps: Vec<f32>,
    /// Where each channel begins in a place's patches.
    offsets: Vec<usize>,
}

impl Winograd {
    /// `weight` says what a map multiplies a channel by, at each of the nine taps.
    pub(crate) fn new(sizes: Sizes, weight: impl Fn(usize, usize, usize) -> f32) -> Self {
        let map = sizes.map.map(|length| length.div_ceil(2));
        let patches = Geometry {
            batch_size: 1,
            channels: sizes.channels,
            width: sizes.channels,
            groups: 1,
            image: sizes.image,
            kernel: [4, 4],
            stride: [2, 2],
            dilation: [1, 1],
            padding: sizes.padding,
            map,
            pool: [1, 1],
        };
        let transformed: Vec<[f32; PLACES]> = (0..sizes.maps * sizes.channels)
            .map(|index| {
                let (map, channel) = (index / sizes.channels, index % sizes.channels);
                transforms::weights(std::array::from_fn(|tap| weight(map, channel, tap)))
            })
            .collect();
        let weights = (0..PLACES).map(|place| {
            PackedWeights::new(sizes.maps, sizes.channels, |map, channel| {
                transformed[map * sizes.channels + channel][place]
            })
        });
        let weights = weights.collect();
        let mut this = Self {
            sizes,
            patches,
            weights,
            rows_at_once: 1,
            images_at_once: 1,
        };
        this.rows_at_once = this.best_rows();
        this.images_at_once = this.best_images();
        this
    }

    /// Images that fill the vectors when they are worked on together.
    pub(crate) fn images_at_once(&self) -> usize {
        self.images_at_once
    }

    pub(crate) fn num_maps(&self) -> usize {
        self.sizes.maps
    }

    pub(crate) fn memory(&self) -> Memory {
        let channels = self.sizes.channels;
        let row_len = self.patch_stride();
        let block = self.weights[0].blocks().next().map_or(0, |rows| rows.len());
        Memory {
            images: (0..self.images_at_once)
                .map(|_| Planes::new(&self.patches))
                .collect(),
            patches: vec![0.0; PLACES * channels * row_len],
            products: vec![0.0; PLACES * block * TILES_OF_PRODUCTS],
            tiles: vec![0.0; block * 4 * self.tiles_at_once()],
            maps: vec![0.0; self.images_in_turn() * self.sizes.maps * self.map_len()],
            offsets: (0..channels).map(|channel| channel * row_len).collect(),
        }
    }

    /// Takes in one channel of an image, `[H, W]`; `image` is below `images_at_once`.
    pub(crate) fn load(&self, memory: &mut Memory, image: usize, channel: usize, rows: &[f32]) {
        memory.images[image].load_channel(&self.patches, channel, rows);
    }

    /// Convolves the first `num_images` that are loaded; `finish` gets each map of each image, its
    /// rows `map_stride` apart.
    pub(crate) fn run(
        &self,
        memory: &mut Memory,
        num_images: usize,
        mut finish: impl FnMut(usize, usize, &[f32]),
    ) {
        let [rows_of_image, _] = self.patches.map;
        let num_rows = num_images * rows_of_image;
        let map_len = self.map_len();
        let mut finished = 0;
        for first in (0..num_rows).step_by(self.rows_at_once) {
            let rows = first..num_rows.min(first + self.rows_at_once);
            self.spread(memory, rows.clone());
            let num_tiles = rows.len() * self.pitch();
            for maps in self.weights[0].blocks() {
                for tile in (0..num_tiles).step_by(TILES_OF_PRODUCTS) {
                    let count = TILES_OF_PRODUCTS.min(num_tiles - tile);
                    self.multiply(memory, maps.start, tile, count);
                    self.gather(memory, maps.len(), tile, count);
                }
                for (in_block, map) in maps.enumerate() {
                    self.place(memory, in_block, map, rows.clone());
                }
            }
            while (finished + 1) * rows_of_image <= rows.end {
                let turn = finished % self.images_in_turn();
                let maps = memory.maps.chunks_exact(map_len);
                let maps = maps.skip(turn * self.sizes.maps).take(self.sizes.maps);
                for (map, sums) in maps.enumerate() {
                    finish(finished, map, sums);
                }
                finished += 1;
            }
        }
    }

    /// The patches of some rows of tiles, transformed.
    fn spread(&self, memory: &mut Memory, rows: Range<usize>) {
        let row_len = self.patch_stride();
        let channels = self.sizes.channels;
        for channel in 0..channels {
            for (image, part) in self.by_image(rows.clone()) {
                let start = Planes::channel_start(&self.patches, channel);
                let before = (image * self.patches.map[0] + part.start - rows.start) * self.pitch();
                pulp::Arch::new().dispatch(Spread {
                    planes: &memory.images[image].values[start..],
                    plane_len: self.patches.plane_len(),
                    pitch: self.pitch(),
                    first: part.start * self.pitch(),
                    count: part.len() * self.pitch(),
                    patches: &mut memory.patches[channel * row_len + before..],
                    stride: channels * row_len,
                });
            }
        }
    }

    /// For each place, the products of a block of maps with some of the patches.
    fn multiply(&self, memory: &mut Memory, first_row: usize, tile: usize, count: usize) {
        let patches = memory.patches.chunks_exact(memory.patches.len() / PLACES);
        let products = memory.products.len() / PLACES;
        let products = memory.products.chunks_exact_mut(products);
        for ((weights, patches), sums) in self.weights.iter().zip(patches).zip(products) {
            Correlate {
                values: &patches[tile..],
                offsets: &memory.offsets,
                weights,
                first_row,
                num_positions: count,
                sums,
            }
            .run();
        }
    }

    /// The four pixels of these tiles, of all maps of the block.
    fn gather(&self, memory: &mut Memory, num_maps: usize, tile: usize, count: usize) {
        let tiles = memory.tiles.chunks_exact_mut(4 * self.tiles_at_once());
        let products = memory.products.len() / PLACES;
        for (in_block, tiles) in tiles.take(num_maps).enumerate() {
            pulp::Arch::new().dispatch(Gather {
                products: &memory.products[in_block * padded(count)..],
                stride: products,
                count,
                tiles: &mut tiles[tile..],
                pixel_stride: self.tiles_at_once(),
            });
        }
    }

    /// Writes tiles to where they are in their map.
    fn place(&self, memory: &mut Memory, in_block: usize, map: usize, rows: Range<usize>) {
        let (stride, pitch, map_len) = (self.sizes.map_stride, self.pitch(), self.map_len());
        let [rows_of_image, _] = self.patches.map;
        let quarter = self.tiles_at_once();
        let tiles = &memory.tiles[in_block * 4 * quarter..][..4 * quarter];
        for (index, row) in rows.enumerate() {
            let (turn, row) = (
                row / rows_of_image % self.images_in_turn(),
                row % rows_of_image,
            );
            let start = (turn * self.sizes.maps + map) * map_len + row * 2 * stride;
            for y in 0..2 {
                let tiles = &tiles[y * 2 * quarter + index * pitch..];
                // Ascending: the pixels that are too many are overwritten by the next row's.
                let row = &mut memory.maps[start + y * stride..];
                interleave(&tiles[..pitch], &tiles[quarter..][..pitch], row);
            }
        }
    }

    /// Rows of tiles image by image: the image, and its rows.
    fn by_image(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let [rows_of_image, _] = self.patches.map;
        let images = rows.start / rows_of_image..rows.end.div_ceil(rows_of_image);
        images.map(move |image| {
            let first = image * rows_of_image;
            let start = rows.start.max(first) - first;
            let end = rows.end.min(first + rows_of_image) - first;
            (image, start..end)
        })
    }

    /// Tiles from one row to the next.
    fn pitch(&self) -> usize {
        self.patches.plane()[1]
    }

    /// Room for the tiles that are worked on at once.
    fn tiles_at_once(&self) -> usize {
        padded(self.rows_at_once * self.pitch())
    }

    /// From one channel's patches to the next: vectors may reach beyond the last tile.
    fn patch_stride(&self) -> usize {
        self.tiles_at_once() + OVERSHOOT
    }

    /// From one map to the next: the last row may reach beyond its last pixel.
    fn map_len(&self) -> usize {
        2 * (self.patches.map[0] * self.sizes.map_stride + self.pitch())
    }

    /// Images that have rows among those that are worked on at once.
    fn images_in_turn(&self) -> usize {
        (self.rows_at_once - 1).div_ceil(self.patches.map[0]) + 1
    }

    /// Rows of tiles that fill the vectors best, as far as the cache goes.
    fn best_rows(&self) -> usize {
        let most = if self.sizes.channels > MANY_CHANNELS {
            TILES_OF_MANY_CHANNELS
        } else {
            TILES_AT_ONCE
        };
        let most = (most / self.pitch()).max(1);
        (1..=most)
            .min_by_key(|rows| per_tile(padded(rows * self.pitch()), rows * self.pitch()))
            .unwrap_or(1)
    }

    /// The fewest images that leave the vectors filled.
    fn best_images(&self) -> usize {
        let [rows_of_image, _] = self.patches.map;
        let work = |images: usize| {
            let rows = images * rows_of_image;
            let whole = rows / self.rows_at_once * padded(self.rows_at_once * self.pitch());
            let rest = padded(rows % self.rows_at_once * self.pitch());
            per_tile(whole + rest, rows * self.pitch())
        };
        let most = self.sizes.most_images.clamp(1, MOST_IMAGES);
        let powers = (0..).map(|power| 1 << power);
        powers
            .take_while(|&images| images <= most)
            .min_by_key(|&images| work(images))
            .unwrap_or(1)
    }
}

/// Writes `even` and `odd` in turn.
fn interleave(even: &[f32], odd: &[f32], to: &mut [f32]) {
    let (pairs, _) = to.as_chunks_mut::<2>();
    for (pair, (&even, &odd)) in pairs.iter_mut().zip(even.iter().zip(odd)) {
        *pair = [even, odd];
    }
}

/// What is computed for each tile that is needed, in steps so small that less does not matter.
fn per_tile(computed: usize, needed: usize) -> usize {
    50 * computed / needed
}
