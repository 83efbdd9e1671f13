//! Adam and gradient descent for Burn's optimiser of modules, each step one pass over memory.

use burn::optim::{
    AdaptiveMomentumState, LearningRate, Optimizer, RecordState, StateSink, StateSource,
};
use burn::tensor::{Device, Tensor};
use fornax_kernels::{AdamStep, SgdStep, adam, sgd};

/// Adam, or AdamW where the decay is decoupled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    pub(super) weight_decay: f64,
    /// Whether the decay leaves the moments alone.
    pub(super) decoupled: bool,
    pub(super) epsilon: f64,
}

/// How much of the moments stays at each step; the values of the paper and of PyTorch.
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;

impl Optimizer for Adam {
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdaptiveMomentumState<D>>,
    ) -> (Tensor<D>, Option<AdaptiveMomentumState<D>>) {
        let state = state.unwrap_or_else(|| {
            AdaptiveMomentumState::new(0, parameter.zeros_like(), parameter.zeros_like())
        });
        let time = state.time + 1;
        let step = AdamStep {
            learning_rate,
            beta_1: BETA_1,
            beta_2: BETA_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decoupled: self.decoupled,
            time,
        };
        let moments = [state.moment_1, state.moment_2];
        let (parameter, [first, second]) = adam(step, parameter, gradient, moments);
        let state = AdaptiveMomentumState::new(time, first, second);
        (parameter, Some(state))
    }

    fn to_device<const D: usize>(
        state: AdaptiveMomentumState<D>,
        device: &Device,
    ) -> AdaptiveMomentumState<D> {
        state.to_device(device)
    }
}

/// Gradient descent with momentum; the decay is added to the gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    pub(super) momentum: f64,
    pub(super) weight_decay: f64,
}

/// The last change of one parameter, before the learning rate.
#[derive(Debug, Clone)]
pub(super) struct Velocity<const D: usize>(Tensor<D>);

const VELOCITY: &str = "velocity";

// By hand: Burn's derive only works inside of Burn.
impl<const D: usize> RecordState for Velocity<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, VELOCITY, self.0.to_data());
    }

    fn state_unflatten(prefix: &str, from: &mut StateSource, device: &Device) -> Option<Self> {
        let velocity = from.take_tensor(prefix, VELOCITY)?;
        Some(Self(Tensor::from_data(velocity, device)))
    }
}

impl Optimizer for Sgd {
    type State<const D: usize> = Velocity<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Velocity<D>>,
    ) -> (Tensor<D>, Option<Velocity<D>>) {
        let velocity = state.map_or_else(|| parameter.zeros_like(), |Velocity(velocity)| velocity);
        let step = SgdStep {
            learning_rate,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        };
        let (parameter, velocity) = sgd(step, parameter, gradient, velocity);
        (parameter, Some(Velocity(velocity)))
    }

    fn to_device<const D: usize>(Velocity(velocity): Velocity<D>, device: &Device) -> Velocity<D> {
        Velocity(velocity.to_device(device))
    }
}
