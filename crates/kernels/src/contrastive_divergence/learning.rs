//! What the units of a batch do on average, and the step of the weights that follows.

use std::ops::Range;

use rayon::prelude::*;

use super::PARTS;
use crate::math::{LANES, mul_add, vectorised};
use crate::matmul::{Into, Matrix, Threads, matmul};
use crate::precision::{Precision, precision};

/// Weights of the largest part: with their velocities they stay in the cache between the product
/// and the step.
const MAX_WEIGHTS: usize = 1 << 16;

/// Columns whose sums a thread takes.
const COLUMNS: usize = 256;

/// Elements that are summed up by themselves.
const SUMMED: usize = 4096;

/// How far the weights go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningStep {
    /// Share of the direction that becomes velocity.
    pub learning_rate: f64,
    /// Share of the last velocity that stays; where it is 0, the last velocity has no effect at
    /// all.
    pub momentum: f64,
    /// Pull of the weights towards zero.
    pub weight_decay: f64,
}

/// The units of one phase: `[B, V]` and `[B, H]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase<'a> {
    pub(super) num_rows: usize,
    pub(super) visible: &'a [f32],
    pub(super) hidden: &'a [f32],
}

/// Moves the weights, `[V, H]`, by the velocity that the two phases lead to.
///
/// `usual` and `pull` are `[V]` and `[H]`, or both empty.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // settings, numbers of rows
pub(super) fn learn(
    weight: &mut [f32],
    velocity: &mut [f32],
    [num_visible, num_hidden]: [usize; 2],
    [positive, negative]: [Phase; 2],
    [usual, pull]: [&[f32]; 2],
    step: LearningStep,
) {
    if num_hidden == 0 {
        return;
    }
    let LearningStep {
        learning_rate,
        momentum,
        weight_decay,
    } = step;
    let rate = learning_rate as f32;
    let decay = (learning_rate * weight_decay) as f32;
    let add = |phase: Phase, rows: Range<usize>, velocity: &mut [f32], keep, rate: f64, threads| {
        let columns = Matrix::strided(
            phase.visible.get(rows.start..).unwrap_or_default(),
            phase.num_rows,
            rows.len(),
            num_visible,
        );
        let hidden = Matrix::new(phase.hidden, phase.num_rows, num_hidden);
        let scale = (rate / phase.num_rows as f64) as f32;
        let into = Into::Blend { keep, scale };
        matmul(
            columns.transposed(),
            hidden,
            velocity,
            num_hidden,
            into,
            threads,
        );
    };
    let add_both = |rows: Range<usize>, velocity: &mut [f32], threads| {
        add(
            positive,
            rows.clone(),
            velocity,
            momentum as f32,
            learning_rate,
            threads,
        );
        add(negative, rows, velocity, 1.0, -learning_rate, threads);
    };
    // In one product, so that both factors are rounded once.
    let at_once = precision() != Precision::F32;
    if at_once {
        add_both(0..num_visible, velocity, Threads::All);
    }
    // At least one row, and as many as a part holds.
    let rows = num_visible
        .div_ceil(PARTS)
        .min(MAX_WEIGHTS / num_hidden)
        .max(1);
    let weights = weight.par_chunks_mut(rows * num_hidden);
    let velocities = velocity.par_chunks_mut(rows * num_hidden);
    weights
        .zip(velocities)
        .enumerate()
        .for_each(|(index, (weight, velocity))| {
            let (start, rows) = (index * rows, weight.len() / num_hidden);
            if !at_once {
                add_both(start..start + rows, velocity, Threads::One);
            }
            let rows = weight.chunks_exact_mut(num_hidden);
            for (row, (weight, velocity)) in
                rows.zip(velocity.chunks_exact_mut(num_hidden)).enumerate()
            {
                match usual.get(start + row) {
                    Some(usual) => follow_pulled(weight, velocity, decay, rate * usual, pull),
                    None => follow(weight, velocity, decay),
                }
            }
        });
}

vectorised! {
    /// Takes the decay from the velocities, and moves the weights by them.
    fn follow<const FMA: bool>(weight: &mut [f32], velocity: &mut [f32], decay: f32) {
        for (weight, velocity) in weight.iter_mut().zip(velocity) {
            *velocity = mul_add::<FMA>(*weight, -decay, *velocity);
            *weight += *velocity;
        }
    }
}

vectorised! {
    /// As [`follow`], after `share` of the pull is added to the velocities.
    fn follow_pulled<const FMA: bool>(
        weight: &mut [f32],
        velocity: &mut [f32],
        decay: f32,
        share: f32,
        pull: &[f32],
    ) {
        for ((weight, velocity), &pull) in weight.iter_mut().zip(velocity).zip(pull) {
            *velocity = mul_add::<FMA>(share, pull, *velocity);
            *velocity = mul_add::<FMA>(*weight, -decay, *velocity);
            *weight += *velocity;
        }
    }
}

/// The mean of each column of `[B, D]`.
#[allow(clippy::cast_precision_loss)] // a number of rows
pub(super) fn column_means(x: &[f32], [num_rows, num_columns]: [usize; 2]) -> Vec<f32> {
    let mut means = vec![0.0; num_columns];
    let parts = means.par_chunks_mut(COLUMNS).enumerate();
    parts.for_each(|(index, means)| {
        mean_rows(x, num_columns, index * COLUMNS, num_rows as f32, means);
    });
    means
}

vectorised! {
    fn mean_rows<const FMA: bool>(
        x: &[f32],
        num_columns: usize,
        start: usize,
        num_rows: f32,
        means: &mut [f32],
    ) {
        for row in x.chunks_exact(num_columns) {
            for (sum, &x) in means.iter_mut().zip(&row[start..]) {
                *sum += x;
            }
        }
        for mean in means {
            *mean /= num_rows;
        }
    }
}

/// The mean of `(a - b)²`.
#[allow(clippy::cast_precision_loss)] // a number of elements
pub(super) fn mean_squared_difference(a: &[f32], b: &[f32]) -> f32 {
    let sum_of = |(a, b): (&[f32], &[f32])| {
        let mut sum = 0.0;
        squared_difference(a, b, &mut sum);
        sum
    };
    let parts = a.par_chunks(SUMMED).zip(b.par_chunks(SUMMED));
    let sums: Vec<f32> = parts.map(sum_of).collect();
    sums.iter().sum::<f32>() / a.len() as f32
}

vectorised! {
    fn squared_difference<const FMA: bool>(a: &[f32], b: &[f32], sum: &mut f32) {
        let mut sums = [0.0; LANES];
        for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum = mul_add::<FMA>(a - b, a - b, *sum);
            }
        }
        *sum = sums.iter().sum();
    }
}
