//! Series in tables: times, several series, what is known ahead.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let config = || DataConfig {
        window: Some(2),
        ..DataConfig::default()
    };
    fornax_fuzz::open_all(&[("a.csv", bytes)], "a.csv", config());
    let names = |name: &str| vec![name.to_owned()];
    let config = DataConfig {
        series: names("b"),
        known_future: names("a"),
        ..config()
    };
    fornax_fuzz::open_all(&[("a.csv", bytes)], "a.csv", config);
});
