//! Where the numbers of a batch first stop being finite.

use burn::tensor::Tensor;
use fornax_data::Split;
use fornax_runs::{NotFinite, Quantity};

use super::activations::{ActivityTap, Ending};
use super::layers::{self, Parameter};
use super::sums::Sums;
use crate::architecture::Network;
use crate::batch::Inputs;

/// Items that are named.
const NAMED: usize = 5;

/// Follows a batch whose loss is not finite through the network: first the inputs, then layer by
/// layer the weights and what they make of the batch, then the loss.
pub(super) fn find(
    network: &Network,
    inputs: &Inputs,
    split: &Split,
    indices: &[usize],
) -> NotFinite {
    let of = |what, layer: &str, items| NotFinite {
        what,
        layer: layer.to_owned(),
        items,
    };
    let items = bad_items(inputs, split, indices);
    if !items.is_empty() {
        return of(Quantity::Input, "", items);
    }
    let mut tap = ActivityTap {
        hidden: Ending::Other,
        clock: None,
        layers: Vec::new(),
    };
    let _ = network.forward_tap(inputs, &mut tap);
    let bad: Vec<String> = layers::parameters(network)
        .into_iter()
        .map(Parameter::read)
        .filter(|parameter| !Sums::of(&parameter.floats()).is_finite())
        .map(|parameter| parameter.layer)
        .collect();
    let embedding = "embedding".to_owned();
    let names = std::iter::once((&embedding, true)).chain(
        tap.layers
            .iter()
            .map(|layer| (&layer.name, layer.sums.is_finite())),
    );
    for (name, is_finite) in names {
        if bad.contains(name) {
            return of(Quantity::Weight, name, Vec::new());
        }
        if !is_finite {
            return of(Quantity::Activation, name, Vec::new());
        }
    }
    of(Quantity::Loss, "", Vec::new())
}

/// The items of a batch whose inputs are not finite, by their place in the source; the first few.
fn bad_items(inputs: &Inputs, split: &Split, indices: &[usize]) -> Vec<String> {
    let flags = match inputs {
        Inputs::Flat(x) => finite_rows(x),
        Inputs::Image(x) => finite_rows(x),
        Inputs::Steps(x, _) => finite_rows(x),
        Inputs::Tokens(_) | Inputs::Documents(..) => return Vec::new(),
    };
    let bad = indices.iter().zip(flags).filter(|(_, finite)| !finite);
    let places = bad.map(|(&index, _)| split.place(index));
    places.take(NAMED).collect()
}

fn finite_rows<const D: usize>(x: &Tensor<D>) -> Vec<bool> {
    let width = x.dims()[1..].iter().product::<usize>();
    let data = x.clone().without_autodiff().into_data();
    let values = layers::floats(&data);
    let rows = values.chunks_exact(width.max(1));
    rows.map(|row| row.iter().all(|x| x.is_finite())).collect()
}
