//! Plain text.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let config = DataConfig {
        seq_len: 3,
        ..DataConfig::default()
    };
    fornax_fuzz::open_all(&[("a.txt", bytes)], "a.txt", config);
});
