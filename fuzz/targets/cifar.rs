//! Binary batches of CIFAR.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (names, rest) = bytes.split_at(bytes.len().min(32));
    // Records, whatever the length: what is missing is dark.
    let mut records = rest.to_vec();
    records.resize(12 * 3073, 7);
    for record in records.chunks_exact_mut(3073) {
        record[0] %= 3;
    }
    let files = [
        ("batches.meta.txt", names),
        ("data_batch_1.bin", records.as_slice()),
    ];
    fornax_fuzz::open_all(&files, "", DataConfig::default());
    fornax_fuzz::open_all(&[("data_batch_1.bin", bytes)], "", DataConfig::default());
});
