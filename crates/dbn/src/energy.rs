//! How well a machine explains data: free energy, pseudo-likelihood, reconstruction, and the label
//! it would give.

use burn::tensor::activation::softplus;
use burn::tensor::{Distribution, Int, Tensor};

use crate::rbm::Rbm;
use crate::units::Visible;

impl Rbm {
    /// F(v) = -log Σₕ e^(-E(v, h)): low where the machine finds the visible units likely.
    ///
    /// log p(v) is -F(v) up to a constant that nobody can compute for many units, but that is the
    /// same for all v: so a free energy that falls on training data and rises on held-out data
    /// tells of overfitting.
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`
    /// - returns: `[B]`
    #[must_use]
    pub fn free_energy(&self, visible: Tensor<2>) -> Tensor<1> {
        let hidden = sum_softplus(self.hidden_input(visible.clone())); // [B, 1]
        let (data, labels) = self.split(visible);
        let mut energy = self.data_energy(data); // [B, 1]
        if let Some(labels) = labels {
            let bias = self.label_bias().unsqueeze(); // [1, K]
            energy = energy - (labels * bias).sum_dim(1);
        }
        (energy - hidden).squeeze_dim(1) // [B]
    }

    /// log p(label | data), up to a constant in each row; `None` without label units.
    ///
    /// Exact: with the data given, each label's free energy can be computed. A softmax makes
    /// probabilities of it, a log-sum-exp the unnormalised log p(data).
    ///
    /// # Shapes
    /// - `data`: `[B, D]`
    /// - returns: `[B, K]`
    ///
    /// Larochelle and Bengio 2008, <https://doi.org/10.1145/1390156.1390224>
    #[must_use]
    pub fn label_logits(&self, data: Tensor<2>) -> Option<Tensor<2>> {
        if self.num_labels == 0 {
            return None;
        }
        let input = self.hidden_input_of_data(data.clone()); // [B, H]
        let label_weight = self.weight.val().slice(self.d_input()..); // [K, H]
        // Label by label: all at once would hold B · K · H numbers.
        let hidden = label_weight
            .iter_dim(0)
            .map(|row| sum_softplus(input.clone() + row));
        let hidden = Tensor::cat(hidden.collect(), 1); // [B, K]
        Some(hidden + self.label_bias().unsqueeze() - self.data_energy(data))
    }

    /// log p(v) up to a constant, the label summed out where there is one.
    ///
    /// # Shapes
    /// - `data`: `[B, D]`
    /// - returns: `[B]`
    #[must_use]
    pub fn log_likelihood_proxy(&self, data: Tensor<2>) -> Tensor<1> {
        let Some(logits) = self.label_logits(data.clone()) else {
            return -self.free_energy(data);
        };
        let highest = logits.clone().max_dim(1); // [B, 1]
        let sum = (logits - highest.clone()).exp().sum_dim(1);
        (sum.log() + highest).squeeze_dim(1) // [B]
    }

    /// The mean squared difference between visible units and what one step of mean field, up and
    /// down, makes of them.
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`
    /// - returns: `[B]`
    #[must_use]
    pub fn reconstruction_error(&self, visible: Tensor<2>) -> Tensor<1> {
        let hidden = self.hidden_given_visible(visible.clone()); // [B, H]
        let difference = self.visible_given_hidden(hidden) - visible; // [B, V]
        difference.square().mean_dim(1).squeeze_dim(1) // [B]
    }

    /// An estimate of Σᵢ log p(vᵢ | all other units) over the D units of the data, from one unit
    /// drawn for each row; `None` for Gaussian units, whose conditionals have no closed form.
    ///
    /// Unlike the reconstruction error it follows the likelihood, and unlike the free energy it can
    /// be compared between machines. Values between 0 and 1 count as probabilities.
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`, in `[0, 1]`
    /// - returns: `[B]`, at most 0
    ///
    /// Besag 1975, <https://doi.org/10.2307/2987782>
    #[must_use]
    pub fn pseudo_log_likelihood(&self, visible: Tensor<2>) -> Option<Tensor<1>> {
        if self.visible == Visible::Gaussian {
            return None;
        }
        let [batch_size, _] = visible.dims();
        #[allow(clippy::cast_precision_loss)] // A layer has far fewer than 2^52 units.
        let d_input = self.d_input() as f64;
        let uniform = Distribution::Uniform(0.0, d_input);
        let unit = Tensor::<2>::random([batch_size, 1], uniform, &self.device());
        // In f32 the draw may round up to D itself.
        let unit = unit.clamp_max(d_input - 1.0).int(); // [B, 1]

        let value = visible.clone().gather(1, unit.clone()); // [B, 1]
        let log_odds = self.conditional_log_odds(visible, unit); // [B, 1]
        // v log σ(z) + (1 - v) log σ(-z), in one stable expression.
        let log_probability = value * log_odds.clone() - softplus(log_odds, 1.0);
        Some((log_probability * d_input).squeeze_dim(1)) // [B]
    }

    /// log p(vᵢ = 1 | others) - log p(vᵢ = 0 | others) for one binary unit i of each row.
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`
    /// - `unit`: `[B, 1]`, from 0 to V - 1
    /// - returns: `[B, 1]`
    #[must_use]
    pub fn conditional_log_odds(&self, visible: Tensor<2>, unit: Tensor<2, Int>) -> Tensor<2> {
        let value = visible.clone().gather(1, unit.clone()); // [B, 1]
        let unit = unit.squeeze_dim(1); // [B]
        let weight = self.weight.val().select(0, unit.clone()); // [B, H]
        let bias = self.visible_bias.val().select(0, unit).unsqueeze_dim(1); // [B, 1]
        let off = self.hidden_input(visible) - weight.clone() * value; // [B, H]
        let on = off.clone() + weight;
        sum_softplus(on) - sum_softplus(off) + bias
    }

    /// The part of the energy that the data units have by themselves: `[B, D]` to `[B, 1]`.
    fn data_energy(&self, data: Tensor<2>) -> Tensor<2> {
        let bias = self.visible_bias.val().slice(0..self.d_input()).unsqueeze(); // [1, D]
        match self.visible {
            Visible::Bernoulli => -(data * bias).sum_dim(1),
            Visible::Gaussian => (data - bias).square().sum_dim(1) * 0.5,
        }
    }

    /// `[K]`
    fn label_bias(&self) -> Tensor<1> {
        self.visible_bias.val().slice(self.d_input()..)
    }
}

/// Σⱼ log(1 + e^xⱼ), what binary units that receive x add to -F: `[B, H]` to `[B, 1]`.
fn sum_softplus(input: Tensor<2>) -> Tensor<2> {
    softplus(input, 1.0).sum_dim(1)
}
