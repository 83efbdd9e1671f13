//! What one step of each row is: the network, its data, and what the step does with them.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use fornax_cnn::{Cnn, CnnConfig, Padding};
use fornax_dbn::{ContrastiveDivergence, RbmConfig};
use fornax_kernels::{CrossEntropy, cross_entropy};
use fornax_layers::{Activation, ConfigError};
use fornax_mlp::{Mlp, MlpConfig};
use fornax_rnn::{CellKind, RnnConfig};
use fornax_trainer::architecture::{Network, NetworkConfig};
use fornax_trainer::batch::{Inputs, Targets};
use fornax_trainer::optimizer::OptimizerKind;
use fornax_trainer::step::{Learner, Objective, to_vec};

use crate::flops;
use crate::{Row, Sizes};

const LEARNING_RATE: f64 = 1e-3;

/// A row that is ready to run.
pub(crate) struct Work {
    /// Takes one step, and is done with it when it returns.
    pub(crate) step: Box<dyn FnMut()>,
    /// Samples of a step, or tokens.
    pub(crate) units_per_step: usize,
    pub(crate) flops_per_step: f64,
}

impl Work {
    pub(crate) fn of(row: Row, sizes: &Sizes, device: &Device) -> Result<Self, String> {
        refuse_what_has_no_meaning(row, sizes)?;
        let batch_size = sizes.batch.unwrap_or(match row {
            Row::Charlm => 32,
            Row::CnnInference256 => 256,
            Row::CnnInference1 => 1,
            _ => 128,
        });
        let work = match row {
            Row::Mlp => mlp(sizes, batch_size, device),
            Row::Cnn => cnn(sizes, batch_size, device),
            Row::Burncnn => burn_cnn(batch_size, device),
            Row::Lstm => last_step(CellKind::Lstm, sizes, batch_size, device),
            Row::Gru => last_step(CellKind::Gru, sizes, batch_size, device),
            Row::Charlm => char_lm(sizes, batch_size, device),
            Row::Rbm => rbm(sizes, batch_size, device),
            Row::CnnInference256 | Row::CnnInference1 => cnn_inference(sizes, batch_size, device),
        };
        work.map_err(|error| error.to_string())
    }
}

fn refuse_what_has_no_meaning(row: Row, sizes: &Sizes) -> Result<(), String> {
    let recurrent = matches!(row, Row::Lstm | Row::Gru | Row::Charlm);
    let fixed = row == Row::Burncnn;
    for (flag, size, has_meaning) in [
        ("--batch", sizes.batch, true),
        ("--width", sizes.width, !fixed),
        ("--depth", sizes.depth, !fixed && row != Row::Rbm),
        ("--seq-len", sizes.seq_len, recurrent),
    ] {
        if size.is_some() && !has_meaning {
            return Err(format!("`{flag}` has no meaning for this row"));
        }
        if size == Some(0) {
            return Err(format!("`{flag}` is at least 1"));
        }
    }
    Ok(())
}

fn mlp(sizes: &Sizes, batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let mut config = MlpConfig::new(784, 10);
    if sizes.width.is_some() || sizes.depth.is_some() {
        config.widths = vec![sizes.width.unwrap_or(512); sizes.depth.unwrap_or(2)];
    }
    config.validate()?;
    let flops = flops::mlp(&config).training(batch_size);
    let inputs = Inputs::Flat(uniform([batch_size, 784], &device.clone().autodiff()));
    let network = NetworkConfig::Mlp(config).init(device);
    Ok(training(network, inputs, (batch_size, 10), flops, device))
}

fn cnn_config(sizes: &Sizes) -> Result<CnnConfig, ConfigError> {
    let (width, depth) = (sizes.width.unwrap_or(32), sizes.depth.unwrap_or(2));
    let mut widths = vec![width.saturating_mul(2); depth];
    widths[0] = width;
    let mut pools = vec![1; depth];
    pools[depth - 1] = 2;
    let config = CnnConfig::new(1, 28, 28, 10)
        .with_widths(widths)
        .with_pools(pools)
        .with_padding(Padding::Valid)
        .with_norm(false)
        .with_dropout(0.0);
    config.validate()?;
    Ok(config)
}

fn cnn(sizes: &Sizes, batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let config = cnn_config(sizes)?;
    let flops = flops::cnn(&config).training(batch_size);
    let images = uniform([batch_size, 1, 28, 28], &device.clone().autodiff());
    let network = NetworkConfig::Cnn(config).init(device);
    let inputs = Inputs::Image(images);
    Ok(training(network, inputs, (batch_size, 10), flops, device))
}

fn cnn_inference(sizes: &Sizes, batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let config = cnn_config(sizes)?;
    let network = config.init(device);
    let images: Tensor<4> = uniform([batch_size, 1, 28, 28], device);
    Ok(Work {
        step: Box::new(move || {
            let _logits = to_vec(network.forward(images.clone()));
        }),
        units_per_step: batch_size,
        flops_per_step: flops::cnn(&config).inference(batch_size),
    })
}

fn last_step(
    cell: CellKind,
    sizes: &Sizes,
    batch_size: usize,
    device: &Device,
) -> Result<Work, ConfigError> {
    let seq_len = sizes.seq_len.unwrap_or(28);
    let config = RnnConfig::new(28, 10, false)
        .with_cell(cell)
        .with_d_hidden(sizes.width.unwrap_or(128))
        .with_num_layers(sizes.depth.unwrap_or(1));
    config.validate()?;
    let flops = flops::rnn(&config, seq_len).training(batch_size);
    let x = uniform([batch_size, seq_len, 28], &device.clone().autodiff());
    let inputs = Inputs::Steps(x, vec![seq_len; batch_size]);
    let network = NetworkConfig::Rnn(config).init(device);
    Ok(training(network, inputs, (batch_size, 10), flops, device))
}

fn char_lm(sizes: &Sizes, batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let (seq_len, width) = (sizes.seq_len.unwrap_or(64), sizes.width.unwrap_or(256));
    let config = RnnConfig::new(65, 65, true)
        .with_d_embedding(width)
        .with_d_hidden(width)
        .with_num_layers(sizes.depth.unwrap_or(2));
    config.validate()?;
    let flops = flops::rnn(&config, seq_len).training(batch_size);
    let tokens = numbers(batch_size * seq_len, 65, &device.clone().autodiff());
    let inputs = Inputs::Tokens(tokens.reshape([batch_size, seq_len]));
    let network = NetworkConfig::Rnn(config).init(device);
    Ok(training(
        network,
        inputs,
        (batch_size * seq_len, 65),
        flops,
        device,
    ))
}

/// Adam on the cross-entropy of made-up classes, by the trainer's own step; `num_targets` of
/// `num_classes` are the units of a step.
fn training(
    network: Network,
    inputs: Inputs,
    (num_targets, num_classes): (usize, usize),
    flops_per_step: f64,
    device: &Device,
) -> Work {
    let device = device.clone().autodiff();
    let targets = Targets::Classes(numbers(num_targets, num_classes, &device));
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.0,
        class_weights: None,
    };
    let mut learner = Some(Learner {
        network: network.train(),
        optimizer: OptimizerKind::Adam.init(0.0, 0.0),
    });
    Work {
        step: Box::new(move || {
            let before = learner.take().expect("each step leaves a learner");
            let (after, outcome) =
                before.step(&inputs, targets.clone(), &objective, LEARNING_RATE, None);
            // Such a step ends after its forward pass, and would count as a fast one.
            assert!(outcome.loss.is_finite(), "the loss is {}", outcome.loss);
            learner = Some(after);
        }),
        units_per_step: num_targets,
        flops_per_step,
    }
}

/// The network of Burn's MNIST example, without dropout: its blocks have relu, its dense layers
/// gelu.
#[derive(Module, Debug)]
struct BurnCnn {
    /// The blocks and the first dense layer.
    blocks: Cnn,
    /// The other dense layers.
    dense: Mlp,
}

impl BurnCnn {
    /// `[B, 1, 28, 28]` to `[B, 10]`
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.blocks.forward(images); // [B, 128]
        self.dense.forward(Activation::Gelu.forward(x))
    }
}

fn burn_cnn(batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let blocks = CnnConfig::new(1, 28, 28, 128)
        .with_widths(vec![64, 64])
        .with_padding(Padding::Valid)
        .with_dense(vec![])
        .with_dropout(0.0);
    let dense = MlpConfig::new(128, 10)
        .with_widths(vec![128])
        .with_activation(Activation::Gelu);
    blocks.validate()?;
    dense.validate()?;
    let products = flops::cnn(&blocks).followed_by(flops::mlp(&dense));

    let network = BurnCnn {
        blocks: blocks.init(device),
        dense: dense.init(device),
    };
    let mut network = Some(network.train());
    let device = device.clone().autodiff();
    let mut optimizer = OptimizerKind::Adam.init(0.0, 0.0);
    let images: Tensor<4> = uniform([batch_size, 1, 28, 28], &device);
    let targets = numbers(batch_size, 10, &device);
    Ok(Work {
        // The trainer's step takes the networks of the trainer alone; this is what it does.
        step: Box::new(move || {
            let before = network.take().expect("each step leaves a network");
            let logits = before.forward(images.clone());
            let loss = cross_entropy(logits.clone(), targets.clone(), CrossEntropy::default());
            let _loss = loss.clone().into_scalar::<f32>();
            let _logits = to_vec(logits.without_autodiff());
            let gradients = GradientsParams::from_grads(loss.backward(), &before);
            network = Some(optimizer.step(LEARNING_RATE, before, gradients));
        }),
        units_per_step: batch_size,
        flops_per_step: products.training(batch_size),
    })
}

fn rbm(sizes: &Sizes, batch_size: usize, device: &Device) -> Result<Work, ConfigError> {
    let config = RbmConfig::new(784, sizes.width.unwrap_or(500));
    config.validate()?;
    // The peers' momentum too, that of the first epochs of a pre-training.
    let rule = ContrastiveDivergence::new().with_momentum(0.5);
    rule.validate()?;
    let machine = config.init(device);
    let mut learned = Some((rule.init_state(&machine), machine));
    let data: Tensor<2> = uniform([batch_size, 784], device);
    Ok(Work {
        step: Box::new(move || {
            let (state, machine) = learned.take().expect("each step leaves a machine");
            let (machine, state, error) = rule.step(machine, state, data.clone(), None);
            let _error = error.into_scalar::<f32>();
            learned = Some((state, machine));
        }),
        units_per_step: batch_size,
        flops_per_step: flops::rbm(784, config.d_hidden).inference(batch_size),
    })
}

/// Numbers between 0 and 1.
fn uniform<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

/// `[length]`, whole numbers below `end`, each about as often.
fn numbers(length: usize, end: usize, device: &Device) -> Tensor<1, Int> {
    let numbers = (0..length).map(|index| i64::try_from(index % end).expect("`end` is small"));
    let numbers: Vec<i64> = numbers.collect();
    Tensor::from_data(TensorData::new(numbers, [length]), device)
}
