//! Plain training: weights drawn as usual, Adam on all points at once, squared error.

use burn::module::Module;
use burn::nn::LinearConfig;
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor};
use fornax_layers::{Activation, draw_weights};
use fornax_mlp::Mlp;
use fornax_trainer::architecture::Network;
use fornax_trainer::batch::{Inputs, Targets};
use fornax_trainer::schedule::Schedule;
use fornax_trainer::step::{Learner, Objective};

/// A network from one number to one number, in training.
///
/// Weights and biases are drawn as Burn and PyTorch draw them by default. [`fornax_mlp::MlpConfig`]
/// has zero biases, good for many inputs and bad for one: every ReLU would bend at the same point.
pub(crate) fn random_network(widths: &[usize], seed: u64, device: &Device) -> Mlp {
    let device = device.clone().autodiff();
    device.seed(seed);
    let mut d_input = 1;
    let hidden = widths.iter().map(|&width| {
        let linear = LinearConfig::new(d_input, width).init(&device);
        d_input = width;
        linear
    });
    let hidden = hidden.collect();
    let head = LinearConfig::new(d_input, 1).init(&device);
    draw_weights(Mlp::from_hidden(hidden, Activation::Relu, head))
}

/// Trains with Adam, the rate rising to `learning_rate` and falling to nothing.
///
/// # Shapes
/// - `x`, `y`: `[B, 1]`
pub(crate) fn train(
    network: Mlp,
    [x, y]: [&Tensor<2>; 2],
    num_steps: usize,
    learning_rate: f64,
) -> Mlp {
    let mut learner = Learner {
        network: Network::Mlp(network),
        optimizer: AdamConfig::new().init(),
    };
    let inputs = Inputs::Flat(x.clone());
    for step in 0..num_steps {
        let rate = learning_rate * Schedule::OneCycle.factor(step, num_steps, 0.2);
        let targets = Targets::Values(y.clone());
        let objective = Objective::SquaredError;
        (learner, _) = learner.step(&inputs, targets, &objective, rate, None);
    }
    match learner.network {
        Network::Mlp(network) => network.valid(),
        _ => unreachable!("training keeps the kind of network"),
    }
}
