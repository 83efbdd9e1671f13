//! What every architecture promises, for each recurrent cell; and what padding, carried state and
//! generation promise beyond it.

mod promises;
mod reference;
mod sequences;

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, Tolerance};
use fornax_rnn::{CellKind, Rnn, RnnConfig};

const CELLS: [CellKind; 3] = [CellKind::Elman, CellKind::Lstm, CellKind::Gru];

/// A freshly seeded device, and the sole use of it: all threads draw from one random state.
fn seeded() -> (Device, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    device.seed(7);
    (device, alone)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    CrossEntropyLossConfig::new()
        .init(&logits.device())
        .forward(logits, targets)
}

/// A small network over three features, with two layers.
fn series(cell: CellKind, bidirectional: bool) -> RnnConfig {
    RnnConfig::new(3, 4, false)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_bidirectional(bidirectional)
}

/// A small network over seven tokens, with two layers.
fn text(cell: CellKind) -> RnnConfig {
    RnnConfig::new(7, 7, true)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_d_embedding(4)
}

/// Every network of series: each cell, in one direction and in both.
fn all_series() -> impl Iterator<Item = RnnConfig> {
    CELLS
        .into_iter()
        .flat_map(|cell| [series(cell, false), series(cell, true)])
}

/// Paths of the parameters whose gradient is missing or zero everywhere.
fn without_gradient(rnn: &Rnn, loss: &Tensor<1>) -> Vec<String> {
    let gradients = gradients(rnn, loss).into_iter();
    let still = gradients.filter(|(_, values)| values.iter().all(|&value| value == 0.0));
    still.map(|(path, _)| path).collect()
}

/// The gradient of every parameter by its path; empty where it has none.
fn gradients(rnn: &Rnn, loss: &Tensor<1>) -> Vec<(String, Vec<f32>)> {
    struct Look {
        path: Vec<String>,
        gradients: GradientsParams,
        found: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Look {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.gradients.get::<D>(param.id);
            let values = gradient.map(|g| g.into_data().iter().collect());
            self.found
                .push((self.path.join("."), values.unwrap_or_default()));
        }
    }
    let gradients = GradientsParams::from_grads(loss.backward(), rnn);
    let mut look = Look {
        path: vec![],
        gradients,
        found: vec![],
    };
    rnn.visit(&mut look);
    look.found
}

#[track_caller]
fn assert_close(key: &str, actual: &TensorData, expected: &TensorData) {
    println!("{key}"); // Shown when the comparison fails.
    actual.assert_approx_eq::<f32>(expected, Tolerance::rel_abs(1e-5, 1e-5));
}
