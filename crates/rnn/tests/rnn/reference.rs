//! The same numbers as PyTorch, which `reference.py` wrote.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::{GradientsParams, SgdConfig};
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore, bridge};
use burn::tensor::{Device, Int, Tensor, TensorData};
use fornax_rnn::{CellKind, Rnn, RnnConfig};

use super::{assert_close, cross_entropy, seeded, series, text};

#[test]
#[expect(
    deprecated,
    reason = "ndarray is deprecated in Burn, and supported here"
)]
fn numbers_match_pytorch() {
    let (_device, _alone) = seeded();
    for device in [Device::flex(), Device::ndarray()] {
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

/// Compares the logits, and every parameter after one step, with those of `reference.py`.
#[track_caller]
fn check_reference(file: &str, config: &RnnConfig, device: &Device) {
    let path = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut store = SafetensorsStore::from_file(&path);
    let reference = data(store.get_all_tensors().unwrap().values().cloned());
    let device = device.clone().autodiff();
    let mut rnn = config.init(&device);
    rnn.load_from(&mut store.with_key_remapping(r"^model\.", ""))
        .unwrap();

    let forward = |rnn: &Rnn, device: &Device| {
        let input = reference["input"].clone();
        if config.tokens {
            return rnn
                .forward_tokens(Tensor::from_data(input, device), None)
                .0
                .flatten(0, 1);
        }
        let lengths: Vec<_> = reference["lengths"]
            .iter::<u32>()
            .map(|n| n as usize)
            .collect();
        rnn.forward(Tensor::from_data(input, device), &lengths)
    };
    let logits = forward(&rnn.valid(), &device.clone().without_autodiff()).into_data();
    let expected: Vec<f32> = reference["logits"].iter().collect();
    let expected = TensorData::new(expected, logits.shape().clone());
    assert_close("logits", &logits, &expected);

    let targets: Vec<i64> = reference["targets"].iter().collect();
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
    let gradients = cross_entropy(forward(&rnn, &device), targets).backward();
    let gradients = GradientsParams::from_grads(gradients, &rnn);
    rnn = SgdConfig::new().init().step(0.1, rnn, gradients);

    let after = data(rnn.valid().collect(None, None, false));
    let expected = reference
        .iter()
        .filter_map(|(key, v)| Some((key.strip_prefix("after.")?, v)));
    assert_eq!(expected.clone().count(), after.len());
    for (key, expected) in expected {
        assert_close(key, &after[key], expected);
    }
}

fn data(
    tensors: impl IntoIterator<Item = burn::store::burn_pack::Tensor>,
) -> BTreeMap<String, TensorData> {
    let tensors = tensors.into_iter();
    tensors
        .map(|tensor| (tensor.name.clone(), bridge::to_data(&tensor).unwrap()))
        .collect()
}
