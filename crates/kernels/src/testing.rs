//! What the tests of the operations share.

use burn::tensor::{Device, TensorData, Tolerance};

/// Those that run our kernels.
#[allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.
pub(crate) fn devices() -> [Device; 2] {
    [Device::flex(), Device::ndarray()]
}

/// Requires each of `ours` to be near its counterpart, relatively or absolutely.
#[track_caller]
pub(crate) fn assert_close<const N: usize>(
    ours: &[TensorData; N],
    reference: &[TensorData; N],
    tolerance: f32,
) {
    for (ours, reference) in ours.iter().zip(reference) {
        ours.assert_approx_eq::<f32>(reference, Tolerance::rel_abs(tolerance, tolerance));
    }
}

/// What `work` returns with 1, 2 and 3 threads has to be the same, bit for bit.
#[track_caller]
pub(crate) fn assert_same_bits_at_any_number_of_threads<const N: usize>(
    work: impl Fn() -> [TensorData; N] + Sync,
) {
    let run = |num_threads| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(num_threads);
        let outcome = threads
            .build()
            .expect("threads are to be had")
            .install(&work);
        outcome.map(|data| data.bytes().to_vec())
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(3));
}

/// Numbers of many sizes that follow from their place.
pub(crate) fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[allow(clippy::cast_precision_loss)] // below 2^24
        let unit = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        unit
    };
    (0..length).map(|_| draw() * draw().exp2()).collect()
}
