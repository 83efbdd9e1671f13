//! Zip and tar archives.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for name in ["a.zip", "a.tar", "a.tar.gz"] {
        fornax_fuzz::open_all(&[(name, bytes)], name, DataConfig::default());
    }
});
