//! The hierarchy curve: how easy each layer's features make the last decision.

use burn::tensor::Tensor;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::interval::{Estimate, bootstrap, repeated};
use crate::neighbours::knn_score;
use crate::probe::{Answers, Probe, rows, score};
use crate::separability::fisher_ratio;

/// Share of the fit samples that each seed draws.
const DRAWN: f64 = 0.8;

/// Samples at most that the neighbours are searched among, and that search.
const MAX_SEARCHED: usize = 4000;
const MAX_SEARCHING: usize = 1000;

/// One layer's features of the same samples as every other layer's.
#[derive(Debug, Clone)]
pub struct LayerFeatures {
    /// Name of the layer.
    pub name: String,
    /// Numbers of one sample before they were condensed.
    pub full_width: usize,
    /// `[N, D]` of the samples that probes are fitted on.
    pub fit: Tensor<2>,
    /// `[Q, D]` of the samples that probes are scored on.
    pub held_out: Tensor<2>,
}

/// How useful the features of one layer are.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerScore {
    /// Name of the layer.
    pub name: String,
    /// Numbers of one sample in this layer.
    pub full_width: usize,
    /// How many of them, or averages of them, were measured.
    pub measured_width: usize,
    /// The linear probe on held-out samples: accuracy, or R².
    pub probe: Estimate,
    /// The probe under each seed.
    pub by_seed: Vec<f64>,
    /// The vote of the nearest neighbours on held-out samples: accuracy, or R².
    pub knn: f64,
    /// Variance between classes over variance within; `None` for numbers.
    pub separability: Option<f64>,
}

/// Measures every layer, one probe for each of `seeds` on its own draw of the fit samples.
#[must_use]
pub fn measure(
    layers: &[LayerFeatures],
    fit: &Answers,
    held_out: &Answers,
    seeds: &[u64],
) -> Vec<LayerScore> {
    layers
        .iter()
        .map(|layer| measure_layer(layer, fit, held_out, seeds))
        .collect()
}

/// The linear probe of one layer: its score on held-out samples, and that under each seed.
#[must_use]
pub fn probe_layer(
    layer: &LayerFeatures,
    fit: &Answers,
    held_out: &Answers,
    seeds: &[u64],
) -> (Estimate, Vec<f64>) {
    let outputs: Vec<Vec<f32>> = seeds
        .iter()
        .map(|&seed| {
            let drawn = draw(fit.len(), seed);
            let probe = Probe::fit(rows(&layer.fit, &drawn), &fit.select(&drawn));
            probe.outputs(layer.held_out.clone())
        })
        .collect();
    let by_seed: Vec<f64> = outputs
        .iter()
        .map(|outputs| score(outputs, held_out))
        .collect();
    let estimate = match held_out {
        Answers::Classes { .. } => repeated(&by_seed, held_out.len()),
        Answers::Values { width, .. } => {
            let first = outputs.first().map_or(&[][..], Vec::as_slice);
            bootstrap(held_out.len(), 1, |places| {
                let drawn = places
                    .iter()
                    .flat_map(|&place| &first[place * width..(place + 1) * width]);
                score(
                    &drawn.copied().collect::<Vec<_>>(),
                    &held_out.select(places),
                )
            })
        }
    };
    (estimate, by_seed)
}

fn measure_layer(
    layer: &LayerFeatures,
    fit: &Answers,
    held_out: &Answers,
    seeds: &[u64],
) -> LayerScore {
    let (probe, by_seed) = probe_layer(layer, fit, held_out, seeds);
    let searched = spread(fit.len(), MAX_SEARCHED);
    let searching = spread(held_out.len(), MAX_SEARCHING);
    let knn = knn_score(
        &rows(&layer.fit, &searched),
        &fit.select(&searched),
        &rows(&layer.held_out, &searching),
        &held_out.select(&searching),
    );
    let separability = match fit {
        Answers::Classes {
            labels,
            num_classes,
        } => Some(fisher_ratio(&layer.fit, labels, *num_classes)),
        Answers::Values { .. } => None,
    };
    LayerScore {
        name: layer.name.clone(),
        full_width: layer.full_width,
        measured_width: layer.fit.dims()[1],
        probe,
        by_seed,
        knn,
        separability,
    }
}

/// At most `count` of the places below `len`, evenly spread.
fn spread(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|index| index * len / count).collect()
}

/// A random share of the places below `count`, in order.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn draw(count: usize, seed: u64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    places.truncate(((count as f64 * DRAWN).ceil() as usize).max(1));
    places.sort_unstable();
    places
}

/// The layers that make the decision harder than the layer before: their intervals lie wholly
/// below. The last layer is not judged: a probe on a few logits is no fault of the network.
#[must_use]
pub fn worse_layers(scores: &[LayerScore]) -> Vec<usize> {
    let judged = scores.len().saturating_sub(1);
    (1..judged)
        .filter(|&layer| scores[layer].probe.high < scores[layer - 1].probe.low)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};

    #[test]
    fn a_layer_that_separates_scores_above_one_that_mixes() {
        let device = Device::flex();
        device.seed(1);
        let labels: Vec<usize> = (0..300).map(|sample| sample % 3).collect();
        let answers = Answers::Classes {
            labels: labels.clone(),
            num_classes: 3,
        };
        let layer = |name: &str, apart: f32| {
            let mut values = vec![0.0_f32; 300 * 3];
            for (sample, &label) in labels.iter().enumerate() {
                values[sample * 3 + label] = apart;
            }
            let noise = || Tensor::<2>::random([300, 3], Distribution::Normal(0.0, 1.0), &device);
            let means = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([300, 3]);
            LayerFeatures {
                name: name.into(),
                full_width: 3,
                fit: means.clone() + noise(),
                held_out: means + noise(),
            }
        };
        let layers = [
            layer("input", 1.0),
            layer("good", 6.0),
            layer("bad", 0.0),
            layer("out", 1.0),
        ];
        let scores = measure(&layers, &answers, &answers, &[1, 2, 3]);
        assert!(scores[1].probe.value > 0.97, "{scores:?}");
        assert!(scores[2].probe.value < 0.5, "{scores:?}");
        assert!(scores[1].knn > scores[0].knn);
        assert!(scores[1].separability > scores[0].separability);
        assert_eq!(worse_layers(&scores), [2]);
    }

    #[test]
    fn numbers_are_probed_by_explained_variance() {
        let device = Device::flex();
        device.seed(2);
        let x = Tensor::<2>::random([200, 4], Distribution::Normal(0.0, 1.0), &device);
        let y = x.clone().narrow(1, 0, 1) * 3.0 + 5.0;
        let values = y.into_data().iter::<f32>().collect();
        let answers = Answers::Values { values, width: 1 };
        let layer = LayerFeatures {
            name: "input".into(),
            full_width: 4,
            fit: x.clone(),
            held_out: x,
        };
        let scores = measure(&[layer], &answers, &answers, &[1]);
        // The intercept carries the mean: a penalty on it would cost most of the fit.
        assert!(scores[0].probe.value > 0.99, "{scores:?}");
    }
}
