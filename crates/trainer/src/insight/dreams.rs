//! What a deep belief network dreams, beside what it has seen.

use burn::tensor::Tensor;
use fornax_data::{InputShape, Split, Task};
use fornax_runs::report::{Dream, Dreams, Exhibit};

use super::exhibits::Exhibits;
use super::{Sample, Subject};
use crate::architecture::DbnNetwork;
use crate::batch::{self, Inputs};
use crate::step::to_vec;

/// Gibbs steps after which dreams are taken.
const STEPS: [usize; 4] = [1, 10, 100, 1000];
/// Free chains.
const CHAINS: usize = 8;
/// Dreams of a class, and their steps.
const OF_CLASS: usize = 4;
const CLASS_STEPS: usize = 100;
/// Most classes to dream of.
const CLASSES: usize = 10;
/// Inputs that are reconstructed.
const RECONSTRUCTED: usize = 6;
/// Training samples that a dream is compared with.
const COMPARED: usize = 4000;

pub(super) fn dream(
    subject: &Subject,
    network: &DbnNetwork,
    sample: &Sample,
    exhibits: &Exhibits,
) -> Option<Dreams> {
    let train = &subject.dataset.train;
    let places: Vec<usize> = sample.fit.iter().copied().take(COMPARED).collect();
    let seen = flat(subject, train, &places)?; // [N, D]
    let draw = |values: &[f32]| draw(subject, exhibits, values);
    let mut free = Vec::new();
    for steps in STEPS {
        let dreams = network.stack.fantasies(CHAINS, steps, None).ok()?; // [C, D]
        let found = closest(&dreams, &seen);
        let width = dreams.dims()[1];
        let values = to_vec(dreams);
        let dreams = values
            .chunks_exact(width)
            .zip(found)
            .map(|(values, (row, distance))| Dream {
                exhibit: draw(values),
                nearest: exhibits.item(train, places[row], None),
                distance,
            });
        free.push((steps, dreams.collect()));
    }
    let mut of_class = Vec::new();
    if let Task::Classification { classes } = &subject.dataset.task {
        for (label, class) in classes.iter().enumerate().take(CLASSES) {
            // Refused where the network did not learn labels.
            let Ok(dreams) = network.stack.fantasies(OF_CLASS, CLASS_STEPS, Some(label)) else {
                break;
            };
            let width = dreams.dims()[1];
            let values = to_vec(dreams);
            of_class.push((
                class.clone(),
                values.chunks_exact(width).map(draw).collect(),
            ));
        }
    }
    let (reconstructions, reconstruction_errors) = reconstruct(subject, network, sample, exhibits)?;
    Some(Dreams {
        free,
        of_class,
        reconstructions,
        reconstruction_errors,
    })
}

fn flat(subject: &Subject, split: &Split, places: &[usize]) -> Option<Tensor<2>> {
    let batch = split.batch(places).ok()?;
    match batch::inputs(&batch, subject.layout, &subject.device) {
        Inputs::Flat(x) => Some(x),
        _ => None,
    }
}

/// Inputs of the network as people see them.
fn draw(subject: &Subject, exhibits: &Exhibits, values: &[f32]) -> Exhibit {
    match subject.dataset.input {
        InputShape::Image { .. } => Exhibit::Image {
            picture: exhibits.picture(values),
        },
        InputShape::Sequence { width, .. } => exhibits.steps(values, width, None),
        _ => exhibits.values(values),
    }
}

/// The closest of `seen` for each row of `x`, and the root mean squared difference to it.
#[allow(clippy::cast_precision_loss)] // a width
fn closest(x: &Tensor<2>, seen: &Tensor<2>) -> Vec<(usize, f64)> {
    let square = |x: &Tensor<2>| (x.clone() * x.clone()).sum_dim(1); // [B, 1]
    let products = x.clone().matmul(seen.clone().transpose()); // [B, N]
    let distances = square(x) + square(seen).transpose() - products * 2.0;
    let [_, count] = distances.dims();
    let width = x.dims()[1] as f64;
    let rows = to_vec(distances);
    rows.chunks_exact(count)
        .map(|row| {
            let (place, least) =
                row.iter()
                    .enumerate()
                    .fold((0, f32::INFINITY), |best, (place, &value)| {
                        if value < best.1 { (place, value) } else { best }
                    });
            (place, (f64::from(least).max(0.0) / width).sqrt())
        })
        .collect()
}

type Reconstructions = (Vec<Vec<Exhibit>>, Vec<(String, f64)>);

/// Inputs up through one layer, two layers, and so on, and down again.
fn reconstruct(
    subject: &Subject,
    network: &DbnNetwork,
    sample: &Sample,
    exhibits: &Exhibits,
) -> Option<Reconstructions> {
    let split = sample.held_out_split;
    let places: Vec<usize> = sample.held_out.iter().copied().take(256).collect();
    if places.is_empty() {
        return None;
    }
    let x = flat(subject, split, &places)?;
    let width = x.dims()[1];
    let shown = places.len().min(RECONSTRUCTED);
    let columns = |x: &Tensor<2>| -> Vec<Exhibit> {
        let values = to_vec(x.clone().narrow(0, 0, shown));
        values
            .chunks_exact(width)
            .map(|values| draw(subject, exhibits, values))
            .collect()
    };
    let mut stages = vec![columns(&x)];
    let mut errors = Vec::new();
    for depth in 1..=network.stack.rbms.len() {
        let mut features = network.stack.propagate(x.clone(), depth);
        for layer in (0..depth).rev() {
            features = network.stack.below(layer, features);
        }
        let difference = features.clone() - x.clone();
        let error = (difference.clone() * difference)
            .mean()
            .sqrt()
            .into_scalar::<f32>();
        let name = if depth == 1 {
            "1 layer".to_owned()
        } else {
            format!("{depth} layers")
        };
        errors.push((name, f64::from(error)));
        stages.push(columns(&features));
    }
    let rows = (0..shown).map(|row| stages.iter().map(|stage| stage[row].clone()).collect());
    Some((rows.collect(), errors))
}
