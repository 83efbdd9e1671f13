//! From the gradient of the maps to those of the images, the weights and the biases.

mod maps;
mod shifted;
mod tiles;

use rayon::prelude::*;

use self::maps::{Layout, Maps};
use self::shifted::Shifted;
use self::tiles::Tiles;
use super::forward::split;
use super::geometry::Geometry;
use super::winograd;
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

/// How gradients come from those of the maps.
enum Way<'a> {
    Tiles(Tiles<'a>),
    Shifted(Shifted<'a>),
}

/// How a part of the batch gets its gradients from those of its maps.
trait Part {
    /// Takes in the next image and the gradient of its maps.
    fn add(&mut self, image: &[f32], maps: &Maps);

    /// The gradient of the weights; those of all images are written.
    fn finish(self: Box<Self>) -> Vec<f32>;
}

/// The way back of [`forward`](super::forward::forward).
pub(crate) fn backward(
    geometry: &Geometry,
    saved: &Saved,
    d_output: &[f32],
    want_images: bool,
) -> Gradients {
    let part_size = geometry.batch_size.div_ceil(NUM_PARTS);
    let num_parts = geometry.batch_size.div_ceil(part_size);
    let (image_len, output_len) = (geometry.image_len(), geometry.output_len());
    let layout = Layout::new(geometry);
    let way = if winograd::fits(geometry) {
        Way::Tiles(Tiles::new(geometry, saved.weight, part_size, want_images))
    } else {
        Way::Shifted(Shifted::new(geometry, &layout, saved.weight, want_images))
    };
    let mut d_images = vec![0.0; if want_images { saved.images.len() } else { 0 }];
    let parts: Vec<_> = split(&mut d_images, part_size * image_len, num_parts)
        .into_par_iter()
        .zip(saved.images.par_chunks(part_size * image_len))
        .enumerate()
        .map(|(index, (d_images, images))| {
            let mut part: Box<dyn Part> = match &way {
                Way::Tiles(tiles) => Box::new(tiles.part(d_images)),
                Way::Shifted(shifted) => Box::new(shifted.part(d_images)),
            };
            let mut maps = Maps::new(geometry, &layout);
            let first = index * part_size;
            for (index, image) in images.chunks_exact(image_len).enumerate() {
                let start = (first + index) * output_len;
                maps.load(saved, d_output, start..start + output_len);
                part.add(image, &maps);
            }
            (part.finish(), maps.d_bias)
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
