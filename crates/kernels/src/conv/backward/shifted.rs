//! The way back of the plain sum: of maps and images as shifted rows.

use std::slice::ChunksExactMut;

use super::super::forward::offsets;
use super::super::geometry::{Geometry, Tap};
use super::super::planes::Planes;
use super::super::tile::{Correlate, CorrelateWeights, PackedWeights, padded};
use super::maps::Layout;
use super::{Maps, Part};

/// What all parts of the batch share.
pub(super) struct Shifted<'a> {
    geometry: &'a Geometry,
    /// Where each weight of a group looks, counted from the group's first channel.
    offsets: Vec<usize>,
    /// For each group, for each plane with taps: how its pixels come from the maps; empty where
    /// nobody wants them.
    planes: Vec<Vec<PlaneBack>>,
}

/// How the gradient of one plane comes from the maps of its group.
struct PlaneBack {
    plane: usize,
    weights: PackedWeights,
    offsets: Vec<usize>,
}

impl<'a> Shifted<'a> {
    pub(super) fn new(
        geometry: &'a Geometry,
        layout: &Layout,
        weight: &[f32],
        want_images: bool,
    ) -> Self {
        let groups = 0..if want_images { geometry.groups } else { 0 };
        Self {
            geometry,
            offsets: offsets(geometry),
            planes: groups
                .map(|group| planes(geometry, layout, weight, group))
                .collect(),
        }
    }

    pub(super) fn part(&self) -> PartOfShifted<'_> {
        PartOfShifted {
            back: self,
            planes: Planes::new(self.geometry),
            sums: Vec::new(),
            d_weight: Vec::new(),
            unwritten: <&mut [f32]>::default().chunks_exact_mut(1),
        }
    }
}

fn planes(geometry: &Geometry, layout: &Layout, weight: &[f32], group: usize) -> Vec<PlaneBack> {
    let taps = geometry.taps();
    let (maps, channels) = (geometry.group_width(), geometry.group_channels());
    let weight = &weight[group * maps * channels * taps.len()..];
    let of_plane = |plane| {
        let taps_here = taps.iter().enumerate();
        let taps_here: Vec<_> = taps_here.filter(|(_, tap)| tap.plane == plane).collect();
        let terms: Vec<_> = (0..maps)
            .flat_map(|map| taps_here.iter().map(move |&(tap, place)| (map, tap, place)))
            .collect();
        let offset =
            |&(map, _, tap): &(usize, _, &Tap)| map * layout.stride + layout.margin - tap.offset;
        PlaneBack {
            plane,
            offsets: terms.iter().map(offset).collect(),
            weights: PackedWeights::new(channels, terms.len(), |channel, term| {
                let (map, tap, _) = terms[term];
                weight[(map * channels + channel) * taps.len() + tap]
            }),
        }
    };
    let planes = (0..geometry.num_planes()).map(of_plane);
    planes.filter(|plane| !plane.offsets.is_empty()).collect()
}

/// A part of the batch.
pub(super) struct PartOfShifted<'a> {
    back: &'a Shifted<'a>,
    planes: Planes,
    sums: Vec<f32>,
    d_weight: Vec<f32>,
    /// Gradients of images.
    unwritten: ChunksExactMut<'a, f32>,
}

impl<'a> Part<'a> for PartOfShifted<'a> {
    fn begin(&mut self, d_images: &'a mut [f32]) {
        self.d_weight = vec![0.0; self.back.geometry.weight_len()];
        self.unwritten = d_images.chunks_exact_mut(self.back.geometry.image_len());
    }

    fn add(&mut self, image: &[f32], maps: &Maps) {
        self.add_weights(image, maps);
        if let Some(d_image) = self.unwritten.next() {
            self.store_image(maps, d_image);
        }
    }

    fn finish(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.d_weight)
    }
}

impl PartOfShifted<'_> {
    fn add_weights(&mut self, image: &[f32], maps: &Maps) {
        let Shifted {
            geometry, offsets, ..
        } = self.back;
        self.planes.load(geometry, image);
        let group_len = geometry.weight_len() / geometry.groups;
        for (group, sums) in self.d_weight.chunks_exact_mut(group_len).enumerate() {
            let first_channel = group * geometry.group_channels();
            let first_map = group * geometry.group_width();
            CorrelateWeights {
                values: &self.planes.values[Planes::channel_start(geometry, first_channel)..],
                offsets,
                rows: &maps.values[first_map * maps.layout.stride + maps.layout.margin..],
                row_len: maps.layout.stride,
                num_positions: geometry.positions(),
                sums,
            }
            .run();
        }
    }

    /// Writes the gradient of the image; overwrites the planes that it was taken apart into.
    fn store_image(&mut self, maps: &Maps, d_image: &mut [f32]) {
        let geometry = self.back.geometry;
        let plane_len = geometry.plane_len();
        let row_len = padded(plane_len);
        for (group, planes) in self.back.planes.iter().enumerate() {
            let first_map = group * geometry.group_width();
            for PlaneBack {
                plane,
                weights,
                offsets,
            } in planes
            {
                for rows in weights.blocks() {
                    self.sums.resize(rows.len() * row_len, 0.0);
                    Correlate {
                        values: &maps.values[first_map * maps.layout.stride..],
                        offsets,
                        weights,
                        first_row: rows.start,
                        num_positions: plane_len,
                        sums: &mut self.sums,
                    }
                    .run();
                    for (sums, row) in self.sums.chunks_exact(row_len).zip(rows) {
                        let channel = group * geometry.group_channels() + row;
                        let start = Planes::channel_start(geometry, channel) + plane * plane_len;
                        self.planes.values[start..start + plane_len]
                            .copy_from_slice(&sums[..plane_len]);
                    }
                }
            }
        }
        self.clear_unused();
        self.planes.store(geometry, d_image);
        // The padding, which may be behind the image alone, is zero again for the next one.
        if geometry.num_planes() > 1 || geometry.plane() != geometry.image {
            self.planes.values.fill(0.0);
        }
    }

    /// Planes that no tap looks at get no gradient.
    fn clear_unused(&mut self) {
        let geometry = self.back.geometry;
        let used: Vec<_> = self.back.planes[0]
            .iter()
            .map(|plane| plane.plane)
            .collect();
        if used.len() == geometry.num_planes() {
            return;
        }
        let planes = self.planes.values.chunks_exact_mut(geometry.plane_len());
        for (index, plane) in planes.enumerate() {
            if !used.contains(&(index % geometry.num_planes())) {
                plane.fill(0.0);
            }
        }
    }
}
