//! The weights of a network's first layer as pictures.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use fornax_data::InputShape;
use fornax_runs::report::Picture;

use super::Subject;
use super::exhibits::filter;
use crate::architecture::Network;
use crate::step::to_vec;

/// Units that are shown.
const FILTERS: usize = 48;

/// The weights of the first layer, where they are pictures.
pub(super) fn filters(subject: &Subject) -> Vec<Picture> {
    let InputShape::Image {
        channels,
        height,
        width,
    } = subject.dataset.input
    else {
        return Vec::new();
    };
    let mut first = FirstWeight(None);
    match &subject.network {
        Network::Dbn(network) => network.unrolled.visit(&mut first),
        Network::Rnn(_) => return Vec::new(), // it sees rows, not images
        network => network.visit(&mut first),
    }
    let Some((shape, values)) = first.0 else {
        return Vec::new();
    };
    match *shape.as_slice() {
        [units, channels, height, width] if height * width > 1 => (0..units.min(FILTERS))
            .map(|unit| {
                let size = channels * height * width;
                filter(
                    &values[unit * size..(unit + 1) * size],
                    [channels, height, width],
                )
            })
            .collect(),
        [inputs, units] if inputs == channels * height * width => (0..units.min(FILTERS))
            .map(|unit| {
                let column: Vec<f32> = (0..inputs)
                    .map(|input| values[input * units + unit])
                    .collect();
                filter(&column, [channels, height, width])
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The first matrix or kernel of a network, in the order of its fields.
struct FirstWeight(Option<(Vec<usize>, Vec<f32>)>);

impl ModuleVisitor for FirstWeight {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        if D >= 2 && self.0.is_none() {
            let value = parameter.val();
            self.0 = Some((value.dims().to_vec(), to_vec(value)));
        }
    }
}
