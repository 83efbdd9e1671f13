//! From the gradient of the maps to those of the images, the weights and the biases.

use rayon::prelude::*;

use super::epilogue::unfinish;
use super::forward::{offsets, split};
use super::geometry::Geometry;
use super::planes::Planes;
use super::tile::{Correlate, CorrelateWeights, PackedWeights, SLACK, padded};
use super::winograd::{self, Sizes, Winograd};
use crate::Activation;

/// Parts of a batch whose gradients are summed each by itself, then in order: their number is
/// fixed, so that the bits do not depend on the number of threads.
const NUM_PARTS: usize = 16;

/// What the way forward saw and made.
pub(crate) struct Saved<'a> {
    /// `[B, C, H, W]`
    pub(crate) images: &'a [f32],
    pub(crate) weight: &'a [f32],
    /// `[B, width, H, W]`, after pooling.
    pub(crate) output: &'a [f32],
    pub(crate) argmax: &'a [u8],
    pub(crate) activation: Activation,
}

/// The gradients, each in the shape of what it belongs to.
pub(crate) struct Gradients {
    /// Empty where it was not asked for.
    pub(crate) images: Vec<f32>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The way back of [`forward`](super::forward::forward).
pub(crate) fn backward(
    geometry: &Geometry,
    saved: &Saved,
    d_output: &[f32],
    want_images: bool,
) -> Gradients {
    let part_size = geometry.batch_size.div_ceil(NUM_PARTS);
    let (image_len, output_len) = (geometry.image_len(), geometry.output_len());
    let back = Back::new(geometry, saved, want_images);

    let mut d_images = vec![0.0; if want_images { saved.images.len() } else { 0 }];
    let num_parts = geometry.batch_size.div_ceil(part_size);
    let d_image_parts = split(&mut d_images, part_size * image_len, num_parts);
    let parts: Vec<_> = d_image_parts
        .into_par_iter()
        .enumerate()
        .map(|(index, d_images)| {
            let first = index * part_size;
            let last = geometry.batch_size.min(first + part_size);
            let mut part = Part::new(geometry, &back);
            for image in first..last {
                let place = image * output_len..(image + 1) * output_len;
                part.load(&back, place.clone(), &d_output[place]);
                part.add_weights(&back, &saved.images[image * image_len..][..image_len]);
                let ready = (image + 1 - first) * image_len;
                if let Some(tiles) = &mut part.tiles {
                    tiles.load(&back, &part.maps);
                    if tiles.are_full() || image + 1 == last {
                        tiles.store_images(image_len, &mut d_images[..ready]);
                    }
                } else if want_images {
                    part.store_image(&back, &mut d_images[ready - image_len..ready]);
                }
            }
            (part.d_weight, part.d_bias)
        })
        .collect();

    let mut parts = parts.into_iter();
    let (mut weight, mut bias) = parts.next().expect("a batch has at least one image");
    for (d_weight, d_bias) in parts {
        add(&mut weight, &d_weight);
        add(&mut bias, &d_bias);
    }
    Gradients {
        images: d_images,
        weight,
        bias,
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// What all images share on the way back.
struct Back<'a> {
    geometry: &'a Geometry,
    saved: &'a Saved<'a>,
    /// Where each weight of a group looks, counted from the group's first channel.
    offsets: Vec<usize>,
    /// Zeros before each map: the first pixels of a plane look back so far.
    margin: usize,
    /// From one map to the next.
    map_stride: usize,
    /// For each group, for each plane with taps: how its pixels come from the maps.
    planes: Vec<Vec<PlaneBack>>,
    /// Instead of `planes`, where it is faster.
    winograd: Option<Winograd>,
}

/// How the gradient of one plane comes from the maps of its group.
struct PlaneBack {
    plane: usize,
    weights: PackedWeights,
    offsets: Vec<usize>,
}

impl<'a> Back<'a> {
    fn new(geometry: &'a Geometry, saved: &'a Saved, want_images: bool) -> Self {
        let taps = geometry.taps();
        let margin = taps.iter().map(|tap| tap.offset).max().unwrap_or(0);
        let length = geometry.plane_len().max(padded(geometry.positions()));
        let mut this = Self {
            geometry,
            saved,
            offsets: offsets(geometry),
            margin,
            map_stride: margin + length,
            planes: Vec::new(),
            winograd: None,
        };
        if want_images && winograd::fits(geometry) {
            this.winograd = Some(this.winograd());
        } else if want_images {
            this.planes = (0..geometry.groups)
                .map(|group| this.planes(group))
                .collect();
        }
        this
    }

    /// The images from the maps: the same convolution with the weights back to front.
    fn winograd(&self) -> Winograd {
        let geometry = self.geometry;
        let weight = self.saved.weight;
        let sizes = Sizes {
            channels: geometry.width,
            // With the columns behind each row that belong to no pixel, which are zero.
            image: [geometry.map[0], geometry.plane()[1]],
            padding: geometry.padding.map(|padding| 2 - padding),
            maps: geometry.channels,
            map: geometry.image,
            map_stride: geometry.image[1],
            most_images: geometry.batch_size.div_ceil(NUM_PARTS),
        };
        Winograd::new(sizes, |channel, map, tap| {
            weight[(map * geometry.channels + channel) * 9 + 8 - tap]
        })
    }

    fn planes(&self, group: usize) -> Vec<PlaneBack> {
        let geometry = self.geometry;
        let taps = geometry.taps();
        let (maps, channels) = (geometry.group_width(), geometry.group_channels());
        let weight = &self.saved.weight[group * maps * channels * taps.len()..];
        let of_plane = |plane| {
            let taps_here = taps.iter().enumerate();
            let taps_here: Vec<_> = taps_here.filter(|(_, tap)| tap.plane == plane).collect();
            let terms: Vec<_> = (0..maps)
                .flat_map(|map| taps_here.iter().map(move |&(tap, place)| (map, tap, place)))
                .collect();
            let offset = |&(map, _, tap): &(usize, _, &super::geometry::Tap)| {
                map * self.map_stride + self.margin - tap.offset
            };
            PlaneBack {
                plane,
                offsets: terms.iter().map(offset).collect(),
                weights: PackedWeights::new(channels, terms.len(), |channel, term| {
                    let (map, tap, _) = terms[term];
                    weight[(map * channels + channel) * taps.len() + tap]
                }),
            }
        };
        let planes = (0..geometry.num_planes()).map(of_plane);
        planes.filter(|plane| !plane.offsets.is_empty()).collect()
    }
}

/// Images on their way from their maps' gradients by [`Winograd`].
struct Tiles<'a> {
    winograd: &'a Winograd,
    memory: winograd::Memory,
    num_loaded: usize,
}

impl<'a> Tiles<'a> {
    fn new(winograd: &'a Winograd) -> Self {
        Self {
            winograd,
            memory: winograd.memory(),
            num_loaded: 0,
        }
    }

    /// Takes in the gradient of another image's maps.
    fn load(&mut self, back: &Back, maps: &[f32]) {
        let image = self.num_loaded;
        for map in 0..back.geometry.width {
            let rows = &maps[map * back.map_stride + back.margin..];
            self.winograd.load(&mut self.memory, image, map, rows);
        }
        self.num_loaded += 1;
    }

    fn are_full(&self) -> bool {
        self.num_loaded == self.winograd.images_at_once()
    }

    /// Writes the gradients of the images that are loaded; they are the last of `d_images`.
    fn store_images(&mut self, image_len: usize, d_images: &mut [f32]) {
        let first = d_images.len() - self.num_loaded * image_len;
        let d_images = &mut d_images[first..];
        let finish = |image, channel, sums: &[f32]| {
            let d_image: &mut [f32] = &mut d_images[image * image_len..][..image_len];
            let channel_len = image_len / self.winograd.num_maps();
            d_image[channel * channel_len..][..channel_len].copy_from_slice(&sums[..channel_len]);
        };
        self.winograd.run(&mut self.memory, self.num_loaded, finish);
        self.num_loaded = 0;
    }
}

/// The memory of one part of the batch, and what it has summed so far.
struct Part<'a> {
    /// The gradient of each map's sums, at its positions in the plane.
    maps: Vec<f32>,
    planes: Planes,
    sums: Vec<f32>,
    d_weight: Vec<f32>,
    d_bias: Vec<f32>,
    tiles: Option<Tiles<'a>>,
}

impl<'a> Part<'a> {
    fn new(geometry: &Geometry, back: &'a Back) -> Self {
        Self {
            maps: vec![
                0.0;
                geometry.width * back.map_stride + padded(geometry.plane_len()) + SLACK
            ],
            planes: Planes::new(geometry),
            sums: Vec::new(),
            d_weight: vec![0.0; geometry.weight_len()],
            d_bias: vec![0.0; geometry.width],
            tiles: back.winograd.as_ref().map(Tiles::new),
        }
    }

    /// Takes in the gradient of one image's maps, which are at `place` in the batch.
    fn load(&mut self, back: &Back, place: std::ops::Range<usize>, d_output: &[f32]) {
        let (geometry, saved) = (back.geometry, back.saved);
        let map_len = d_output.len() / geometry.width;
        let output = saved.output[place.clone()].chunks_exact(map_len);
        let argmax = saved.argmax.get(place).unwrap_or_default();
        let maps = self.maps.chunks_exact_mut(back.map_stride);
        let d_bias = self.d_bias.iter_mut();
        let all = output
            .zip(d_output.chunks_exact(map_len))
            .zip(maps)
            .zip(d_bias);
        for (map, (((output, d_output), sums), d_bias)) in all.enumerate() {
            let argmax = argmax
                .get(map * map_len..(map + 1) * map_len)
                .unwrap_or_default();
            let sums = &mut sums[back.margin..][..geometry.positions()];
            unfinish(geometry, output, d_output, saved.activation, argmax, sums);
            *d_bias += sum(sums);
        }
    }

    fn add_weights(&mut self, back: &Back, image: &[f32]) {
        let geometry = back.geometry;
        self.planes.load(geometry, image);
        let group_len = geometry.weight_len() / geometry.groups;
        for (group, sums) in self.d_weight.chunks_exact_mut(group_len).enumerate() {
            let first_channel = group * geometry.group_channels();
            let first_map = group * geometry.group_width();
            CorrelateWeights {
                values: &self.planes.values[Planes::channel_start(geometry, first_channel)..],
                offsets: &back.offsets,
                rows: &self.maps[first_map * back.map_stride + back.margin..],
                row_len: back.map_stride,
                num_positions: geometry.positions(),
                sums,
            }
            .run();
        }
    }

    /// Writes the gradient of the image; overwrites the planes that it was taken apart into.
    fn store_image(&mut self, back: &Back, d_image: &mut [f32]) {
        let geometry = back.geometry;
        let plane_len = geometry.plane_len();
        let row_len = padded(plane_len);
        for (group, planes) in back.planes.iter().enumerate() {
            let first_map = group * geometry.group_width();
            for PlaneBack {
                plane,
                weights,
                offsets,
            } in planes
            {
                for rows in weights.blocks() {
                    self.sums.resize(rows.len() * row_len, 0.0);
                    Correlate {
                        values: &self.maps[first_map * back.map_stride..],
                        offsets,
                        weights,
                        first_row: rows.start,
                        num_positions: plane_len,
                        sums: &mut self.sums,
                    }
                    .run();
                    for (sums, row) in self.sums.chunks_exact(row_len).zip(rows) {
                        let channel = group * geometry.group_channels() + row;
                        let start = Planes::channel_start(geometry, channel) + plane * plane_len;
                        self.planes.values[start..start + plane_len]
                            .copy_from_slice(&sums[..plane_len]);
                    }
                }
            }
        }
        self.clear_unused(back);
        self.planes.store(geometry, d_image);
        // The padding is zero again for the next image.
        if geometry.padding != [0, 0] {
            self.planes.values.fill(0.0);
        }
    }

    /// Planes that no tap looks at get no gradient.
    fn clear_unused(&mut self, back: &Back) {
        let geometry = back.geometry;
        let used: Vec<_> = back.planes[0].iter().map(|plane| plane.plane).collect();
        if used.len() == geometry.num_planes() {
            return;
        }
        let planes = self.planes.values.chunks_exact_mut(geometry.plane_len());
        for (index, plane) in planes.enumerate() {
            if !used.contains(&(index % geometry.num_planes())) {
                plane.fill(0.0);
            }
        }
    }
}

fn sum(values: &[f32]) -> f32 {
    // In eight lanes: one after the other, each addition would wait for the last.
    let (lanes, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}
