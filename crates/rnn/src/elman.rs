//! Elman's cell: one tanh layer over the input and the state before.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Initializer};
use burn::tensor::{Device, Tensor};
use fornax_kernels::{Cell, RecurrentWeights};
use fornax_layers::dropout;

use crate::CellState;
use crate::sequence::{Direction, Sequence};
use crate::weights::{Gate, input_weight, recurrent_weight};

/// Elman 1990, <https://doi.org/10.1207/s15516709cog1402_1>
#[derive(Module, Debug)]
pub(crate) struct Elman {
    /// `[D, H]`
    pub(crate) input_weight: Param<Tensor<2>>,
    /// `[H, H]`
    pub(crate) hidden_weight: Param<Tensor<2>>,
    /// `[H]`
    pub(crate) bias: Param<Tensor<1>>,
}

impl Elman {
    pub(crate) fn init(d_input: usize, d_hidden: usize, device: &Device) -> Self {
        Self {
            input_weight: input_weight(d_input, d_hidden, 1, device),
            hidden_weight: recurrent_weight(d_hidden, 1, device),
            bias: Initializer::Zeros.init([d_hidden], device),
        }
    }

    /// Reads a whole sequence; the state is zero where none is given.
    pub(crate) fn forward(
        &self,
        inputs: &Sequence,
        direction: Direction,
        state: Option<CellState>,
        weight_dropout: &Dropout,
    ) -> (Sequence, CellState) {
        let weights = RecurrentWeights {
            input: self.input_weight.val(),
            hidden: dropout(weight_dropout, self.hidden_weight.val()),
            bias: self.bias.val(),
            hidden_bias: None,
        };
        inputs.read(Cell::Elman, weights, direction, state, |weights| {
            let [update] = Gate::split(weights);
            move |x, CellState { hidden, .. }| {
                let joined = Tensor::cat(vec![x, hidden], 1); // [B, D + H]
                CellState {
                    hidden: update.forward(joined).tanh(),
                    cell: None,
                } // [B, H]
            }
        })
    }
}
