//! Series to classify in `.ts` files.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fornax_fuzz::open_all(&[("a.ts", bytes)], "a.ts", DataConfig::default());
});
