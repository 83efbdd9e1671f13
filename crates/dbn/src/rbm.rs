//! The restricted Boltzmann machine: visible units, hidden units, and how each layer follows from
//! the other.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor, activation};
use fornax_kernels::{VisibleUnits, hidden_means, sample_bernoulli, visible_means};
use fornax_layers::ConfigError;

use crate::units::{Visible, sample_one_hot};

/// Standard deviation of the first weights: small enough that every hidden unit starts near one
/// half, large enough that no two are alike (Hinton 2012, section 8).
const WEIGHT_STD: f64 = 0.01;

/// Hyper-parameters of an [`Rbm`].
#[derive(Config, Debug, PartialEq)]
pub struct RbmConfig {
    /// Features of the data, one visible unit each; at least 1.
    pub d_input: usize,
    /// Hidden units; at least 1.
    pub d_hidden: usize,
    /// Kind of the visible units that hold the data.
    #[config(default = "Visible::Bernoulli")]
    pub visible: Visible,
    /// Classes that further visible units hold as a one-hot group; 0 for none.
    #[config(default = 0)]
    pub num_labels: usize,
}

impl RbmConfig {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// When there is no visible or no hidden unit, or too many of both.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("d_input", self.d_input)?;
        ConfigError::check_positive("d_hidden", self.d_hidden)?;
        ConfigError::check_num_weights("d_hidden", self.d_hidden, self.num_weights())
    }

    /// Connections between the two layers; stays at the largest number where it would overflow.
    pub(crate) fn num_weights(&self) -> usize {
        self.d_input
            .saturating_add(self.num_labels)
            .saturating_mul(self.d_hidden)
    }

    /// Draws the first weights; every bias is zero.
    ///
    /// The draw happens here and not at the first use, so that it takes nothing from the random
    /// numbers of a training step.
    #[must_use]
    pub fn init(&self, device: &Device) -> Rbm {
        let d_visible = self.d_input + self.num_labels;
        let normal = Distribution::Normal(0.0, WEIGHT_STD);
        Rbm {
            weight: Param::from_tensor(Tensor::random([d_visible, self.d_hidden], normal, device)),
            visible_bias: Param::from_tensor(Tensor::zeros([d_visible], device)),
            hidden_bias: Param::from_tensor(Tensor::zeros([self.d_hidden], device)),
            visible: self.visible,
            num_labels: self.num_labels,
        }
    }
}

/// A restricted Boltzmann machine: a layer of visible and a layer of binary hidden units, each
/// unit connected to every unit of the other layer and to none of its own.
///
/// In its shapes, **V** counts the visible units: the D features of the data, followed by the K
/// units of the label where there are any. **H** counts the hidden units.
///
/// Smolensky 1986; Hinton 2002, <https://doi.org/10.1162/089976602760128018>
#[derive(Module, Debug)]
pub struct Rbm {
    /// `[V, H]`, the strength of each connection.
    pub weight: Param<Tensor<2>>,
    /// `[V]`
    pub visible_bias: Param<Tensor<1>>,
    /// `[H]`
    pub hidden_bias: Param<Tensor<1>>,
    /// Kind of the first D visible units.
    #[module(skip)]
    pub visible: Visible,
    /// K, the size of the label group at the end of the visible units; 0 for none.
    pub num_labels: usize,
}

impl Rbm {
    /// D, the visible units that hold the data.
    #[must_use]
    pub fn d_input(&self) -> usize {
        self.weight.dims()[0] - self.num_labels
    }

    /// H, the hidden units.
    #[must_use]
    pub fn d_hidden(&self) -> usize {
        self.weight.dims()[1]
    }

    /// The device that holds the parameters.
    #[must_use]
    pub fn device(&self) -> Device {
        self.weight.device()
    }

    /// Starts the visible biases where the machine, its weights aside, explains the mean of the
    /// data: at the log-odds of the means for Bernoulli units, at the means for Gaussian ones.
    ///
    /// # Shapes
    /// - `means`: `[D]`
    #[must_use]
    pub fn with_visible_means(mut self, means: Tensor<1>) -> Self {
        let bias = self.visible.bias_of_mean(means); // [D]
        let d_input = self.d_input();
        self.visible_bias = self
            .visible_bias
            .map(|old| old.slice_assign(0..d_input, bias));
        self
    }

    /// Puts data and label side by side, as the visible units see them.
    ///
    /// A machine without label units ignores `labels`. One with label units that is given none
    /// fills in what it believes itself, p(label | data).
    ///
    /// # Shapes
    /// - `data`: `[B, D]`
    /// - `labels`: `[B, K]`, one-hot
    /// - returns: `[B, V]`
    #[must_use]
    pub fn with_labels(&self, data: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        let believed = || Some(activation::softmax(self.label_logits(data.clone())?, 1));
        match labels.or_else(believed) {
            Some(labels) if self.num_labels > 0 => Tensor::cat(vec![data, labels], 1), // [B, V]
            _ => data,
        }
    }

    /// The probability of each hidden unit to be on, σ(vW + c).
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`
    /// - returns: `[B, H]`, in `[0, 1]`
    #[must_use]
    pub fn hidden_given_visible(&self, visible: Tensor<2>) -> Tensor<2> {
        hidden_means(visible, self.weight.val(), self.hidden_bias.val())
    }

    /// Draws the hidden units: ones and zeros, `[B, V]` to `[B, H]`.
    #[must_use]
    pub fn sample_h_given_v(&self, visible: Tensor<2>) -> Tensor<2> {
        sample_bernoulli(self.hidden_given_visible(visible))
    }

    /// The mean of each visible unit: σ(hWᵀ + b) where it is binary, hWᵀ + b itself where it is
    /// Gaussian. That of a label unit is the probability of its class, a softmax.
    ///
    /// # Shapes
    /// - `hidden`: `[B, H]`
    /// - returns: `[B, V]`
    #[must_use]
    pub fn visible_given_hidden(&self, hidden: Tensor<2>) -> Tensor<2> {
        let units = VisibleUnits {
            gaussian: self.visible == Visible::Gaussian,
            num_labels: self.num_labels,
        };
        let bias = self.visible_bias.val();
        visible_means(hidden, self.weight.val(), bias, units)
    }

    /// Draws the visible units, and one class where there are label units: `[B, H]` to `[B, V]`.
    #[must_use]
    pub fn sample_v_given_h(&self, hidden: Tensor<2>) -> Tensor<2> {
        let means = self.visible_given_hidden(hidden);
        match self.split(means) {
            (data, None) => self.visible.sample(data),
            (data, Some(labels)) => {
                Tensor::cat(vec![self.visible.sample(data), sample_one_hot(labels)], 1)
            }
        }
    }

    /// One full step of Gibbs sampling: hidden units given the visible, then new visible units
    /// given those; `[B, V]` to `[B, V]`.
    #[must_use]
    pub fn gibbs_vhv(&self, visible: Tensor<2>) -> Tensor<2> {
        self.sample_v_given_h(self.sample_h_given_v(visible))
    }

    /// The features that the hidden units find in data whose label is not shown.
    ///
    /// Without label units this is [`Rbm::hidden_given_visible`].
    ///
    /// # Shapes
    /// - `data`: `[B, D]`
    /// - returns: `[B, H]`, probabilities
    #[must_use]
    pub fn propagate(&self, data: Tensor<2>) -> Tensor<2> {
        hidden_means(data, self.data_weight(), self.hidden_bias.val())
    }

    /// Draws `num_rows` starts of a Gibbs chain, `[B, V]`: visible units as they are while every
    /// hidden unit is off.
    pub(crate) fn sample_start(&self, num_rows: usize) -> Tensor<2> {
        self.sample_v_given_h(Tensor::zeros([num_rows, self.d_hidden()], &self.device()))
    }

    /// What the hidden units receive: `[B, V]` to `[B, H]`.
    pub(crate) fn hidden_input(&self, visible: Tensor<2>) -> Tensor<2> {
        visible.matmul(self.weight.val()) + self.hidden_bias.val().unsqueeze()
    }

    /// What the hidden units receive from the data alone: `[B, D]` to `[B, H]`.
    pub(crate) fn hidden_input_of_data(&self, data: Tensor<2>) -> Tensor<2> {
        data.matmul(self.data_weight()) + self.hidden_bias.val().unsqueeze()
    }

    /// The rows of the weight that belong to the data, `[D, H]`.
    pub(crate) fn data_weight(&self) -> Tensor<2> {
        if self.num_labels == 0 {
            return self.weight.val();
        }
        self.weight.val().slice(0..self.d_input())
    }

    /// Parts visible units into data `[B, D]` and, where there are any, labels `[B, K]`.
    pub(crate) fn split(&self, visible: Tensor<2>) -> (Tensor<2>, Option<Tensor<2>>) {
        if self.num_labels == 0 {
            return (visible, None);
        }
        let d_input = self.d_input();
        let labels = visible.clone().narrow(1, d_input, self.num_labels);
        (visible.narrow(1, 0, d_input), Some(labels))
    }
}
