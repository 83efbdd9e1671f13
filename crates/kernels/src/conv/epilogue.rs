//! What happens to a map before it leaves the cache: bias, activation, max pooling; and back.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::forward::split;
use super::geometry::Geometry;
use crate::activation::{Activation, derivative};
use crate::math::vectorised;
use crate::zeros::{written, zeros};

/// Of each pooled pixel, which pixel of its window was the largest.
pub(crate) type Argmax = Vec<u8>;

/// Windows with more pixels than an [`Argmax`] can tell apart are pooled elsewhere.
pub(crate) const MAX_WINDOW: usize = 256;

/// Output and argmax of maps that are there already; the latter empty where nothing is pooled or nobody asks.
///
/// `sums` says of a map, by its number, what is finished and with which bias; it may write to the third, which is
/// as long as the map.
///
/// # Shapes
/// - `maps`: `[B, C, H, W]`
///
/// # Panics
/// When there are fewer or more maps.
pub(crate) fn finish_all(
    geometry: &Geometry,
    maps: &[f32],
    activation: Activation,
    keep_argmax: bool,
    sums: impl for<'m> Fn(usize, &'m [f32], &'m mut [f32]) -> (&'m [f32], f32) + Sync,
) -> (Vec<f32>, Argmax) {
    let [height, width] = geometry.map;
    let (map_len, pooled_len) = (height * width, geometry.output_len() / geometry.width);
    let num_maps = geometry.batch_size * geometry.width;
    assert_eq!(maps.len(), num_maps * map_len, "as many maps");
    let argmax_len = if keep_argmax && geometry.pool != [1, 1] {
        pooled_len
    } else {
        0
    };
    let mut argmax = zeros(num_maps * argmax_len);
    // SAFETY: `finish` writes all of a map, for each of them: there are as many in `maps` and `argmax`.
    let output = unsafe {
        written(num_maps * pooled_len, |output| {
            output
                .par_chunks_exact_mut(pooled_len)
                .zip(split(&mut argmax, argmax_len, num_maps))
                .zip(maps.par_chunks_exact(map_len))
                .enumerate()
                .with_min_len(geometry.width)
                .for_each_init(
                    || vec![0.0; map_len],
                    |memory, (index, ((output, argmax), map))| {
                        let (sums, bias) = sums(index, map, memory);
                        finish(geometry, width, sums, bias, activation, output, argmax);
                    },
                );
        })
    };
    (output, argmax)
}

vectorised! {
    /// Turns one row of sums into one map of the output.
    ///
    /// # Shapes
    /// - `sums`: as the kernels leave them, rows `row_stride` apart
    /// - `output`: `[H, W]`, after pooling
    /// - `argmax`: as `output`, or empty where nothing is pooled or nobody asks
    ///
    /// # Panics
    /// When there are fewer sums, or `output` is no map: so what returns has written all of it.
    pub(crate) fn finish<const FMA: bool>(
        geometry: &Geometry,
        row_stride: usize,
        sums: &[f32],
        bias: f32,
        activation: Activation,
        output: &mut [MaybeUninit<f32>],
        argmax: &mut [u8],
    ) {
        let [height, width] = geometry.pooled();
        assert_eq!(output.len(), height * width, "the output is a map");
        let last_row = height.saturating_sub(1) * geometry.pool[0] * row_stride;
        assert!(sums.len() > last_row || output.is_empty(), "all rows have sums");
        let pointwise = Pointwise { bias, activation };
        if geometry.pool == [1, 1] {
            let [width, row_stride] = rows_of(geometry, row_stride, output.len());
            let rows = output.chunks_exact_mut(width);
            for (output, sums) in rows.zip(sums.chunks(row_stride)) {
                if width >= PIXELS {
                    pointwise.row::<PIXELS>(sums, output);
                } else if width >= PIXELS / 2 {
                    pointwise.row::<{ PIXELS / 2 }>(sums, output);
                } else {
                    pointwise.row::<1>(sums, output);
                }
            }
            return;
        }
        // A width that the compiler knows makes vectors of the loops.
        match geometry.pool[1] {
            1 => pointwise.pool::<1>(geometry, row_stride, sums, output, argmax),
            2 => pointwise.pool::<2>(geometry, row_stride, sums, output, argmax),
            3 => pointwise.pool::<3>(geometry, row_stride, sums, output, argmax),
            _ => pointwise.pool::<0>(geometry, row_stride, sums, output, argmax),
        }
    }
}

/// Length of the rows of a map and from one to the next: without gaps, a map is a single one.
#[inline(always)]
fn rows_of(geometry: &Geometry, row_stride: usize, map_len: usize) -> [usize; 2] {
    let width = geometry.map[1];
    if row_stride == width {
        [map_len, map_len]
    } else {
        [width, row_stride]
    }
}

/// Pixels side by side that are finished at once, where a row has as many; else half of them, or each by itself.
const PIXELS: usize = 16;

/// Windows side by side that are pooled at once, likewise.
const WINDOWS: usize = 8;

/// Where blocks of N begin that cover a row of `length`: one that would reach beyond its end begins earlier, and
/// covers again what is covered already.
#[inline(always)]
fn blocks<const N: usize>(length: usize) -> impl Iterator<Item = usize> {
    let starts = (0..length).step_by(N);
    starts.map(move |start| start.min(length - N))
}

/// What is done to every sum.
#[derive(Clone, Copy)]
struct Pointwise {
    bias: f32,
    activation: Activation,
}

impl Pointwise {
    #[inline(always)]
    fn of(self, sum: f32) -> f32 {
        self.activation.of(sum + self.bias)
    }

    /// N pixels at once.
    #[inline(always)]
    fn row<const N: usize>(self, sums: &[f32], output: &mut [MaybeUninit<f32>]) {
        for start in blocks::<N>(output.len()) {
            let (sums, output) = (&sums[start..][..N], &mut output[start..][..N]);
            for (to, &sum) in output.iter_mut().zip(sums) {
                to.write(self.of(sum));
            }
        }
    }

    /// Pools windows of WIDTH columns, or of any number where WIDTH is 0.
    #[inline(always)]
    fn pool<const WIDTH: usize>(
        self,
        geometry: &Geometry,
        row_stride: usize,
        sums: &[f32],
        output: &mut [MaybeUninit<f32>],
        argmax: &mut [u8],
    ) {
        let [pool_height, pool_width] = geometry.pool;
        let pool_width = if WIDTH == 0 { pool_width } else { WIDTH };
        let [_, width] = geometry.pooled();
        let bands = sums.chunks(pool_height * row_stride);
        let rows = output.chunks_exact_mut(width);
        let mut argmaxes = argmax.chunks_exact_mut(width);
        for (output, band) in rows.zip(bands) {
            let argmax = argmaxes.next().unwrap_or_default();
            let windows = Windows {
                band,
                row_stride,
                size: [pool_height, pool_width],
            };
            if width >= WINDOWS {
                windows.pool::<WINDOWS>(self, output, argmax);
            } else if width >= WINDOWS / 2 {
                windows.pool::<{ WINDOWS / 2 }>(self, output, argmax);
            } else {
                windows.pool::<1>(self, output, argmax);
            }
        }
    }
}

/// The windows of one row of the output.
struct Windows<'a> {
    band: &'a [f32],
    row_stride: usize,
    size: [usize; 2],
}

impl Windows<'_> {
    /// N at once.
    #[inline(always)]
    fn pool<const N: usize>(
        &self,
        pointwise: Pointwise,
        output: &mut [MaybeUninit<f32>],
        argmax: &mut [u8],
    ) {
        for start in blocks::<N>(output.len()) {
            let (largest, which) = self.largest::<N>(start * self.size[1]);
            for (to, &sum) in output[start..][..N].iter_mut().zip(&largest) {
                // The activation never falls, so the largest sum has the largest value.
                to.write(pointwise.of(sum));
            }
            if argmax.is_empty() {
                continue;
            }
            for (argmax, which) in argmax[start..][..N].iter_mut().zip(which) {
                #[allow(clippy::cast_possible_truncation)] // below `MAX_WINDOW`
                let number = which as u8;
                *argmax = number;
            }
        }
    }

    /// Of N windows, the first at column `start`: the largest, and which it is.
    ///
    /// Whatever meets a NaN becomes one; of equals the first wins, as in Burn.
    #[inline(always)]
    fn largest<const N: usize>(&self, start: usize) -> ([f32; N], [u32; N]) {
        let [height, width] = self.size;
        let (mut largest, mut which) = ([f32::NEG_INFINITY; N], [0_u32; N]);
        let mut number = 0;
        for y in 0..height {
            let row = &self.band[y * self.row_stride + start..][..N * width];
            for x in 0..width {
                for index in 0..N {
                    let value = row[index * width + x];
                    let larger = (value > largest[index]) | value.is_nan();
                    largest[index] = if larger { value } else { largest[index] };
                    which[index] = if larger { number } else { which[index] };
                }
                number += 1;
            }
        }
        (largest, which)
    }
}

vectorised! {
    /// Takes the gradient of one map of the output back to its sums: `sums` gets it at its rows,
    /// `row_stride` apart, and stays zero elsewhere.
    pub(crate) fn unfinish<const FMA: bool>(
        geometry: &Geometry,
        row_stride: usize,
        output: &[f32],
        d_output: &[f32],
        activation: Activation,
        argmax: &[u8],
        sums: &mut [f32],
    ) {
        let map = Map {
            geometry,
            row_stride,
            output,
            d_output,
            slope_below: activation.slope_below(),
        };
        if geometry.pool == [1, 1] {
            map.unfinish_pixels(activation == Activation::Identity, sums);
            return;
        }
        // A width that the compiler knows makes vectors of the loops.
        match geometry.pool[1] {
            1 => map.unpool::<1>(argmax, sums),
            2 => map.unpool::<2>(argmax, sums),
            3 => map.unpool::<3>(argmax, sums),
            _ => map.unpool::<0>(argmax, sums),
        }
    }
}

/// One map of the output, and its gradient.
struct Map<'a> {
    geometry: &'a Geometry,
    row_stride: usize,
    output: &'a [f32],
    d_output: &'a [f32],
    slope_below: f32,
}

impl Map<'_> {
    /// Rows of the output and of its gradient, `width` long.
    #[inline(always)]
    fn rows(&self, width: usize) -> impl Iterator<Item = (&[f32], &[f32])> {
        let d_rows = self.d_output.chunks_exact(width);
        self.output.chunks_exact(width).zip(d_rows)
    }

    #[inline(always)]
    fn unfinish_pixels(&self, is_identity: bool, sums: &mut [f32]) {
        let [width, row_stride] = rows_of(self.geometry, self.row_stride, self.output.len());
        let rows = self.rows(width);
        for ((output, d_output), sums) in rows.zip(sums.chunks_mut(row_stride)) {
            let (y, row) = ([output, d_output], &mut sums[..width]);
            if is_identity {
                // Whatever the output is: large ones are not read again.
                row.copy_from_slice(d_output);
            } else if width >= PIXELS {
                self.unfinish_row::<PIXELS>(y, row);
            } else if width >= PIXELS / 2 {
                self.unfinish_row::<{ PIXELS / 2 }>(y, row);
            } else {
                self.unfinish_row::<1>(y, row);
            }
        }
    }

    /// N pixels at once.
    #[inline(always)]
    fn unfinish_row<const N: usize>(&self, [output, d_output]: [&[f32]; 2], row: &mut [f32]) {
        for start in blocks::<N>(output.len()) {
            let (y, d_y) = (&output[start..][..N], &d_output[start..][..N]);
            let pixels = &mut row[start..][..N];
            for n in 0..N {
                pixels[n] = d_y[n] * derivative(self.slope_below, y[n]);
            }
        }
    }

    /// For windows of WIDTH columns, or of any number where WIDTH is 0.
    #[inline(always)]
    fn unpool<const WIDTH: usize>(&self, argmax: &[u8], sums: &mut [f32]) {
        let [pool_height, pool_width] = self.geometry.pool;
        let pool_width = if WIDTH == 0 { pool_width } else { WIDTH };
        let [_, width] = self.geometry.pooled();
        let bands = sums.chunks_mut(pool_height * self.row_stride);
        let rows = self.rows(width).zip(argmax.chunks_exact(width));
        for (((output, d_output), argmax), band) in rows.zip(bands) {
            for (y, row) in band.chunks_mut(self.row_stride).enumerate() {
                #[allow(clippy::cast_possible_truncation)] // at most `MAX_WINDOW`
                let first = (y * pool_width) as u32;
                let (y, row) = ([output, d_output], &mut row[..width * pool_width]);
                if width >= WINDOWS {
                    self.unpool_row::<WINDOWS, WIDTH>(first, y, argmax, row);
                } else if width >= WINDOWS / 2 {
                    self.unpool_row::<{ WINDOWS / 2 }, WIDTH>(first, y, argmax, row);
                } else {
                    self.unpool_row::<1, WIDTH>(first, y, argmax, row);
                }
            }
        }
    }

    /// One row of pixels of windows, whose pixels count from `first` on; N windows at once.
    #[inline(always)]
    fn unpool_row<const N: usize, const WIDTH: usize>(
        &self,
        first: u32,
        [output, d_output]: [&[f32]; 2],
        argmax: &[u8],
        row: &mut [f32],
    ) {
        let pool_width = if WIDTH == 0 {
            row.len() / output.len()
        } else {
            WIDTH
        };
        for start in blocks::<N>(output.len()) {
            let (y, d_y) = (&output[start..][..N], &d_output[start..][..N]);
            let argmax = &argmax[start..][..N];
            let (mut gradients, mut largest) = ([0.0; N], [0_u32; N]);
            for n in 0..N {
                gradients[n] = d_y[n] * derivative(self.slope_below, y[n]);
                largest[n] = u32::from(argmax[n]);
            }
            let pixels = &mut row[start * pool_width..][..N * pool_width];
            for n in 0..N {
                for (x, number) in (0..pool_width).zip(first..) {
                    let is_largest = largest[n] == number;
                    pixels[n * pool_width + x] = if is_largest { gradients[n] } else { 0.0 };
                }
            }
        }
    }
}
