//! The optimisers to choose from, and the global-norm clipping that Burn leaves to its users.

mod rules;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, RmsPropConfig};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use rules::{Adam, Sgd};

/// Keeps the adaptive steps finite; the value of the papers and of PyTorch, for f32.
const EPSILON: f32 = 1e-8;

/// The rule that turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Gradient descent with momentum.
    Sgd,
    /// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>
    #[default]
    Adam,
    /// Adam with decoupled weight decay; Loshchilov and Hutter 2019,
    /// <https://arxiv.org/abs/1711.05101>
    Adamw,
    /// Tieleman and Hinton 2012, lecture 6.5, with momentum.
    Rmsprop,
}

impl OptimizerKind {
    /// Builds the optimiser.
    ///
    /// `momentum` is used by SGD and RMSprop, and is 0 for none. `weight_decay` is decoupled for
    /// AdamW and added to the gradient for the others.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // hyper-parameters need no more than f32
    pub fn init(self, momentum: f64, weight_decay: f64) -> ModuleOptimizer {
        match self {
            Self::Sgd => Sgd {
                momentum,
                weight_decay,
            }
            .into(),
            Self::Adam | Self::Adamw => Adam {
                weight_decay,
                decoupled: self == Self::Adamw,
                epsilon: f64::from(EPSILON),
            }
            .into(),
            Self::Rmsprop => RmsPropConfig::new()
                .with_epsilon(EPSILON)
                .with_momentum(momentum as f32)
                .with_weight_decay(
                    (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32)),
                )
                .init(),
        }
    }
}

/// Scales all gradients together so that their joint Euclidean norm is at most `max_norm`.
///
/// Returns the gradients and the norm before clipping; a norm that is not finite leaves them as
/// they are. Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>
pub fn clip_global_norm<M: Module>(
    module: &M,
    mut gradients: GradientsParams,
    max_norm: f64,
) -> (GradientsParams, f64) {
    let mut squares = SumOfSquares {
        gradients: &gradients,
        total: None,
    };
    module.visit(&mut squares);
    let norm = squares
        .total
        .map_or(0.0, |total| f64::from(total.sqrt().into_scalar::<f32>()));
    if norm > max_norm && norm.is_finite() {
        let mut scale = Scale {
            gradients: &mut gradients,
            factor: max_norm / norm,
        };
        module.visit(&mut scale);
    }
    (gradients, norm)
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    total: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let squares = gradient.powi_scalar(2).sum();
        self.total = Some(match self.total.take() {
            Some(total) => total + squares,
            None => squares,
        });
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients
                .register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn rmsprop_takes_the_steps_of_pytorch() {
        let device = Device::flex();
        let mut module = LinearConfig::new(1, 1).with_bias(false).init(&device);
        module.weight = module.weight.map(|weight| weight.zeros_like());
        let (mut module, device) = (module.train(), device.autodiff());
        let mut optimizer = OptimizerKind::Rmsprop.init(0.9, 0.0);
        for _ in 0..2 {
            let input = Tensor::<2>::from_floats([[3.0]], &device);
            let gradients = module.forward(input).sum().backward();
            let gradients = GradientsParams::from_grads(gradients, &module);
            module = optimizer.step(0.1, module, gradients);
        }
        // torch 2.15.0: RMSprop(lr=0.1, alpha=0.99, eps=1e-8, momentum=0.9) on a gradient of 3.
        let weight = module.weight.val().into_scalar::<f32>();
        assert!((weight + 2.608_88).abs() < 1e-4, "{weight}");
    }
}
