//! What the deep belief network and its machines promise.

mod learning;
mod machine;
mod network;
mod reference;
mod up_down;

use std::sync::MutexGuard;

use burn::tensor::{Device, Int, Tensor};

/// The CPU, freshly seeded, and the sole use of it.
fn seeded() -> (Device, MutexGuard<'static, ()>) {
    let (device, turn) = fornax_promises::seeded();
    (device.without_autodiff(), turn)
}

/// The second CPU backend.
fn ndarray() -> Device {
    let [_, ndarray] = fornax_promises::cpus();
    ndarray
}

/// Three by three pixels: full rows first, full columns after, each pattern once; `[12, 9]`.
fn bars_and_stripes(device: &Device) -> Tensor<2> {
    // Neither no line nor all three: those are the same pattern in both directions.
    let lines = (1..7_usize).map(|bits| [0, 1, 2].map(|line| bits >> line & 1));
    let rows = lines
        .clone()
        .flat_map(|on| (0..9).map(move |pixel| on[pixel / 3]));
    let columns = lines.flat_map(|on| (0..9).map(move |pixel| on[pixel % 3]));
    let pixels: Vec<i64> = rows.chain(columns).map(|on| i64::from(on == 1)).collect();
    Tensor::<1, Int>::from_data(pixels.as_slice(), device)
        .float()
        .reshape([12, 9])
}

/// Whether one or two lines are on in each of the [`bars_and_stripes`], one-hot; `[12, 2]`.
fn num_lines(device: &Device) -> Tensor<2> {
    let num_pixels = bars_and_stripes(device).sum_dim(1); // [12, 1], 3 or 6
    let two = num_pixels / 3.0 - 1.0;
    Tensor::cat(vec![-two.clone() + 1.0, two], 1)
}

/// Every setting of `num_units` binary units, `[2^num_units, num_units]`.
fn all_settings(num_units: usize, device: &Device) -> Tensor<2> {
    let bits = (0..1_usize << num_units)
        .flat_map(|number| (0..num_units).map(move |unit| i64::from(number >> unit & 1 == 1)));
    let bits: Vec<i64> = bits.collect();
    let bits = Tensor::<1, Int>::from_data(bits.as_slice(), device).float();
    bits.reshape([1 << num_units, num_units])
}

/// log Σ eˣ over all of `x`.
fn log_sum_exp(x: Tensor<1>) -> f64 {
    let values = x
        .into_data()
        .convert::<f64>()
        .try_into_vec::<f64>()
        .unwrap();
    values.into_iter().map(f64::exp).sum::<f64>().ln()
}
