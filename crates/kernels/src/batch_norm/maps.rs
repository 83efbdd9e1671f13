//! Batch norm over slices: a map of one channel at a time, while it is in the cache.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::Activation;
use crate::conv::epilogue::{Argmax, finish_all, unfinish};
use crate::conv::geometry::Geometry;
use crate::math::{FADED, LANES, cleared_below, mul_add, vectorised};
use crate::zeros::written;

/// Mean and variance of each channel over a batch: `[C]`.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

impl Statistics {
    /// Each map by itself, then all maps of a channel in order: the squares are taken from a mean
    /// near their own, which loses no digits.
    ///
    /// Chan, Golub and `LeVeque` 1983, <https://doi.org/10.1080/00031305.1983.10483115>
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // sums are f64
    pub(super) fn of(geometry: &Geometry, x: &[f32]) -> Self {
        let (channels, map_len) = (geometry.channels, geometry.map[0] * geometry.map[1]);
        let mut maps = vec![[0.0; 2]; geometry.batch_size * channels];
        maps.par_iter_mut()
            .zip(x.par_chunks_exact(map_len))
            .with_min_len(channels)
            .for_each(|(moments, map)| map_moments(map, moments));

        let (length, count) = (map_len as f64, geometry.batch_size as f64);
        let of_channel = |channel| {
            let maps = maps.iter().skip(channel).step_by(channels);
            let maps =
                maps.map(|&[mean, squares]: &[f32; 2]| (f64::from(mean), f64::from(squares)));
            let mean = maps.clone().map(|(mean, _)| mean).sum::<f64>() / count;
            let squares = maps.map(|(map_mean, squares)| {
                squares + length * (map_mean - mean) * (map_mean - mean)
            });
            (
                mean as f32,
                (squares.sum::<f64>() / (length * count)) as f32,
            )
        };
        let (mean, variance) = (0..channels).map(of_channel).unzip();
        Self { mean, variance }
    }
}

/// What a batch norm does to each channel: `gamma (x - mean) rate + beta`.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    gamma: Vec<f32>,
    mean: Vec<f32>,
    /// One over the standard deviation.
    rate: Vec<f32>,
}

/// What the way forward saw and made.
pub(super) struct Saved<'a> {
    /// `[B, C, H, W]`
    pub(super) x: &'a [f32],
    /// `[B, C, H', W']`, after pooling.
    pub(super) output: &'a [f32],
    pub(super) argmax: &'a [u8],
    pub(super) activation: Activation,
}

/// The gradients, each in the shape of what it belongs to.
pub(super) struct Gradients {
    /// Empty where it was not asked for.
    pub(super) x: Vec<f32>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

impl Norm {
    pub(super) fn new(statistics: &Statistics, gamma: &[f32], epsilon: f64) -> Self {
        #[allow(clippy::cast_possible_truncation)] // the precision of the maps
        let rate = |&variance: &f32| (f64::from(variance) + epsilon).sqrt().recip() as f32;
        Self {
            gamma: gamma.to_vec(),
            mean: statistics.mean.clone(),
            rate: statistics.variance.iter().map(rate).collect(),
        }
    }

    /// Output and argmax of every map.
    pub(super) fn forward(
        &self,
        geometry: &Geometry,
        x: &[f32],
        beta: &[f32],
        activation: Activation,
    ) -> (Vec<f32>, Argmax) {
        finish_all(geometry, x, activation, true, |index, map, normalised| {
            let channel = index % geometry.channels;
            let scale = self.gamma[channel] * self.rate[channel];
            scale_map(map, self.mean[channel], scale, normalised);
            (normalised, beta[channel])
        })
    }

    /// The way back, through the mean and the variance too.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // sums are f64
    pub(super) fn backward(
        &self,
        geometry: &Geometry,
        saved: &Saved,
        d_output: &[f32],
        wants_x: bool,
    ) -> Gradients {
        let (channels, map_len) = (geometry.channels, geometry.map[0] * geometry.map[1]);
        let pooled_len = geometry.output_len() / channels;
        let load = |index: usize, d_map: &mut [f32]| {
            let place = index * pooled_len..(index + 1) * pooled_len;
            let argmax = saved.argmax.get(place.clone()).unwrap_or_default();
            let (output, d_output) = (&saved.output[place.clone()], &d_output[place]);
            let (row_stride, activation) = (geometry.map[1], saved.activation);
            unfinish(
                geometry, row_stride, output, d_output, activation, argmax, d_map,
            );
        };
        let mut sums = vec![[0.0; 2]; geometry.batch_size * channels];
        sums.par_iter_mut()
            .zip(saved.x.par_chunks_exact(map_len))
            .enumerate()
            .with_min_len(channels)
            .for_each_init(
                || vec![0.0; map_len],
                |d_map, (index, (sums, map))| {
                    load(index, d_map);
                    gradient_sums(d_map, map, self.mean[index % channels], sums);
                },
            );
        let of_channel = |channel: usize| {
            let maps = sums.iter().skip(channel).step_by(channels);
            maps.fold([0.0; 2], |total: [f64; 2], maps: &[f32; 2]| {
                [0, 1].map(|index| total[index] + f64::from(maps[index]))
            })
        };
        let totals: Vec<[f64; 2]> = (0..channels).map(of_channel).collect();

        let count = (geometry.batch_size * map_len) as f64;
        let project = |index: usize| {
            let channel = index % channels;
            let ([direct, along], rate) = (totals[channel], self.rate[channel]);
            Project {
                mean: self.mean[channel],
                scale: self.gamma[channel] * rate,
                direct: (direct / count) as f32,
                along: (along / count) as f32 * rate * rate,
            }
        };
        assert_eq!(saved.x.len() % map_len, 0, "only whole maps");
        // SAFETY: `project_gradient` writes all of a map, for each of them, and there is nothing but maps.
        let d_x = unsafe {
            written(if wants_x { saved.x.len() } else { 0 }, |d_x| {
                d_x.par_chunks_exact_mut(map_len)
                    .zip(saved.x.par_chunks_exact(map_len))
                    .enumerate()
                    .with_min_len(channels)
                    .for_each_init(
                        || vec![0.0; map_len],
                        |d_map, (index, (d_x, map))| {
                            load(index, d_map);
                            project_gradient(project(index), map, d_map, d_x);
                        },
                    );
            })
        };
        let with_rate = totals.iter().zip(&self.rate);
        Gradients {
            x: d_x,
            gamma: with_rate
                .map(|([_, along], &rate)| (along * f64::from(rate)) as f32)
                .collect(),
            beta: totals.iter().map(|[direct, _]| *direct as f32).collect(),
        }
    }
}

vectorised! {
    /// The mean of a map, and the sum of the squared distances from it.
    fn map_moments<const FMA: bool>(map: &[f32], moments: &mut [f32; 2]) {
        let (vectors, rest) = map.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for values in vectors {
            for lane in 0..LANES {
                sums[lane] += values[lane];
            }
        }
        #[allow(clippy::cast_precision_loss)] // far fewer than 2^24 pixels
        let mean = (sums.iter().sum::<f32>() + rest.iter().sum::<f32>()) / map.len() as f32;
        let mut sums = [0.0; LANES];
        for values in vectors {
            for lane in 0..LANES {
                let distance = values[lane] - mean;
                sums[lane] = mul_add::<FMA>(distance, distance, sums[lane]);
            }
        }
        let rest: f32 = rest.iter().map(|value| (value - mean) * (value - mean)).sum();
        *moments = [mean, sums.iter().sum::<f32>() + rest];
    }
}

vectorised! {
    fn scale_map<const FMA: bool>(map: &[f32], mean: f32, scale: f32, normalised: &mut [f32]) {
        for (to, &x) in normalised.iter_mut().zip(map) {
            *to = (x - mean) * scale;
        }
    }
}

vectorised! {
    /// The sums of the gradients of a map, and of each times its pixel's distance from the mean.
    fn gradient_sums<const FMA: bool>(d_map: &[f32], map: &[f32], mean: f32, sums: &mut [f32; 2]) {
        let (gradients, d_rest) = d_map.as_chunks::<LANES>();
        let (values, rest) = map.as_chunks::<LANES>();
        let (mut direct, mut along) = ([0.0; LANES], [0.0; LANES]);
        for (gradients, values) in gradients.iter().zip(values) {
            for lane in 0..LANES {
                direct[lane] += gradients[lane];
                along[lane] =
                    mul_add::<FMA>(gradients[lane], values[lane] - mean, along[lane]);
            }
        }
        let mut total = [direct.iter().sum::<f32>(), along.iter().sum::<f32>()];
        for (&gradient, &value) in d_rest.iter().zip(rest) {
            total[0] += gradient;
            total[1] = mul_add::<FMA>(gradient, value - mean, total[1]);
        }
        *sums = total;
    }
}

/// How the gradient of a pixel follows from that of its normalised value and those of the whole
/// channel.
#[derive(Debug, Clone, Copy)]
struct Project {
    mean: f32,
    scale: f32,
    /// The mean gradient of the channel.
    direct: f32,
    /// The mean of the gradients along the distances from the mean, over the variance.
    along: f32,
}

vectorised! {
    /// The gradient of each pixel, `d_x`, from that of its normalised value.
    fn project_gradient<const FMA: bool>(
        project: Project,
        map: &[f32],
        d_map: &[f32],
        d_x: &mut [MaybeUninit<f32>],
    ) {
        assert!(map.len() == d_x.len() && d_map.len() == d_x.len(), "maps are of one size");
        let Project { mean, scale, direct, along } = project;
        for ((to, &gradient), &x) in d_x.iter_mut().zip(d_map).zip(map) {
            let change = mul_add::<FMA>(mean - x, along, gradient - direct) * scale;
            to.write(cleared_below(FADED, change));
        }
    }
}
