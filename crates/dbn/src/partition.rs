//! The partition function Z of a machine, which turns its free energies into likelihoods: exact for
//! few hidden units, estimated by annealed importance sampling for many.

use std::f64::consts::{LN_2, TAU};

use burn::tensor::activation::softplus;
use burn::tensor::{Tensor, TensorData};

use crate::rbm::Rbm;
use crate::units::Visible;

/// Most hidden units over whose states one can sum: about a million states.
const MOST_SUMMED: usize = 20;
/// States that are summed at a time.
const CHUNK: usize = 1024;
/// Where the steps go: this share of them up to this inverse temperature. The nearer to the machine
/// itself, the smaller they have to be (Salakhutdinov and Murray 2008).
const SCHEDULE: [(f64, f64); 3] = [
    (500.0 / 14_500.0, 0.5),
    (4_500.0 / 14_500.0, 0.9),
    (1.0, 1.0),
];

/// How annealed importance sampling goes from independent units to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annealing {
    /// Chains that go the way independently; at least 2. Their spread gives the interval.
    pub num_chains: usize,
    /// Steps of each chain; at least 1.
    pub num_steps: usize,
}

impl Default for Annealing {
    fn default() -> Self {
        Self {
            num_chains: 100,
            num_steps: 14_500,
        }
    }
}

/// An estimate of log Z, in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogPartition {
    /// The logarithm of the unbiased estimate of Z.
    pub estimate: f64,
    /// Three standard errors of Z below and above it; minus infinity where that is below zero. Chains
    /// that all miss a part of the states make it too small without widening it.
    pub interval: [f64; 2],
}

impl Rbm {
    /// log Z in nats, summed over every state of the hidden units; `None` for more than 20 of them.
    #[must_use]
    pub fn log_partition(&self) -> Option<f64> {
        let num_hidden = self.d_hidden();
        if num_hidden > MOST_SUMMED {
            return None;
        }
        let mut sum = LogSum::default();
        let states: Vec<usize> = (0..1 << num_hidden).collect();
        for states in states.chunks(CHUNK) {
            let bits = states
                .iter()
                .flat_map(|state| {
                    (0..num_hidden).map(move |unit| f32::from(state >> unit & 1 == 1))
                })
                .collect::<Vec<f32>>();
            let hidden = TensorData::new(bits, [states.len(), num_hidden]);
            let hidden = Tensor::<2>::from_data(hidden, &self.device()); // [N, H]
            for weight in to_f64(self.log_weight_of_hidden(hidden)) {
                sum.add(weight);
            }
        }
        Some(sum.value())
    }

    /// log Z in nats, by annealed importance sampling from units that are independent, with the means
    /// of the data, `[D]`, to this machine.
    ///
    /// The mean of [`Rbm::log_likelihood_proxy`] over held-out data minus this is their
    /// log-likelihood.
    ///
    /// Salakhutdinov and Murray 2008, <https://doi.org/10.1145/1390156.1390266>
    ///
    /// # Panics
    /// With fewer than two chains or no step.
    #[must_use]
    pub fn estimate_log_partition(&self, means: Tensor<1>, annealing: Annealing) -> LogPartition {
        assert!(annealing.num_chains > 1 && annealing.num_steps > 0);
        let labels = Tensor::zeros([self.num_labels], &self.device());
        let base = Tensor::cat(vec![self.visible.bias_of_mean(means), labels], 0); // [V]
        let mut machine = self.tempered(0.0, &base);
        let mut visible = machine.sample_start(annealing.num_chains);
        let mut log_weights = vec![0.0; annealing.num_chains];
        for step in 1..=annealing.num_steps {
            let before = machine.free_energy(visible.clone());
            machine = self.tempered(inverse_temperature(step, annealing.num_steps), &base);
            let gain = before - machine.free_energy(visible.clone());
            for (sum, gain) in log_weights.iter_mut().zip(to_f64(gain)) {
                *sum += gain;
            }
            visible = machine.gibbs_vhv(visible);
        }
        interval(&log_weights).shifted(self.log_partition_without_weights(&base))
    }

    /// The machine at an inverse temperature: at 0 its units are independent, with the visible biases
    /// `base`; at 1 it is this one.
    fn tempered(&self, beta: f64, base: &Tensor<1>) -> Self {
        let mut machine = self.clone();
        machine.weight = machine.weight.map(|weight| weight * beta);
        machine.hidden_bias = machine.hidden_bias.map(|bias| bias * beta);
        machine.visible_bias = machine
            .visible_bias
            .map(|bias| bias * beta + base.clone() * (1.0 - beta));
        machine
    }

    /// log Σᵥ e^(-E(v, h)): `[N, H]` to `[N]`.
    fn log_weight_of_hidden(&self, hidden: Tensor<2>) -> Tensor<1> {
        let bias = self.hidden_bias.val().unsqueeze::<2>(); // [1, H]
        let own = (hidden.clone() * bias).sum_dim(1); // [N, 1]
        let input = hidden.matmul(self.weight.val().transpose()); // [N, V]
        let bias = self.visible_bias.val().unsqueeze::<2>(); // [1, V]
        let (input, labels) = self.split(input);
        let (bias, label_bias) = self.split(bias);
        let data = match self.visible {
            Visible::Bernoulli => softplus(input + bias, 1.0).sum_dim(1),
            // The square around the bias, completed.
            Visible::Gaussian => {
                (input.clone().square() * 0.5 + input * bias).sum_dim(1) + self.log_gaussians()
            }
        };
        let labels = labels.zip(label_bias).map(|(input, bias)| {
            let logits = input + bias; // [N, K]
            let highest = logits.clone().max_dim(1);
            (logits - highest.clone()).exp().sum_dim(1).log() + highest
        });
        let sum = own + data;
        labels
            .map_or(sum.clone(), |labels| sum + labels)
            .squeeze_dim(1)
    }

    /// log Z of independent units with the visible biases `base`, `[V]`.
    fn log_partition_without_weights(&self, base: &Tensor<1>) -> f64 {
        let machine = self.tempered(0.0, base);
        let off = Tensor::zeros([1, self.d_hidden()], &self.device());
        #[allow(clippy::cast_precision_loss)] // a layer has far fewer than 2^52 units
        let hidden = self.d_hidden() as f64 * LN_2;
        to_f64(machine.log_weight_of_hidden(off))[0] + hidden
    }

    /// log of the integral of D bell curves of variance one.
    #[allow(clippy::cast_precision_loss)] // as above
    fn log_gaussians(&self) -> f64 {
        self.d_input() as f64 * TAU.ln() / 2.0
    }
}

/// The inverse temperature after so many of all steps.
#[allow(clippy::cast_precision_loss)] // steps
fn inverse_temperature(step: usize, num_steps: usize) -> f64 {
    let share = step as f64 / num_steps as f64;
    let (mut from, mut low) = (0.0, 0.0);
    for (to, high) in SCHEDULE {
        if share <= to {
            return low + (high - low) * (share - from) / (to - from);
        }
        (from, low) = (to, high);
    }
    1.0
}

/// The logarithm of the mean of weights, from their logarithms.
#[allow(clippy::cast_precision_loss)] // chains
fn interval(log_weights: &[f64]) -> LogPartition {
    let highest = log_weights
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let count = log_weights.len() as f64;
    let weights = log_weights.iter().map(|weight| (weight - highest).exp());
    let mean = weights.clone().sum::<f64>() / count;
    let variance = weights.map(|weight| (weight - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = 3.0 * (variance / count).sqrt();
    LogPartition {
        estimate: highest + mean.ln(),
        interval: [
            highest + (mean - error).max(0.0).ln(),
            highest + (mean + error).ln(),
        ],
    }
}

impl LogPartition {
    fn shifted(self, by: f64) -> Self {
        Self {
            estimate: self.estimate + by,
            interval: self.interval.map(|end| end + by),
        }
    }
}

/// The logarithm of a sum of exponentials, one after the other.
struct LogSum {
    highest: f64,
    rest: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self {
            highest: f64::NEG_INFINITY,
            rest: 0.0,
        }
    }
}

impl LogSum {
    fn add(&mut self, term: f64) {
        if term > self.highest {
            self.rest *= (self.highest - term).exp();
            self.highest = term;
        }
        self.rest += (term - self.highest).exp();
    }

    fn value(&self) -> f64 {
        self.highest + self.rest.ln()
    }
}

fn to_f64(values: Tensor<1>) -> Vec<f64> {
    values.into_data().iter::<f64>().collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::RbmConfig;

    fn machine(config: &RbmConfig, spread: f64) -> Rbm {
        let device = Device::flex();
        device.seed(3);
        let mut rbm = config.init(&device);
        rbm.weight = rbm
            .weight
            .map(|weight| weight.random_like(Distribution::Normal(0.0, spread)));
        rbm.hidden_bias = rbm
            .hidden_bias
            .map(|bias| bias.random_like(Distribution::Normal(0.0, 1.0)));
        rbm.visible_bias = rbm
            .visible_bias
            .map(|bias| bias.random_like(Distribution::Normal(0.0, 1.0)));
        rbm
    }

    /// log Z over every state of the visible units, with the other half summed by the free energy.
    fn over_visible(rbm: &Rbm, states: &[Vec<f32>]) -> f64 {
        let mut sum = LogSum::default();
        for state in states {
            let data = TensorData::new(state.clone(), [1, state.len()]);
            sum.add(-to_f64(rbm.free_energy(Tensor::from_data(data, &rbm.device())))[0]);
        }
        sum.value()
    }

    fn binary(num_units: usize) -> Vec<Vec<f32>> {
        let state = |state: usize| {
            let bit = |unit| f32::from(state >> unit & 1 == 1);
            (0..num_units).map(bit).collect()
        };
        (0..1 << num_units).map(state).collect()
    }

    #[test]
    fn the_sum_over_hidden_states_is_that_over_visible_ones() {
        let rbm = machine(&RbmConfig::new(7, 5), 1.0);
        let expected = over_visible(&rbm, &binary(7));
        let exact = rbm.log_partition().expect("five units");
        assert!((exact - expected).abs() < 1e-4, "{exact} is not {expected}");

        let rbm = machine(&RbmConfig::new(5, 4).with_num_labels(3), 1.0);
        let labelled = |state: Vec<f32>| {
            (0_usize..3).map(move |label| {
                let one_hot = (0_usize..3).map(|class| f32::from(class == label));
                state.iter().copied().chain(one_hot).collect()
            })
        };
        let states: Vec<Vec<f32>> = binary(5).into_iter().flat_map(labelled).collect();
        let expected = over_visible(&rbm, &states);
        let exact = rbm.log_partition().expect("four units");
        assert!((exact - expected).abs() < 1e-4, "{exact} is not {expected}");
    }

    #[test]
    fn a_gaussian_unit_is_integrated() {
        let rbm = machine(&RbmConfig::new(1, 3).with_visible(Visible::Gaussian), 1.0);
        let width = 1e-2;
        let points: Vec<Vec<f32>> = (-2000_i16..2000)
            .map(|x| vec![f32::from(x) * 1e-2])
            .collect();
        let expected = over_visible(&rbm, &points) + f64::ln(width);
        let exact = rbm.log_partition().expect("three units");
        assert!((exact - expected).abs() < 1e-3, "{exact} is not {expected}");
    }

    #[test]
    fn the_estimate_agrees_with_the_sum() {
        let annealing = Annealing {
            num_chains: 200,
            num_steps: 400,
        };
        for config in [
            RbmConfig::new(12, 6),
            RbmConfig::new(6, 5).with_num_labels(4),
            RbmConfig::new(4, 3).with_visible(Visible::Gaussian),
        ] {
            let rbm = machine(&config, 0.8);
            let means = Tensor::full([config.d_input], 0.4, &rbm.device());
            let found = rbm.estimate_log_partition(means, annealing);
            let exact = rbm.log_partition().expect("few units");
            let [low, high] = found.interval;
            assert!(low <= exact && exact <= high, "{exact} is not in {found:?}");
            assert!((found.estimate - exact).abs() < 0.2, "{exact}: {found:?}");
        }
    }

    #[test]
    fn many_units_are_not_summed_and_the_schedule_ends_at_the_machine() {
        assert_eq!(machine(&RbmConfig::new(2, 21), 0.1).log_partition(), None);
        assert!((inverse_temperature(14_500, 14_500) - 1.0).abs() < 1e-12);
        assert!((inverse_temperature(500, 14_500) - 0.5).abs() < 1e-9);
        assert!((inverse_temperature(1, 1) - 1.0).abs() < 1e-12);
    }
}
