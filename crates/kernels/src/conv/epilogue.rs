//! What happens to a map before it leaves the cache: bias, activation, max pooling; and back.

use std::array;

use super::geometry::Geometry;
use crate::Activation;
use crate::math::vectorised;

/// Of each pooled pixel, which pixel of its window was the largest.
pub(crate) type Argmax = Vec<u8>;

/// Windows with more pixels than an [`Argmax`] can tell apart are pooled elsewhere.
pub(crate) const MAX_WINDOW: usize = 256;

vectorised! {
    /// Turns one row of sums into one map of the output.
    ///
    /// # Shapes
    /// - `sums`: as the kernels leave them, rows `row_stride` apart
    /// - `output`: `[H, W]`, after pooling
    /// - `argmax`: as `output`, or empty where nothing is pooled or nobody asks
    pub(crate) fn finish<const FMA: bool>(
        geometry: &Geometry,
        row_stride: usize,
        sums: &[f32],
        bias: f32,
        activation: Activation,
        output: &mut [f32],
        argmax: &mut [u8],
    ) {
        if geometry.pool == [1, 1] {
            let rows = output.chunks_exact_mut(geometry.map[1]);
            for (output, sums) in rows.zip(sums.chunks(row_stride)) {
                for (to, &sum) in output.iter_mut().zip(sums) {
                    *to = activation.of(sum + bias);
                }
            }
            return;
        }
        // A width that the compiler knows makes vectors of the loops.
        match geometry.pool[1] {
            1 => pool::<1>(geometry, row_stride, sums, output, argmax),
            2 => pool::<2>(geometry, row_stride, sums, output, argmax),
            3 => pool::<3>(geometry, row_stride, sums, output, argmax),
            _ => pool::<0>(geometry, row_stride, sums, output, argmax),
        }
        for to in output {
            // The activation never falls, so the largest sum has the largest value.
            *to = activation.of(*to + bias);
        }
    }
}

/// Pools windows of WIDTH columns, or of any number where WIDTH is 0.
#[inline(always)]
fn pool<const WIDTH: usize>(
    geometry: &Geometry,
    row_stride: usize,
    sums: &[f32],
    output: &mut [f32],
    argmax: &mut [u8],
) {
    let [pool_height, pool_width] = geometry.pool;
    let pool_width = if WIDTH == 0 { pool_width } else { WIDTH };
    let [_, width] = geometry.pooled();
    let bands = sums.chunks(pool_height * row_stride);
    let rows = output.chunks_exact_mut(width);
    if argmax.is_empty() {
        for (output, band) in rows.zip(bands) {
            output.fill(f32::NEG_INFINITY);
            for row in band.chunks(row_stride) {
                let windows = row[..width * pool_width].chunks_exact(pool_width);
                for (largest, window) in output.iter_mut().zip(windows) {
                    for &value in window {
                        let larger = (value > *largest) | value.is_nan();
                        *largest = if larger { value } else { *largest };
                    }
                }
            }
        }
        return;
    }
    for ((output, argmax), band) in rows.zip(argmax.chunks_exact_mut(width)).zip(bands) {
        let window = Window {
            band,
            row_stride,
            size: [pool_height, pool_width],
        };
        let (outputs, output) = output.as_chunks_mut::<4>();
        let (argmaxes, argmax) = argmax.as_chunks_mut::<4>();
        let mut start = 0;
        for (output, argmax) in outputs.iter_mut().zip(argmaxes) {
            window.largest(start, output, argmax);
            start += 4 * pool_width;
        }
        for (output, argmax) in output.iter_mut().zip(argmax) {
            window.largest(start, array::from_mut(output), array::from_mut(argmax));
            start += pool_width;
        }
    }
}

/// The windows of one row of the output.
struct Window<'a> {
    band: &'a [f32],
    row_stride: usize,
    size: [usize; 2],
}

impl Window<'_> {
    /// Of N windows side by side, the first at column `start`: the largest, and which it is.
    ///
    /// Whatever meets a NaN becomes one; of equals the first wins, as in Burn.
    #[inline(always)]
    fn largest<const N: usize>(&self, start: usize, output: &mut [f32; N], argmax: &mut [u8; N]) {
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
        *output = largest;
        #[allow(clippy::cast_possible_truncation)] // below `MAX_WINDOW`
        let which = which.map(|number| number as u8);
        *argmax = which;
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
            activation,
        };
        if geometry.pool == [1, 1] {
            map.unfinish_pixels(sums);
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
    activation: Activation,
}

impl Map<'_> {
    /// Rows of the output and of its gradient, `width` long.
    #[inline(always)]
    fn rows(&self, width: usize) -> impl Iterator<Item = (&[f32], &[f32])> {
        let d_rows = self.d_output.chunks_exact(width);
        self.output.chunks_exact(width).zip(d_rows)
    }

    #[inline(always)]
    fn unfinish_pixels(&self, sums: &mut [f32]) {
        let rows = self.rows(self.geometry.map[1]);
        for ((output, d_output), sums) in rows.zip(sums.chunks_mut(self.row_stride)) {
            for ((to, &y), &d_y) in sums.iter_mut().zip(output).zip(d_output) {
                *to = d_y * self.activation.derivative(y);
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
                // At most 256, as `MAX_WINDOW` is; an u8 would overflow behind its last pixel.
                #[allow(clippy::cast_possible_truncation)]
                let first = (y * pool_width) as u16;
                let windows = row[..width * pool_width].chunks_exact_mut(pool_width);
                let pixels = output.iter().zip(d_output).zip(argmax);
                for (window, ((&y, &d_y), &largest)) in windows.zip(pixels) {
                    let gradient = d_y * self.activation.derivative(y);
                    for (to, number) in window.iter_mut().zip(first..) {
                        *to = if number == u16::from(largest) {
                            gradient
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
    }
}
