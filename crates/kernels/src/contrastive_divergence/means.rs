//! The means of one layer given the other: a product, and what the units make of it.

use rayon::prelude::*;

use super::PARTS;
use crate::math::{exp, sigmoid, vectorised};
use crate::matmul::{Matrix, Threads, product, product_of_binary};
use crate::precision::{Precision, precision};

/// What the visible units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibleUnits {
    /// Whether the data units are real numbers whose mean is what they receive, instead of binary
    /// ones whose mean is its sigmoid.
    pub gaussian: bool,
    /// The last of the units, of which exactly one is on: their means are the softmax.
    pub num_labels: usize,
}

impl VisibleUnits {
    /// Binary units alone, as the hidden ones are.
    pub(super) const BINARY: Self = Self {
        gaussian: false,
        num_labels: 0,
    };
}

/// The factor that the units below multiply: `[K, N]`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weight<'a> {
    /// As it lies there, `[K, N]`.
    Upwards(&'a [f32]),
    /// What lies there is `[N, K]`.
    Downwards(&'a [f32]),
}

/// The means of `[B, N]` units that receive `x W + bias` from `x`, `[B, K]`.
pub(super) fn means(
    x: &[f32],
    [num_rows, num_inner]: [usize; 2],
    weight: Weight,
    bias: &[f32],
    units: VisibleUnits,
) -> Vec<f32> {
    let num_columns = bias.len();
    let num_data = num_columns.saturating_sub(units.num_labels);
    let num_binary = if units.gaussian { 0 } else { num_data };
    let weight = weight.matrix(num_inner, num_columns);
    let mut means = received(x, [num_rows, num_inner], weight);
    means
        .par_chunks_mut(num_columns.max(1))
        .with_min_len(num_rows.div_ceil(PARTS))
        .for_each(|sums| finish(sums, bias, num_binary));
    with_labels(means, num_columns, num_data)
}

/// `x` times the weight. Units that were drawn are on or off, as data may be.
fn received(x: &[f32], [num_rows, num_inner]: [usize; 2], weight: Matrix) -> Vec<f32> {
    let of_binary = match precision() {
        Precision::F32 => product_of_binary(x, num_rows, weight),
        _ => None,
    };
    of_binary.unwrap_or_else(|| {
        let x = Matrix::new(x, num_rows, num_inner);
        product(x, weight, Threads::All)
    })
}

impl<'a> Weight<'a> {
    /// The factor, `[K, N]`.
    fn matrix(self, num_inner: usize, num_columns: usize) -> Matrix<'a> {
        match self {
            Self::Upwards(values) => Matrix::new(values, num_inner, num_columns),
            Self::Downwards(values) => Matrix::new(values, num_columns, num_inner).transposed(),
        }
    }
}

/// The means with the softmax of those beyond the data.
fn with_labels(mut means: Vec<f32>, num_columns: usize, num_data: usize) -> Vec<f32> {
    if num_data < num_columns {
        for row in means.chunks_exact_mut(num_columns) {
            softmax(&mut row[num_data..]);
        }
    }
    means
}

vectorised! {
    /// Adds the bias to the sums; the first `num_binary` are put through the sigmoid.
    fn finish<const FMA: bool>(sums: &mut [f32], bias: &[f32], num_binary: usize) {
        for (sum, &bias) in sums.iter_mut().zip(bias).take(num_binary) {
            *sum = sigmoid::<FMA>(*sum + bias);
        }
        for (sum, &bias) in sums.iter_mut().zip(bias).skip(num_binary) {
            *sum += bias;
        }
    }
}

vectorised! {
    /// Turns log-odds into probabilities that sum to one.
    fn softmax<const FMA: bool>(row: &mut [f32]) {
        let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for x in &mut *row {
            *x = exp::<FMA>(*x - highest);
            sum += *x;
        }
        for x in row {
            *x /= sum;
        }
    }
}
