//! Units taken out of a layer: what read them reads their stand-ins instead.

use std::ops::Range;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use fornax_layers::StandIn;

use crate::Rnn;
use crate::gru::Gru;
use crate::layer::{Cell, Layer};

impl Rnn {
    /// The network without some units of a layer: their states are read neither by the layer itself
    /// nor by what is above it.
    ///
    /// Of a bidirectional layer, units from H on are those of the way back. A unit whose stand-in
    /// reads the other way goes on for its own layer, which has no use for the other way's states.
    /// A shift counts from the first step on, where states are still zero.
    ///
    /// # Panics
    /// When `layer`, counted from 1, or a unit does not exist.
    #[must_use]
    pub fn without_units(mut self, layer: usize, units: &[StandIn]) -> Self {
        let device = self.head.weight.device();
        let lower = &mut self.layers[layer - 1];
        let width = lower.width();
        lower.read_stand_ins(units, &device);
        let fold = Fold::new(units, 0..width, &device);
        if let Some(upper) = self.layers.get_mut(layer) {
            upper.read_stand_ins_below(&fold);
        } else {
            let shift = fold.apply(&mut self.head.weight);
            if let Some(bias) = &mut self.head.bias {
                add(bias, shift);
            }
        }
        self
    }
}

impl Layer {
    /// Units of both ways.
    fn width(&self) -> usize {
        self.cells().map(Cell::width).sum()
    }

    fn read_stand_ins(&mut self, units: &[StandIn], device: &Device) {
        let mut start = 0;
        for cell in self.cells_mut() {
            let end = start + cell.width();
            cell.read_stand_ins(&Fold::new(units, start..end, device));
            start = end;
        }
    }

    fn read_stand_ins_below(&mut self, fold: &Fold) {
        for cell in self.cells_mut() {
            cell.read_stand_ins_below(fold);
        }
    }
}

impl Cell {
    fn width(&self) -> usize {
        let weight = match self {
            Self::Elman(cell) => &cell.hidden_weight,
            Self::Lstm(cell) => &cell.hidden_weight,
            Self::Gru(cell) => &cell.hidden_weight,
        };
        weight.dims()[0]
    }

    fn read_stand_ins(&mut self, fold: &Fold) {
        match self {
            Self::Elman(cell) => add(&mut cell.bias, fold.apply(&mut cell.hidden_weight)),
            Self::Lstm(cell) => add(&mut cell.bias, fold.apply(&mut cell.hidden_weight)),
            Self::Gru(cell) => cell.read_stand_ins(fold),
        }
    }

    fn read_stand_ins_below(&mut self, fold: &Fold) {
        let (weight, bias) = match self {
            Self::Elman(cell) => (&mut cell.input_weight, &mut cell.bias),
            Self::Lstm(cell) => (&mut cell.input_weight, &mut cell.bias),
            Self::Gru(cell) => (&mut cell.input_weight, &mut cell.bias),
        };
        add(bias, fold.apply(weight));
    }
}

impl Gru {
    /// The recurrent part of the candidate has a bias of its own, inside of the reset gate.
    fn read_stand_ins(&mut self, fold: &Fold) {
        let shift = fold.apply(&mut self.hidden_weight); // [3H]
        let [width] = self.hidden_bias.dims();
        let gates = shift.clone().narrow(0, 0, 2 * width);
        let none = Tensor::zeros([width], &shift.device());
        add(&mut self.bias, Tensor::cat(vec![gates, none], 0));
        add(&mut self.hidden_bias, shift.narrow(0, 2 * width, width));
    }
}

/// States `h` with stand-ins are `h * matrix + shift`.
struct Fold {
    /// `[H, H]`
    matrix: Tensor<2>,
    /// `[1, H]`
    shift: Tensor<2>,
}

impl Fold {
    /// Of the units in `range`, those whose stand-ins lie there too.
    fn new(units: &[StandIn], range: Range<usize>, device: &Device) -> Self {
        let width = range.len();
        let mut matrix = vec![0.0_f32; width * width];
        let mut shift = vec![0.0_f32; width];
        for unit in 0..width {
            matrix[unit * width + unit] = 1.0;
        }
        let lies_here = |stand_in: &&StandIn| {
            range.contains(&stand_in.unit) && range.contains(&stand_in.source)
        };
        for stand_in in units.iter().filter(lies_here) {
            let [unit, source] = [stand_in.unit, stand_in.source].map(|unit| unit - range.start);
            matrix[unit * width + unit] = 0.0;
            matrix[source * width + unit] = stand_in.scale;
            shift[unit] = stand_in.shift;
        }
        Self {
            matrix: Tensor::from_data(TensorData::new(matrix, [width, width]), device),
            shift: Tensor::from_data(TensorData::new(shift, [1, width]), device),
        }
    }

    /// Changes weights `[H, N]` that read the states; returns what a bias of N gets beside it.
    fn apply(&self, weight: &mut Param<Tensor<2>>) -> Tensor<1> {
        let read = weight.val();
        *weight = weight
            .clone()
            .map(|weight| self.matrix.clone().matmul(weight));
        self.shift.clone().matmul(read).flatten(0, 1)
    }
}

fn add(bias: &mut Param<Tensor<1>>, shift: Tensor<1>) {
    *bias = bias.clone().map(|bias| bias + shift);
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::{CellKind, RnnConfig};

    /// Copies the columns of unit 0 to unit 1 in each gate, so that both always say the same.
    fn twins(cell: &mut Cell) {
        fn copy<const D: usize>(weight: &mut Param<Tensor<D>>, width: usize) {
            *weight = weight.clone().map(|weight| {
                let axis = D - 1;
                let gates = weight.dims()[axis] / width;
                let mut columns: Vec<i32> = (0..).take(gates * width).collect();
                for gate in 0..gates {
                    columns[gate * width + 1] = columns[gate * width];
                }
                let shape = [gates * width];
                let columns = TensorData::new(columns, shape);
                let columns = Tensor::from_data(columns, &weight.device());
                weight.select(axis, columns)
            });
        }
        let width = cell.width();
        match cell {
            Cell::Elman(cell) => {
                copy(&mut cell.input_weight, width);
                copy(&mut cell.hidden_weight, width);
            }
            Cell::Lstm(cell) => {
                copy(&mut cell.input_weight, width);
                copy(&mut cell.hidden_weight, width);
            }
            Cell::Gru(cell) => {
                copy(&mut cell.input_weight, width);
                copy(&mut cell.hidden_weight, width);
            }
        }
    }

    #[test]
    fn a_unit_that_says_what_another_says_can_go() {
        let device = Device::flex();
        for cell in [CellKind::Elman, CellKind::Lstm, CellKind::Gru] {
            for (layer, bidirectional) in [(1, false), (2, false), (1, true), (2, true)] {
                let config = RnnConfig::new(3, 2, false)
                    .with_cell(cell)
                    .with_d_hidden(4)
                    .with_num_layers(2)
                    .with_bidirectional(bidirectional);
                let mut network = config.init(&device);
                network.layers[layer - 1].cells_mut().for_each(twins);
                let x = Tensor::random([5, 6, 3], Distribution::Normal(0.0, 1.0), &device);
                let lengths = [6, 1, 4, 6, 2];
                let values = |network: &Rnn| {
                    let logits = network.forward(x.clone(), &lengths);
                    logits.into_data().iter::<f32>().collect::<Vec<_>>()
                };
                let mut gone = vec![stand_in(1, 0)];
                gone.extend(bidirectional.then(|| stand_in(5, 4)));
                let whole = values(&network);
                let pruned = values(&network.clone().without_units(layer, &gone));
                let difference = |other: &[f32]| {
                    let pairs = whole.iter().zip(other);
                    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
                };
                assert!(
                    difference(&pruned) < 1e-5,
                    "{cell:?} {layer} {bidirectional}"
                );
                let shifted = StandIn {
                    scale: 0.0,
                    shift: 3.0,
                    ..stand_in(2, 2)
                };
                let other = values(&network.without_units(layer, &[shifted]));
                assert!(
                    difference(&other) > 1e-3,
                    "{cell:?} {layer} {bidirectional}"
                );
            }
        }
    }

    fn stand_in(unit: usize, source: usize) -> StandIn {
        StandIn {
            unit,
            source,
            scale: 1.0,
            shift: 0.0,
        }
    }

    #[test]
    fn the_shift_of_a_gated_unit_goes_where_its_weights_went() {
        // A state that reads h as 2 everywhere is one whose biases have twice the row of h in them.
        let device = Device::flex();
        let network = RnnConfig::new(1, 1, false)
            .with_cell(CellKind::Gru)
            .with_d_hidden(2)
            .init(&device);
        let Cell::Gru(before) = &network.layers[0].forward else {
            panic!("a GRU")
        };
        let row = before.hidden_weight.val().narrow(0, 1, 1);
        let row: Vec<f32> = row.into_data().iter().collect();
        let constant = StandIn {
            scale: 0.0,
            shift: 2.0,
            ..stand_in(1, 1)
        };
        let pruned = network.clone().without_units(1, &[constant]);
        let Cell::Gru(after) = &pruned.layers[0].forward else {
            panic!("a GRU")
        };
        let values =
            |bias: &Param<Tensor<1>>| bias.val().into_data().iter::<f32>().collect::<Vec<_>>();
        let gates: Vec<f32> = row[..4].iter().map(|weight| 2.0 * weight).collect();
        assert_eq!(values(&after.bias), [&gates[..], &[0.0, 0.0]].concat());
        let candidate: Vec<f32> = row[4..].iter().map(|weight| 2.0 * weight).collect();
        assert_eq!(values(&after.hidden_bias), candidate);
    }
}
