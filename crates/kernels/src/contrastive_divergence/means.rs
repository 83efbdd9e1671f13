//! The means of one layer given the other: a product, and what the units make of it.

use std::ops::Range;

use rayon::prelude::*;

use super::PARTS;
use crate::math::{exp, sigmoid, vectorised};
use crate::matmul::{Into, Matrix, Threads, matmul, product};
use crate::precision::{Precision, precision};
use crate::zeros::zeros;

/// Rows that share a part of the weights; more would leave threads idle.
const ROWS: usize = 128;

/// Columns of the widest part: 256 rows of weights stay in the cache beside it.
const MAX_COLUMNS: usize = 256;

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
    let mut out = zeros(num_rows * num_columns);
    if precision() != Precision::F32 {
        // In one product, so that both factors are rounded once.
        let x = Matrix::new(x, num_rows, num_inner);
        let sums = product(
            x,
            weight.columns(num_inner, num_columns, 0..num_columns),
            Threads::All,
        );
        out.par_chunks_mut(num_columns.max(1))
            .zip(sums.par_chunks(num_columns.max(1)))
            .with_min_len(num_rows.div_ceil(PARTS))
            .for_each(|(out, sums)| finish(sums, bias, num_binary, out));
        return with_labels(out, num_columns, num_data);
    }
    deal(&mut out, num_columns)
        .into_par_iter()
        .for_each_init(Vec::new, |sums, block| {
            let (start, width) = (block.first_column, block.rows[0].len());
            let x = &x[block.first_row * num_inner..];
            let x = Matrix::new(x, block.rows.len(), num_inner);
            let weight = weight.columns(num_inner, num_columns, start..start + width);
            sums.resize(block.rows.len() * width, 0.0);
            matmul(x, weight, sums, width, Into::Overwrite, Threads::One);
            let bias = &bias[start..start + width];
            let num_binary = num_binary.saturating_sub(start).min(width);
            for (out, sums) in block.rows.into_iter().zip(sums.chunks_exact(width)) {
                finish(sums, bias, num_binary, out);
            }
        });
    with_labels(out, num_columns, num_data)
}

impl<'a> Weight<'a> {
    /// Some columns of the factor, `[K, N]`.
    fn columns(self, num_inner: usize, num_columns: usize, columns: Range<usize>) -> Matrix<'a> {
        match self {
            Self::Upwards(values) => {
                let values = values.get(columns.start..).unwrap_or_default();
                Matrix::strided(values, num_inner, columns.len(), num_columns)
            }
            Self::Downwards(values) => {
                let values = &values[columns.start * num_inner..];
                Matrix::new(values, columns.len(), num_inner).transposed()
            }
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

/// Some columns of some rows.
struct Block<'a> {
    first_row: usize,
    first_column: usize,
    rows: Vec<&'a mut [f32]>,
}

/// Cuts `[B, N]` into blocks, none of which is empty.
fn deal(values: &mut [f32], num_columns: usize) -> Vec<Block<'_>> {
    if num_columns == 0 {
        return Vec::new();
    }
    let width = num_columns.div_ceil(PARTS);
    let width = width.next_multiple_of(16).min(MAX_COLUMNS); // whole vectors
    let mut blocks = Vec::new();
    for (index, rows) in values.chunks_mut(ROWS * num_columns).enumerate() {
        let first = blocks.len();
        let starts = (0..num_columns).step_by(width);
        blocks.extend(starts.map(|first_column| Block {
            first_row: index * ROWS,
            first_column,
            rows: Vec::with_capacity(ROWS),
        }));
        for row in rows.chunks_exact_mut(num_columns) {
            for (block, part) in blocks[first..].iter_mut().zip(row.chunks_mut(width)) {
                block.rows.push(part);
            }
        }
    }
    blocks
}

vectorised! {
    /// Adds the bias to the sums; the first `num_binary` are put through the sigmoid.
    fn finish<const FMA: bool>(sums: &[f32], bias: &[f32], num_binary: usize, out: &mut [f32]) {
        let sums = sums.iter().zip(bias);
        for ((&sum, &bias), out) in sums.clone().zip(out.iter_mut()).take(num_binary) {
            *out = sigmoid::<FMA>(sum + bias);
        }
        for ((&sum, &bias), out) in sums.zip(out).skip(num_binary) {
            *out = sum + bias;
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
