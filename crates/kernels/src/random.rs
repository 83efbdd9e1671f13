//! Random numbers that follow from a seed and their place alone, and what is drawn with them.
//!
//! The numbers are those of Philox4x32-10, a generator without a state: block n is a function of
//! the seed and n. So any thread can begin anywhere, and the bits never depend on who drew what.
//!
//! Salmon et al. 2011, <https://doi.org/10.1145/2063384.2063405>
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

mod normal;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rayon::prelude::*;

use crate::host::Host;
use crate::math::vectorised;
use crate::runs_here_untracked;

/// Blocks that are computed side by side. Not the machine's width: the place of a number, and with
/// it its value, would depend on that.
const LANES: usize = 16;

/// Numbers of as many blocks, the first of each block before the second of any.
pub(crate) const GROUP: usize = 4 * LANES;

/// Groups that a thread takes at once: 4096 numbers.
const GROUPS_PER_TASK: usize = 64;

/// A seed from the generator of the device.
///
/// After the same `Device::seed` it is the same. Waits for the device, which takes a moment on a
/// GPU.
#[must_use]
pub fn draw_seed(device: &Device) -> u64 {
    // A uniform number has at least 24 bits; 16 of each of four are a seed.
    let parts = Tensor::<1>::random([4], Distribution::Uniform(0.0, 65_536.0), device);
    parts.into_data().iter::<f64>().fold(0, |seed, part| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 2^16
        let part = part as u64;
        seed << 16 | part.min(0xFFFF)
    })
}

/// Numbers that are equally likely to lie anywhere in `[0, 1)`, the same on every device.
#[must_use]
pub fn uniform<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    made(shape, device, |first_group, out| {
        fill_uniform(seed, first_group, out);
    })
}

/// Numbers of the normal distribution with mean 0 and variance 1, the same on every device but for
/// rounding.
#[must_use]
pub fn standard_normal<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    made(shape, device, |first_group, out| {
        out.fill(0.0);
        add_normal(seed, first_group, out);
    })
}

/// Draws 1 with these probabilities, else 0; the shape stays.
///
/// What is drawn follows from the device's seed: on CPUs it is 1 where [`uniform`], seeded by
/// [`draw_seed`], is below the probability; elsewhere the device itself draws.
#[must_use]
pub fn sample_bernoulli<const D: usize>(probabilities: Tensor<D>) -> Tensor<D> {
    if runs_here_untracked(&probabilities) {
        let seed = draw_seed(&probabilities.device());
        return Tensor::from_dispatch(Dispatch::bernoulli(probabilities.into_dispatch(), seed));
    }
    let uniform = probabilities.random_like(Distribution::Uniform(0.0, 1.0));
    uniform.lower(probabilities).float()
}

/// Draws around each mean, with variance 1; the shape stays.
///
/// As [`sample_bernoulli`], with [`standard_normal`].
#[must_use]
pub fn sample_normal<const D: usize>(means: Tensor<D>) -> Tensor<D> {
    if runs_here_untracked(&means) {
        let seed = draw_seed(&means.device());
        return Tensor::from_dispatch(Dispatch::normal(means.into_dispatch(), seed));
    }
    means.random_like(Distribution::Normal(0.0, 1.0)) + means
}

/// The operations of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"))]
pub(crate) trait Sampling: Backend {
    /// See [`sample_bernoulli`].
    fn bernoulli(probabilities: FloatTensor<Self>, seed: u64) -> FloatTensor<Self>;

    /// See [`sample_normal`].
    fn normal(means: FloatTensor<Self>, seed: u64) -> FloatTensor<Self>;
}

impl<B: Host> Sampling for B {
    fn bernoulli(probabilities: FloatTensor<B>, seed: u64) -> FloatTensor<B> {
        let shape = probabilities.shape();
        let probabilities = B::values(probabilities);
        let mut draws = vec![0.0; probabilities.len()];
        let length = GROUPS_PER_TASK * GROUP;
        let parts = draws
            .par_chunks_mut(length)
            .zip(probabilities.par_chunks(length));
        parts.enumerate().for_each(|(index, (out, probabilities))| {
            fill_bernoulli(seed, first_group(index), probabilities, out);
        });
        B::tensor(draws, shape)
    }

    fn normal(means: FloatTensor<B>, seed: u64) -> FloatTensor<B> {
        let mut draws = B::own(means);
        in_parts(&mut draws, |first_group, out| {
            add_normal(seed, first_group, out);
        });
        B::release(draws)
    }
}

/// A tensor whose parts `fill` fills, given the first group of each.
fn made<const D: usize>(
    shape: [usize; D],
    device: &Device,
    fill: impl Fn(u64, &mut [f32]) + Sync,
) -> Tensor<D> {
    let mut values = vec![0.0; shape.iter().product()];
    in_parts(&mut values, fill);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Hands `values` out to the threads, each part with its first group.
pub(crate) fn in_parts(values: &mut [f32], work: impl Fn(u64, &mut [f32]) + Sync) {
    let parts = values.par_chunks_mut(GROUPS_PER_TASK * GROUP);
    parts
        .enumerate()
        .for_each(|(index, part)| work(first_group(index), part));
}

fn first_group(task: usize) -> u64 {
    (task * GROUPS_PER_TASK) as u64
}

vectorised! {
    fn fill_uniform<const FMA: bool>(seed: u64, first_group: u64, out: &mut [f32]) {
        for (out, index) in out.chunks_mut(GROUP).zip(first_group..) {
            for (out, bits) in out.iter_mut().zip(group(seed, index)) {
                *out = unit_interval(bits);
            }
        }
    }
}

vectorised! {
    fn fill_bernoulli<const FMA: bool>(
        seed: u64,
        first_group: u64,
        probabilities: &[f32],
        out: &mut [f32],
    ) {
        let parts = out.chunks_mut(GROUP).zip(probabilities.chunks(GROUP));
        for ((out, probabilities), index) in parts.zip(first_group..) {
            let draws = out.iter_mut().zip(group(seed, index));
            for ((out, bits), &probability) in draws.zip(probabilities) {
                *out = if unit_interval(bits) < probability { 1.0 } else { 0.0 };
            }
        }
    }
}

vectorised! {
    /// Adds a normal number to each element.
    fn add_normal<const FMA: bool>(seed: u64, first_group: u64, out: &mut [f32]) {
        for (out, index) in out.chunks_mut(GROUP).zip(first_group..) {
            for (out, bits) in out.iter_mut().zip(group(seed, index)) {
                *out += normal::normal::<FMA>(bits);
            }
        }
    }
}

/// The numbers of one group.
#[inline(always)]
pub(crate) fn group(seed: u64, index: u64) -> [u32; GROUP] {
    let mut numbers = [0; GROUP];
    let first = index * LANES as u64;
    for lane in 0..LANES {
        let block = philox(halves(seed), {
            let [low, high] = halves(first + lane as u64);
            [low, high, 0, 0]
        });
        numbers[lane] = block[0];
        numbers[LANES + lane] = block[1];
        numbers[2 * LANES + lane] = block[2];
        numbers[3 * LANES + lane] = block[3];
    }
    numbers
}

/// Low and high half.
#[inline(always)]
fn halves(x: u64) -> [u32; 2] {
    #[allow(clippy::cast_possible_truncation)] // a half each
    [x as u32, (x >> 32) as u32]
}

/// Philox4x32-10: the block of random numbers at `counter`.
#[inline(always)]
fn philox(mut key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    for _ in 0..10 {
        let [low_a, high_a] = halves(u64::from(a) * 0xD251_1F53);
        let [low_c, high_c] = halves(u64::from(c) * 0xCD9E_8D57);
        (a, b) = (high_c ^ b ^ key[0], low_c);
        (c, d) = (high_a ^ d ^ key[1], low_a);
        // By the golden ratio and by the square root of 3, less one.
        key[0] = key[0].wrapping_add(0x9E37_79B9);
        key[1] = key[1].wrapping_add(0xBB67_AE85);
    }
    [a, b, c, d]
}

/// The first 24 bits as a number in `[0, 1)`, exact.
#[inline(always)]
pub(crate) fn unit_interval(bits: u32) -> f32 {
    const SCALE: f32 = 1.0 / 16_777_216.0; // 2^-24
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // below 2^24
    let number = (bits >> 8) as i32 as f32;
    number * SCALE
}

#[cfg(test)]
mod tests;
