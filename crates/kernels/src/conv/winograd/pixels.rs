//! One image with all channels of a pixel side by side.

use std::ops::Range;

/// Channels are filled up to a multiple of it: the lanes of the longest vectors.
pub(super) const LANES: usize = 16;

/// `[row, column, channel]`
pub(super) struct Pixels {
    pub(super) values: Vec<f32>,
    /// Columns.
    pub(super) width: usize,
    /// A multiple of [`LANES`]: filled up with channels of zeros.
    pub(super) channels: usize,
}

/// Channel after channel of rows of pixels, as they lie outside of this module.
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    /// Rows and columns.
    pub(crate) size: [usize; 2],
    /// From one channel to the next.
    pub(crate) channel_stride: usize,
    /// From one row to the next.
    pub(crate) row_stride: usize,
}

impl Pixels {
    /// Zeros.
    pub(super) fn new([height, width]: [usize; 2], num_channels: usize) -> Self {
        let channels = num_channels.next_multiple_of(LANES);
        Self {
            values: vec![0.0; height * width * channels],
            width,
            channels,
        }
    }

    /// Takes in an image, the first of its pixels at row and column `start`; all around stays zero.
    pub(super) fn load(&mut self, num_channels: usize, image: &Rows, start: [usize; 2]) {
        let [height, width] = image.size;
        for y in 0..height {
            let first = ((y + start[0]) * self.width + start[1]) * self.channels;
            let to = &mut self.values[first..][..width * self.channels];
            let row = &image.values[y * image.row_stride..];
            for first in (0..num_channels).step_by(LANES) {
                let channels = first..num_channels.min(first + LANES);
                for (x, pixel) in to.chunks_exact_mut(self.channels).enumerate() {
                    for (to, channel) in pixel[channels.clone()].iter_mut().zip(channels.clone()) {
                        *to = row[channel * image.channel_stride + x];
                    }
                }
            }
        }
    }

    /// Writes some channels, one after the other, to rows of `size`; channels and rows lie `strides`
    /// apart.
    pub(super) fn store(
        &self,
        channels: Range<usize>,
        [height, width]: [usize; 2],
        to: &mut [f32],
        [channel_stride, row_stride]: [usize; 2],
    ) {
        for y in 0..height {
            let pixels = &self.values[y * self.width * self.channels..];
            for (index, channel) in channels.clone().enumerate() {
                let row = &mut to[index * channel_stride + y * row_stride..][..width];
                let pixels = pixels[channel..].iter().step_by(self.channels);
                for (to, &pixel) in row.iter_mut().zip(pixels) {
                    *to = pixel;
                }
            }
        }
    }
}
