#![doc = include_str!("../README.md")]

use burn::config::Config;
use burn::module::Module;
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, GaussianNoise, GaussianNoiseConfig, Linear,
    LinearConfig,
};
use burn::tensor::{Device, Tensor};
use fornax_layers::{Activation, ConfigError, Feature, Tap, draw_weights, dropout, linear, noise};

/// Hyper-parameters of [`Mlp`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// Features of one sample.
    pub d_input: usize,
    /// Numbers that come out: one per class, or one per value to predict.
    pub d_output: usize,
    /// Units of each hidden layer, first to last; empty for the linear model.
    #[config(default = "vec![512, 256]")]
    pub widths: Vec<usize>,
    /// Non-linearity after each hidden layer.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Probability of dropping a hidden unit in training, in `[0, 1)`.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Probability of dropping a feature of the input in training, in `[0, 1)`.
    #[config(default = 0.0)]
    pub input_dropout: f64,
    /// Standard deviation of the normal noise that is added in training to what a hidden unit sums up,
    /// before its activation; from 0 on.
    #[config(default = 0.0)]
    pub noise: f64,
    /// Standard deviation of the noise that is added to the features of the input, from 0 on. Data that
    /// was standardised has a deviation of 1 itself.
    #[config(default = 0.0)]
    pub input_noise: f64,
    /// Whether each hidden layer is normalised over the batch before its activation.
    #[config(default = false)]
    pub batch_norm: bool,
}

impl MlpConfig {
    /// Checks every value; after that, [`MlpConfig::init`] cannot fail.
    ///
    /// # Errors
    /// Names the first value out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("d_input", self.d_input)?;
        ConfigError::check_positive("d_output", self.d_output)?;
        ConfigError::check_all_positive("widths", &self.widths)?;
        ConfigError::check_dropout("dropout", self.dropout)?;
        ConfigError::check_dropout("input_dropout", self.input_dropout)?;
        ConfigError::check_deviation("noise", self.noise)?;
        ConfigError::check_deviation("input_noise", self.input_noise)?;
        ConfigError::check_num_weights("widths", &self.widths, self.num_weights())
    }

    /// Draws a network whose first weights suit its activation.
    #[must_use]
    pub fn init(&self, device: &Device) -> Mlp {
        let mut hidden = Vec::with_capacity(self.widths.len());
        let mut d_input = self.d_input;
        for &width in &self.widths {
            let linear = self.activation.linear(d_input, width, device);
            let mut layer = Hidden::new(linear, self.activation);
            if self.batch_norm {
                layer = layer.normalised(BatchNormConfig::new(width).init(device));
            }
            hidden.push(layer);
            d_input = width;
        }
        let head = LinearConfig::new(d_input, self.d_output).init(device);
        let mlp = Mlp::from_layers(hidden, head);
        let mlp = mlp.with_dropout(self.input_dropout, self.dropout);
        draw_weights(mlp.with_noise(self.input_noise, self.noise))
    }

    /// Entries of all weight matrices; stays at the largest number where it would overflow.
    fn num_weights(&self) -> usize {
        let mut num_weights: usize = 0;
        let mut d_input = self.d_input;
        for &d_output in self.widths.iter().chain([&self.d_output]) {
            num_weights = num_weights.saturating_add(d_input.saturating_mul(d_output));
            d_input = d_output;
        }
        num_weights
    }
}

/// A multi-layer perceptron: hidden layers, then a linear head.
#[derive(Module, Debug)]
pub struct Mlp {
    input_noise: GaussianNoise,
    input_dropout: Dropout,
    hidden: Vec<Hidden>,
    noise: GaussianNoise,
    dropout: Dropout,
    head: Linear,
}

impl Mlp {
    /// Builds a network of given layers, such as those a deep belief network learned.
    ///
    /// The output of each layer is as wide as the next one's input. Nothing is dropped.
    #[must_use]
    pub fn from_hidden(hidden: Vec<Linear>, activation: Activation, head: Linear) -> Self {
        let hidden = hidden
            .into_iter()
            .map(|linear| Hidden::new(linear, activation));
        Self::from_layers(hidden.collect(), head)
    }

    fn from_layers(hidden: Vec<Hidden>, head: Linear) -> Self {
        Self {
            input_noise: GaussianNoiseConfig::new(0.0).init(),
            input_dropout: DropoutConfig::new(0.0).init(),
            hidden,
            noise: GaussianNoiseConfig::new(0.0).init(),
            dropout: DropoutConfig::new(0.0).init(),
            head,
        }
    }

    /// The same layers, with these probabilities of dropping a feature of the input and a hidden
    /// unit in training.
    ///
    /// # Panics
    /// When one of them is not in `[0, 1)`.
    #[must_use]
    pub fn with_dropout(self, input: f64, hidden: f64) -> Self {
        Self {
            input_dropout: DropoutConfig::new(input).init(),
            dropout: DropoutConfig::new(hidden).init(),
            ..self
        }
    }

    /// The same layers, with normal noise of these standard deviations in training: on the features of
    /// the input, and on what a hidden unit sums up.
    ///
    /// # Panics
    /// When one of them is negative or not finite.
    #[must_use]
    pub fn with_noise(self, input: f64, hidden: f64) -> Self {
        Self {
            input_noise: GaussianNoiseConfig::new(input).init(),
            noise: GaussianNoiseConfig::new(hidden).init(),
            ..self
        }
    }

    /// Scores every sample.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    /// - returns: `[B, K]`, logits or predicted values
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward_tap(x, &mut ())
    }

    /// [`Mlp::forward`], showing `tap` the features of `hidden1`, `hidden2`, .., `logits`.
    pub fn forward_tap(&self, x: Tensor<2>, tap: &mut impl Tap) -> Tensor<2> {
        let mut x = dropout(&self.input_dropout, noise(&self.input_noise, x));
        for (index, hidden) in self.hidden.iter().enumerate() {
            x = hidden.features(x, &self.noise); // [B, width]
            x = tap.pass(format_args!("hidden{}", index + 1), x);
            x = dropout(&self.dropout, x);
        }
        let logits = linear(&self.head, x, None); // [B, K]
        tap.tap("logits", &logits);
        logits
    }

    /// The features of every layer, as in evaluation: nothing dropped, no statistics updated.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    #[must_use]
    pub fn features(&self, x: Tensor<2>) -> Vec<Feature> {
        let mut features = Vec::new();
        self.valid()
            .forward_tap(x.without_autodiff(), &mut features);
        features
    }
}

/// One hidden layer.
#[derive(Module, Debug)]
struct Hidden {
    linear: Linear,
    norm: Option<BatchNorm>,
    #[module(skip)]
    activation: Activation,
}

impl Hidden {
    fn new(linear: Linear, activation: Activation) -> Self {
        Self {
            linear,
            norm: None,
            activation,
        }
    }

    /// The norm subtracts the batch's mean, and with it any bias: none is kept.
    fn normalised(self, norm: BatchNorm) -> Self {
        let linear = Linear {
            bias: None,
            ..self.linear
        };
        Self {
            linear,
            norm: Some(norm),
            ..self
        }
    }

    /// `[B, d_input]` to `[B, width]`
    fn features(&self, x: Tensor<2>, added: &GaussianNoise) -> Tensor<2> {
        if self.norm.is_none() && added.std == 0.0 {
            return linear(&self.linear, x, Some(self.activation)); // [B, width]
        }
        let mut x = linear(&self.linear, x, None); // [B, width]
        if let Some(norm) = &self.norm {
            x = norm.forward(x);
        }
        self.activation.forward(noise(added, x))
    }
}
