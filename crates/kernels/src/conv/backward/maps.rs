//! The gradient of one image's maps, before bias, activation and pooling.

use std::ops::Range;

use super::super::epilogue::unfinish;
use super::super::geometry::Geometry;
use super::super::tile::{SLACK, padded};
use super::super::winograd::Rows;
use super::Saved;

/// Where maps lie, so that shifted rows can be read of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Zeros before each map: the first pixels of a plane look back so far.
    pub(super) margin: usize,
    /// From one map to the next.
    pub(super) stride: usize,
}

impl Layout {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let taps = geometry.taps();
        let margin = taps.iter().map(|tap| tap.offset).max().unwrap_or(0);
        let length = geometry.plane_len().max(padded(geometry.positions()));
        Self {
            margin,
            stride: margin + length,
        }
    }
}

/// The gradient of each map's sums, at its positions in the plane.
pub(super) struct Maps<'a> {
    geometry: &'a Geometry,
    pub(super) layout: Layout,
    pub(super) values: Vec<f32>,
    /// Of all images so far.
    pub(super) d_bias: Vec<f32>,
}

impl<'a> Maps<'a> {
    pub(super) fn new(geometry: &'a Geometry, layout: &Layout) -> Self {
        let length = geometry.width * layout.stride + padded(geometry.plane_len()) + SLACK;
        Self {
            geometry,
            layout: *layout,
            values: vec![0.0; length],
            d_bias: vec![0.0; geometry.width],
        }
    }

    /// Takes in the image whose maps are at `place` in the batch.
    pub(super) fn load(&mut self, saved: &Saved, d_output: &[f32], place: Range<usize>) {
        let geometry = self.geometry;
        let map_len = place.len() / geometry.width;
        let output = saved.output[place.clone()].chunks_exact(map_len);
        let d_output = d_output[place.clone()].chunks_exact(map_len);
        let argmax = saved.argmax.get(place).unwrap_or_default();
        let maps = self.values.chunks_exact_mut(self.layout.stride);
        let all = output.zip(d_output).zip(maps).zip(&mut self.d_bias);
        for (map, (((output, d_output), sums), d_bias)) in all.enumerate() {
            let argmax = argmax
                .get(map * map_len..(map + 1) * map_len)
                .unwrap_or_default();
            let sums = &mut sums[self.layout.margin..][..geometry.positions()];
            unfinish(geometry, output, d_output, saved.activation, argmax, sums);
            *d_bias += sum(sums);
        }
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            values: &self.values[self.layout.margin..],
            size: self.geometry.map,
            channel_stride: self.layout.stride,
            row_stride: self.geometry.plane()[1],
        }
    }
}

fn sum(values: &[f32]) -> f32 {
    // In eight lanes: one after the other, each addition would wait for the last.
    let (lanes, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}
