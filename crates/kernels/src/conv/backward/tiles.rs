//! The way back of the convolution in tiles.

use std::slice::ChunksExactMut;

use super::super::geometry::Geometry;
use super::super::winograd::{Memory, Sizes, WeightGradient, Winograd};
use super::{Maps, Part};
use crate::matmul::bf16::Form;

/// What all parts of the batch share.
pub(super) struct Tiles<'a> {
    geometry: &'a Geometry,
    part_size: usize,
    /// Of the products, where it is another than `f32`.
    form: Option<Form>,
    /// The images from the maps; absent where nobody wants them.
    to_images: Option<Winograd>,
}

impl<'a> Tiles<'a> {
    pub(super) fn new(
        geometry: &'a Geometry,
        form: Option<Form>,
        weight: &[f32],
        part_size: usize,
        want_images: bool,
    ) -> Self {
        // The same convolution with the weights back to front.
        let sizes = Sizes {
            channels: geometry.width,
            image: geometry.map,
            padding: geometry.padding.map(|padding| 2 - padding),
            maps: geometry.channels,
            map: geometry.image,
            most_images: part_size,
        };
        let weight = |channel: usize, map: usize, tap: usize| {
            weight[(map * geometry.channels + channel) * 9 + 8 - tap]
        };
        Self {
            geometry,
            part_size,
            form,
            to_images: want_images.then(|| Winograd::new(sizes, form, weight)),
        }
    }

    pub(super) fn part(&self) -> PartInTiles<'_> {
        let images = self.to_images.as_ref().map(|winograd| Images {
            memory: winograd.memory(),
            winograd,
            num_loaded: 0,
            unwritten: <&mut [f32]>::default().chunks_exact_mut(1),
        });
        PartInTiles {
            geometry: self.geometry,
            weights: WeightGradient::new(self.geometry, self.form, self.part_size),
            images,
        }
    }
}

/// A part of the batch.
pub(super) struct PartInTiles<'a> {
    geometry: &'a Geometry,
    weights: WeightGradient,
    images: Option<Images<'a>>,
}

impl<'a> Part<'a> for PartInTiles<'a> {
    fn begin(&mut self, d_images: &'a mut [f32]) {
        if let Some(images) = &mut self.images {
            images.unwritten = d_images.chunks_exact_mut(self.geometry.image_len());
        }
    }

    fn add(&mut self, image: &[f32], maps: &Maps) {
        let maps = &maps.values[..self.geometry.width * maps.layout.stride];
        self.weights.add(image, maps);
        if let Some(images) = &mut self.images {
            images.memory.load(images.num_loaded, maps);
            images.num_loaded += 1;
            if images.num_loaded == images.winograd.images_at_once() {
                images.store();
            }
        }
    }

    fn finish(&mut self) -> Vec<f32> {
        if let Some(images) = &mut self.images {
            images.store();
        }
        self.weights.take()
    }
}

/// The gradients of images, a few at once.
struct Images<'a> {
    winograd: &'a Winograd,
    memory: Memory,
    num_loaded: usize,
    unwritten: ChunksExactMut<'a, f32>,
}

impl Images<'_> {
    /// Writes those whose maps are loaded.
    fn store(&mut self) {
        let mut d_images: Vec<_> = self.unwritten.by_ref().take(self.num_loaded).collect();
        let finish = |image: usize, channel: usize, pixels: &[f32]| {
            d_images[image][channel * pixels.len()..][..pixels.len()].copy_from_slice(pixels);
        };
        self.winograd.run(&mut self.memory, self.num_loaded, finish);
        self.num_loaded = 0;
    }
}
