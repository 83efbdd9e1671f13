//! Neighbours in feature space: the nearest training samples of a prediction, and how often their
//! classes agree with it.

use burn::tensor::Tensor;

use crate::probe::Answers;

/// Neighbours that vote on a class or are averaged.
pub const NUM_VOTERS: usize = 5;

/// Query samples compared at a time, so that the table of similarities stays small.
const BLOCK: usize = 512;

/// A training sample near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its place among the samples that were searched.
    pub place: usize,
    /// Cosine of the angle between the two features, at most 1.
    pub cosine: f32,
}

/// The `count` nearest of `searched` for each query, nearest first.
///
/// # Shapes
/// - `queries`: `[Q, D]`
/// - `searched`: `[N, D]`
/// - returns: Q lists
#[must_use]
pub fn nearest(queries: &Tensor<2>, searched: &Tensor<2>, count: usize) -> Vec<Vec<Neighbour>> {
    let [num_queries, _] = queries.dims();
    let [num_searched, _] = searched.dims();
    if num_queries == 0 || num_searched == 0 {
        return vec![Vec::new(); num_queries];
    }
    let searched = directions(searched.clone()).transpose(); // [D, N]
    let mut found = Vec::with_capacity(num_queries);
    for start in (0..num_queries).step_by(BLOCK) {
        let block = queries
            .clone()
            .narrow(0, start, BLOCK.min(num_queries - start));
        let cosines = directions(block).matmul(searched.clone()); // [block, N]
        let cosines: Vec<f32> = cosines.into_data().iter::<f32>().collect();
        found.extend(
            cosines
                .chunks_exact(num_searched)
                .map(|row| top(row, count)),
        );
    }
    found
}

/// The largest `count` of a row, largest first.
fn top(row: &[f32], count: usize) -> Vec<Neighbour> {
    let mut best: Vec<Neighbour> = Vec::with_capacity(count + 1);
    for (place, &cosine) in row.iter().enumerate() {
        if best.len() == count && best.last().is_none_or(|last| cosine <= last.cosine) {
            continue;
        }
        let at = best.partition_point(|other| other.cosine >= cosine);
        best.insert(at, Neighbour { place, cosine });
        best.truncate(count);
    }
    best
}

/// Rows of length one; a row of zeros stays one.
fn directions(features: Tensor<2>) -> Tensor<2> {
    let length = (features.clone() * features.clone()).sum_dim(1).sqrt(); // [B, 1]
    features / length.clamp_min(1e-12)
}

/// How good the nearest neighbours' answers are: the accuracy of their vote, or R² of their mean.
///
/// Features are first centred on the fit, so that an angle means something where all are positive.
///
/// # Shapes
/// - `fit`: `[N, D]` with N answers
/// - `held_out`: `[Q, D]` with Q answers
#[must_use]
pub fn knn_score(
    fit: &Tensor<2>,
    fit_answers: &Answers,
    held_out: &Tensor<2>,
    held_out_answers: &Answers,
) -> f64 {
    let mean = fit.clone().mean_dim(0); // [1, D]
    let found = nearest(
        &(held_out.clone() - mean.clone()),
        &(fit.clone() - mean),
        NUM_VOTERS,
    );
    let outputs: Vec<f32> = found
        .iter()
        .flat_map(|near| vote(near, fit_answers))
        .collect();
    crate::probe::score(&outputs, held_out_answers)
}

/// Shares of the classes among the neighbours, or the mean of their values.
#[allow(clippy::cast_precision_loss)] // a handful of neighbours
fn vote(near: &[Neighbour], answers: &Answers) -> Vec<f32> {
    let mut sum = vec![0.0; answers.num_outputs()];
    let share = 1.0 / near.len().max(1) as f32;
    for neighbour in near {
        match answers {
            // The nearest decides between equal votes.
            Answers::Classes { labels, .. } => {
                sum[labels[neighbour.place]] += share + 1e-4 * neighbour.cosine;
            }
            Answers::Values { values, width } => {
                let row = &values[neighbour.place * width..(neighbour.place + 1) * width];
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, value)| *sum += share * value);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_nearest_point_the_same_way() {
        let device = Device::flex();
        let searched =
            Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 5.0], [2.0, 0.1], [0.0, 0.0]], &device);
        let queries = Tensor::<2>::from_floats([[10.0, 0.0]], &device);
        let found = nearest(&queries, &searched, 2);
        let places: Vec<_> = found[0].iter().map(|near| near.place).collect();
        assert_eq!(places, [0, 2]);
        assert!((found[0][0].cosine - 1.0).abs() < 1e-6);
    }

    #[test]
    fn neighbours_vote() {
        let device = Device::flex();
        let fit = Tensor::<2>::from_floats([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]], &device);
        let answers = |labels: &[usize]| Answers::Classes {
            labels: labels.to_vec(),
            num_classes: 2,
        };
        let score = knn_score(&fit, &answers(&[1, 1, 0]), &fit, &answers(&[1, 1, 1]));
        assert!((score - 1.0).abs() < 1e-9, "two of three say 1: {score}");
    }
}
