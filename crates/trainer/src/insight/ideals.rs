//! Images that excite a unit, or make the network sure of a class, as much as any can.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use fornax_data::InputShape;
use fornax_insight::maximise::{Ascent, maximise};
use fornax_insight::watch::Watch;
use fornax_runs::report::{Picture, UnitView};

use super::Subject;
use super::exhibits::Exhibits;
use crate::architecture::Network;
use crate::batch;
use crate::step::to_vec;

/// Steps of the ascent.
const STEPS: usize = 40;
/// Classes that an image is made for.
const IDEALS: usize = 10;

/// For each class, the image that the network would be surest of; only for images.
pub(super) fn ideals(subject: &Subject, exhibits: &Exhibits) -> Vec<UnitView> {
    let InputShape::Image { .. } = subject.dataset.input else {
        return Vec::new();
    };
    let names = subject.dataset.preprocess.classes().unwrap_or_default();
    let count = names.len().min(IDEALS);
    let classes: Vec<usize> = (0..count).collect();
    let pictures = ideal_images(subject, "logits", &classes, None, exhibits);
    pictures
        .into_iter()
        .enumerate()
        .map(|(class, picture)| UnitView {
            unit: class,
            follows: format!("what it takes for the ideal {}", names[class]),
            exhibits: Vec::new(),
            ideal: Some(picture),
        })
        .collect()
}

/// The image that excites each of a layer's units most, found by ascent from an image of the data
/// for each, where the unit is not silent, or from the mean image.
pub(super) fn ideal_images(
    subject: &Subject,
    layer: &str,
    units: &[usize],
    starts: Option<&fornax_data::Inputs>,
    exhibits: &Exhibits,
) -> Vec<Picture> {
    let InputShape::Image {
        channels,
        height,
        width,
    } = subject.dataset.input
    else {
        return Vec::new();
    };
    // The states of a recurrent network are handed on without their gradients.
    let is_shown = layer == "logits" || !matches!(subject.network, Network::Rnn(_));
    if units.is_empty() || !is_shown {
        return Vec::new();
    }
    let frozen = subject.network.clone().train().freeze();
    let layout = subject.layout;
    let score = |x: Tensor<4>| {
        let [batch_size, ..] = x.dims();
        let inputs = batch::images(x, layout);
        if layer == "logits" {
            return pick(frozen.forward(&inputs), units);
        }
        let mut watch = Watch::new(layer);
        let _ = frozen.forward_tap(&inputs, &mut watch);
        let Some(watched) = watch.seen else {
            return Tensor::zeros([batch_size, 1], &subject.device).autodiff();
        };
        let feature = match *watched.shape.as_slice() {
            [channels, height, width] => watched
                .features
                .reshape([batch_size, channels, height * width])
                .mean_dim(2)
                .flatten(1, 2),
            _ => watched.features,
        };
        pick(feature, units)
    };
    let shape = [units.len(), channels, height, width];
    let start = match starts {
        Some(fornax_data::Inputs::Dense { values, .. })
            if values.len() == shape.iter().product::<usize>() =>
        {
            Tensor::from_data(TensorData::new(values.clone(), shape), &subject.device)
        }
        _ => Tensor::zeros(shape, &subject.device),
    };
    let ascent = Ascent {
        steps: STEPS,
        rate: 0.25,
        range: pixel_range(subject),
    };
    let images = to_vec(maximise(&start, ascent, score));
    images
        .chunks_exact(channels * height * width)
        .map(|image| exhibits.picture(image))
        .collect()
}

/// `[B, K]` to `[B, 1]`: of each row the number that belongs to it.
fn pick(scores: Tensor<2>, units: &[usize]) -> Tensor<2> {
    let [batch, width] = scores.dims();
    let mut one_hot = vec![0.0_f32; batch * width];
    for (row, unit) in units.iter().enumerate() {
        one_hot[row * width + unit] = 1.0;
    }
    let one_hot = Tensor::from_data(TensorData::new(one_hot, [batch, width]), &scores.device());
    (scores * one_hot).sum_dim(1)
}

/// The darkest and the brightest value that a pixel can have.
#[allow(clippy::cast_possible_truncation)] // standardised pixels
fn pixel_range(subject: &Subject) -> (f32, f32) {
    let fornax_data::Preprocess::Images(images) = &subject.dataset.preprocess else {
        return (-3.0, 3.0);
    };
    let ends = images.mean.iter().zip(&images.sd);
    let low = ends
        .clone()
        .map(|(mean, sd)| -mean / sd)
        .fold(f64::INFINITY, f64::min);
    let high = ends
        .map(|(mean, sd)| (1.0 - mean) / sd)
        .fold(f64::NEG_INFINITY, f64::max);
    (low as f32, high as f32)
}
