#![doc = include_str!("../README.md")]
// Without a CPU backend nothing calls the kernels.
#![cfg_attr(not(any(feature = "flex", feature = "ndarray")), allow(unused))]

mod activation;
mod conv;
mod host;
#[allow(dead_code)] // The cells take part of it; the rest waits for the dense layers.
mod math;
mod matmul;
mod pool;
mod recurrent;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

pub use activation::Activation;
pub use conv::{Epilogue, conv2d, conv2d_reference};
pub use pool::{activate_and_pool, activate_and_pool_reference};
pub use recurrent::{Cell, Reading, RecurrentOutputs, RecurrentWeights, reads_whole, recurrent};

/// Whether our kernels can compute with this tensor: 32-bit floats in this machine's memory.
fn runs_here<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device().inner();
    let on_cpu = match device.as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)] // where only those are compiled in
        _ => false,
    };
    on_cpu && x.dtype() == DType::F32
}
