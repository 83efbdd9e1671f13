//! What every architecture promises in its tests: that each parameter learns, and that its numbers are
//! PyTorch's. For tests alone; whatever fails here panics.

mod gradients;
mod reference;

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Distribution, Int, Tensor};

pub use gradients::{gradients, without_gradient};
pub use reference::{Reference, assert_close, check_against, parameters, with_weights};

/// A freshly seeded CPU that records gradients, and the sole use of it: Burn's generator belongs to the
/// process, so the tests take turns.
pub fn seeded() -> (Device, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed meanwhile spoils nothing for the next, which seeds anew.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    device.seed(7);
    (device, turn)
}

/// The CPU backends.
#[must_use]
#[allow(deprecated, reason = "Fornax supports ndarray as long as Burn has it")]
pub fn cpus() -> [Device; 2] {
    [Device::flex(), Device::ndarray()]
}

/// Normal numbers.
#[must_use]
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

/// Burn's loss of classes: ours has tests of its own.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    CrossEntropyLossConfig::new()
        .init(&logits.device())
        .forward(logits, targets)
}
