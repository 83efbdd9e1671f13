//! The one list of what can be trained: each architecture, its settings, and the data it takes.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fornax_cnn::{Cnn, CnnConfig};
use fornax_data::{Dataset, InputShape, Task};
use fornax_dbn::{Dbn, DbnConfig};
use fornax_layers::{ConfigError, Feature, Tap};
use fornax_mlp::{Mlp, MlpConfig};
use fornax_rnn::{Rnn, RnnConfig, Scan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::batch::{Inputs, Layout};
use crate::overlay::{self, OverlayError};

/// A family of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Multi-layer perceptron: any input of a fixed size.
    Mlp,
    /// Convolutional network: images and series.
    Cnn,
    /// Recurrent network: series, text, and images row by row.
    Rnn,
    /// Deep belief network: pre-trained without labels, then fine-tuned.
    Dbn,
}

/// Why an architecture cannot be built for some data.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureError {
    /// The data has a form that the architecture does not take.
    #[error("{architecture} does not take {data}")]
    Unsuited {
        /// The architecture that was asked for.
        architecture: Architecture,
        /// The form of the data.
        data: &'static str,
        /// The architectures that do take it.
        suited: Vec<Architecture>,
    },
    /// A setting of the network is out of its range.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A setting of the network is not known, or of another kind.
    #[error("{0}")]
    Overlay(#[from] OverlayError),
}

impl Architecture {
    /// Every architecture, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Mlp, Self::Cnn, Self::Rnn, Self::Dbn];

    /// The name that a user types.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Cnn => "cnn",
            Self::Rnn => "rnn",
            Self::Dbn => "dbn",
        }
    }

    /// The architecture for this data, where the user names none, and the reason.
    #[must_use]
    pub fn choose(dataset: &Dataset) -> (Self, &'static str) {
        let train = &dataset.train;
        let one_length = || (1..train.len()).all(|i| train.item_len(i) == train.item_len(0));
        match &dataset.input {
            InputShape::Image { .. } => (Self::Cnn, "the data are images"),
            InputShape::Vector { .. } => (Self::Mlp, "the data are a table"),
            // With as many weights, convolutions learn the series of the archive better and faster;
            // padding would tell them where a shorter one ends.
            InputShape::Sequence { .. }
                if matches!(dataset.task, Task::Classification { .. }) && one_length() =>
            {
                (Self::Cnn, "the data are series of one length")
            }
            InputShape::Sequence { .. } => (Self::Rnn, "the data are series"),
            InputShape::Tokens { .. } => (Self::Rnn, "the data are text"),
            InputShape::Documents { .. } => (Self::Rnn, "the data are texts as rows of tokens"),
        }
    }

    /// How this architecture sees data of that form.
    ///
    /// # Errors
    /// When it cannot take such data.
    pub fn layout(self, input: &InputShape) -> Result<Layout, ArchitectureError> {
        self.layout_if_suited(input)
            .ok_or_else(|| self.unsuited(input))
    }

    fn layout_if_suited(self, input: &InputShape) -> Option<Layout> {
        Some(match (self, input) {
            (Self::Mlp | Self::Dbn, InputShape::Vector { .. } | InputShape::Image { .. }) => {
                Layout::Flat
            }
            (Self::Mlp | Self::Dbn, InputShape::Sequence { max_len, .. }) => {
                Layout::FlatSteps { max_len: *max_len }
            }
            (Self::Cnn, InputShape::Image { .. }) => Layout::Image,
            (Self::Cnn, InputShape::Sequence { max_len, .. }) => {
                Layout::Signal { max_len: *max_len }
            }
            (Self::Rnn, InputShape::Sequence { .. }) => Layout::Steps,
            (Self::Rnn, InputShape::Image { .. }) => Layout::Rows,
            (Self::Rnn, InputShape::Tokens { .. }) => Layout::Tokens,
            (Self::Rnn, InputShape::Documents { .. }) => Layout::Documents,
            _ => return None,
        })
    }

    fn unsuited(self, input: &InputShape) -> ArchitectureError {
        let data = match input {
            InputShape::Vector { .. } => "a table, whose columns have no order",
            InputShape::Image { .. } => "images",
            InputShape::Sequence { .. } => "series",
            InputShape::Tokens { .. } => "text",
            InputShape::Documents { .. } => "texts as rows of tokens",
        };
        let suited = Self::ALL
            .into_iter()
            .filter(|other| other.layout_if_suited(input).is_some())
            .collect();
        ArchitectureError::Unsuited {
            architecture: self,
            data,
            suited,
        }
    }

    /// The settings of the network that a user may change, with their defaults: a table.
    #[must_use]
    pub fn default_settings(self) -> Value {
        let (config, dictated) = match self {
            Self::Mlp => (json!(MlpConfig::new(1, 1)), MLP_DICTATED),
            Self::Cnn => (json!(CnnConfig::new(1, 1, 1, 1)), CNN_DICTATED),
            Self::Rnn => (json!(RnnConfig::new(1, 1, false)), RNN_DICTATED),
            Self::Dbn => (json!(DbnConfig::new(1, 1)), DBN_DICTATED),
        };
        let Value::Object(mut settings) = config else {
            unreachable!("a Burn configuration serialises to a table");
        };
        settings.retain(|key, _| !dictated.contains(&key.as_str()));
        Value::Object(settings)
    }

    /// Joins the user's settings with what the data dictates, and checks the result.
    ///
    /// # Errors
    /// When the data does not suit the architecture, or a setting is out of its range.
    pub fn config(
        self,
        settings: &Value,
        input: &InputShape,
        task: &Task,
    ) -> Result<NetworkConfig, ArchitectureError> {
        self.layout(input)?;
        let d_output = output_width(task);
        Ok(match self {
            Self::Mlp => {
                let dictated = json!({"d_input": flat_width(input), "d_output": d_output});
                let config: MlpConfig = join(settings, dictated)?;
                config.validate()?;
                NetworkConfig::Mlp(config)
            }
            Self::Cnn => {
                let (channels, height, width) = plane(input);
                let dictated = json!({"channels": channels, "height": height, "width": width,
                    "d_output": d_output});
                let config: CnnConfig = join(settings, dictated)?;
                config.validate()?;
                NetworkConfig::Cnn(config)
            }
            Self::Rnn => {
                let read_out = matches!(input, InputShape::Documents { .. });
                let tokens = read_out || matches!(input, InputShape::Tokens { .. });
                let dictated = json!({"d_input": 1, "d_output": d_output,
                    "tokens": tokens, "read_out": read_out});
                let mut config: RnnConfig = join(settings, dictated)?;
                config.d_input = step_width(input, config.scan);
                config.validate()?;
                NetworkConfig::Rnn(config)
            }
            Self::Dbn => {
                let dictated = json!({"d_input": flat_width(input), "d_output": d_output});
                let config: DbnConfig = join(settings, dictated)?;
                config.validate()?;
                NetworkConfig::Dbn(config)
            }
        })
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

const MLP_DICTATED: &[&str] = &["d_input", "d_output"];
const CNN_DICTATED: &[&str] = &["channels", "height", "width", "d_output"];
const RNN_DICTATED: &[&str] = &["d_input", "d_output", "tokens", "read_out"];
const DBN_DICTATED: &[&str] = &["d_input", "d_output"];

fn join<T: serde::de::DeserializeOwned>(
    settings: &Value,
    dictated: Value,
) -> Result<T, OverlayError> {
    let mut tree = settings.clone();
    if tree.is_null() {
        tree = Value::Object(Map::new());
    }
    overlay::merge(&mut tree, dictated);
    overlay::read("model", &tree)
}

fn output_width(task: &Task) -> usize {
    match task {
        Task::Classification { classes } => classes.len(),
        Task::Regression { .. } => 1,
        Task::Forecast { horizon, .. } => *horizon,
        Task::NextToken { vocabulary } => vocabulary.len(),
    }
}

/// Numbers in one sample, laid out in a row.
fn flat_width(input: &InputShape) -> usize {
    match *input {
        InputShape::Vector { width } => width,
        InputShape::Image {
            channels,
            height,
            width,
        } => channels * height * width,
        InputShape::Sequence { width, max_len } => width * max_len,
        InputShape::Tokens { seq_len, .. } => seq_len,
        InputShape::Documents { max_len, .. } => max_len,
    }
}

/// Channels, height and width for convolutions; a series is an image one pixel high.
fn plane(input: &InputShape) -> (usize, usize, usize) {
    match *input {
        InputShape::Image {
            channels,
            height,
            width,
        } => (channels, height, width),
        InputShape::Sequence { width, max_len } => (width, 1, max_len),
        InputShape::Vector { width } => (1, 1, width),
        InputShape::Tokens { seq_len, .. } => (1, 1, seq_len),
        InputShape::Documents { max_len, .. } => (1, 1, max_len),
    }
}

/// Numbers in one time step; for text the size of the vocabulary.
fn step_width(input: &InputShape, scan: Scan) -> usize {
    match *input {
        InputShape::Image {
            channels, width, ..
        } => match scan {
            Scan::Rows => channels * width,
            Scan::Pixels => channels,
        },
        InputShape::Sequence { width, .. } | InputShape::Vector { width } => width,
        InputShape::Tokens { vocab_size, .. } | InputShape::Documents { vocab_size, .. } => {
            vocab_size
        }
    }
}

/// The complete configuration of one network: enough, with its weights, to build it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "snake_case")]
pub enum NetworkConfig {
    /// See [`MlpConfig`].
    Mlp(MlpConfig),
    /// See [`CnnConfig`].
    Cnn(CnnConfig),
    /// See [`RnnConfig`].
    Rnn(RnnConfig),
    /// See [`DbnConfig`].
    Dbn(DbnConfig),
}

impl NetworkConfig {
    /// Draws a network's first weights from the device's random state.
    #[must_use]
    pub fn init(&self, device: &Device) -> Network {
        match self {
            Self::Mlp(config) => Network::Mlp(config.init(device)),
            Self::Cnn(config) => Network::Cnn(config.init(device)),
            Self::Rnn(config) => Network::Rnn(config.init(device)),
            Self::Dbn(config) => Network::Dbn(DbnNetwork::init(config, device)),
        }
    }

    /// How the network sees data of that form.
    ///
    /// # Errors
    /// As [`Architecture::layout`].
    pub fn layout(&self, input: &InputShape) -> Result<Layout, ArchitectureError> {
        let layout = self.architecture().layout(input)?;
        Ok(match (self, layout) {
            (Self::Rnn(config), Layout::Rows) if config.scan == Scan::Pixels => Layout::Pixels,
            _ => layout,
        })
    }

    /// Which architecture this configures.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        match self {
            Self::Mlp(_) => Architecture::Mlp,
            Self::Cnn(_) => Architecture::Cnn,
            Self::Rnn(_) => Architecture::Rnn,
            Self::Dbn(_) => Architecture::Dbn,
        }
    }
}

/// Any network that Fornax can train.
#[derive(Module, Debug)]
pub enum Network {
    /// See [`Mlp`].
    Mlp(Mlp),
    /// See [`Cnn`].
    Cnn(Cnn),
    /// See [`Rnn`].
    Rnn(Rnn),
    /// See [`DbnNetwork`].
    Dbn(DbnNetwork),
}

/// A deep belief network and the classifier unrolled from it.
#[derive(Module, Debug)]
pub struct DbnNetwork {
    /// The generative stack: pre-trained, then left as it is; fantasies come from it.
    pub stack: Dbn,
    /// The discriminative network: starts from the stack's weights, then is fine-tuned.
    pub unrolled: Mlp,
}

impl DbnNetwork {
    fn init(config: &DbnConfig, device: &Device) -> Self {
        let stack = config.init(device);
        let unrolled = Self::unroll(&stack, config, device);
        Self { stack, unrolled }
    }

    /// The classifier that starts from the weights of `stack`, on `device`.
    pub(crate) fn unroll(stack: &Dbn, config: &DbnConfig, device: &Device) -> Mlp {
        let unrolled = stack.unroll(config.d_output, device);
        unrolled
            .with_dropout(config.input_dropout, config.dropout)
            .with_noise(config.input_noise, config.noise)
    }
}

impl Network {
    /// Maps a batch to its outputs: `[B, K]`, and `[B * T, V]` for the next characters of a text.
    ///
    /// # Panics
    /// When the inputs are not laid out as [`Architecture::layout`] says.
    #[must_use]
    pub fn forward(&self, inputs: &Inputs) -> Tensor<2> {
        match (self, inputs) {
            (Self::Mlp(mlp), Inputs::Flat(x)) => mlp.forward(x.clone()),
            (Self::Cnn(cnn), Inputs::Image(x)) => cnn.forward(x.clone()),
            (Self::Rnn(rnn), Inputs::Steps(x, lengths)) => rnn.forward(x.clone(), lengths),
            (Self::Rnn(rnn), Inputs::Tokens(tokens)) => {
                rnn.forward_tokens(tokens.clone(), None).0.flatten(0, 1) // [B * T, V]
            }
            (Self::Rnn(rnn), Inputs::Documents(tokens, lengths)) => {
                rnn.forward_documents(tokens.clone(), lengths)
            }
            (Self::Dbn(dbn), Inputs::Flat(x)) => dbn.unrolled.forward(x.clone()),
            _ => panic!("the layout of a batch always comes from the network's architecture"),
        }
    }

    /// [`Network::forward`], showing `tap` the features of each layer.
    ///
    /// # Panics
    /// As [`Network::forward`].
    #[must_use]
    pub fn forward_tap(&self, inputs: &Inputs, tap: &mut impl Tap) -> Tensor<2> {
        match (self, inputs) {
            (Self::Mlp(mlp), Inputs::Flat(x)) => mlp.forward_tap(x.clone(), tap),
            (Self::Cnn(cnn), Inputs::Image(x)) => cnn.forward_tap(x.clone(), tap),
            (Self::Rnn(rnn), Inputs::Steps(x, lengths)) => rnn.forward_tap(x.clone(), lengths, tap),
            (Self::Rnn(rnn), Inputs::Tokens(tokens)) => {
                let logits = rnn.forward_tokens_tap(tokens.clone(), None, tap).0;
                logits.flatten(0, 1) // [B * T, V]
            }
            (Self::Rnn(rnn), Inputs::Documents(tokens, lengths)) => {
                rnn.forward_documents_tap(tokens.clone(), lengths, tap)
            }
            (Self::Dbn(dbn), Inputs::Flat(x)) => dbn.unrolled.forward_tap(x.clone(), tap),
            _ => panic!("the layout of a batch always comes from the network's architecture"),
        }
    }

    /// The named features of each layer for a batch.
    ///
    /// # Panics
    /// As [`Network::forward`].
    #[must_use]
    pub fn features(&self, inputs: &Inputs) -> Vec<Feature> {
        match (self, inputs) {
            (Self::Mlp(mlp), Inputs::Flat(x)) => mlp.features(x.clone()),
            (Self::Cnn(cnn), Inputs::Image(x)) => cnn.features(x.clone()),
            (Self::Rnn(rnn), Inputs::Steps(x, lengths)) => rnn.features(x.clone(), lengths),
            (Self::Rnn(rnn), Inputs::Tokens(tokens)) => rnn.features_tokens(tokens.clone()),
            (Self::Rnn(rnn), Inputs::Documents(tokens, lengths)) => {
                rnn.features_documents(tokens.clone(), lengths)
            }
            (Self::Dbn(dbn), Inputs::Flat(x)) => dbn.unrolled.features(x.clone()),
            _ => panic!("the layout of a batch always comes from the network's architecture"),
        }
    }
}
