//! Long short-term memory: gates decide what enters a protected cell, stays in it, and shows.

use burn::module::{Module, Param};
use burn::nn::Dropout;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use fornax_kernels::{Cell, RecurrentWeights};
use fornax_layers::dropout;

use crate::CellState;
use crate::sequence::{Direction, Sequence};
use crate::weights::{Gate, input_weight, recurrent_weight};

/// Gates in the order of `torch.nn.LSTM`: input, forget, candidate, output.
///
/// Hochreiter and Schmidhuber 1997, <https://doi.org/10.1162/neco.1997.9.8.1735>; the forget gate
/// is of Gers et al. 2000, <https://doi.org/10.1162/089976600300015015>
#[derive(Module, Debug)]
pub(crate) struct Lstm {
    /// `[D, 4H]`
    pub(crate) input_weight: Param<Tensor<2>>,
    /// `[H, 4H]`
    pub(crate) hidden_weight: Param<Tensor<2>>,
    /// `[4H]`
    pub(crate) bias: Param<Tensor<1>>,
}

impl Lstm {
    pub(crate) fn init(d_input: usize, d_hidden: usize, device: &Device) -> Self {
        // The forget gate starts open, so that gradients reach far back from the first step on
        // (Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html).
        let mut bias = vec![0.0_f32; 4 * d_hidden];
        bias[d_hidden..2 * d_hidden].fill(1.0);
        Self {
            input_weight: input_weight(d_input, d_hidden, 4, device),
            hidden_weight: recurrent_weight(d_hidden, 4, device),
            bias: Param::from_data(TensorData::new(bias, [4 * d_hidden]), device),
        }
    }

    /// Reads a whole sequence; state and cell are zero where none are given.
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
        inputs.read(Cell::Lstm, weights, direction, state, |weights| {
            let [input, forget, candidate, output] = Gate::split(weights);
            move |x, CellState { hidden, cell }| {
                let cell = cell.unwrap_or_else(|| hidden.zeros_like());
                let joined = Tensor::cat(vec![x, hidden], 1); // [B, D + H]
                let i = sigmoid(input.forward(joined.clone())); // [B, H], as all below
                let f = sigmoid(forget.forward(joined.clone()));
                let g = candidate.forward(joined.clone()).tanh();
                let o = sigmoid(output.forward(joined));
                let cell = f * cell + i * g;
                CellState {
                    hidden: o * cell.clone().tanh(),
                    cell: Some(cell),
                }
            }
        })
    }
}
