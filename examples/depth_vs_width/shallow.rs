//! Part 2: the smallest single hidden layer that gradient descent finds, given every help.
//!
//! The layer is a + b x + Σ cⱼ max(0, x - tⱼ): w ReLUs, and a straight line for nothing. On [0, 1]
//! that is just a line through w + 2 nodes, over 0, over each kink tⱼ, and over 1. So for given
//! kinks the best output weights are known exactly: least squares for the heights of the nodes, in
//! which each height meets only its two neighbours. Only the kinks are left to Adam.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::sawtooth::{GOOD, Sawtooth, count};

const STARTS: u64 = 8;
const STEPS: i32 = 1000;
/// Of the first step, in units of the mean distance of two kinks; it falls to zero.
const LEARNING_RATE: f64 = 0.1;
/// Kinks stay inside: one outside would bend nothing, and be lost.
const MARGIN: f64 = 1e-6;
/// Keeps the least squares solvable where two kinks meet and no point lies between them.
const RIDGE: f64 = 1e-9;

/// A hidden layer of ReLUs with its output, as the line that it draws.
#[derive(Clone)]
pub(crate) struct Shallow {
    /// 0, the kinks in rising order, 1.
    nodes: Vec<f64>,
    /// The output over each node.
    heights: Vec<f64>,
}

/// The fewest ReLUs of one hidden layer with which a good fit is found, from `at_least` up to one
/// for each piece.
pub(crate) fn smallest_width(sawtooth: &Sawtooth, at_least: usize) -> Option<usize> {
    (at_least..=1 << sawtooth.n).find(|&width| {
        let layer = best(sawtooth, width);
        sawtooth.rmse(&layer.predict(&sawtooth.x)) <= GOOD
    })
}

/// The best layer of so many ReLUs from all starts.
pub(crate) fn best(sawtooth: &Sawtooth, width: usize) -> Shallow {
    let layers = (1..=STARTS).map(|seed| train(sawtooth, width, seed));
    let best = layers.min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.expect("there are several starts").0
}

/// A kink, and what Adam remembers of its gradients.
#[derive(Clone, Copy)]
struct Kink {
    at: f64,
    mean: f64,
    square: f64,
}

/// Adam on the kinks from one start: the best layer on the way, and its squared error.
fn train(sawtooth: &Sawtooth, width: usize, seed: u64) -> (Shallow, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut kinks: Vec<_> = (0..width)
        .map(|j| Kink {
            at: (count(j) + random.random::<f64>()) / count(width),
            mean: 0.0,
            square: 0.0,
        })
        .collect();
    let mut best = (Shallow::fit(sawtooth, &kinks), f64::INFINITY);
    for step in 1..=STEPS {
        kinks.sort_by(|a, b| a.at.total_cmp(&b.at));
        let layer = Shallow::fit(sawtooth, &kinks);
        let (error, gradients) = layer.gradients(sawtooth);
        if error < best.1 {
            best = (layer, error);
        }
        let left = f64::from(STEPS - step) / f64::from(STEPS);
        let rate = LEARNING_RATE / count(width) * left;
        for (kink, gradient) in kinks.iter_mut().zip(gradients) {
            kink.adam(gradient, rate, step);
        }
    }
    best
}

impl Kink {
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>
    fn adam(&mut self, gradient: f64, rate: f64, step: i32) {
        self.mean = 0.9 * self.mean + 0.1 * gradient;
        self.square = 0.999 * self.square + 0.001 * gradient.powi(2);
        let mean = self.mean / (1.0 - 0.9_f64.powi(step));
        let square = self.square / (1.0 - 0.999_f64.powi(step));
        let moved = self.at - rate * mean / (square.sqrt() + 1e-12);
        self.at = moved.clamp(MARGIN, 1.0 - MARGIN);
    }
}

impl Shallow {
    /// The layer with these kinks, in rising order, whose squared error is the least.
    fn fit(sawtooth: &Sawtooth, kinks: &[Kink]) -> Self {
        let inner = kinks.iter().map(|kink| kink.at);
        let nodes: Vec<_> = [0.0].into_iter().chain(inner).chain([1.0]).collect();
        // The normal equations have a diagonal, one line beside it, and a right side.
        let mut diagonal = vec![RIDGE; nodes.len()];
        let mut beside = vec![0.0; nodes.len()];
        let mut heights = vec![0.0; nodes.len()];
        for ((left, share), &y) in places(&nodes, &sawtooth.x).zip(&sawtooth.y) {
            let y = f64::from(y);
            diagonal[left] += (1.0 - share).powi(2);
            diagonal[left + 1] += share.powi(2);
            beside[left] += share * (1.0 - share);
            heights[left] += (1.0 - share) * y;
            heights[left + 1] += share * y;
        }
        // Gauss elimination: down, then up.
        for i in 1..nodes.len() {
            let factor = beside[i - 1] / diagonal[i - 1];
            diagonal[i] -= factor * beside[i - 1];
            heights[i] -= factor * heights[i - 1];
        }
        let mut above = 0.0;
        for i in (0..nodes.len()).rev() {
            heights[i] = (heights[i] - beside[i] * above) / diagonal[i];
            above = heights[i];
        }
        Self { nodes, heights }
    }

    /// The output at rising points of `[0, 1]`.
    pub(crate) fn predict(&self, x: &[f32]) -> Vec<f32> {
        #[allow(clippy::cast_possible_truncation)] // to the precision of the points
        let output = |(left, share)| self.output(left, share) as f32;
        places(&self.nodes, x).map(output).collect()
    }

    fn output(&self, left: usize, share: f64) -> f64 {
        (1.0 - share) * self.heights[left] + share * self.heights[left + 1]
    }

    /// The mean squared error, and its derivative by each kink.
    ///
    /// The heights follow the kinks, but being the best they need no terms of their own.
    fn gradients(&self, sawtooth: &Sawtooth) -> (f64, Vec<f64>) {
        let num_points = count(sawtooth.x.len());
        let mut error = 0.0;
        let mut residuals = vec![0.0; self.nodes.len() - 1]; // summed over each piece
        for ((left, share), &y) in places(&self.nodes, &sawtooth.x).zip(&sawtooth.y) {
            let residual = self.output(left, share) - f64::from(y);
            error += residual.powi(2) / num_points;
            residuals[left] += residual / num_points;
        }
        let bends = self.bends();
        let mut gradients = vec![0.0; bends.len()];
        let mut right_of_kink = 0.0;
        for j in (0..bends.len()).rev() {
            right_of_kink += residuals[j + 1];
            gradients[j] = -2.0 * bends[j] * right_of_kink;
        }
        (error, gradients)
    }

    /// cⱼ, the output weight of each ReLU: how much the slope changes at its kink.
    fn bends(&self) -> Vec<f64> {
        let steps = self.nodes.windows(2).zip(self.heights.windows(2));
        let slopes = steps.map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0]).max(MARGIN));
        let slopes: Vec<_> = slopes.collect();
        slopes.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// Of each point the piece on which it lies, and how far along it, from 0 to 1.
fn places(nodes: &[f64], x: &[f32]) -> impl Iterator<Item = (usize, f64)> {
    let mut left = 0;
    x.iter().map(move |&x| {
        let x = f64::from(x);
        while x > nodes[left + 1] {
            left += 1;
        }
        (left, (x - nodes[left]) / (nodes[left + 1] - nodes[left]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(sawtooth: &Sawtooth, kinks: &[f64]) -> Shallow {
        let kink = |&at: &f64| Kink {
            at,
            mean: 0.0,
            square: 0.0,
        };
        Shallow::fit(sawtooth, &kinks.iter().map(kink).collect::<Vec<_>>())
    }

    #[test]
    fn least_squares_are_exact_where_the_layer_can_be() {
        let sawtooth = Sawtooth::new(2, 1024);
        let layer = layer(&sawtooth, &[0.25, 0.5, 0.75]);
        assert!(sawtooth.rmse(&layer.predict(&sawtooth.x)) < 1e-6);
        for (height, corner) in layer.heights.iter().zip([0.0, 1.0, 0.0, 1.0, 0.0]) {
            assert!((height - corner).abs() < 1e-6, "{height} for {corner}");
        }
    }

    #[test]
    fn the_line_through_the_nodes_is_a_layer_of_relus() {
        let sawtooth = Sawtooth::new(3, 256);
        let layer = layer(&sawtooth, &[0.1, 0.3, 0.35, 0.8]);
        let (a, first) = (layer.heights[0], layer.nodes[1]);
        let b = (layer.heights[1] - a) / first;
        for (&x, line) in sawtooth.x.iter().zip(layer.predict(&sawtooth.x)) {
            let x = f64::from(x);
            let kinks = layer.nodes[1..].iter().zip(layer.bends());
            let relus: f64 = kinks.map(|(kink, c)| c * (x - kink).max(0.0)).sum();
            assert!((a + b * x + relus - f64::from(line)).abs() < 1e-6);
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_error() {
        let sawtooth = Sawtooth::new(2, 4096);
        let error = |kink| layer(&sawtooth, &[0.2, kink, 0.9]).gradients(&sawtooth).0;
        let slope = (error(0.62) - error(0.58)) / 0.04;
        let gradient = layer(&sawtooth, &[0.2, 0.6, 0.9]).gradients(&sawtooth).1[1];
        assert!(
            (slope - gradient).abs() < 0.02 * gradient.abs(),
            "{slope} {gradient}"
        );
    }
}
