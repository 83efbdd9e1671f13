//! What went on inside a network over a window of training steps: the signals that the doctor reads.

use serde::{Deserialize, Serialize};

use crate::number;

/// How every layer did over a window of steps, ending at the position of its event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps of the window.
    pub num_steps: usize,
    /// Mean loss over the window's steps.
    #[serde(deserialize_with = "number::single")]
    pub loss: f64,
    /// The highest loss of a step of the window, and that step.
    #[serde(deserialize_with = "number::single")]
    pub highest_loss: f64,
    /// The step with the highest loss, counted from 0 over the whole training.
    pub highest_loss_step: usize,
    /// Joint Euclidean norm of all gradients at the window's last step, before clipping.
    #[serde(deserialize_with = "number::single")]
    pub gradient_norm: f64,
    /// Variance of the gradient over batches in units of its squared mean: the batch sizes that
    /// would have to be averaged until signal and noise are equal. Absent until two gradients of
    /// the window were seen.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub gradient_noise: Option<f64>,
    /// From the input to the output, at the window's last step.
    pub layers: Vec<LayerSignals>,
    /// Of a recurrent network: norm of the loss's gradient at the input of each step of the sequence,
    /// averaged over the batch; the first step first.
    #[serde(
        default,
        deserialize_with = "number::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub gradient_by_time: Vec<f64>,
}

/// One layer with weights, at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSignals {
    /// As the tap calls it, such as `hidden1` or `output`.
    pub name: String,
    /// Euclidean norm of the layer's weights, biases left out.
    #[serde(deserialize_with = "number::single")]
    pub weight_norm: f64,
    /// Standard deviation of the layer's weights.
    #[serde(deserialize_with = "number::single")]
    pub weight_deviation: f64,
    /// Euclidean norm of the gradient of these weights, before clipping.
    #[serde(deserialize_with = "number::single")]
    pub gradient_norm: f64,
    /// Mean absolute value of that gradient.
    #[serde(deserialize_with = "number::single")]
    pub gradient_mean: f64,
    /// Norm of the step that the optimiser took, over the norm of the weights.
    #[serde(deserialize_with = "number::single")]
    pub update_ratio: f64,
    /// Mean of what the layer handed on.
    #[serde(deserialize_with = "number::single")]
    pub activation_mean: f64,
    /// Standard deviation of what the layer handed on, over samples and units.
    #[serde(deserialize_with = "number::single")]
    pub activation_deviation: f64,
    /// Share of the units that were 0 for every sample; only of layers that end in a rectifier.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub dead: Option<f64>,
    /// Share of the activations in the flat part of a tanh or sigmoid; only of such layers.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub saturated: Option<f64>,
}

/// Where a number first stopped being finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotFinite {
    /// What it belongs to.
    pub what: Quantity,
    /// The first layer that had one; empty for the input and the loss. Its name in the file is not
    /// that of the position's layer, which is a number.
    #[serde(rename = "first_layer")]
    pub layer: String,
    /// Items of the batch whose inputs were not finite, by their place in the source; the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// What can stop being finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The data.
    Input,
    /// What a layer handed on.
    Activation,
    /// The loss, while all activations were finite.
    Loss,
    /// The gradient of a layer's weights.
    Gradient,
    /// A layer's weights.
    Weight,
}

/// How a restricted Boltzmann machine did at the end of an epoch of its pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MachineSignals {
    /// Mean activity of the hidden units over training samples, in `[0, 1]`.
    #[serde(deserialize_with = "number::single")]
    pub hidden_mean: f64,
    /// Share of hidden units that are on, or off, for more than 99 % of the samples.
    #[serde(deserialize_with = "number::single")]
    pub stuck: f64,
    /// Norm of an epoch's last update over the norm of the weights.
    #[serde(deserialize_with = "number::single")]
    pub update_ratio: f64,
    /// Mean correlation of a visible unit with itself ten steps of the chain before: near 1, the
    /// chain does not mix. Absent where no chain was run.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub chain_correlation: Option<f64>,
}

/// Training samples whose label was compared with what a model that never saw them says: those that it
/// contradicts, of all and of the fifth of which it is surest. Where classes overlap it is often wrong,
/// but seldom where it is sure; a wrong label stands anywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCheck {
    /// Samples that were compared.
    pub tried: usize,
    /// Of those, the ones that it contradicts.
    pub contradicted: usize,
    /// Samples of which it is surest.
    pub surest: usize,
    /// Of those, the ones that it contradicts.
    pub surest_contradicted: usize,
}

/// The data of a run as the preflight found it: counts, each of something that may be a fault.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DataSignals {
    /// Numbers a network is shown that are NaN or infinite.
    pub num_not_finite: usize,
    /// The lowest finite number that a network is shown.
    #[serde(deserialize_with = "number::single")]
    pub lowest: f64,
    /// The highest finite one.
    #[serde(deserialize_with = "number::single")]
    pub highest: f64,
    /// Mean of all finite ones.
    #[serde(deserialize_with = "number::single")]
    pub mean: f64,
    /// Their standard deviation.
    #[serde(deserialize_with = "number::single")]
    pub deviation: f64,
    /// Training samples of each class, in the order of the outputs; empty without classes.
    pub class_counts: Vec<usize>,
    /// Items that lie in two splits.
    pub shared_by_splits: usize,
    /// Items with the inputs of another one and a different answer.
    pub conflicting: usize,
    /// Items with the inputs and the answer of another one of their split.
    pub duplicates: usize,
    /// Items that were looked at, of all splits.
    pub num_checked: usize,
    /// Columns of a single value.
    pub constant_columns: Vec<String>,
    /// Columns that name their row.
    pub identifier_columns: Vec<String>,
    /// Accuracy of a nearest-neighbour vote on held-out training samples, over that of always
    /// naming the most frequent class; near 1, the answers have nothing to do with the inputs.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub neighbour_gain: Option<f64>,
    /// Training items whose class an out-of-sample model contradicts with confidence, the most
    /// suspicious first, by their place in the source; the first few.
    pub suspected_labels: Vec<String>,
    /// Number of such items.
    pub num_suspected_labels: usize,
    /// How the labels that were tried stand to what an out-of-sample model says; absent without classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_check: Option<LabelCheck>,
    /// What the simplest predictor reaches on the validation split in the metric by which the best
    /// weights are chosen: always the most frequent class or the mean, the naive forecast, the
    /// frequencies of characters.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub baseline: Option<f64>,
    /// What a quick model that saw some training samples reaches on the validation split, in the same
    /// metric: the better of a linear model and a vote of neighbours; of text, the frequencies of
    /// pairs of characters.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub reference: Option<f64>,
    /// Loss after memorising one batch, over the loss before; near 0 where the network can learn.
    #[serde(
        default,
        deserialize_with = "number::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub memorised: Option<f64>,
    /// Curve of the learning-rate range test: rate and smoothed loss, the rates ascending. A loss that
    /// grew beyond all numbers is NaN.
    #[serde(
        default,
        deserialize_with = "number::pairs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub range_test: Vec<[f64; 2]>,
}
