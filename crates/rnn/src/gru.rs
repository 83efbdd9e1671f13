//! The gated recurrent unit: one gate forgets, one mixes the old state with the new candidate.

use burn::module::{Module, Param};
use burn::nn::{Dropout, Initializer};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use fornax_kernels::{Cell, RecurrentWeights};
use fornax_layers::dropout;

use crate::CellState;
use crate::sequence::{Direction, Sequence};
use crate::weights::{Gate, input_weight, recurrent_weight};

/// Gates in the order of `torch.nn.GRU`: reset, update, candidate.
///
/// The reset gate acts after the recurrent product, as there and in `cuDNN`, which is why
/// that product has a bias of its own.
///
/// Cho et al. 2014, <https://arxiv.org/abs/1406.1078>
#[derive(Module, Debug)]
pub(crate) struct Gru {
    /// `[D, 3H]`
    pub(crate) input_weight: Param<Tensor<2>>,
    /// `[H, 3H]`
    pub(crate) hidden_weight: Param<Tensor<2>>,
    /// `[3H]`
    pub(crate) bias: Param<Tensor<1>>,
    /// `[H]`, of the recurrent part of the candidate.
    pub(crate) hidden_bias: Param<Tensor<1>>,
}

impl Gru {
    pub(crate) fn init(d_input: usize, d_hidden: usize, device: &Device) -> Self {
        Self {
            input_weight: input_weight(d_input, d_hidden, 3, device),
            hidden_weight: recurrent_weight(d_hidden, 3, device),
            bias: Initializer::Zeros.init([3 * d_hidden], device),
            hidden_bias: Initializer::Zeros.init([d_hidden], device),
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
            hidden_bias: Some(self.hidden_bias.val()),
        };
        let hidden_bias = self.hidden_bias.val();
        inputs.read(Cell::Gru, weights, direction, state, |weights| {
            let d_hidden = weights.hidden.dims()[0];
            let [reset, update] = Gate::split(weights);
            let candidate = |weight: &Tensor<2>, bias| Gate {
                weight: weight.clone().narrow(1, 2 * d_hidden, d_hidden), // [D or H, H]
                bias,
            };
            let bias = weights.bias.clone().narrow(0, 2 * d_hidden, d_hidden);
            let candidate_input = candidate(&weights.input, bias);
            let candidate_hidden = candidate(&weights.hidden, hidden_bias);
            move |x, CellState { hidden, .. }| {
                let joined = Tensor::cat(vec![x.clone(), hidden.clone()], 1); // [B, D + H]
                let r = sigmoid(reset.forward(joined.clone())); // [B, H], as all below
                let z = sigmoid(update.forward(joined));
                let recurrent = r * candidate_hidden.forward(hidden.clone());
                let n = (candidate_input.forward(x) + recurrent).tanh();
                CellState {
                    hidden: n.clone() + z * (hidden - n),
                    cell: None,
                }
            }
        })
    }
}
