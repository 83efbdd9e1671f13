//! What a recurrent network is made of, and whether the parts fit.

use burn::config::Config;
use burn::nn::{DropoutConfig, EmbeddingConfig, LinearConfig};
use burn::tensor::Device;
use fornax_layers::{ConfigError, draw_weights};
use serde::{Deserialize, Serialize};

use crate::Rnn;
use crate::layer::Layer;

/// Layers that a network may have: deep ones of the literature have tens. The bound on weights would
/// let a million narrow layers pass.
const MAX_LAYERS: usize = 64;

/// How a layer's state takes in the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// One tanh layer: cheap, with a short memory.
    Elman,
    /// Long short-term memory: a protected cell beside the state.
    #[default]
    Lstm,
    /// Gated recurrent unit: gates on the state itself, three quarters of an LSTM's weights.
    Gru,
}

impl CellKind {
    /// Matrices that a cell applies to the input of each step.
    fn num_gates(self) -> usize {
        match self {
            Self::Elman => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// How an image becomes a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// A row at each step.
    #[default]
    Rows,
    /// A pixel at each step, row after row: the long memory that this takes is a test of its own.
    ///
    /// Le, Jaitly and Hinton 2015, <https://arxiv.org/abs/1504.00941>
    Pixels,
}

/// Hyper-parameters of [`Rnn`].
#[derive(Config, Debug, PartialEq)]
pub struct RnnConfig {
    /// Features of one step; of tokens, the size of the vocabulary.
    pub d_input: usize,
    /// Numbers that come out: one per class, one per value to forecast, or one per token.
    pub d_output: usize,
    /// Whether the inputs are token ids; the output of each step then scores the next token, unless
    /// `read_out` says otherwise.
    pub tokens: bool,
    /// How a layer's state takes in the next step.
    #[config(default = "CellKind::Lstm")]
    pub cell: CellKind,
    /// Units of each layer's state, in each direction.
    #[config(default = 128)]
    pub d_hidden: usize,
    /// Layers of cells, at least one.
    #[config(default = 1)]
    pub num_layers: usize,
    /// Whether a second cell of each layer reads from the end back; not where the next token
    /// is predicted.
    #[config(default = false)]
    pub bidirectional: bool,
    /// Probability of dropping an output of a layer in training, in `[0, 1)`; states are kept.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Probability of dropping a weight between one state and the next in training, in `[0, 1)`.
    #[config(default = 0.0)]
    pub weight_dropout: f64,
    /// Features that a token is turned into; of no effect without tokens.
    #[config(default = 64)]
    pub d_embedding: usize,
    /// How an image becomes a sequence; of no effect on other data.
    #[config(default = "Scan::Rows")]
    pub scan: Scan,
    /// Whether a sequence of tokens is answered as a whole, as a sequence of features always is.
    #[config(default = false)]
    pub read_out: bool,
}

impl RnnConfig {
    /// Checks every value; after that, [`RnnConfig::init`] cannot fail.
    ///
    /// # Errors
    /// Names the first value out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("d_input", self.d_input)?;
        ConfigError::check_positive("d_output", self.d_output)?;
        ConfigError::check_positive("d_hidden", self.d_hidden)?;
        ConfigError::check_positive("num_layers", self.num_layers)?;
        ConfigError::check_positive("d_embedding", self.d_embedding)?;
        ConfigError::check_dropout("dropout", self.dropout)?;
        ConfigError::check_dropout("weight_dropout", self.weight_dropout)?;
        let predicts_next = self.tokens && !self.read_out;
        if predicts_next && self.bidirectional {
            let expected = "false for tokens: who predicts the next one must not see the future";
            return Err(ConfigError::new("bidirectional", true, expected));
        }
        if predicts_next && self.d_output != self.d_input {
            let expected = format!("one score for each of the {} tokens", self.d_input);
            return Err(ConfigError::new("d_output", self.d_output, expected));
        }
        if self.num_layers > MAX_LAYERS {
            let expected = format!("at most {MAX_LAYERS}");
            return Err(ConfigError::new("num_layers", self.num_layers, expected));
        }
        ConfigError::check_num_weights("d_hidden", self.d_hidden, self.num_weights())
    }

    /// Draws a network: orthogonal recurrent weights, and LSTM gates that start by remembering.
    #[must_use]
    pub fn init(&self, device: &Device) -> Rnn {
        let embedding = EmbeddingConfig::new(self.d_input, self.d_embedding);
        let layers =
            (0..self.num_layers).map(|index| Layer::init(self, self.d_layer_input(index), device));
        draw_weights(Rnn {
            embedding: self.tokens.then(|| embedding.init(device)),
            layers: layers.collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
            head: LinearConfig::new(self.d_layer_output(), self.d_output).init(device),
        })
    }

    fn d_layer_input(&self, index: usize) -> usize {
        match index {
            0 if self.tokens => self.d_embedding,
            0 => self.d_input,
            _ => self.d_layer_output(),
        }
    }

    fn d_layer_output(&self) -> usize {
        self.d_hidden.saturating_mul(self.num_directions())
    }

    fn num_directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Entries of all weight matrices; stays at the largest number where it would overflow.
    fn num_weights(&self) -> usize {
        let embedding = if self.tokens {
            self.d_input.saturating_mul(self.d_embedding)
        } else {
            0
        };
        let head = self.d_layer_output().saturating_mul(self.d_output);
        let layer_columns = self.d_layer_output().saturating_mul(self.cell.num_gates());
        (0..self.num_layers)
            .map(|index| self.d_layer_input(index).saturating_add(self.d_hidden))
            .map(|rows| rows.saturating_mul(layer_columns))
            .fold(embedding.saturating_add(head), usize::saturating_add)
    }
}
