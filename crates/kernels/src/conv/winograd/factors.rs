//! The factors of the products: transformed patches and weights, in `f32` or rounded.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::Simd;

use super::lines::Line;
use super::products::{Panels, TileProducts, panels};
use super::transforms::{Collect, Plain, Sink, TilesOf};
use crate::matmul::bf16::{Form, Packed, Right, Spot};
use crate::matmul::{Into, Threads, matmul_packed};
use crate::vectors::{LANES, store_line};

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

    fn num_places(&self) -> usize {
        match self {
            Self::Plain(places) => places.len(),
            Self::Rounded { panels, .. } => panels.len(),
        }
    }

    /// Room for the patches of some tiles.
    pub(super) fn room(&self, num_tiles: usize) -> Factor {
        let (rounding, num_channels) = match self {
            Self::Plain(places) => (None, places[0].num_rows),
            Self::Rounded {
                form, num_channels, ..
            } => (Some(Rounding::by_channels(*form)), *num_channels),
        };
        Factor::new(rounding, self.num_places(), num_tiles, num_channels)
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
        let num_places = self.num_places();
        let products = products.chunks_exact_mut(products.len() / num_places);
        let products = products.map(|products| &mut products[..num_tiles * width]);
        match (self, patches) {
            (Self::Plain(weights), Factor::Plain(patches)) => {
                let patches = patches.chunks_exact(patches.len() / num_places);
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

/// From the numbers of one place to those of the next, of so many rows and columns: no multiple of a page, for
/// in the first cache those of all places would push each other out.
pub(super) fn place_len(num_rows: usize, num_columns: usize) -> usize {
    num_rows * num_columns + LANES
}

/// For each place of a patch, `tiles x channels`: what is transformed, as a factor of the products.
pub(super) enum Factor {
    /// `[place, tile, channel]`
    Plain(Vec<f32>),
    Rounded(Rounding, Vec<Packed>),
}

impl Factor {
    /// Room for some tiles of some channels, a multiple of [`LANES`].
    pub(super) fn new(
        rounding: Option<Rounding>,
        num_places: usize,
        num_tiles: usize,
        num_channels: usize,
    ) -> Self {
        let Some(rounding @ Rounding { form, by_tiles }) = rounding else {
            return Self::Plain(vec![0.0; num_places * place_len(num_tiles, num_channels)]);
        };
        let place = || {
            if by_tiles {
                Packed::of_steps(form, num_tiles, num_channels)
            } else {
                Packed::of_rows(form, num_tiles, num_channels)
            }
        };
        Self::Rounded(rounding, (0..num_places).map(|_| place()).collect())
    }

    /// Takes in some tiles; `first` have been collected before.
    pub(super) fn collect<L: Line<IN, OUT>, const IN: usize, const OUT: usize>(
        &mut self,
        tiles: TilesOf,
        first: usize,
    ) {
        match self {
            Self::Plain(values) => {
                let sink = Plain {
                    channels: tiles.pixels.channels,
                    place_stride: values.len() / (OUT * OUT),
                    values,
                };
                pulp::Arch::new().dispatch(collect::<_, L, IN, OUT>(tiles, first, sink));
            }
            Self::Rounded(Rounding { form, by_tiles }, places) => {
                if *by_tiles {
                    form.dispatch(collect::<_, L, IN, OUT>(
                        tiles,
                        first,
                        RoundedByTiles(places),
                    ));
                } else {
                    form.dispatch(collect::<_, L, IN, OUT>(
                        tiles,
                        first,
                        RoundedByChannels(places),
                    ));
                }
            }
        }
    }
}

fn collect<K, L: Line<IN, OUT>, const IN: usize, const OUT: usize>(
    tiles: TilesOf<'_>,
    first: usize,
    sink: K,
) -> Collect<'_, K, L, IN, OUT> {
    Collect {
        tiles,
        first,
        sink,
        line: PhantomData,
    }
}

/// Rounds for products that sum over channels.
struct RoundedByChannels<'a>(&'a mut [Packed]);

impl Sink for RoundedByChannels<'_> {
    type Spot = Spot;

    #[inline(always)]
    fn spot(&self, tile: usize, channel: usize) -> Spot {
        self.0[0].in_row(tile, channel)
    }

    #[inline(always)]
    fn put<S: Simd, const N: usize>(&mut self, spot: Spot, place: usize, column: [S::f32s; N]) {
        for (place, values) in self.0[place..].iter_mut().zip(column) {
            place.put_in_row(spot, &lanes::<S>(values));
        }
    }
}

/// Rounds for products that sum over tiles.
struct RoundedByTiles<'a>(&'a mut [Packed]);

impl Sink for RoundedByTiles<'_> {
    type Spot = Spot;

    #[inline(always)]
    fn spot(&self, tile: usize, channel: usize) -> Spot {
        self.0[0].in_step(tile, channel)
    }

    #[inline(always)]
    fn put<S: Simd, const N: usize>(&mut self, spot: Spot, place: usize, column: [S::f32s; N]) {
        for (place, values) in self.0[place..].iter_mut().zip(column) {
            place.put_in_step(spot, &lanes::<S>(values));
        }
    }
}

/// Those of the widest vector, which is the one that rounds.
#[inline(always)]
fn lanes<S: Simd>(values: S::f32s) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    store_line::<S, 1>(&mut lanes, 0, [values]);
    lanes
}
