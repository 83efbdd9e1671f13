//! The signals that the doctor reads: what goes on inside a network while it is trained.
//!
//! Looking changes nothing: the weights are to the bit those of a training that nobody looked at.

mod activations;
mod layers;
mod machine;
mod not_finite;
mod sums;
#[cfg(test)]
mod tests;
mod watch;

use clap::ValueEnum;
use fornax_data::Split;
use fornax_runs::{EventKind, LayerSignals, NotFinite, Quantity, Signals};
use serde::{Deserialize, Serialize};

use crate::architecture::{Network, NetworkConfig};
use crate::batch::Inputs;
use crate::step_clock::StepClock;
use activations::Ending;
pub(crate) use machine::MachineWatch;
pub(crate) use watch::StepWatch;
use watch::{Gradients, Look, Seen};

/// How closely a training is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DoctorLevel {
    /// Not at all
    Off,
    /// A few times an epoch, for less than 3 % of the time of the steps
    #[default]
    Light,
    /// Often, and with what takes passes of its own
    Full,
}

/// After so many steps of a training the first windows end, so that a short one has signals too.
const FIRST_WINDOWS: [usize; 4] = [1, 2, 5, 10];

/// How much of the gradient noise of the windows before stays: one pair of gradients says little.
const NOISE_DECAY: f64 = 0.8;

/// A batch whose gradient is all noise has this noise, in place of infinity.
const MOST_NOISE: f64 = 1e6;

/// Where the windows of a training end: a function of the step's number alone, so that a training
/// that goes on from a checkpoint looks at the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    /// Steps from one end to the next; none when nobody looks.
    stride: Option<usize>,
}

impl Plan {
    fn new(level: DoctorLevel, steps_per_epoch: usize, num_steps: usize) -> Self {
        let stride = match level {
            DoctorLevel::Off => None,
            // A window costs about half a step, where the batch is small beside the network.
            DoctorLevel::Light => Some((steps_per_epoch / 5).max(num_steps / 200).max(20)),
            DoctorLevel::Full => Some((steps_per_epoch / 20).max(num_steps / 1000).max(1)),
        };
        Self { stride }
    }

    /// Whether a window ends with step `step`, counted from 0.
    fn ends_at(self, step: usize) -> bool {
        let done = step + 1;
        self.stride
            .is_some_and(|stride| done.is_multiple_of(stride) || FIRST_WINDOWS.contains(&done))
    }
}

/// Collects the signals of one training.
pub(crate) struct Collector {
    level: DoctorLevel,
    plan: Plan,
    hidden: Ending,
    window: Window,
    /// What the step under way has shown.
    seen: Seen,
    /// The gradients of an earlier step, and its number.
    last_gradients: Option<(usize, Gradients)>,
    noise: Noise,
    /// Whether something that is not finite was found already.
    found: bool,
}

/// The losses of the steps since the last window ended.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    num_steps: usize,
    sum: f64,
    highest: Option<(f64, usize)>,
}

impl Window {
    fn add(&mut self, loss: f64, step: usize) {
        self.num_steps += 1;
        self.sum += loss;
        if self.highest.is_none_or(|(highest, _)| loss > highest) {
            self.highest = Some((loss, step));
        }
    }
}

/// Variance and squared mean of the gradient, from pairs of batches one step apart.
///
/// McCandlish et al. 2018, <https://arxiv.org/abs/1812.06162>
#[derive(Debug, Clone, Copy, Default)]
struct Noise {
    variance: f64,
    signal: f64,
}

impl Noise {
    /// Adds a pair and returns the ratio over all so far, the newest counting most.
    fn add(&mut self, first: &Gradients, second: &Gradients) -> f64 {
        let (squared_distance, dot) = first.compare(second);
        self.variance = NOISE_DECAY * self.variance + squared_distance / 2.0;
        self.signal = NOISE_DECAY * self.signal + dot;
        if self.signal <= self.variance / MOST_NOISE {
            return MOST_NOISE;
        }
        self.variance / self.signal
    }
}

impl Collector {
    /// For a training of `num_steps` steps.
    pub(crate) fn new(
        level: DoctorLevel,
        config: &NetworkConfig,
        steps_per_epoch: usize,
        num_steps: usize,
    ) -> Self {
        Self {
            level,
            plan: Plan::new(level, steps_per_epoch, num_steps),
            hidden: Ending::of_hidden(config),
            window: Window::default(),
            seen: Seen::default(),
            last_gradients: None,
            noise: Noise::default(),
            found: false,
        }
    }

    /// Watches step number `step`, counted from 0.
    pub(crate) fn watch<'a>(&'a mut self, step: usize, clock: &'a mut StepClock) -> StepWatch<'a> {
        let look = if self.plan.ends_at(step) {
            Look::Everything
        } else if self.plan.ends_at(step + 1) {
            Look::Gradients
        } else {
            Look::Nothing
        };
        self.seen = Seen::default();
        StepWatch::new(look, self.hidden, clock, &mut self.seen)
    }

    /// What there is to report after step number `step`, counted from 0, whose loss was finite.
    pub(crate) fn close_step(&mut self, step: usize, epoch: usize, loss: f64) -> Vec<EventKind> {
        self.window.add(loss, step);
        let seen = std::mem::take(&mut self.seen);
        let mut events = Vec::new();
        if self.plan.ends_at(step) {
            let not_finite = not_finite_layer(&seen);
            let noise = self.noise_at(step, &seen.gradients);
            events.push(EventKind::Signals(self.signals(&seen, epoch, noise)));
            if let Some(not_finite) = not_finite.filter(|_| !self.found) {
                self.found = true;
                events.push(EventKind::NotFinite(not_finite));
            }
            self.window = Window::default();
        }
        if !seen.gradients.is_empty() {
            self.last_gradients = Some((step, seen.gradients));
        }
        events
    }

    /// Where the numbers of a batch whose loss is not finite first went wrong.
    pub(crate) fn not_finite(
        &mut self,
        network: &Network,
        inputs: &Inputs,
        split: &Split,
        indices: &[usize],
    ) -> Option<EventKind> {
        if self.level == DoctorLevel::Off || self.found {
            return None;
        }
        self.found = true;
        let found = not_finite::find(network, inputs, split, indices);
        Some(EventKind::NotFinite(found))
    }

    fn noise_at(&mut self, step: usize, gradients: &Gradients) -> Option<f64> {
        let (last_step, last) = self.last_gradients.as_ref()?;
        if last_step + 1 != step {
            return None;
        }
        Some(self.noise.add(last, gradients))
    }

    fn signals(&self, seen: &Seen, epoch: usize, gradient_noise: Option<f64>) -> Signals {
        let window = self.window;
        let (highest_loss, highest_loss_step) = window.highest.unwrap_or((f64::NAN, 0));
        #[allow(clippy::cast_precision_loss)] // a count of steps
        let loss = window.sum / window.num_steps as f64;
        let layers = seen.activities.iter().map(|activity| {
            let change = seen.change_of(&activity.name);
            let gradient = seen.gradients.of_layer(&activity.name);
            LayerSignals {
                name: activity.name.clone(),
                weight_norm: change.weights.norm(),
                weight_deviation: change.weights.deviation(),
                gradient_norm: gradient.norm(),
                gradient_mean: gradient.mean_magnitude(),
                update_ratio: change.ratio(),
                activation_mean: activity.sums.mean(),
                activation_deviation: activity.sums.deviation(),
                dead: activity.dead,
                saturated: activity.saturated,
            }
        });
        Signals {
            epoch,
            num_steps: window.num_steps,
            loss,
            highest_loss,
            highest_loss_step,
            gradient_norm: seen.gradients.norm(),
            gradient_noise,
            layers: layers.collect(),
            gradient_by_time: seen.gradient_by_time.clone(),
        }
    }
}

/// The first layer whose gradient, or whose weights after the step, are not finite.
fn not_finite_layer(seen: &Seen) -> Option<NotFinite> {
    let first = |what, is_finite: &dyn Fn(&str) -> bool| {
        let mut names = seen.activities.iter().map(|activity| &activity.name);
        let layer = names.find(|name| !is_finite(name))?.clone();
        let items = Vec::new();
        Some(NotFinite { what, layer, items })
    };
    first(Quantity::Gradient, &|name| {
        seen.gradients.of_layer(name).is_finite()
    })
    .or_else(|| first(Quantity::Weight, &|name| seen.change_of(name).is_finite()))
}
