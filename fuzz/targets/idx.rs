//! Images and labels in IDX files.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (images, labels) = bytes.split_at(bytes.len() - bytes.len() / 8);
    let files = [
        ("train-images-idx3-ubyte", images),
        ("train-labels-idx1-ubyte", labels),
    ];
    fornax_fuzz::open_all(&files, "", DataConfig::default());
});
