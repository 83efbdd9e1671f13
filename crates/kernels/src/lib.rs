#![doc = include_str!("../README.md")]
// Without a CPU backend nothing calls the kernels.
#![cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(unused))]

mod activation;
mod awake;
mod batch_norm;
mod contrastive_divergence;
mod conv;
mod cross_entropy;
mod dense;
mod dropout;
mod host;
mod math;
mod matmul;
#[cfg(feature = "mimalloc")]
mod memory;
mod pool;
mod precision;
mod random;
mod recurrent;
mod smooth;
#[cfg(test)]
mod testing;
mod update;
mod vectors;
mod zeros;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Tensor};

pub use activation::Activation;
pub use awake::work_on_this_thread;
pub use batch_norm::{BatchNormOutputs, batch_norm, batch_norm_reference};
pub use contrastive_divergence::{
    LearningStep, Pull, VisibleUnits, column_means, column_means_reference, hidden_means,
    hidden_means_reference, learn_pairs, learn_pairs_reference, mean_squared_difference,
    mean_squared_difference_reference, visible_means, visible_means_reference,
};
pub use conv::{Epilogue, conv2d, conv2d_reference};
pub use cross_entropy::{CrossEntropy, cross_entropy, cross_entropy_reference};
pub use dense::{dense, dense_reference};
pub use dropout::dropout;
#[cfg(feature = "mimalloc")]
pub use memory::{Allocator, keep_freed_memory};
pub use pool::{activate_and_pool, activate_and_pool_reference};
pub use precision::{Precision, set_precision};
pub use random::{draw_seed, sample_bernoulli, sample_normal, standard_normal, uniform};
pub use recurrent::{
    Cell, Reading, RecurrentInputs, RecurrentOutputs, RecurrentWeights, reads_whole, recurrent,
};
pub use smooth::Smooth;
pub use update::{AdamStep, SgdStep, adam, adam_reference, sgd, sgd_reference};

/// Whether this device is one of Burn's CPU backends, which our kernels run on.
#[must_use]
pub fn is_cpu(device: &Device) -> bool {
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)] // where only those are compiled in
        _ => false,
    }
}

/// Whether our kernels can compute with this tensor: 32-bit floats in this machine's memory.
fn runs_here<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && is_cpu(&x.device())
}

/// As [`runs_here`], and no gradient is wanted.
fn runs_here_untracked<const D: usize>(x: &Tensor<D>) -> bool {
    runs_here(x) && !x.device().is_autodiff()
}
