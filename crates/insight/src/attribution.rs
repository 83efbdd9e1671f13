//! Why this answer: how much each part of an input speaks for it.
//!
//! Every method gets the network as a function from inputs to scores `[B, K]`; the gradient methods
//! need one that keeps gradients, and whose dropout and batch norm behave as in evaluation.

use burn::tensor::{Tensor, TensorData};

use crate::watch::Watch;

/// The gradient of each sample's score of its class, times the input: exact for a linear model.
///
/// # Shapes
/// - `x`: `[B, ..]`, without gradient
/// - `classes`: B, each below K
/// - returns: as `x`
#[must_use]
pub fn gradient_x_input<const D: usize>(
    x: &Tensor<D>,
    classes: &[usize],
    score: impl Fn(Tensor<D>) -> Tensor<2>,
) -> Tensor<D> {
    gradient(x, classes, &score) * x.clone()
}

fn gradient<const D: usize>(
    x: &Tensor<D>,
    classes: &[usize],
    score: &impl Fn(Tensor<D>) -> Tensor<2>,
) -> Tensor<D> {
    let x = x.clone().autodiff().require_grad();
    let chosen = chosen(score(x.clone()), classes).sum();
    let gradients = chosen.backward();
    // Absent where the score does not depend on the input at all.
    x.grad(&gradients)
        .unwrap_or_else(|| x.without_autodiff().zeros_like())
}

/// `[B, K]` to `[B, 1]`: each sample's score of its class.
fn chosen(scores: Tensor<2>, classes: &[usize]) -> Tensor<2> {
    let [batch, width] = scores.dims();
    let mut one_hot = vec![0.0_f32; batch * width];
    for (row, class) in classes.iter().enumerate() {
        one_hot[row * width + class] = 1.0;
    }
    let one_hot = Tensor::from_data(TensorData::new(one_hot, [batch, width]), &scores.device());
    (scores * one_hot).sum_dim(1)
}

/// Integrated gradients, and what they fail to explain.
#[derive(Debug, Clone)]
pub struct Integrated<const D: usize> {
    /// As the input.
    pub attribution: Tensor<D>,
    /// Of each sample: the sum of its attribution less the change of its score from the baseline
    /// to the input, relative to that change. It falls with the number of steps.
    pub residuals: Vec<f64>,
}

/// Integrates the gradient along the straight way from `baseline` to `x`, in `steps` steps by the
/// midpoint rule. The parts add up to the change of the score: the residual says how well.
///
/// # Shapes
/// - `x`, `baseline`: `[B, ..]`
/// - `classes`: B
///
/// Sundararajan, Taly and Yan 2017, <https://arxiv.org/abs/1703.01365>
#[must_use]
#[allow(clippy::cast_precision_loss)] // steps
pub fn integrated_gradients<const D: usize>(
    x: &Tensor<D>,
    baseline: &Tensor<D>,
    classes: &[usize],
    steps: usize,
    score: impl Fn(Tensor<D>) -> Tensor<2>,
) -> Integrated<D> {
    let steps = steps.max(1);
    let way = x.clone() - baseline.clone();
    let mut sum = x.zeros_like();
    for step in 0..steps {
        let share = (step as f64 + 0.5) / steps as f64;
        let at = baseline.clone() + way.clone() * share;
        sum = sum + gradient(&at, classes, &score);
    }
    let attribution = way * (sum / steps as f64);
    let values = |x: &Tensor<D>| to_vec(chosen(score(x.clone()).without_autodiff(), classes));
    let per_sample: Tensor<2> = attribution.clone().flatten(1, D - 1); // [B, D]
    let explained = to_vec(per_sample.sum_dim(1));
    let ends = values(x).into_iter().zip(values(baseline));
    let residuals = explained
        .iter()
        .zip(ends)
        .map(|(&explained, (end, start))| {
            let change = f64::from(end) - f64::from(start);
            (f64::from(explained) - change).abs() / change.abs().max(1e-6)
        });
    Integrated {
        attribution,
        residuals: residuals.collect(),
    }
}

/// Grad-CAM: the maps of a convolutional layer, each weighed by the mean of its gradient; what
/// speaks against the class is negative.
///
/// `score` runs the network with the tap that it is given. `None` where the layer has no maps.
///
/// # Shapes
/// - `x`: `[B, C, H, W]`
/// - returns: `[B, 1, h, w]`, as large as the layer's maps
///
/// Selvaraju et al. 2017, <https://arxiv.org/abs/1610.02391>
#[must_use]
pub fn grad_cam(
    x: &Tensor<4>,
    classes: &[usize],
    layer: &str,
    score: impl Fn(Tensor<4>, &mut Watch) -> Tensor<2>,
) -> Option<Tensor<4>> {
    let mut watch = Watch::new(layer);
    let scores = score(x.clone().autodiff(), &mut watch);
    let gradients = chosen(scores, classes).sum().backward();
    let watched = watch.seen?;
    let [channels, height, width] = *watched.shape.as_slice() else {
        return None;
    };
    let batch = x.dims()[0];
    let shape = [batch, channels, height * width];
    let gradient = watched.zeros.grad(&gradients)?.reshape(shape);
    let maps = watched.features.without_autodiff().reshape(shape);
    let weights = gradient.mean_dim(2); // [B, C, 1]
    let map = (maps * weights).sum_dim(1); // [B, 1, h * w]
    Some(map.reshape([batch, 1, height, width]))
}

/// Occlusion: how much each sample's score falls when a group of its features is covered. A
/// feature in several groups gets the mean of them.
///
/// # Shapes
/// - `num_features`: D
/// - `groups`: places below D that are covered together
/// - `whole`: B scores of the untouched samples
/// - `without`: the B scores when a group is covered
/// - returns: B rows of D
///
/// Zeiler and Fergus 2014, <https://arxiv.org/abs/1311.2901>
#[must_use]
pub fn occlusion(
    num_features: usize,
    groups: &[Vec<usize>],
    whole: &[f32],
    mut without: impl FnMut(&[usize]) -> Vec<f32>,
) -> Vec<Vec<f32>> {
    let mut sums = vec![vec![0.0; num_features]; whole.len()];
    let mut counts = vec![0.0_f32; num_features];
    for group in groups {
        let covered = without(group);
        for &place in group {
            counts[place] += 1.0;
            for (sum, (whole, covered)) in sums.iter_mut().zip(whole.iter().zip(&covered)) {
                sum[place] += whole - covered;
            }
        }
    }
    for sum in &mut sums {
        for (value, count) in sum.iter_mut().zip(&counts) {
            *value /= count.max(1.0);
        }
    }
    sums
}

/// The places of square windows that slide over an image `[C, H, W]`, all channels together.
#[must_use]
pub fn windows(
    [channels, height, width]: [usize; 3],
    side: usize,
    stride: usize,
) -> Vec<Vec<usize>> {
    let starts = |length: usize| -> Vec<usize> {
        let last = length.saturating_sub(side);
        let mut starts: Vec<usize> = (0..=last).step_by(stride.max(1)).collect();
        if starts.last() != Some(&last) {
            starts.push(last); // the border is covered too
        }
        starts
    };
    let (rows, columns) = (starts(height), starts(width));
    let mut windows = Vec::with_capacity(rows.len() * columns.len());
    for &top in &rows {
        for &left in &columns {
            let places = (0..channels).flat_map(|channel| {
                (top..(top + side).min(height)).flat_map(move |row| {
                    (left..(left + side).min(width))
                        .map(move |column| (channel * height + row) * width + column)
                })
            });
            windows.push(places.collect());
        }
    }
    windows
}

/// How much maps look like those of the same network with scrambled weights: the mean correlation
/// of their sizes. Near 1, a map shows the input and not what was learned.
///
/// # Shapes
/// - `maps`, `scrambled`: B rows of D
///
/// Adebayo et al. 2018, <https://arxiv.org/abs/1810.03292>
#[must_use]
#[allow(clippy::cast_precision_loss)] // samples
pub fn likeness(maps: &[Vec<f32>], scrambled: &[Vec<f32>]) -> f64 {
    let each = maps.iter().zip(scrambled).map(|(a, b)| correlation(a, b));
    each.sum::<f64>() / maps.len().max(1) as f64
}

/// Of the absolute values; 0 where one of the two never changes.
#[allow(clippy::cast_precision_loss)] // places of a map
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let count = a.len().max(1) as f64;
    let size = |value: &f32| f64::from(value.abs());
    let mean = |values: &[f32]| values.iter().map(size).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (size(a) - mean_a, size(b) - mean_b);
        product += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    let scale = (square_a * square_b).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

fn to_vec(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn occlusion_finds_the_feature_that_counts() {
        let x = [[1.0_f32, 5.0, 2.0]];
        let score = |x: &[f32; 3]| 10.0 * x[1] + x[2];
        let groups = vec![vec![0], vec![1], vec![2]];
        let rows = occlusion(3, &groups, &[score(&x[0])], |group| {
            let mut covered = x[0];
            for &place in group {
                covered[place] = 0.0;
            }
            vec![score(&covered)]
        });
        assert_eq!(rows, [[0.0, 50.0, 2.0]]);
    }

    #[test]
    fn windows_reach_the_border() {
        let windows = windows([1, 5, 5], 2, 2);
        assert_eq!(windows.len(), 9);
        assert!(windows.iter().flatten().any(|&place| place == 24));
    }

    #[test]
    fn integrated_gradients_of_a_square_add_up() {
        let x = Tensor::<2>::from_floats([[3.0, -2.0]], &Device::flex());
        let square = |x: Tensor<2>| (x.clone() * x).sum_dim(1);
        let result = integrated_gradients(&x, &x.zeros_like(), &[0], 16, square);
        let values: Vec<f32> = result.attribution.into_data().iter::<f32>().collect();
        assert!(
            (values[0] - 9.0).abs() < 1e-4 && (values[1] - 4.0).abs() < 1e-4,
            "{values:?}"
        );
        assert!(result.residuals[0] < 1e-5, "{:?}", result.residuals);
    }

    #[test]
    fn unlike_maps_are_unlike() {
        let map = vec![vec![0.0, 1.0, -2.0, 0.5]];
        assert!((likeness(&map, &map) - 1.0).abs() < 1e-9);
        assert!(likeness(&map, &[vec![1.0, 0.2, 0.1, 0.6]]) < 0.0);
    }
}
