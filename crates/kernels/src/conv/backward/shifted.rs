//! The way back of the plain sum: of maps and images as shifted rows.

use std::slice::ChunksExactMut;

use super::super::forward::offsets;
use super::super::geometry::{Geometry, Tap};
use super::super::planes::Planes;
use super::super::rounded::{ByTwos, form_of_rows};
use super::super::tile::{Correlate, CorrelateWeights, Factors, PackedWeights, Values, padded};
use super::maps::Layout;
use super::{Maps, Part};
use crate::matmul::bf16::{Form, Packed, Products};
use crate::matmul::{Matrix, Threads};

/// What all parts of the batch share.
pub(super) struct Shifted<'a> {
    geometry: &'a Geometry,
    /// Of the products, where it is another than `f32`.
    form: Option<Form>,
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
        form: Option<Form>,
        layout: &Layout,
        weight: &[f32],
        want_images: bool,
    ) -> Self {
        let form = form_of_rows(geometry, form);
        let groups = 0..if want_images { geometry.groups } else { 0 };
        Self {
            geometry,
            form,
            offsets: offsets(geometry),
            planes: groups
                .map(|group| planes(geometry, form, layout, weight, group))
                .collect(),
        }
    }

    pub(super) fn part(&self) -> PartOfShifted<'_> {
        PartOfShifted {
            back: self,
            planes: Planes::new(self.geometry),
            rounded: self.form.map(|form| Rounded::new(self.geometry, form)),
            sums: Vec::new(),
            d_weight: Vec::new(),
            unwritten: <&mut [f32]>::default().chunks_exact_mut(1),
        }
    }
}

fn planes(
    geometry: &Geometry,
    form: Option<Form>,
    layout: &Layout,
    weight: &[f32],
    group: usize,
) -> Vec<PlaneBack> {
    let taps = geometry.taps();
    let (maps, channels) = (geometry.group_width(), geometry.group_channels());
    let weight = &weight[group * maps * channels * taps.len()..];
    let of_plane = |plane| {
        let taps_here = taps.iter().enumerate();
        let taps_here: Vec<_> = taps_here.filter(|(_, tap)| tap.plane == plane).collect();
        let offset = |map: usize, tap: &Tap| map * layout.stride + layout.margin - tap.offset;
        let of_map = |map| taps_here.iter().map(move |&(_, tap)| offset(map, tap));
        let weight = |channel, map, term: usize| {
            let (tap, _) = taps_here[term];
            weight[(map * channels + channel) * taps.len() + tap]
        };
        PlaneBack {
            plane,
            offsets: (0..maps).flat_map(of_map).collect(),
            weights: PackedWeights::new(form, channels, [maps, taps_here.len()], weight),
        }
    };
    let has_taps = |plane: &usize| taps.iter().any(|tap| tap.plane == *plane);
    let planes = (0..geometry.num_planes()).filter(has_taps);
    planes.map(of_plane).collect()
}

/// A part of the batch.
pub(super) struct PartOfShifted<'a> {
    back: &'a Shifted<'a>,
    planes: Planes,
    /// What is multiplied, where products are not in `f32`.
    rounded: Option<Rounded>,
    sums: Vec<f32>,
    d_weight: Vec<f32>,
    /// Gradients of images.
    unwritten: ChunksExactMut<'a, f32>,
}

/// An image and the gradient of its maps in bf16: one after the other for the gradient of the weights, and
/// maps by twos for that of the image.
struct Rounded {
    form: Form,
    planes: Vec<u16>,
    /// Not on tiles, which have them packed.
    maps: Vec<u16>,
    maps_by_twos: ByTwos,
    /// On tiles, the gradient of the weights of each group.
    products: Vec<Products>,
}

impl Rounded {
    fn new(geometry: &Geometry, form: Form) -> Self {
        let num_groups = if form.takes_tiles() {
            geometry.groups
        } else {
            0
        };
        let rows = [geometry.group_channels(), geometry.group_width()];
        let products = |_| Products::new(form, rows, geometry.num_taps());
        Self {
            form,
            planes: Vec::new(),
            maps: Vec::new(),
            maps_by_twos: ByTwos::new(form),
            products: (0..num_groups).map(products).collect(),
        }
    }

    fn load_planes(&mut self, geometry: &Geometry, planes: &[f32]) {
        let num_channels = geometry.group_channels();
        let behind = if self.form.takes_tiles() {
            Products::padded(num_channels) - num_channels
        } else {
            0
        };
        let room = planes.len() + Planes::channel_start(geometry, behind);
        self.planes.resize(room, 0);
        self.form.round(planes, &mut self.planes[..planes.len()]);
    }

    fn load_maps(&mut self, maps: &[f32]) {
        self.maps.resize(maps.len(), 0);
        self.form.round(maps, &mut self.maps);
    }

    /// Adds to the gradient of the weights on tiles. `offsets` are those of each tap, channel by channel.
    fn add_products(&mut self, geometry: &Geometry, offsets: &[usize], maps: &Maps) {
        let offsets = &offsets[..geometry.num_taps()];
        for (group, products) in self.products.iter_mut().enumerate() {
            let (values, rows) = of_group(geometry, maps, group);
            let (num_maps, stride) = (geometry.group_width(), maps.layout.stride);
            let rows = &maps.values[rows..];
            let rows = Matrix::strided(rows, num_maps, geometry.positions(), stride);
            let steps = Packed::right(rows.transposed(), self.form, Threads::One);
            let channel_len = Planes::channel_start(geometry, 1);
            let values = &self.planes[values..];
            products.add(values, channel_len, offsets, &steps);
        }
    }
}

/// Where the planes of a group begin, and its maps.
fn of_group(geometry: &Geometry, maps: &Maps, group: usize) -> (usize, usize) {
    let first_channel = group * geometry.group_channels();
    let first_map = group * geometry.group_width();
    (
        Planes::channel_start(geometry, first_channel),
        first_map * maps.layout.stride + maps.layout.margin,
    )
}

impl<'a> Part<'a> for PartOfShifted<'a> {
    fn begin(&mut self, d_images: &'a mut [f32]) {
        let on_tiles = self.back.form.is_some_and(Form::takes_tiles);
        let length = self.back.geometry.weight_len();
        self.d_weight = vec![0.0; if on_tiles { 0 } else { length }];
        self.unwritten = d_images.chunks_exact_mut(self.back.geometry.image_len());
    }

    fn add(&mut self, image: &[f32], maps: &Maps) {
        self.add_weights(image, maps);
        if let Some(d_image) = self.unwritten.next() {
            self.store_image(maps, d_image);
        }
    }

    fn finish(&mut self) -> Vec<f32> {
        match &mut self.rounded {
            Some(rounded) if rounded.form.takes_tiles() => {
                let groups = rounded.products.iter_mut().map(Products::take);
                groups.collect::<Vec<_>>().concat()
            }
            _ => std::mem::take(&mut self.d_weight),
        }
    }
}

impl PartOfShifted<'_> {
    fn add_weights(&mut self, image: &[f32], maps: &Maps) {
        let Shifted {
            geometry, offsets, ..
        } = self.back;
        self.planes.load(geometry, image);
        if let Some(rounded) = &mut self.rounded {
            rounded.load_planes(geometry, &self.planes.values);
            if rounded.form.takes_tiles() {
                return rounded.add_products(geometry, offsets, maps);
            }
            rounded.load_maps(&maps.values);
        }
        let group_len = geometry.weight_len() / geometry.groups;
        for (group, sums) in self.d_weight.chunks_exact_mut(group_len).enumerate() {
            let (values, rows) = of_group(geometry, maps, group);
            CorrelateWeights {
                factors: match &self.rounded {
                    Some(rounded) => Factors::Rounded(
                        rounded.form,
                        &rounded.planes[values..],
                        &rounded.maps[rows..],
                    ),
                    None => Factors::Plain(&self.planes.values[values..], &maps.values[rows..]),
                },
                offsets,
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
        if let Some(rounded) = &mut self.rounded {
            let groups = [geometry.groups, geometry.group_width()];
            let by_twos = &mut rounded.maps_by_twos;
            by_twos.load(&maps.values, groups, maps.layout.stride);
        }
        for (group, planes) in self.back.planes.iter().enumerate() {
            let first_map = group * geometry.group_width();
            for PlaneBack {
                plane,
                weights,
                offsets,
            } in planes
            {
                for rows in weights.blocks() {
                    Correlate {
                        values: match &self.rounded {
                            Some(rounded) => rounded.maps_by_twos.of_group(group),
                            None => Values::Plain(&maps.values[first_map * maps.layout.stride..]),
                        },
                        offsets,
                        weights,
                        rows: rows.clone(),
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
