//! The training step: forward, loss, backward, clip, update. There is no other.

use std::sync::Arc;

use burn::nn::loss::{MseLoss, Reduction};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Gradients, Tensor};
use fornax_kernels::{CrossEntropy, cross_entropy};

use crate::architecture::Network;
use crate::batch::{Inputs, Targets};
use crate::optimizer::clip_global_norm;
use crate::step_clock::Part;

/// Watches a step from the inside; whatever it does, the step stays the same.
pub(crate) trait Watch {
    /// A part of the step is over.
    fn done(&mut self, _part: Part) {}

    /// Computes the outputs, and may look at what each layer hands on.
    fn forward(&mut self, network: &Network, inputs: &Inputs) -> Tensor<2> {
        network.forward(inputs)
    }

    /// All gradients are there, those of the inputs too.
    fn backward(&mut self, _gradients: &Gradients) {}

    /// The gradients of the parameters, before clipping.
    fn gradients(&mut self, _network: &Network, _gradients: &GradientsParams) {}

    /// The optimiser has moved the weights.
    fn updated(&mut self, _network: &Network) {}
}

/// Looks away.
impl Watch for () {}

/// What the network is trained to make small.
#[derive(Debug, Clone, PartialEq)]
pub enum Objective {
    /// Cross-entropy of the right class; also of the right next character.
    CrossEntropy {
        /// Share of the target spread over all classes, in `[0, 1)`.
        label_smoothing: f32,
        /// How much each class counts; absent for all alike.
        class_weights: Option<Arc<[f32]>>,
    },
    /// Mean squared error, in the scaled units of the targets.
    SquaredError,
}

impl Objective {
    /// The loss of a batch, averaged over its samples: `[1]`.
    ///
    /// # Panics
    /// When the targets are of the other kind, which the task of the data rules out.
    #[must_use]
    pub fn loss(&self, outputs: Tensor<2>, targets: Targets) -> Tensor<1> {
        match (self, targets) {
            (Self::CrossEntropy { .. }, Targets::Blended { classes, share }) => {
                let [own, other] =
                    classes.map(|classes| self.loss(outputs.clone(), Targets::Classes(classes)));
                own * share + other * (1.0 - share)
            }
            (
                Self::CrossEntropy {
                    label_smoothing,
                    class_weights,
                },
                Targets::Classes(targets),
            ) => {
                let options = CrossEntropy {
                    smoothing: *label_smoothing,
                    class_weights: class_weights.clone(),
                };
                cross_entropy(outputs, targets, options)
            }
            (Self::SquaredError, Targets::Values(targets)) => {
                MseLoss::new().forward(outputs, targets, Reduction::Mean)
            }
            _ => panic!("the objective and the targets both come from the data's task"),
        }
    }
}

/// A network on an autodiff device, with the optimiser that moves it.
#[derive(Clone)]
pub struct Learner {
    /// The network in training.
    pub network: Network,
    /// The state of the optimiser.
    pub optimizer: ModuleOptimizer,
}

/// What one step saw, before it moved the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome {
    /// Loss of the batch.
    pub loss: f64,
    /// The network's outputs, row by row.
    pub outputs: Vec<f32>,
}

impl Learner {
    /// Takes one step on one batch.
    ///
    /// A loss that is not finite leaves the weights as they are: the caller sees it and stops.
    #[must_use]
    pub fn step(
        self,
        inputs: &Inputs,
        targets: Targets,
        objective: &Objective,
        learning_rate: f64,
        clip_norm: Option<f64>,
    ) -> (Self, StepOutcome) {
        self.step_watched(
            inputs,
            targets,
            objective,
            learning_rate,
            clip_norm,
            &mut (),
        )
    }

    /// [`Learner::step`] under the eyes of `watch`.
    pub(crate) fn step_watched(
        self,
        inputs: &Inputs,
        targets: Targets,
        objective: &Objective,
        learning_rate: f64,
        clip_norm: Option<f64>,
        watch: &mut impl Watch,
    ) -> (Self, StepOutcome) {
        let Self {
            network,
            mut optimizer,
        } = self;
        let outputs = watch.forward(&network, inputs); // [B, K]
        let loss = objective.loss(outputs.clone(), targets); // [1]
        let outcome = StepOutcome {
            loss: f64::from(loss.clone().into_scalar::<f32>()),
            outputs: to_vec(outputs.without_autodiff()),
        };
        watch.done(Part::Forward);
        if !outcome.loss.is_finite() {
            return (Self { network, optimizer }, outcome);
        }
        let gradients = loss.backward();
        watch.done(Part::Backward);
        watch.backward(&gradients);
        let mut gradients = GradientsParams::from_grads(gradients, &network);
        watch.gradients(&network, &gradients);
        if let Some(max_norm) = clip_norm {
            gradients = clip_global_norm(&network, gradients, max_norm).0;
        }
        let network = optimizer.step(learning_rate, network, gradients);
        watch.done(Part::Optimizer);
        watch.updated(&network);
        (Self { network, optimizer }, outcome)
    }
}

/// Reads a tensor's values in row-major order.
///
/// # Panics
/// When the device fails while reading, which leaves nothing to go on with.
#[must_use]
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
