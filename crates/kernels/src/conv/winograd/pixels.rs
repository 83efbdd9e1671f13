//! One image with all channels of a pixel side by side.

use std::ops::Range;

use crate::vectors::{LANES, gather, scatter};

/// Where an image lies among zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Rows and columns with the zeros around.
    pub(super) size: [usize; 2],
    /// Row and column of the image's first pixel.
    pub(super) start: [usize; 2],
    /// Rows and columns of the image.
    pub(super) image: [usize; 2],
}

/// `[row, column, channel]`
pub(super) struct Pixels {
    pub(super) values: Vec<f32>,
    /// Columns.
    pub(super) width: usize,
    /// A multiple of [`LANES`]: filled up with channels of zeros.
    pub(super) channels: usize,
    num_channels: usize,
    /// Where each pixel of the image begins, row after row.
    places: Vec<usize>,
}

impl Pixels {
    /// Zeros.
    pub(super) fn new(frame: &Frame, num_channels: usize) -> Self {
        let channels = num_channels.next_multiple_of(LANES);
        let [height, width] = frame.size;
        let rows = frame.start[0]..frame.start[0] + frame.image[0];
        let places = rows.flat_map(|y| {
            let columns = frame.start[1]..frame.start[1] + frame.image[1];
            columns.map(move |x| (y * width + x) * channels)
        });
        Self {
            values: vec![0.0; height * width * channels],
            width,
            channels,
            num_channels,
            places: places.collect(),
        }
    }

    /// Takes in an image, `[C, H, W]`.
    pub(super) fn load(&mut self, image: &[f32]) {
        let num_pixels = self.places.len();
        for (block, rows) in image.chunks(LANES * num_pixels).enumerate() {
            scatter(rows, &self.places, &mut self.values[block * LANES..]);
        }
    }

    /// Channels as [`Pixels::store`] takes them, a few at a time.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let num_channels = self.num_channels;
        (0..num_channels)
            .step_by(LANES)
            .map(move |first| first..num_channels.min(first + LANES))
    }

    /// Writes one of the blocks of channels, `[C, H, W]`.
    pub(super) fn store(&self, channels: Range<usize>, to: &mut [f32]) {
        let to = &mut to[..channels.len() * self.places.len()];
        gather(&self.values[channels.start..], &self.places, to);
    }
}
