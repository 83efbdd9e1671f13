//! From images to maps: one image or a few by themselves, so that what they need stays in the cache.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;

use super::epilogue::{Argmax, finish};
use super::geometry::Geometry;
use super::planes::Planes;
use super::rounded::{ByTwos, form_of_rows};
use super::tile::{Correlate, PackedWeights, Values, padded};
use super::winograd::{self, Sizes, Winograd};
use crate::Activation;
use crate::matmul::bf16::Form;
use crate::zeros::{written, zeros};

/// What comes out, and what the way back needs of it.
pub(crate) struct Outcome {
    /// `[B, width, H, W]`, after pooling.
    pub(crate) output: Vec<f32>,
    /// As `output`; empty where nothing is pooled or nobody asked.
    pub(crate) argmax: Argmax,
}

/// Convolution, bias, activation and max pooling in one pass; products are in `form`, or else in `f32`.
///
/// # Shapes
/// - `images`: `[B, C, H, W]`
/// - `weight`: `[width, C / groups, kernel height, kernel width]`
/// - `bias`: `[width]`
pub(crate) fn forward(
    geometry: &Geometry,
    form: Option<Form>,
    images: &[f32],
    weight: &[f32],
    bias: &[f32],
    activation: Activation,
    keep_argmax: bool,
) -> Outcome {
    let output_len = geometry.output_len();
    let argmax_len = if keep_argmax && geometry.pool != [1, 1] {
        output_len
    } else {
        0
    };
    let mut argmax = zeros(geometry.batch_size * argmax_len);
    let finish = Finish {
        geometry,
        bias,
        activation,
    };
    // SAFETY: either way makes all maps of all images, each from its first pixel to its last.
    let output = unsafe {
        written(geometry.batch_size * output_len, |output| {
            if winograd::fits(geometry, form) {
                forward_in_tiles(&finish, form, images, weight, output, &mut argmax);
            } else {
                forward_in_rows(finish, form, images, weight, output, &mut argmax);
            }
        })
    };
    Outcome { output, argmax }
}

/// One image at a time, from its shifted rows.
fn forward_in_rows(
    finish: Finish,
    form: Option<Form>,
    images: &[f32],
    weight: &[f32],
    output: &mut [MaybeUninit<f32>],
    argmax: &mut [u8],
) {
    let geometry = finish.geometry;
    let [output_len, argmax_len] =
        [output.len(), argmax.len()].map(|length| length / geometry.batch_size);
    let form = form_of_rows(geometry, form);
    let task = Task {
        finish,
        groups: pack(geometry, form, weight),
        offsets: offsets(geometry),
    };
    let shares = task.shares();
    let num_tasks = geometry.batch_size * shares;
    let tasks = split(output, output_len / shares, num_tasks)
        .into_iter()
        .zip(split(argmax, argmax_len / shares, num_tasks))
        .enumerate();
    in_turn(
        tasks,
        || Memory {
            image: Image {
                planes: Planes::new(geometry),
                rounded: form.map(ByTwos::new),
            },
            sums: Vec::new(),
        },
        |memory, (index, (output, argmax))| {
            let image = index / shares * geometry.image_len();
            let image = &images[image..image + geometry.image_len()];
            let first_map = index % shares * (geometry.width / shares);
            task.convolve(memory, image, first_map, output, argmax);
        },
    );
}

/// A few images at once, in tiles of their maps.
fn forward_in_tiles(
    finish: &Finish,
    form: Option<Form>,
    images: &[f32],
    weight: &[f32],
    output: &mut [MaybeUninit<f32>],
    argmax: &mut [u8],
) {
    let geometry = finish.geometry;
    let winograd = Winograd::new(
        Sizes {
            channels: geometry.channels,
            image: geometry.image,
            padding: geometry.padding,
            maps: geometry.width,
            map: geometry.map,
            most_images: geometry
                .batch_size
                .div_ceil(2 * rayon::current_num_threads()),
        },
        form,
        |map, channel, tap| weight[(map * geometry.channels + channel) * 9 + tap],
    );
    let output_len = geometry.output_len();
    let at_once = winograd.images_at_once();
    let num_tasks = geometry.batch_size.div_ceil(at_once);
    let tasks = split(output, at_once * output_len, num_tasks)
        .into_iter()
        .zip(split(argmax, at_once * output_len, num_tasks))
        .zip(images.chunks(at_once * geometry.image_len()));
    in_turn(
        tasks,
        || winograd.memory(),
        |memory, ((output, argmax), images)| {
            for (index, image) in images.chunks_exact(geometry.image_len()).enumerate() {
                memory.load(index, image);
            }
            let num_images = output.len() / output_len;
            winograd.run(memory, num_images, |image, map, sums| {
                let place = image * output_len..(image + 1) * output_len;
                let argmax = argmax.get_mut(place.clone()).unwrap_or_default();
                let output = &mut output[place];
                finish.map(
                    map,
                    0..geometry.width,
                    Rows {
                        sums,
                        stride: geometry.map[1],
                    },
                    output,
                    argmax,
                );
            });
        },
    );
}

/// Does all tasks: each thread takes the next one when it is done with the last, and keeps its memory.
pub(crate) fn in_turn<T, M>(
    tasks: impl Iterator<Item = T> + Send,
    memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, T) + Sync,
) {
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().expect("no task panics").next();
    let thread = |_| {
        let Some(mut task) = next() else { return };
        let mut memory = memory();
        loop {
            work(&mut memory, task);
            match next() {
                Some(next) => task = next,
                None => return,
            }
        }
    };
    let threads = 0..rayon::current_num_threads();
    threads.into_par_iter().with_max_len(1).for_each(thread);
}

/// The sums of a map, with rows `stride` apart.
#[derive(Clone, Copy)]
struct Rows<'a> {
    sums: &'a [f32],
    stride: usize,
}

/// What is done to every map.
struct Finish<'a> {
    geometry: &'a Geometry,
    bias: &'a [f32],
    activation: Activation,
}

impl Finish<'_> {
    /// `output` and `argmax` are those of `maps` of an image, the latter empty where nobody asks.
    fn map(
        &self,
        map: usize,
        maps: Range<usize>,
        rows: Rows,
        output: &mut [MaybeUninit<f32>],
        argmax: &mut [u8],
    ) {
        let map_len = output.len() / maps.len();
        let start = (map - maps.start) * map_len;
        let place = start..start + map_len;
        let argmax = argmax.get_mut(place.clone()).unwrap_or_default();
        finish(
            self.geometry,
            rows.stride,
            rows.sums,
            self.bias[map],
            self.activation,
            &mut output[place],
            argmax,
        );
    }
}

/// What all images share.
struct Task<'a> {
    finish: Finish<'a>,
    /// The weights of each group.
    groups: Vec<PackedWeights>,
    /// Where each weight of a group looks, counted from the group's first channel.
    offsets: Vec<usize>,
}

/// What one thread works in, image after image.
struct Memory {
    image: Image,
    sums: Vec<f32>,
}

/// An image as it is multiplied.
struct Image {
    planes: Planes,
    /// In place of the planes, where products are not in `f32`.
    rounded: Option<ByTwos>,
}

impl Image {
    fn load(&mut self, geometry: &Geometry, image: &[f32]) {
        self.planes.load(geometry, image);
        if let Some(rounded) = &mut self.rounded {
            let channels = [geometry.groups, geometry.group_channels()];
            let channel_len = Planes::channel_start(geometry, 1);
            rounded.load(&self.planes.values, channels, channel_len);
        }
    }

    /// From the channels of a group on.
    fn of_group(&self, geometry: &Geometry, group: usize) -> Values<'_> {
        match &self.rounded {
            Some(rounded) => rounded.of_group(group),
            None => self.planes.of_group(geometry, group),
        }
    }
}

impl Task<'_> {
    /// Parts of the maps that threads make by themselves, where there are fewer images than threads.
    fn shares(&self) -> usize {
        let geometry = self.finish.geometry;
        let threads_per_image = rayon::current_num_threads() / geometry.batch_size;
        let fits = |shares: &usize| {
            let share = geometry.width / shares;
            let mut blocks = self.groups[0].blocks();
            let begins = blocks.any(|rows| rows.start == share);
            geometry.groups == 1 && geometry.width.is_multiple_of(*shares) && begins
        };
        (2..=threads_per_image).rev().find(fits).unwrap_or(1)
    }

    /// Makes as many maps as there is room for, from `first_map` on.
    fn convolve(
        &self,
        memory: &mut Memory,
        image: &[f32],
        first_map: usize,
        output: &mut [MaybeUninit<f32>],
        argmax: &mut [u8],
    ) {
        let geometry = self.finish.geometry;
        let num_maps = output.len() / (geometry.output_len() / geometry.width);
        memory.image.load(geometry, image);
        let row_len = padded(geometry.positions());
        for (group, weights) in self.groups.iter().enumerate() {
            for rows in weights.blocks() {
                let maps = rows.start + group * geometry.group_width()
                    ..rows.end + group * geometry.group_width();
                if maps.start < first_map || maps.start >= first_map + num_maps {
                    continue;
                }
                Correlate {
                    values: memory.image.of_group(geometry, group),
                    offsets: &self.offsets,
                    weights,
                    rows,
                    num_positions: geometry.positions(),
                    sums: &mut memory.sums,
                }
                .run();
                for (sums, map) in memory.sums.chunks_exact(row_len).zip(maps) {
                    self.finish.map(
                        map,
                        first_map..first_map + num_maps,
                        Rows {
                            sums,
                            stride: geometry.plane()[1],
                        },
                        output,
                        argmax,
                    );
                }
            }
        }
    }
}

/// Takes `values` apart into `num_parts` of `length`; empty ones where there are none.
pub(crate) fn split<T>(values: &mut [T], length: usize, num_parts: usize) -> Vec<&mut [T]> {
    if values.is_empty() {
        (0..num_parts).map(|_| Default::default()).collect()
    } else {
        values.chunks_mut(length).collect()
    }
}

/// The weights of each group as the tiles read them.
fn pack(geometry: &Geometry, form: Option<Form>, weight: &[f32]) -> Vec<PackedWeights> {
    let (num_channels, num_taps) = (geometry.group_channels(), geometry.num_taps());
    let group_len = geometry.group_width() * num_channels * num_taps;
    let groups = weight.chunks_exact(group_len);
    groups
        .map(|weight| {
            let weight =
                |row, channel, tap| weight[(row * num_channels + channel) * num_taps + tap];
            PackedWeights::new(
                form,
                geometry.group_width(),
                [num_channels, num_taps],
                weight,
            )
        })
        .collect()
}

/// Where each term of a group's sums begins, counted from its first channel.
pub(crate) fn offsets(geometry: &Geometry) -> Vec<usize> {
    let taps = geometry.taps();
    let channels = 0..geometry.group_channels();
    let of_channel = |channel| {
        let start = Planes::channel_start(geometry, channel);
        taps.iter().map(move |tap| start + tap.start(geometry))
    };
    channels.flat_map(of_channel).collect()
}
