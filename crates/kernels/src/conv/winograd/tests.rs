//! Products in other forms against those in `f32`, which `conv`'s own tests compare to plain sums.

use super::{Sizes, WeightGradient, Winograd};
use crate::conv::geometry::Geometry;
use crate::matmul::bf16::Form;
use crate::precision::Precision;
use crate::random::uniform;
use burn::tensor::Device;
use burn::tensor::ops::ConvOptions;

const NUM_IMAGES: usize = 9;
const CHANNELS: usize = 19;
const MAPS: usize = 53;
/// So small that small tiles fill the maps, which may be rounded, and the last ones of each axis reach beyond them.
const IMAGE: [usize; 2] = [5, 7];

/// Numbers around zero.
fn numbers(seed: u64, length: usize) -> Vec<f32> {
    let numbers = uniform(seed, [length], &Device::flex()) * 2.0 - 1.0;
    numbers.into_data().try_into_vec().unwrap()
}

fn maps(form: Option<Form>) -> Vec<f32> {
    let sizes = Sizes {
        channels: CHANNELS,
        image: IMAGE,
        padding: [1, 0],
        maps: MAPS,
        map: [5, 5],
        most_images: NUM_IMAGES,
    };
    let weights = numbers(1, MAPS * CHANNELS * 9);
    let winograd = Winograd::new(sizes, form, |map, channel, tap| {
        weights[(map * CHANNELS + channel) * 9 + tap]
    });
    let mut memory = winograd.memory();
    let image_len = CHANNELS * IMAGE[0] * IMAGE[1];
    let mut all = Vec::new();
    for images in numbers(2, NUM_IMAGES * image_len).chunks(winograd.images_at_once() * image_len) {
        for (index, image) in images.chunks(image_len).enumerate() {
            memory.load(index, image);
        }
        let num_images = images.len() / image_len;
        winograd.run(&mut memory, num_images, |_, _, pixels| {
            all.extend_from_slice(pixels);
        });
    }
    all
}

fn weight_gradient(form: Option<Form>) -> Vec<f32> {
    let [height, width] = IMAGE;
    let options = ConvOptions::new([1, 1], [1, 0], [1, 1], 1);
    let images = [NUM_IMAGES, CHANNELS, height, width];
    let geometry = Geometry::new(images, [MAPS, CHANNELS, 3, 3], &options, [1, 1]).unwrap();
    let mut gradient = WeightGradient::new(&geometry, form, NUM_IMAGES);
    let images = numbers(3, NUM_IMAGES * geometry.image_len());
    let d_maps = numbers(4, NUM_IMAGES * geometry.output_len());
    let images = images.chunks(geometry.image_len());
    for (image, d_map) in images.zip(d_maps.chunks(geometry.output_len())) {
        gradient.add(image, d_map);
    }
    gradient.take()
}

/// Root of the mean square.
fn size(values: impl Iterator<Item = f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += f64::from(value).powi(2);
        count += 1.0;
    }
    f64::sqrt(sum / count)
}

#[test]
fn rounded_products_are_as_near_as_their_form_allows() {
    for (precision, most) in [(Precision::Bf16, 6e-3), (Precision::High, 3e-5)] {
        let Some(form) = Form::of(precision) else {
            eprintln!("skipped: this CPU lacks what {precision:?} takes");
            continue;
        };
        for compute in [maps, weight_gradient] {
            let (exact, rounded) = (compute(None), compute(Some(form)));
            let differences = exact.iter().zip(&rounded).map(|(a, b)| a - b);
            let error = size(differences) / size(exact.iter().copied());
            assert!(error > 0.0, "{precision:?} took no part");
            assert!(error < most, "{precision:?}: {error}");
        }
    }
}
