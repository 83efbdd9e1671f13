//! The gated recurrent unit: one gate forgets, one mixes the old state with the new candidate.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

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
    input_weight: Param<Tensor<2>>,
    /// `[H, 3H]`
    hidden_weight: Param<Tensor<2>>,
    /// `[3H]`
    bias: Param<Tensor<1>>,
    /// `[H]`, of the recurrent part of the candidate.
    hidden_bias: Param<Tensor<1>>,
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
    ) -> (Sequence, CellState) {
        let (input_weight, hidden_weight) = (self.input_weight.val(), self.hidden_weight.val());
        let d_hidden = hidden_weight.dims()[0];
        let bias = self.bias.val();
        let [reset, update] = Gate::split((&input_weight, &hidden_weight), &bias);
        let candidate = |weight: Tensor<2>, bias| Gate {
            weight: weight.narrow(1, 2 * d_hidden, d_hidden), // [D or H, H]
            bias,
        };
        let candidate_input = candidate(input_weight, bias.narrow(0, 2 * d_hidden, d_hidden));
        let candidate_hidden = candidate(hidden_weight, self.hidden_bias.val());

        let state = state.unwrap_or_else(|| inputs.zero_state(&self.hidden_weight));
        inputs.scan(direction, state, |x, CellState { hidden, .. }| {
            let joined = Tensor::cat(vec![x.clone(), hidden.clone()], 1); // [B, D + H]
            let r = sigmoid(reset.forward(joined.clone())); // [B, H], as all below
            let z = sigmoid(update.forward(joined));
            let recurrent = r * candidate_hidden.forward(hidden.clone());
            let n = (candidate_input.forward(x) + recurrent).tanh();
            CellState {
                hidden: n.clone() + z * (hidden - n),
                cell: None,
            }
        })
    }
}
