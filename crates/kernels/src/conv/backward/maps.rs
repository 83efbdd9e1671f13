//! The gradient of one image's maps, before bias, activation and pooling.

use std::ops::Range;

use super::super::epilogue::unfinish;
use super::super::geometry::Geometry;
use super::super::tile::{SLACK, padded, zeros_end};
use super::Saved;

/// Where maps lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Zeros before each map.
    pub(super) margin: usize,
    /// From one map to the next.
    pub(super) stride: usize,
    /// From one row to the next.
    pub(super) row_stride: usize,
}

impl Layout {
    /// One after the other.
    pub(super) fn tight(geometry: &Geometry) -> Self {
        Self {
            margin: 0,
            stride: geometry.map[0] * geometry.map[1],
            row_stride: geometry.map[1],
        }
    }

    /// So that shifted rows can be read of them: the first pixels of a plane look back into the
    /// margin.
    pub(super) fn shifted(geometry: &Geometry) -> Self {
        let taps = geometry.taps();
        let margin = taps.iter().map(|tap| tap.offset).max().unwrap_or(0);
        let positions = geometry.positions();
        let length = geometry.plane_len().max(zeros_end(padded(positions)));
        Self {
            margin,
            stride: margin + length,
            row_stride: geometry.plane()[1],
        }
    }
}

/// The gradient of each map's sums.
pub(super) struct Maps<'a> {
    geometry: &'a Geometry,
    pub(super) layout: Layout,
    pub(super) values: Vec<f32>,
    /// Of all images so far.
    d_bias: Vec<f32>,
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
            let Layout {
                margin, row_stride, ..
            } = self.layout;
            let positions = (geometry.map[0] - 1) * row_stride + geometry.map[1];
            let sums = &mut sums[margin..][..positions];
            let activation = saved.activation;
            unfinish(
                geometry, row_stride, output, d_output, activation, argmax, sums,
            );
            *d_bias += sum(sums);
        }
    }

    /// The gradient of the biases; it begins anew.
    pub(super) fn take_d_bias(&mut self) -> Vec<f32> {
        std::mem::replace(&mut self.d_bias, vec![0.0; self.geometry.width])
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
