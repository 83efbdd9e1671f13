//! Contrastive divergence: the learning rule of the restricted Boltzmann machine.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use fornax_kernels::{
    LearningStep, Pull, column_means, learn_pairs, mean_squared_difference, sample_bernoulli,
};
use fornax_layers::ConfigError;

use crate::rbm::Rbm;
use crate::units::Visible;

/// Momentum of the first epochs, while the gradients are still large (Hinton 2012, section 9).
const FIRST_MOMENTUM: f64 = 0.5;

/// How much of the running mean activity of a hidden unit stays at each step (Hinton 2012,
/// section 11, advises 0.9 to 0.99).
const ACTIVITY_DECAY: f64 = 0.9;

/// Chains beyond this number add memory and no accuracy.
const MAX_CHAINS: usize = 100_000;

/// Settings of contrastive divergence, and with them the rule itself.
///
/// Hinton 2002, <https://doi.org/10.1162/089976602760128018>, and its practice, Hinton 2012,
/// <https://doi.org/10.1007/978-3-642-35289-8_32>
#[derive(Config, Debug, PartialEq)]
pub struct ContrastiveDivergence {
    /// Steps of Gibbs sampling before the negative statistics are taken; at least 1.
    #[config(default = 1)]
    pub k: usize,
    /// Whether the chains go on from step to step instead of starting at the data each time.
    ///
    /// Tieleman 2008, <https://doi.org/10.1145/1390156.1390290>
    #[config(default = false)]
    pub persistent: bool,
    /// Chains that a persistent run keeps, from 1 to 100,000.
    #[config(default = 100)]
    pub num_chains: usize,
    /// Size of a step; above 0.
    #[config(default = 0.1)]
    pub learning_rate: f64,
    /// Share of the last step's direction that the next keeps, in `[0, 1)`.
    #[config(default = 0.9)]
    pub momentum: f64,
    /// Pull of the weights towards zero, not of the biases; at least 0.
    #[config(default = 2e-4)]
    pub weight_decay: f64,
    /// Mean activity that hidden units are pulled to, in `(0, 1)`.
    #[config(default = 0.1)]
    pub sparsity_target: f64,
    /// Strength of that pull; 0 for none.
    #[config(default = 0.0)]
    pub sparsity_cost: f64,
}

impl ContrastiveDivergence {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("k", self.k)?;
        if !(1..=MAX_CHAINS).contains(&self.num_chains) {
            let expected = format!("from 1 to {MAX_CHAINS}");
            return Err(ConfigError::new("num_chains", self.num_chains, expected));
        }
        let positive = (f64::MIN_POSITIVE..f64::INFINITY, "a number above 0");
        let not_negative = (0.0..f64::INFINITY, "a number of at least 0");
        let share = (0.0..1.0, "a number from 0 to below 1");
        let inner_share = (f64::MIN_POSITIVE..1.0, "a number between 0 and 1");
        for (key, value, (range, expected)) in [
            ("learning_rate", self.learning_rate, &positive),
            ("momentum", self.momentum, &share),
            ("weight_decay", self.weight_decay, &not_negative),
            ("sparsity_target", self.sparsity_target, &inner_share),
            ("sparsity_cost", self.sparsity_cost, &not_negative),
        ] {
            if !range.contains(&value) {
                return Err(ConfigError::new(key, value, *expected));
            }
        }
        Ok(())
    }

    /// The rule as it stands in one epoch of a layer's pre-training, these settings being the
    /// highest learning rate and the last momentum.
    ///
    /// The first 30 % of the epochs run at the full learning rate and half momentum, the next 40 %
    /// at half the learning rate, the last 30 % at a tenth: with 10 epochs and the defaults, 0.1
    /// three times, 0.05 four times, 0.01 three times. Gaussian units learn more slowly throughout.
    ///
    /// `epoch` counts from 0.
    #[must_use]
    pub fn at_epoch(&self, visible: Visible, epoch: usize, num_epochs: usize) -> Self {
        // In tenths, so that no rounding moves a boundary.
        let tenths = epoch.saturating_mul(10);
        let (rate, momentum) = if tenths < num_epochs.saturating_mul(3) {
            (1.0, self.momentum.min(FIRST_MOMENTUM))
        } else if tenths < num_epochs.saturating_mul(7) {
            (0.5, self.momentum)
        } else {
            (0.1, self.momentum)
        };
        let learning_rate = self.learning_rate * rate / visible.learning_rate_divisor();
        Self {
            learning_rate,
            momentum,
            ..self.clone()
        }
    }

    /// What the rule remembers between steps, before the first one.
    #[must_use]
    pub fn init_state(&self, rbm: &Rbm) -> CdState {
        let device = rbm.device();
        let zeros = |length| Param::from_tensor(Tensor::<1>::zeros([length], &device));
        let [d_visible, d_hidden] = rbm.weight.dims();
        CdState {
            weight_velocity: Param::from_tensor(rbm.weight.val().zeros_like()),
            visible_velocity: zeros(d_visible),
            hidden_velocity: zeros(d_hidden),
            activity: zeros(d_hidden).map(|zeros| zeros + self.sparsity_target),
            chains: self
                .persistent
                .then(|| Param::from_tensor(rbm.sample_start(self.num_chains))),
        }
    }

    /// Learns from one batch.
    ///
    /// The positive statistics are those of the data with the probabilities of the hidden units.
    /// The negative ones are taken k steps down the chain: from the data, with sampled hidden and
    /// mean visible units, or from the persistent chains, where both are sampled.
    ///
    /// The random numbers are those of the machine's device, nothing else is drawn or kept: after
    /// the same `Device::seed`, the same arguments give the same result. Everything has to be on a
    /// device without autodiff: the rule is no gradient of a loss, and a recorded graph would grow
    /// from step to step.
    ///
    /// # Shapes
    /// - `batch`: `[B, D]`
    /// - `labels`: `[B, K]`, one-hot; see [`Rbm::with_labels`]
    /// - returns: the machine, the state, and `[1]`, the mean squared error of the reconstruction
    ///   after one step up and down
    #[must_use]
    pub fn step(
        &self,
        rbm: Rbm,
        mut state: CdState,
        batch: Tensor<2>,
        labels: Option<Tensor<2>>,
    ) -> (Rbm, CdState, Tensor<1>) {
        let positive = Phase::of_visible(&rbm, rbm.with_labels(batch, labels));
        let (reconstruction, negative) = if let Some(chains) = state.chains.take() {
            let moved = (0..self.k).fold(chains.val(), |visible, _| rbm.gibbs_vhv(visible));
            state.chains = Some(chains.map(|_| moved.clone()));
            (rbm.visible_given_hidden(positive.hidden.clone()), moved)
        } else {
            let sample = sample_bernoulli(positive.hidden.clone()); // [B, H]
            let first = rbm.visible_given_hidden(sample); // [B, V]
            let last = (1..self.k).fold(first.clone(), |visible, _| {
                rbm.visible_given_hidden(rbm.sample_h_given_v(visible))
            });
            (first, last)
        };
        let error = mean_squared_difference(reconstruction, positive.visible.clone()); // [1]
        let negative = Phase::of_visible(&rbm, negative);
        let (rbm, state) = self.update(rbm, state, &positive, &negative);
        (rbm, state, error)
    }

    /// The update that two phases call for: towards what the units do together in the positive,
    /// away from what they do together in the negative.
    ///
    /// Draws nothing. The two phases may differ in their number of rows.
    #[must_use]
    pub fn update(
        &self,
        mut rbm: Rbm,
        mut state: CdState,
        positive: &Phase,
        negative: &Phase,
    ) -> (Rbm, CdState) {
        let (seen, dreamt) = (positive.means(), negative.means());
        state.activity = state.activity.map(|activity| {
            activity * ACTIVITY_DECAY + seen.hidden.clone() * (1.0 - ACTIVITY_DECAY)
        });
        let visible = seen.visible.clone() - dreamt.visible; // [V]
        let mut hidden = seen.hidden - dreamt.hidden; // [H]
        let mut pull = None;
        if self.sparsity_cost > 0.0 {
            let missing = (-state.activity.val() + self.sparsity_target) * self.sparsity_cost; // [H]
            hidden = hidden + missing.clone();
            // A unit is active because of its bias and of the visible units that are usually on.
            pull = Some(Pull {
                usual: seen.visible,
                pull: missing,
            });
        }
        (rbm.weight, state.weight_velocity) =
            map_both(rbm.weight, state.weight_velocity, |weight, velocity| {
                let phases = [positive.pairs(), negative.pairs()];
                learn_pairs(weight, velocity, phases, pull, self.learning_step())
            });
        state.visible_velocity = self.accelerate(state.visible_velocity, visible);
        state.hidden_velocity = self.accelerate(state.hidden_velocity, hidden);
        rbm.visible_bias = rbm
            .visible_bias
            .map(|bias| bias + state.visible_velocity.val());
        rbm.hidden_bias = rbm
            .hidden_bias
            .map(|bias| bias + state.hidden_velocity.val());
        (rbm, state)
    }

    fn learning_step(&self) -> LearningStep {
        LearningStep {
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        }
    }

    /// The next velocity: what momentum keeps of the last one, and a step along `direction`.
    fn accelerate<const D: usize>(
        &self,
        velocity: Param<Tensor<D>>,
        direction: Tensor<D>,
    ) -> Param<Tensor<D>> {
        velocity.map(|velocity| velocity * self.momentum + direction * self.learning_rate)
    }
}

/// What [`ContrastiveDivergence`] remembers between two steps.
///
/// A module, so that it is saved and restored like one, to the same bits. To restore it, start
/// from [`ContrastiveDivergence::init_state`] with the same settings.
#[derive(Module, Debug)]
pub struct CdState {
    /// `[V, H]`, the last change of the weights.
    pub weight_velocity: Param<Tensor<2>>,
    /// `[V]`, the last change of the visible biases.
    pub visible_velocity: Param<Tensor<1>>,
    /// `[H]`, the last change of the hidden biases.
    pub hidden_velocity: Param<Tensor<1>>,
    /// `[H]`, running mean of how active each hidden unit is on the data, in `[0, 1]`.
    pub activity: Param<Tensor<1>>,
    /// `[num_chains, V]`, the visible units of the persistent chains, where there are any.
    pub chains: Option<Param<Tensor<2>>>,
}

/// Visible and hidden units together, a row for each sample or chain.
#[derive(Debug, Clone)]
pub struct Phase {
    /// `[B, V]`
    pub visible: Tensor<2>,
    /// `[B, H]`
    pub hidden: Tensor<2>,
}

/// What the units of a phase do on average.
struct Means {
    visible: Tensor<1>, // [V]
    hidden: Tensor<1>,  // [H]
}

impl Phase {
    /// Visible units `[B, V]` and the probabilities of the hidden units that follow from them.
    #[must_use]
    pub fn of_visible(rbm: &Rbm, visible: Tensor<2>) -> Self {
        Self {
            hidden: rbm.hidden_given_visible(visible.clone()),
            visible,
        }
    }

    fn means(&self) -> Means {
        Means {
            visible: column_means(self.visible.clone()),
            hidden: column_means(self.hidden.clone()),
        }
    }

    fn pairs(&self) -> (Tensor<2>, Tensor<2>) {
        (self.visible.clone(), self.hidden.clone())
    }
}

/// Replaces two parameters at once, neither of which anything else holds meanwhile.
fn map_both<const D: usize>(
    a: Param<Tensor<D>>,
    b: Param<Tensor<D>>,
    both: impl FnOnce(Tensor<D>, Tensor<D>) -> (Tensor<D>, Tensor<D>),
) -> (Param<Tensor<D>>, Param<Tensor<D>>) {
    let ((a_id, a, a_mapper), (b_id, b, b_mapper)) = (a.consume(), b.consume());
    let (a, b) = both(a, b);
    (
        Param::from_mapped_value(a_id, a, a_mapper),
        Param::from_mapped_value(b_id, b, b_mapper),
    )
}
