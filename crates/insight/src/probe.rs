//! The linear probe: how far a linear model gets on the features of one layer.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use crate::minimise::minimise;

/// Pull of the weights towards zero, on features of variance one.
const PENALTY: f64 = 1e-3;

/// Steps of the solver: after these, accuracies move by less than their intervals are wide.
const MAX_STEPS: usize = 30;

/// What the features are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// One of `num_classes` classes a sample.
    Classes {
        /// The class of each sample, below `num_classes`.
        labels: Vec<usize>,
        /// How many classes there are.
        num_classes: usize,
    },
    /// `width` numbers a sample.
    Values {
        /// `[B, width]`, row by row.
        values: Vec<f32>,
        /// Numbers a sample.
        width: usize,
    },
}

impl Answers {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values { values, width } => values.len() / (*width).max(1),
        }
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those of the samples at `places`.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        match self {
            Self::Classes {
                labels,
                num_classes,
            } => Self::Classes {
                labels: places.iter().map(|&place| labels[place]).collect(),
                num_classes: *num_classes,
            },
            Self::Values { values, width } => Self::Values {
                values: places
                    .iter()
                    .flat_map(|&place| &values[place * width..(place + 1) * width])
                    .copied()
                    .collect(),
                width: *width,
            },
        }
    }

    /// Numbers that a model of these answers gives a sample.
    #[must_use]
    pub fn num_outputs(&self) -> usize {
        match self {
            Self::Classes { num_classes, .. } => *num_classes,
            Self::Values { width, .. } => *width,
        }
    }

    /// `[B, K]`: the values, or one-hot rows.
    fn tensor(&self, device: &Device) -> Tensor<2> {
        let (rows, columns) = (self.len(), self.num_outputs());
        let values = match self {
            Self::Classes { labels, .. } => {
                let mut rows = vec![0.0; rows * columns];
                for (row, &label) in labels.iter().enumerate() {
                    rows[row * columns + label] = 1.0;
                }
                rows
            }
            Self::Values { values, .. } => values.clone(),
        };
        Tensor::from_data(TensorData::new(values, [rows, columns]), device)
    }
}

/// A linear model of one layer's features: softmax regression for classes, ridge regression for
/// numbers.
///
/// Alain and Bengio 2017, <https://arxiv.org/abs/1610.01644>
#[derive(Debug, Clone)]
pub struct Probe {
    scale: Standard,
    /// `[D + 1, K]`, the last row is the bias.
    weight: Tensor<2>,
}

impl Probe {
    /// Fits the model.
    ///
    /// # Shapes
    /// - `features`: `[B, D]`
    /// - `answers`: B samples
    #[must_use]
    pub fn fit(features: Tensor<2>, answers: &Answers) -> Self {
        let scale = Standard::fit(&features);
        let x = scale.apply(features); // [B, D + 1]
        let [count, width] = x.dims();
        let device = x.device();
        let targets = answers.tensor(&device); // [B, K]
        let is_class = matches!(answers, Answers::Classes { .. });
        #[allow(clippy::cast_precision_loss)] // a count of samples
        let share = 1.0 / count.max(1) as f64;
        let start = Tensor::zeros([width, answers.num_outputs()], &device);
        let weight = minimise(start, MAX_STEPS, |weight| {
            let outputs = x.clone().matmul(weight.clone()); // [B, K]
            let (loss, error) = if is_class {
                let log_p = activation::log_softmax(outputs, 1);
                let loss = -(log_p.clone() * targets.clone()).sum();
                (loss, log_p.exp() - targets.clone())
            } else {
                let error = outputs - targets.clone();
                ((error.clone() * error.clone()).sum() * 0.5, error)
            };
            let pull = (weight.clone() * weight.clone()).sum() * (0.5 * PENALTY);
            let value = loss * share + pull;
            // Turned about, so that the large matrix is read in its own order.
            let slope = error.transpose().matmul(x.clone()).transpose(); // [D + 1, K]
            let gradient = slope * share + weight.clone() * PENALTY;
            (f64::from(value.into_scalar::<f32>()), gradient)
        });
        Self { scale, weight }
    }

    /// What the model says: `[B, D]` to `[B, K]`, logits or values, row by row.
    #[must_use]
    pub fn outputs(&self, features: Tensor<2>) -> Vec<f32> {
        let outputs = self.scale.apply(features).matmul(self.weight.clone());
        outputs.into_data().iter::<f32>().collect()
    }

    /// How often it is right, or for numbers the share of the variance that it explains (R²).
    #[must_use]
    pub fn score(&self, features: Tensor<2>, answers: &Answers) -> f64 {
        score(&self.outputs(features), answers)
    }
}

/// The accuracy of outputs `[B, K]` for classes, R² for values; NaN without samples.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of samples
pub fn score(outputs: &[f32], answers: &Answers) -> f64 {
    match answers {
        Answers::Classes {
            labels,
            num_classes,
        } => {
            let rows = outputs.chunks_exact((*num_classes).max(1));
            let right = rows
                .zip(labels)
                .filter(|(row, label)| argmax(row) == **label);
            right.count() as f64 / labels.len() as f64
        }
        Answers::Values { values, width } => r_squared(outputs, values, *width),
    }
}

/// 1 - (squared error) / (squared distance to the mean of each column).
#[allow(clippy::cast_precision_loss)] // counts of samples
fn r_squared(outputs: &[f32], targets: &[f32], width: usize) -> f64 {
    let count = targets.len() / width.max(1);
    let mut error = 0.0;
    let mut spread = 0.0;
    for column in 0..width {
        let of = |values: &[f32], row: usize| f64::from(values[row * width + column]);
        let mean = (0..count).map(|row| of(targets, row)).sum::<f64>() / count as f64;
        for row in 0..count {
            error += (of(targets, row) - of(outputs, row)).powi(2);
            spread += (of(targets, row) - mean).powi(2);
        }
    }
    1.0 - error / spread
}

/// The place of the largest value; the first of equals.
#[must_use]
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}

/// Features centred and brought to one scale, with a column of ones for the bias.
#[derive(Debug, Clone)]
struct Standard {
    /// `[1, D]`
    mean: Tensor<2>,
    /// `[1, D]`
    scale: Tensor<2>,
}

impl Standard {
    /// A feature that hardly ever moves is not blown up to the size of the others: its deviation
    /// counts as a tenth of theirs, or one odd sample would decide.
    fn fit(features: &Tensor<2>) -> Self {
        let mean = features.clone().mean_dim(0); // [1, D]
        let centred = features.clone() - mean.clone();
        let deviation = (centred.clone() * centred).mean_dim(0).sqrt(); // [1, D]
        let usual = f64::from(deviation.clone().mean().into_scalar::<f32>());
        let floor = (0.1 * usual).max(1e-6);
        Self {
            mean,
            scale: deviation.clamp_min(floor).recip(),
        }
    }

    fn apply(&self, features: Tensor<2>) -> Tensor<2> {
        let x = (features - self.mean.clone()) * self.scale.clone();
        let ones = Tensor::ones([x.dims()[0], 1], &x.device());
        Tensor::cat(vec![x, ones], 1) // [B, D + 1]
    }
}

/// The rows of `features` at `places`, `[B, D]`.
///
/// # Panics
/// When a place is not below the number of rows.
#[must_use]
pub fn rows(features: &Tensor<2>, places: &[usize]) -> Tensor<2> {
    let ids: Vec<i64> = places
        .iter()
        .map(|&place| i64::try_from(place).expect("a place in memory fits"))
        .collect();
    let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [places.len()]), &features.device());
    features.clone().select(0, ids)
}
