//! Tables of rows: separators, quotes, headers, encodings, numbers, words, dates, packed or not.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fornax_fuzz::open_all(&[("a.csv", bytes)], "a.csv", DataConfig::default());
});
