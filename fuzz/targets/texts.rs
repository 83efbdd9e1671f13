//! Texts to classify: lines of files, and files.

#![no_main]

use fornax_data::DataConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (left, right) = bytes.split_at(bytes.len() / 2);
    for text_form in [fornax_data::TextForm::Bag, fornax_data::TextForm::Tokens] {
        let config = DataConfig {
            text_form,
            ..DataConfig::default()
        };
        fornax_fuzz::open_all(&[("a.neg", left), ("a.pos", right)], "", config);
    }
});
