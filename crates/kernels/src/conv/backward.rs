//! From the gradient of the maps to those of the images, the weights and the biases.

mod maps;
mod shifted;
mod tiles;

use self::maps::{Layout, Maps};
use self::shifted::Shifted;
use self::tiles::Tiles;
use super::forward::{in_turn, split};
use super::geometry::Geometry;
use super::winograd;
use crate::Activation;
use crate::matmul::bf16::Form;
use crate::zeros::zeros;

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

/// Makes the gradients of a part of the batch from those of its maps, then of the next part.
trait Part<'a> {
    /// Where the gradients of the images belong; empty where nobody wants them.
    fn begin(&mut self, d_images: &'a mut [f32]);

    /// Takes in the next image and the gradient of its maps.
    fn add(&mut self, image: &[f32], maps: &Maps);

    /// The gradient of the weights; those of all images are written.
    fn finish(&mut self) -> Vec<f32>;
}

/// The way back of [`forward`](super::forward::forward), with products in `form`, or else in `f32`.
pub(crate) fn backward(
    geometry: &Geometry,
    form: Option<Form>,
    saved: &Saved,
    d_output: &[f32],
    want_images: bool,
) -> Gradients {
    let part_size = geometry.batch_size.div_ceil(NUM_PARTS);
    let num_parts = geometry.batch_size.div_ceil(part_size);
    let (image_len, output_len) = (geometry.image_len(), geometry.output_len());
    let (way, layout) = if winograd::fits(geometry, form) {
        let tiles = Tiles::new(geometry, form, saved.weight, part_size, want_images);
        (Way::Tiles(tiles), Layout::tight(geometry))
    } else {
        let layout = Layout::shifted(geometry);
        let shifted = Shifted::new(geometry, form, &layout, saved.weight, want_images);
        (Way::Shifted(shifted), layout)
    };
    let mut d_images = zeros(if want_images { saved.images.len() } else { 0 });
    let mut found = vec![Default::default(); num_parts];
    let parts = split(&mut d_images, part_size * image_len, num_parts)
        .into_iter()
        .zip(saved.images.chunks(part_size * image_len))
        .zip(&mut found)
        .enumerate();
    in_turn(
        parts,
        || {
            let part: Box<dyn Part> = match &way {
                Way::Tiles(tiles) => Box::new(tiles.part()),
                Way::Shifted(shifted) => Box::new(shifted.part()),
            };
            (part, Maps::new(geometry, &layout))
        },
        |(part, maps), (index, ((d_images, images), found))| {
            part.begin(d_images);
            let first = index * part_size;
            for (index, image) in images.chunks_exact(image_len).enumerate() {
                let start = (first + index) * output_len;
                maps.load(saved, d_output, start..start + output_len);
                part.add(image, maps);
            }
            *found = (part.finish(), maps.take_d_bias());
        },
    );

    let mut parts = found.into_iter();
    let (mut weight, mut bias): (Vec<f32>, Vec<f32>) =
        parts.next().expect("a batch has at least one image");
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
