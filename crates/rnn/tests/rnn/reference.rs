//! The same numbers as PyTorch, which `reference.py` wrote.

use burn::tensor::Device;
use fornax_promises::{Reference, check_against, cpus, seeded, with_weights};
use fornax_rnn::{CellKind, RnnConfig};

use super::{series, text};

#[test]
fn numbers_match_pytorch() {
    let (_device, _alone) = seeded();
    for device in cpus() {
        for (file, config) in [
            (
                "reference_elman.safetensors",
                series(CellKind::Elman, false),
            ),
            ("reference_lstm.safetensors", series(CellKind::Lstm, true)),
            ("reference_gru.safetensors", series(CellKind::Gru, false)),
            ("reference_tokens.safetensors", text(CellKind::Gru)),
        ] {
            check_reference(file, &config, &device);
        }
    }
}

#[track_caller]
fn check_reference(file: &str, config: &RnnConfig, device: &Device) {
    let path = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let rnn = with_weights(&path, "model", config.init(&device.clone().autodiff()));
    let file = Reference::read(&path, device);
    check_against(&file, rnn, |rnn, file| {
        if config.tokens {
            let (logits, _) = rnn.forward_tokens(file.whole("input"), None);
            return logits.flatten(0, 1); // [B * T, V]
        }
        let lengths = file.whole::<1>("lengths").into_data();
        let lengths = lengths.iter::<u32>().map(|length| length as usize);
        rnn.forward(file.tensor("input"), &lengths.collect::<Vec<_>>())
    });
}
