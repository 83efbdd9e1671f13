//! The factors of the sixteen products: transformed patches and weights, in `f32` or rounded.

use std::ops::Range;

use pulp::Simd;

use super::PLACES;
use super::pixels::LANES;
use super::products::{Panels, TileProducts, panels};
use super::transforms::{Collect, Columns, Plain, Sink, TilesOf, Transform, store};
use crate::matmul::bf16::{Form, Packed, Right};
use crate::matmul::{Into, Threads, matmul_packed};

/// For each place of a patch, the factors of all channels for all maps, panel after panel.
pub(super) enum Weights {
    Plain(Vec<Panels>),
    Rounded {
        form: Form,
        num_channels: usize,
        num_maps: usize,
        panels: Vec<Vec<Packed>>,
    },
}

impl Weights {
    pub(super) fn new(places: Vec<Panels>, form: Option<Form>) -> Self {
        let Some(form) = form else {
            return Self::Plain(places);
        };
        let rounded = |place: &Panels| {
            let round = |panel| Packed::right(panel, form, Threads::One);
            place.matrices().map(round).collect()
        };
        Self::Rounded {
            form,
            num_channels: places[0].num_rows,
            num_maps: places[0].num_columns,
            panels: places.iter().map(rounded).collect(),
        }
    }

    /// The maps of each panel.
    pub(super) fn panels(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        panels(match self {
            Self::Plain(places) => places[0].num_columns,
            Self::Rounded { num_maps, .. } => *num_maps,
        })
    }

    /// Room for the patches of some tiles.
    pub(super) fn room(&self, num_tiles: usize) -> Factor {
        match self {
            Self::Plain(places) => Factor::new(None, num_tiles, places[0].num_rows),
            Self::Rounded {
                form, num_channels, ..
            } => Factor::new(Some(Rounding::by_channels(*form)), num_tiles, *num_channels),
        }
    }

    /// For each place, the products of the first patches with a panel; `products` is
    /// `[place, tile, map of the panel]` with room for more tiles.
    pub(super) fn multiply(
        &self,
        patches: &mut Factor,
        num_tiles: usize,
        (panel, maps): (usize, Range<usize>),
        products: &mut [f32],
    ) {
        let width = maps.len();
        let place_len = products.len() / PLACES;
        let products = products.chunks_exact_mut(place_len);
        let products = products.map(|products| &mut products[..num_tiles * width]);
        match (self, patches) {
            (Self::Plain(weights), Factor::Plain(patches)) => {
                let patches = patches.chunks_exact(patches.len() / PLACES);
                for ((weights, patches), products) in weights.iter().zip(patches).zip(products) {
                    pulp::Arch::new().dispatch(TileProducts {
                        patches,
                        weights: weights.panel(maps.clone()),
                        width,
                        products,
                    });
                }
            }
            (Self::Rounded { panels, .. }, Factor::Rounded(_, patches)) => {
                for ((panels, patches), products) in panels.iter().zip(patches).zip(products) {
                    patches.set_rows(num_tiles);
                    let weights = Right::Packed(&panels[panel]);
                    matmul_packed(patches, weights, products, width, Into::Overwrite);
                }
            }
            _ => unreachable!("the room for patches is made by their weights"),
        }
    }
}

/// How a factor is rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounding {
    form: Form,
    /// Whether products sum over tiles, or else over channels.
    by_tiles: bool,
}

impl Rounding {
    /// For products that sum over channels.
    pub(super) fn by_channels(form: Form) -> Self {
        let by_tiles = false;
        Self { form, by_tiles }
    }

    /// For products that sum over tiles.
    pub(super) fn by_tiles(form: Form) -> Self {
        let by_tiles = true;
        Self { form, by_tiles }
    }
}

/// For each place of a patch, `tiles x channels`: what is transformed, as a factor of the products.
pub(super) enum Factor {
    /// `[place, tile, channel]`
    Plain(Vec<f32>),
    Rounded(Rounding, Vec<Packed>),
}

impl Factor {
    /// Room for some tiles of some channels, a multiple of [`LANES`].
    pub(super) fn new(rounding: Option<Rounding>, num_tiles: usize, num_channels: usize) -> Self {
        let Some(rounding @ Rounding { form, by_tiles }) = rounding else {
            return Self::Plain(vec![0.0; PLACES * num_tiles * num_channels]);
        };
        let place = || {
            if by_tiles {
                Packed::of_steps(form, num_tiles, num_channels)
            } else {
                Packed::of_rows(form, num_tiles, num_channels)
            }
        };
        Self::Rounded(rounding, (0..PLACES).map(|_| place()).collect())
    }

    /// Takes in some tiles; `first` have been collected before.
    pub(super) fn collect(&mut self, tiles: TilesOf, first: usize, transform: impl Transform) {
        match self {
            Self::Plain(values) => {
                let sink = Plain {
                    channels: tiles.pixels.channels,
                    place_stride: values.len() / PLACES,
                    values,
                };
                let work = Collect {
                    tiles,
                    first,
                    sink,
                    transform,
                };
                pulp::Arch::new().dispatch(work);
            }
            Self::Rounded(Rounding { form, by_tiles }, places) => {
                if *by_tiles {
                    let sink = RoundedByTiles(places);
                    form.dispatch(Collect {
                        tiles,
                        first,
                        sink,
                        transform,
                    });
                } else {
                    let sink = RoundedByChannels(places);
                    form.dispatch(Collect {
                        tiles,
                        first,
                        sink,
                        transform,
                    });
                }
            }
        }
    }
}

/// Rounds for products that sum over channels.
struct RoundedByChannels<'a>(&'a mut [Packed]);

impl Sink for RoundedByChannels<'_> {
    #[inline(always)]
    fn put<S: Simd>(&mut self, tile: usize, channel: usize, columns: &Columns<S>) {
        let spot = self.0[0].in_row(tile, channel);
        for (place, &values) in self.0.iter_mut().zip(columns.as_flattened()) {
            place.put_in_row(spot, &lanes::<S>(values));
        }
    }
}

/// Rounds for products that sum over tiles.
struct RoundedByTiles<'a>(&'a mut [Packed]);

impl Sink for RoundedByTiles<'_> {
    #[inline(always)]
    fn put<S: Simd>(&mut self, tile: usize, channel: usize, columns: &Columns<S>) {
        let spot = self.0[0].in_step(tile, channel);
        for (place, &values) in self.0.iter_mut().zip(columns.as_flattened()) {
            place.put_in_step(spot, &lanes::<S>(values));
        }
    }
}

/// Those of the widest vector, which is the one that rounds.
#[inline(always)]
fn lanes<S: Simd>(values: S::f32s) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    store::<S>(&mut lanes, values);
    lanes
}
