//! Images into planes and back: padding, strides and pooling all end here.

use super::geometry::Geometry;
use super::tile::{SLACK, Values};

/// One image, padded and taken apart into the planes of its strides.
pub(crate) struct Planes {
    pub(crate) values: Vec<f32>,
}

impl Planes {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let length = geometry.channels * geometry.num_planes() * geometry.plane_len();
        Self {
            values: vec![0.0; length + SLACK],
        }
    }

    /// Where the planes of a channel begin.
    pub(crate) fn channel_start(geometry: &Geometry, channel: usize) -> usize {
        channel * geometry.num_planes() * geometry.plane_len()
    }

    /// From the channels of a group on.
    pub(crate) fn of_group(&self, geometry: &Geometry, group: usize) -> Values<'_> {
        let first_channel = group * geometry.group_channels();
        Values::Plain(&self.values[Self::channel_start(geometry, first_channel)..])
    }

    /// Takes in another image of the same shape, `[C, H, W]`.
    pub(crate) fn load(&mut self, geometry: &Geometry, image: &[f32]) {
        if geometry.stride == [1, 1] && geometry.plane() == geometry.image {
            self.values[..image.len()].copy_from_slice(image);
            return;
        }
        let channels = image.chunks_exact(geometry.image[0] * geometry.image[1]);
        for (channel, rows) in channels.enumerate() {
            self.load_channel(geometry, channel, rows);
        }
    }

    /// Takes in one channel of another image, `[H, W]`.
    pub(crate) fn load_channel(&mut self, geometry: &Geometry, channel: usize, image: &[f32]) {
        let [_, plane_width] = geometry.plane();
        for_each_row(geometry, channel, |row| {
            let source = &image[row.image_start..row.image_start + geometry.image[1]];
            let target = &mut self.values[row.plane_start..row.plane_start + plane_width];
            copy_strided(
                &source[row.first_column..],
                geometry.stride[1],
                &mut target[row.first_in_plane..],
            );
        });
    }

    /// Writes the planes over an image of zeros, `[C, H, W]`.
    pub(crate) fn store(&self, geometry: &Geometry, image: &mut [f32]) {
        if geometry.stride == [1, 1] && geometry.plane() == geometry.image {
            image.copy_from_slice(&self.values[..image.len()]);
            return;
        }
        let [_, plane_width] = geometry.plane();
        let channels = image.chunks_exact_mut(geometry.image[0] * geometry.image[1]);
        for (channel, image) in channels.enumerate() {
            for_each_row(geometry, channel, |row| {
                let source = &self.values[row.plane_start..row.plane_start + plane_width];
                let target = &mut image[row.image_start..row.image_start + geometry.image[1]];
                let target = target[row.first_column..].iter_mut();
                for (to, &from) in target
                    .step_by(geometry.stride[1])
                    .zip(&source[row.first_in_plane..])
                {
                    *to = from;
                }
            });
        }
    }
}

/// Where a row of a channel's image lies in a row of one of its planes.
struct Row {
    image_start: usize,
    plane_start: usize,
    /// The first column of the image that this plane has, and where.
    first_column: usize,
    first_in_plane: usize,
}

/// Every row of one channel's image, once for each plane that takes pixels from it.
fn for_each_row(geometry: &Geometry, channel: usize, mut visit: impl FnMut(Row)) {
    let [height, width] = geometry.image;
    let [plane_height, plane_width] = geometry.plane();
    let [stride_y, stride_x] = geometry.stride;
    let [padding_y, padding_x] = geometry.padding;
    let channel_start = Planes::channel_start(geometry, channel);
    for y in 0..height {
        let padded_y = y + padding_y;
        let (plane_y, in_plane_y) = (padded_y % stride_y, padded_y / stride_y);
        if in_plane_y >= plane_height {
            continue;
        }
        for plane_x in 0..stride_x {
            // The first padded column of the image that is `plane_x` over a multiple.
            let skipped = (plane_x + stride_x - padding_x % stride_x) % stride_x;
            let first_in_plane = (padding_x + skipped) / stride_x;
            if skipped >= width || first_in_plane >= plane_width {
                continue;
            }
            let plane = plane_y * stride_x + plane_x;
            let plane_start = channel_start + plane * geometry.plane_len();
            visit(Row {
                image_start: y * width,
                plane_start: plane_start + in_plane_y * plane_width,
                first_column: skipped,
                first_in_plane,
            });
        }
    }
}

fn copy_strided(source: &[f32], stride: usize, target: &mut [f32]) {
    if stride == 1 {
        let length = source.len().min(target.len());
        target[..length].copy_from_slice(&source[..length]);
    } else if stride == 2 {
        // Pairs, of which the compiler makes vectors.
        let (pairs, last) = source.as_chunks::<2>();
        for (to, &[first, _]) in target.iter_mut().zip(pairs) {
            *to = first;
        }
        if let ([last], Some(to)) = (last, target.get_mut(pairs.len())) {
            *to = *last;
        }
    } else {
        for (to, &from) in target.iter_mut().zip(source.iter().step_by(stride)) {
            *to = from;
        }
    }
}
