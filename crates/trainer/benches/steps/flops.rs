//! How much a step has to multiply, from the configuration of its network.
//!
//! Only products of matrices count, an addition to each multiplication; all else is what a better
//! program has less of.

use fornax_cnn::CnnConfig;
use fornax_mlp::MlpConfig;
use fornax_rnn::{CellKind, RnnConfig};

/// Multiplications of one sample's way forward, layer by layer.
pub(crate) struct Products(pub(crate) Vec<usize>);

impl Products {
    /// Operations of a training step: backward costs twice what forward costs, but nobody asks for
    /// the gradient of the data.
    pub(crate) fn training(&self, batch_size: usize) -> f64 {
        let first = self.0.first().copied().unwrap_or(0);
        operations(batch_size * (3 * self.0.iter().sum::<usize>() - first))
    }

    /// Operations of the way forward.
    pub(crate) fn inference(&self, batch_size: usize) -> f64 {
        operations(batch_size * self.0.iter().sum::<usize>())
    }

    /// Those of the layers that come after these.
    pub(crate) fn followed_by(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn operations(multiplications: usize) -> f64 {
    2.0 * multiplications as f64
}

pub(crate) fn mlp(config: &MlpConfig) -> Products {
    dense(config.d_input, &config.widths, config.d_output)
}

/// Of square images, kernels 3 x 3 that stay inside, and a flat head.
pub(crate) fn cnn(config: &CnnConfig) -> Products {
    let (mut side, mut channels) = (config.height, config.channels);
    let mut products = Vec::new();
    for (index, &width) in config.widths.iter().enumerate() {
        side -= 2;
        products.push(side * side * width * channels * 9);
        side /= config.pools.get(index).unwrap_or(&config.pools[0]);
        channels = width;
    }
    let d_input = channels * side * side;
    Products(products).followed_by(dense(d_input, &config.dense, config.d_output))
}

/// Over sequences of `seq_len` steps.
pub(crate) fn rnn(config: &RnnConfig, seq_len: usize) -> Products {
    let num_gates = match config.cell {
        CellKind::Elman => 1,
        CellKind::Gru => 3,
        CellKind::Lstm => 4,
    };
    let mut products = Vec::new();
    let mut d_input = config.d_input;
    if config.tokens {
        products.push(0); // The lookup multiplies nothing, and takes a gradient.
        d_input = config.d_embedding;
    }
    for _ in 0..config.num_layers {
        let columns = num_gates * config.d_hidden;
        products.push(seq_len * d_input * columns);
        products.push(seq_len * config.d_hidden * columns);
        d_input = config.d_hidden;
    }
    let read_outs = if config.tokens { seq_len } else { 1 };
    products.push(read_outs * config.d_hidden * config.d_output);
    Products(products)
}

/// Contrastive divergence: up, down, up, and two products of visible and hidden units.
pub(crate) fn rbm(d_input: usize, d_hidden: usize) -> Products {
    Products(vec![d_input * d_hidden; 5])
}

fn dense(d_input: usize, widths: &[usize], d_output: usize) -> Products {
    let inputs = std::iter::once(&d_input).chain(widths);
    let outputs = widths.iter().chain([&d_output]);
    Products(inputs.zip(outputs).map(|(a, b)| a * b).collect())
}
