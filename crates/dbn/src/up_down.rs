//! The up-down algorithm: the whole stack learns as one generative network.
//!
//! Trained layer by layer, each machine below the top knows nothing of what was learned above it. Here
//! they become two networks with weights of their own. The way up finds the causes of a sample, and
//! teaches the way down to bring the sample forth from them; the top machine learns what causes
//! usually go together, and dreams; the way down turns the dream into a sample, and teaches the way up
//! to find its causes.
//!
//! Hinton, Osindero and Teh 2006, section 5 and appendix B,
//! <https://doi.org/10.1162/neco.2006.18.7.1527>

use burn::config::Config;
use burn::module::Param;
use burn::tensor::Tensor;
use fornax_kernels::{mean_squared_difference, sample_bernoulli};
use fornax_layers::ConfigError;

use crate::contrastive_divergence::{CdState, ContrastiveDivergence, Phase};
use crate::dbn::Dbn;
use crate::units::Visible;

/// Settings of the up-down algorithm, and with them the rule itself.
#[derive(Config, Debug, PartialEq)]
pub struct UpDown {
    /// How the top machine learns; its chains start at the data and are not kept.
    pub top: ContrastiveDivergence,
    /// Size of a step of the weights below the top; above 0.
    #[config(default = 0.01)]
    pub learning_rate: f64,
}

impl UpDown {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.top.validate()?;
        if self.learning_rate > 0.0 && self.learning_rate.is_finite() {
            return Ok(());
        }
        let expected = "a number above 0";
        Err(ConfigError::new(
            "learning_rate",
            self.learning_rate,
            expected,
        ))
    }

    /// The rule as it stands in one epoch, as [`ContrastiveDivergence::at_epoch`] has it.
    ///
    /// `epoch` counts from 0.
    #[must_use]
    pub fn at_epoch(&self, epoch: usize, num_epochs: usize) -> Self {
        let top = self.top.at_epoch(Visible::Bernoulli, epoch, num_epochs);
        Self {
            learning_rate: self.learning_rate * top.learning_rate / self.top.learning_rate,
            top,
        }
    }

    /// Learns from one batch.
    ///
    /// A stack whose ways up and down still share their weights is parted first, see [`Dbn::untied`].
    /// The random numbers are those of the stack's device, as in [`ContrastiveDivergence::step`], and
    /// as there, it has to be one without autodiff.
    ///
    /// # Shapes
    /// - `batch`: `[B, D]`
    /// - `labels`: `[B, K]`, one-hot; see [`Rbm::with_labels`](crate::Rbm::with_labels)
    /// - `state`: that of the top machine
    /// - returns: the stack, the state, and `[1]`, the mean squared error of the samples that the way
    ///   down brings forth from their causes
    ///
    /// # Panics
    /// When the stack is empty.
    #[must_use]
    pub fn step(
        &self,
        stack: Dbn,
        state: CdState,
        batch: Tensor<2>,
        labels: Option<Tensor<2>>,
    ) -> (Dbn, CdState, Tensor<1>) {
        let mut stack = if stack.down.is_empty() {
            stack.untied()
        } else {
            stack
        };
        let top = stack.rbms.pop().expect("a stack has a top machine");

        // Up: the causes of the samples.
        let mut awake = vec![batch.clone()]; // [B, width] of each layer, the data first
        for rbm in &stack.rbms {
            let below = awake[awake.len() - 1].clone();
            awake.push(sample_bernoulli(rbm.hidden_given_visible(below)));
        }
        // The top: what goes together, and a dream of it.
        let causes = awake[stack.rbms.len()].clone();
        let positive = Phase::of_visible(&top, top.with_labels(causes, labels));
        let start = positive.visible.clone();
        let dream = (0..self.top.k).fold(start, |visible, _| top.gibbs_vhv(visible));
        let negative = Phase::of_visible(&top, dream.clone());
        let (dream, _) = top.split(dream);
        let (top, state) = self.top.update(top, state, &positive, &negative);
        // Down: samples of the dream, the highest layer first.
        let mut asleep = vec![dream];
        for layer in (0..stack.rbms.len()).rev() {
            let means = stack.below(layer, asleep[asleep.len() - 1].clone());
            let bottom = layer == 0;
            asleep.push(if bottom {
                means
            } else {
                sample_bernoulli(means)
            });
        }
        asleep.reverse();

        let mut error = None;
        for layer in 0..stack.rbms.len() {
            let rate = self.learning_rate / stack.rbms[layer].visible.learning_rate_divisor();
            // Each way learns from what the other one drew.
            let brought_forth = stack.below(layer, awake[layer + 1].clone());
            error.get_or_insert_with(|| {
                mean_squared_difference(brought_forth.clone(), batch.clone())
            });
            let missing = awake[layer].clone() - brought_forth;
            let down = &mut stack.down[layer];
            down.weight = followed(down.weight.clone(), &awake[layer + 1], &missing, rate);
            down.bias = down.bias.take().map(|bias| shifted(bias, &missing, rate));

            let rbm = &mut stack.rbms[layer];
            let found = rbm.hidden_given_visible(asleep[layer].clone());
            let missing = asleep[layer + 1].clone() - found;
            rbm.weight = followed(rbm.weight.clone(), &asleep[layer], &missing, rate);
            rbm.hidden_bias = shifted(rbm.hidden_bias.clone(), &missing, rate);
        }
        // A machine alone has no way down but its own.
        let error = error.unwrap_or_else(|| {
            let (dream, _) = top.split(top.visible_given_hidden(positive.hidden));
            mean_squared_difference(dream, batch)
        });
        stack.rbms.push(top);
        (stack, state, error)
    }
}

/// Weights that bring what follows from `input` nearer to what it should be, by the delta rule.
///
/// # Shapes
/// - `weight`: `[I, O]`
/// - `input`: `[B, I]`
/// - `missing`: `[B, O]`
fn followed(
    weight: Param<Tensor<2>>,
    input: &Tensor<2>,
    missing: &Tensor<2>,
    rate: f64,
) -> Param<Tensor<2>> {
    #[allow(clippy::cast_precision_loss)] // samples of a batch
    let rate = rate / input.dims()[0].max(1) as f64;
    let pairs = input.clone().transpose().matmul(missing.clone()); // [I, O]
    weight.map(|weight| weight + pairs * rate)
}

/// As [`followed`], for biases: `[O]`.
fn shifted(bias: Param<Tensor<1>>, missing: &Tensor<2>, rate: f64) -> Param<Tensor<1>> {
    let mean = missing.clone().mean_dim(0).flatten(0, 1); // [O]
    bias.map(|bias| bias + mean * rate)
}
