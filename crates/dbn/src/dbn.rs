//! The deep belief network: a stack of restricted Boltzmann machines, each trained on the features
//! of the one below, and what the stack can be turned into.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fornax_kernels::hidden_means;
use fornax_layers::{Activation, ConfigError, Feature, Tap, draw_weights};
use fornax_mlp::Mlp;

use crate::rbm::{Rbm, RbmConfig};
use crate::units::Visible;

/// Hyper-parameters of a [`Dbn`].
#[derive(Config, Debug, PartialEq)]
pub struct DbnConfig {
    /// Features of one sample; at least 1.
    pub d_input: usize,
    /// Classes, or values to predict; at least 1.
    pub d_output: usize,
    /// Hidden units of each layer, first to last; not empty.
    #[config(default = "vec![500, 500, 2000]")]
    pub widths: Vec<usize>,
    /// Kind of the units that hold the data.
    #[config(default = "Visible::Bernoulli")]
    pub visible: Visible,
    /// Whether the top machine also learns the label, as one of `d_output` classes; leave it out
    /// for regression.
    #[config(default = true)]
    pub labels: bool,
    /// Whether the machines below the top get weights of their own for the way down, which
    /// [`UpDown`](crate::UpDown) teaches.
    #[config(default = false)]
    pub up_down: bool,
    /// Probability of dropping a hidden unit while the unrolled network is fine-tuned, in `[0, 1)`.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Probability of dropping a feature of the input while it is fine-tuned, in `[0, 1)`.
    #[config(default = 0.0)]
    pub input_dropout: f64,
    /// Standard deviation of the normal noise that is added while it is fine-tuned to what a hidden unit
    /// sums up; from 0 on.
    #[config(default = 0.0)]
    pub noise: f64,
    /// Standard deviation of the noise that is added to the features of the input, from 0 on.
    #[config(default = 0.0)]
    pub input_noise: f64,
}

impl DbnConfig {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("d_input", self.d_input)?;
        ConfigError::check_positive("d_output", self.d_output)?;
        ConfigError::check_all_positive("widths", &self.widths)?;
        if self.widths.is_empty() {
            return Err(ConfigError::new(
                "widths",
                &self.widths,
                "at least one layer",
            ));
        }
        ConfigError::check_dropout("dropout", self.dropout)?;
        ConfigError::check_dropout("input_dropout", self.input_dropout)?;
        ConfigError::check_deviation("noise", self.noise)?;
        ConfigError::check_deviation("input_noise", self.input_noise)?;
        ConfigError::check_num_weights("widths", &self.widths, self.num_weights())
    }

    /// Builds the stack with small random weights.
    #[must_use]
    pub fn init(&self, device: &Device) -> Dbn {
        let rbms = self.layers().map(|layer| layer.init(device));
        let stack = Dbn {
            rbms: rbms.collect(),
            down: Vec::new(),
        };
        if self.up_down { stack.untied() } else { stack }
    }

    /// The machines, lowest first: each sees the hidden units of the one below as its data.
    fn layers(&self) -> impl Iterator<Item = RbmConfig> {
        let inputs = std::iter::once(&self.d_input).chain(&self.widths);
        inputs
            .zip(&self.widths)
            .enumerate()
            .map(|(index, (&d_input, &d_hidden))| {
                let is_top = index + 1 == self.widths.len();
                let visible = if index == 0 {
                    self.visible
                } else {
                    Visible::Bernoulli
                };
                let num_labels = if is_top && self.labels {
                    self.d_output
                } else {
                    0
                };
                RbmConfig {
                    d_input,
                    d_hidden,
                    visible,
                    num_labels,
                }
            })
    }

    /// Connections of all machines; stays at the largest number where it would overflow.
    fn num_weights(&self) -> usize {
        self.layers()
            .fold(0, |sum, layer| sum.saturating_add(layer.num_weights()))
    }
}

/// A stack of restricted Boltzmann machines.
///
/// It is trained layer by layer: the machine at `index` learns from [`Dbn::propagate`]`(x, index)`
/// once those below it are done. In its shapes, **D** counts the features of a sample, **K** the
/// classes.
///
/// Hinton, Osindero and Teh 2006, <https://doi.org/10.1162/neco.2006.18.7.1527>
#[derive(Module, Debug)]
pub struct Dbn {
    /// The machines, lowest first; never empty.
    pub rbms: Vec<Rbm>,
    /// The way down from each machine but the top one, lowest first, `[H, V]`; empty where it is the
    /// way up turned about.
    pub down: Vec<Linear>,
}

impl Dbn {
    /// The features of the layer that `num_layers` machines lie below; with 0, the data itself.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    /// - returns: `[B, width]`, probabilities
    #[must_use]
    pub fn propagate(&self, x: Tensor<2>, num_layers: usize) -> Tensor<2> {
        self.rbms
            .iter()
            .take(num_layers)
            .fold(x, |x, rbm| rbm.propagate(x))
    }

    /// The means of what machine `layer` sees, the way down from its hidden units; label units are
    /// set aside.
    ///
    /// # Shapes
    /// - `hidden`: `[B, H]` of the machine
    /// - returns: `[B, V]`, probabilities for Bernoulli units, means for Gaussian ones
    ///
    /// # Panics
    /// When there is no machine `layer`.
    #[must_use]
    pub fn below(&self, layer: usize, hidden: Tensor<2>) -> Tensor<2> {
        let rbm = &self.rbms[layer];
        match (self.down.get(layer), rbm.visible) {
            (None, _) => rbm.split(rbm.visible_given_hidden(hidden)).0,
            (Some(down), Visible::Gaussian) => down.forward(hidden),
            (Some(Linear { weight, bias }), Visible::Bernoulli) => {
                let bias = bias
                    .as_ref()
                    .map_or_else(|| rbm.visible_bias.val(), Param::val);
                hidden_means(hidden, weight.val(), bias)
            }
        }
    }

    /// Gives each machine but the top one weights of its own for the way down, which begin as those
    /// of its way up turned about.
    #[must_use]
    pub fn untied(mut self) -> Self {
        let below_top = self.rbms.iter().take(self.rbms.len().saturating_sub(1));
        let down = below_top.map(|rbm| Linear {
            weight: Param::from_tensor(rbm.data_weight().transpose()),
            bias: Some(Param::from_tensor(rbm.visible_bias.val())),
        });
        self.down = down.collect();
        self
    }

    /// The features of the top layer; shows those of every layer to `tap`, as `hidden1`, `hidden2`
    /// and so on.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    /// - returns: `[B, H]` of the top machine
    pub fn forward_tap(&self, mut x: Tensor<2>, tap: &mut impl Tap) -> Tensor<2> {
        for (index, rbm) in self.rbms.iter().enumerate() {
            x = rbm.propagate(x);
            tap.tap(format_args!("hidden{}", index + 1), &x);
        }
        x
    }

    /// The features of every layer, lowest first.
    ///
    /// There are no logits among them: a stack has no head before it is unrolled.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    #[must_use]
    pub fn features(&self, x: Tensor<2>) -> Vec<Feature> {
        let mut features = Vec::with_capacity(self.rbms.len());
        self.forward_tap(x, &mut features);
        features
    }

    /// The feed-forward network of sigmoid units that computes the same features, with a fresh
    /// head of `d_output` outputs: the start of fine-tuning.
    ///
    /// What the top machine learned of labels stays behind. The weights need no correction for
    /// dropout, which scales what it keeps.
    #[must_use]
    pub fn unroll(&self, d_output: usize, device: &Device) -> Mlp {
        let hidden = self
            .rbms
            .iter()
            .map(|rbm| unroll_layer(rbm, device))
            .collect();
        let d_hidden = self.top().d_hidden();
        let head = draw_weights(Activation::Sigmoid.linear(d_hidden, d_output, device));
        Mlp::from_hidden(hidden, Activation::Sigmoid, head)
    }

    /// log p(class | x) up to a constant in each row, from the top machine alone, without any
    /// fine-tuning; `None` if it has no label units.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    /// - returns: `[B, K]`
    #[must_use]
    pub fn label_logits(&self, x: Tensor<2>) -> Option<Tensor<2>> {
        self.top().label_logits(self.below_top(x))
    }

    /// How likely the top machine finds the features of each sample: its negative free energy, the
    /// label summed out.
    ///
    /// Up to a constant that is the same for all samples, so that samples can be ranked by it, as
    /// for finding the odd ones.
    ///
    /// # Shapes
    /// - `x`: `[B, D]`
    /// - returns: `[B]`
    #[must_use]
    pub fn log_likelihood_proxy(&self, x: Tensor<2>) -> Tensor<1> {
        self.top().log_likelihood_proxy(self.below_top(x))
    }

    /// The machine at the top.
    pub(crate) fn top(&self) -> &Rbm {
        self.rbms
            .last()
            .expect("a valid configuration has at least one layer")
    }

    /// What the data units of the top machine see: `[B, D]` to `[B, width]`.
    fn below_top(&self, x: Tensor<2>) -> Tensor<2> {
        self.propagate(x, self.rbms.len().saturating_sub(1))
    }
}

/// The layer that computes what [`Rbm::propagate`] does, but for the sigmoid.
fn unroll_layer(rbm: &Rbm, device: &Device) -> Linear {
    Linear {
        weight: parameter_on(rbm.data_weight(), device),
        bias: Some(parameter_on(rbm.hidden_bias.val(), device)),
    }
}

/// A parameter of its own that starts at `value`, with a gradient where `device` has autodiff.
fn parameter_on<const D: usize>(value: Tensor<D>, device: &Device) -> Param<Tensor<D>> {
    let value = value.without_autodiff().to_device(device);
    let value = if device.is_autodiff() {
        value.autodiff()
    } else {
        value
    };
    Param::from_tensor(value)
}
