//! What is seen of one training step from the inside.

use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::activations::{ActivityTap, Ending, LayerActivity};
use super::layers::{self, Parameter};
use super::sums::{Sums, dot, squared_distance};
use crate::architecture::Network;
use crate::batch::Inputs;
use crate::step::Watch;
use crate::step_clock::{Part, StepClock};

/// How much of a step is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Nothing,
    /// For comparison with those of the next step.
    Gradients,
    Everything,
}

/// What a step has shown.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) activities: Vec<LayerActivity>,
    pub(super) gradients: Gradients,
    pub(super) gradient_by_time: Vec<f64>,
    changes: Vec<(String, Change)>,
    /// Until the optimiser has moved the weights.
    before: Vec<Parameter<TensorData>>,
    held: Vec<Parameter<Tensor<1>>>,
}

impl Seen {
    pub(super) fn change_of(&self, layer: &str) -> Change {
        let of_layer = self.changes.iter().filter(|(name, _)| name == layer);
        of_layer.fold(Change::default(), |sum, (_, change)| sum.add(*change))
    }
}

/// The gradients of all parameters at one step.
#[derive(Default)]
pub(super) struct Gradients {
    each: Vec<Parameter<TensorData>>,
    sums: Vec<Sums>,
}

impl Gradients {
    fn read(held: Vec<Parameter<Tensor<1>>>) -> Self {
        let each: Vec<_> = held.into_iter().map(Parameter::read).collect();
        let sums = each.iter().map(|gradient| Sums::of(&gradient.floats()));
        Self {
            sums: sums.collect(),
            each,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// The joint Euclidean norm.
    pub(super) fn norm(&self) -> f64 {
        total(self.sums.iter().copied()).norm()
    }

    /// Those of the weights of one layer.
    pub(super) fn of_layer(&self, layer: &str) -> Sums {
        let each = self.each.iter().zip(&self.sums);
        total(each.filter_map(|(gradient, sums)| {
            (gradient.is_weight && gradient.layer == layer).then_some(*sums)
        }))
    }

    /// Squared distance from those of another step, and inner product with them.
    pub(super) fn compare(&self, other: &Self) -> (f64, f64) {
        // From the norms: one pass over both instead of two.
        let pairs = self.each.iter().zip(&other.each);
        let product = pairs
            .map(|(a, b)| dot(&a.floats(), &b.floats()))
            .sum::<f64>();
        let distance = self.norm().powi(2) + other.norm().powi(2) - 2.0 * product;
        (distance.max(0.0), product)
    }
}

fn total(sums: impl Iterator<Item = Sums>) -> Sums {
    sums.fold(Sums::default(), |mut total, sums| {
        total.add(sums);
        total
    })
}

/// The weights of a layer and how far a step moved them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    /// Before the step.
    pub(super) weights: Sums,
    squared_step: f64,
}

impl Change {
    fn add(mut self, other: Self) -> Self {
        self.weights.add(other.weights);
        self.squared_step += other.squared_step;
        self
    }

    /// Norm of the step over the norm of the weights.
    pub(super) fn ratio(self) -> f64 {
        self.squared_step.sqrt() / self.weights.norm().max(f64::MIN_POSITIVE)
    }

    /// Whether the weights were finite before the step and are after it.
    pub(super) fn is_finite(self) -> bool {
        self.weights.is_finite() && self.squared_step.is_finite()
    }
}

/// Watches one step, and tells the clock what the watching takes.
pub(crate) struct StepWatch<'a> {
    look: Look,
    hidden: Ending,
    clock: &'a mut StepClock,
    seen: &'a mut Seen,
    /// The inputs of a recurrent network, whose gradient is looked at.
    steps: Option<(Tensor<3>, Vec<usize>)>,
}

impl<'a> StepWatch<'a> {
    pub(super) fn new(
        look: Look,
        hidden: Ending,
        clock: &'a mut StepClock,
        seen: &'a mut Seen,
    ) -> Self {
        Self {
            look,
            hidden,
            clock,
            seen,
            steps: None,
        }
    }
}

impl Watch for StepWatch<'_> {
    fn done(&mut self, part: Part) {
        self.clock.lap(part);
    }

    fn forward(&mut self, network: &Network, inputs: &Inputs) -> Tensor<2> {
        if self.look != Look::Everything {
            return network.forward(inputs);
        }
        let mut tap = ActivityTap {
            hidden: self.hidden,
            clock: Some(&mut *self.clock),
            layers: Vec::new(),
        };
        let outputs = match inputs {
            Inputs::Steps(x, lengths) => {
                let x = x.clone().require_grad();
                self.steps = Some((x.clone(), lengths.clone()));
                network.forward_tap(&Inputs::Steps(x, lengths.clone()), &mut tap)
            }
            _ => network.forward_tap(inputs, &mut tap),
        };
        self.seen.activities = tap.layers;
        outputs
    }

    fn backward(&mut self, gradients: &burn::tensor::Gradients) {
        if let Some((x, lengths)) = &self.steps
            && let Some(gradient) = x.grad(gradients)
        {
            self.seen.gradient_by_time = norm_by_time(gradient, lengths);
        }
        self.clock.lap(Part::Doctor);
    }

    fn gradients(&mut self, network: &Network, gradients: &GradientsParams) {
        if self.look == Look::Nothing {
            return;
        }
        self.seen.held = layers::gradients(network, gradients);
        if self.look == Look::Everything {
            let weights = layers::weights(network).into_iter();
            self.seen.before = weights.map(Parameter::read).collect();
        }
        self.clock.lap(Part::Doctor);
    }

    fn updated(&mut self, network: &Network) {
        if self.look == Look::Nothing {
            return;
        }
        // Now that the optimiser is done with them, reading them takes no copy.
        self.seen.gradients = Gradients::read(std::mem::take(&mut self.seen.held));
        if self.look == Look::Everything {
            let before = std::mem::take(&mut self.seen.before);
            let pairs = before.into_iter().zip(layers::weights(network));
            let changes = pairs.map(|(before, after)| {
                let (old, new) = (before.floats(), after.read());
                let change = Change {
                    weights: Sums::of(&old),
                    squared_step: squared_distance(&old, &new.floats()),
                };
                (before.layer.clone(), change)
            });
            self.seen.changes = changes.collect();
        }
        self.clock.lap(Part::Doctor);
    }
}

/// Norm of the gradient `[B, T, D]` at each step, averaged over the sequences that have the step.
#[allow(clippy::cast_precision_loss)] // counts
fn norm_by_time(gradient: Tensor<3>, lengths: &[usize]) -> Vec<f64> {
    let [_, num_steps, width] = gradient.dims();
    let data = gradient.into_data();
    let values = layers::floats(&data);
    let mut sums = vec![(0.0, 0_usize); num_steps];
    let samples = values.chunks_exact((num_steps * width).max(1));
    for (sample, &length) in samples.zip(lengths) {
        let steps = sample.chunks_exact(width.max(1)).take(length);
        for ((sum, count), step) in sums.iter_mut().zip(steps) {
            *sum += Sums::of(step).norm();
            *count += 1;
        }
    }
    let reached = sums.into_iter().take_while(|(_, count)| *count > 0);
    reached.map(|(sum, count)| sum / count as f64).collect()
}
