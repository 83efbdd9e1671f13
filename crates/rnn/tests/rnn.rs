//! What every architecture promises, for each recurrent cell; and what padding, carried state and
//! generation promise beyond it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::config::Config;
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore, bridge};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, Tolerance};
use fornax_layers::ConfigError;
use fornax_rnn::{CellKind, Rnn, RnnConfig, Sampling};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const CELLS: [CellKind; 3] = [CellKind::Elman, CellKind::Lstm, CellKind::Gru];

/// A freshly seeded device, and the sole use of it: all threads draw from one random state.
fn seeded() -> (Device, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    device.seed(7);
    (device, alone)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    CrossEntropyLossConfig::new()
        .init(&logits.device())
        .forward(logits, targets)
}

/// A small network over three features, with two layers.
fn series(cell: CellKind, bidirectional: bool) -> RnnConfig {
    RnnConfig::new(3, 4, false)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_bidirectional(bidirectional)
}

/// A small network over seven tokens, with two layers.
fn text(cell: CellKind) -> RnnConfig {
    RnnConfig::new(7, 7, true)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_d_embedding(4)
}

/// Every network of series: each cell, in one direction and in both.
fn all_series() -> impl Iterator<Item = RnnConfig> {
    CELLS
        .into_iter()
        .flat_map(|cell| [series(cell, false), series(cell, true)])
}

#[test]
fn forward_scores_every_sequence() {
    let (device, _alone) = seeded();
    for config in all_series() {
        let logits = config
            .init(&device)
            .forward(random([2, 6, 3], &device), &[6, 4]);
        assert_eq!(logits.dims(), [2, 4]);
    }
}

#[test]
fn forward_tokens_scores_every_next_token() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let tokens = Tensor::zeros([2, 6], &device);
        let (logits, state) = text(cell).init(&device).forward_tokens(tokens, None);
        assert_eq!(logits.dims(), [2, 6, 7]);
        assert_eq!(state.layers.len(), 2);
        assert_eq!(state.layers[1].hidden.dims(), [2, 5]);
        assert_eq!(state.layers[1].cell.is_some(), cell == CellKind::Lstm);
    }
}

#[test]
fn features_are_named_from_the_input_up() {
    let (device, _alone) = seeded();
    let rnn = series(CellKind::Gru, true)
        .with_dropout(0.5)
        .init(&device)
        .valid();
    let device = device.without_autodiff();
    let x = random([2, 6, 3], &device);
    let features = rnn.features(x.clone(), &[2, 4]);

    let seen: Vec<_> = features
        .iter()
        .map(|f| (f.name.as_str(), f.shape.clone()))
        .collect();
    let layer = vec![6, 10];
    assert_eq!(
        seen,
        [
            ("layer1", layer.clone()),
            ("layer2", layer),
            ("logits", vec![4])
        ]
    );
    let logits = rnn.forward(x, &[2, 4]);
    assert_eq!(features[2].values.to_data(), logits.to_data());

    // Two steps of ten features, then nothing.
    let layer2: Vec<f32> = features[1].values.to_data().iter().collect();
    assert!(layer2[..20].iter().all(|&value| value != 0.0));
    assert!(layer2[20..60].iter().all(|&value| value == 0.0));
}

#[test]
fn features_of_tokens_are_named_likewise() {
    let (device, _alone) = seeded();
    let rnn = text(CellKind::Lstm).init(&device);
    let features = rnn.features_tokens(Tensor::zeros([2, 6], &device));
    let seen: Vec<_> = features
        .iter()
        .map(|f| (f.name.as_str(), f.shape.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("layer1", vec![6, 5]),
            ("layer2", vec![6, 5]),
            ("logits", vec![6, 7])
        ]
    );
}

#[test]
fn config_survives_a_round_trip() {
    for cell in CELLS {
        let config = series(cell, true).with_dropout(0.1).with_d_embedding(9);
        let read = RnnConfig::load_binary(config.to_string().as_bytes()).unwrap();
        assert_eq!(read, config);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    #[track_caller]
    fn check(config: &RnnConfig, expected: &str) {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
    let config = RnnConfig::new(3, 4, false);
    assert_eq!(config.validate(), Ok::<(), ConfigError>(()));
    check(
        &RnnConfig::new(0, 4, false),
        "`d_input = 0` does not fit: at least 1",
    );
    check(
        &RnnConfig::new(3, 0, false),
        "`d_output = 0` does not fit: at least 1",
    );
    check(
        &config.clone().with_d_hidden(0),
        "`d_hidden = 0` does not fit: at least 1",
    );
    check(
        &config.clone().with_num_layers(0),
        "`num_layers = 0` does not fit: at least 1",
    );
    check(
        &config.clone().with_num_layers(65),
        "`num_layers = 65` does not fit: at most 64",
    );
    check(
        &config.clone().with_dropout(1.0),
        "`dropout = 1.0` does not fit: a probability from 0 to below 1",
    );
    check(
        &config.with_d_hidden(usize::MAX),
        "`d_hidden = 18446744073709551615` does not fit: \
         a network of at most 2147483648 weights, not 18446744073709551615",
    );
    check(
        &RnnConfig::new(7, 7, true).with_bidirectional(true),
        "`bidirectional = true` does not fit: \
         false for tokens: who predicts the next one must not see the future",
    );
    check(
        &RnnConfig::new(7, 4, true),
        "`d_output = 4` does not fit: one score for each of the 7 tokens",
    );
}

#[test]
fn seed_decides_the_first_weights() {
    let weights = |draw_between: bool| {
        let (device, _alone) = seeded();
        let rnn = series(CellKind::Lstm, true).init(&device);
        if draw_between {
            let _noise = random([9], &device);
        }
        rnn.forward(Tensor::ones([1, 2, 3], &device), &[2])
            .into_data()
    };
    assert_eq!(weights(false), weights(true));
}

#[test]
fn every_parameter_receives_a_gradient() {
    let (device, _alone) = seeded();
    for config in all_series() {
        let rnn = config.init(&device);
        let logits = rnn.forward(random([4, 6, 3], &device), &[6, 2, 6, 3]);
        let loss = cross_entropy(logits, Tensor::from_data([0, 1, 2, 3], &device));
        assert_eq!(without_gradient(&rnn, &loss), [""; 0]);
    }
    for cell in CELLS {
        let rnn = text(cell).init(&device);
        let tokens = Tensor::<1, Int>::arange(0..7, &device).reshape([1, 7]);
        let logits = rnn.forward_tokens(tokens.clone(), None).0;
        let loss = cross_entropy(logits.flatten(0, 1), tokens.flatten(0, 1));
        assert_eq!(without_gradient(&rnn, &loss), [""; 0]);
    }
}

/// Paths of the parameters whose gradient is missing or zero everywhere.
fn without_gradient(rnn: &Rnn, loss: &Tensor<1>) -> Vec<String> {
    let gradients = gradients(rnn, loss).into_iter();
    let still = gradients.filter(|(_, values)| values.iter().all(|&value| value == 0.0));
    still.map(|(path, _)| path).collect()
}

/// The gradient of every parameter by its path; empty where it has none.
fn gradients(rnn: &Rnn, loss: &Tensor<1>) -> Vec<(String, Vec<f32>)> {
    struct Look {
        path: Vec<String>,
        gradients: GradientsParams,
        found: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Look {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.gradients.get::<D>(param.id);
            let values = gradient.map(|g| g.into_data().iter().collect());
            self.found
                .push((self.path.join("."), values.unwrap_or_default()));
        }
    }
    let gradients = GradientsParams::from_grads(loss.backward(), rnn);
    let mut look = Look {
        path: vec![],
        gradients,
        found: vec![],
    };
    rnn.visit(&mut look);
    look.found
}

#[test]
fn one_batch_is_memorised() {
    let (device, _alone) = seeded();
    for config in all_series() {
        let mut rnn = config.clone().with_d_hidden(32).init(&device);
        let mut optimizer = AdamConfig::new().init();
        let x = random([16, 6, 3], &device);
        let lengths: Vec<_> = (0..16).map(|index| 2 + index % 5).collect();
        let targets = Tensor::<1, Int>::arange(0..16, &device) % 4;
        let loss = |rnn: &Rnn| cross_entropy(rnn.forward(x.clone(), &lengths), targets.clone());
        for _ in 0..100 {
            let gradients = GradientsParams::from_grads(loss(&rnn).backward(), &rnn);
            rnn = optimizer.step(1e-2, rnn, gradients);
        }
        let loss = loss(&rnn).into_scalar::<f32>();
        assert!(loss < 0.01, "loss {loss} after 100 steps of {config}");
    }
}

#[test]
fn one_text_is_memorised_and_recited() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let mut rnn = text(cell).with_d_hidden(32).init(&device);
        let mut optimizer = AdamConfig::new().init();
        // What comes after a 0 or a 1 depends on what was before.
        let score = [2, 0, 1, 3, 0, 4, 1, 0, 5, 1, 6, 2, 0, 1];
        let all = Tensor::<1, Int>::from_data(score, &device).reshape([1, 14]);
        let targets = all.clone().narrow(1, 1, 13).flatten(0, 1);
        for _ in 0..150 {
            let logits = rnn.forward_tokens(all.clone().narrow(1, 0, 13), None).0;
            let loss = cross_entropy(logits.flatten(0, 1), targets.clone());
            rnn = optimizer.step(1e-2, rnn.clone(), {
                GradientsParams::from_grads(loss.backward(), &rnn)
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let careful = Sampling {
            temperature: 0.0,
            top_k: None,
        };
        let recited: Vec<_> = rnn.generate(&[2, 0], careful, &mut rng).take(10).collect();
        assert_eq!(recited, [1, 3, 0, 4, 1, 0, 5, 1, 6, 2], "{cell:?}");
    }
}

#[test]
fn seed_of_the_generator_decides_the_text() {
    let (device, _alone) = seeded();
    let rnn = text(CellKind::Gru).init(&device);
    let write = |seed| -> Vec<_> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rnn.generate(&[], Sampling::default(), &mut rng)
            .take(50)
            .collect()
    };
    assert_eq!(write(1), write(1));
    assert_ne!(write(1), write(2));
}

#[test]
fn padding_never_changes_a_result() {
    let (device, _alone) = seeded();
    let lengths = [3, 5, 1, 5];
    let steps = random([4, 5, 3], &device);
    // The same sequences, with `padding` beyond their ends and up to `num_steps`.
    let padded = |padding: f32, num_steps: usize| {
        let rows = lengths.iter().enumerate().map(|(row, &length)| {
            let steps = steps.clone().slice([row..row + 1, 0..length]);
            let padding = Tensor::full([1, num_steps - length, 3], padding, &device);
            if length == num_steps {
                steps
            } else {
                Tensor::cat(vec![steps, padding], 1)
            }
        });
        Tensor::cat(rows.collect(), 0) // [4, num_steps, 3]
    };
    for config in all_series() {
        let rnn = config.init(&device);
        let result = |x: Tensor<3>| {
            let logits = rnn.forward(x, &lengths);
            let loss = cross_entropy(logits.clone(), Tensor::from_data([0, 1, 2, 3], &device));
            (logits.into_data(), gradients(&rnn, &loss))
        };
        let expected = result(padded(0.0, 5));
        assert_eq!(result(padded(123.0, 5)), expected);
        assert_eq!(result(padded(f32::NAN, 5)), expected);
        assert_eq!(result(padded(-1.0, 9)), expected);
        assert_eq!(result(padded(f32::INFINITY, 6)), expected);
    }
}

#[test]
fn sequence_answers_alone_as_among_others() {
    let (device, _alone) = seeded();
    let device = device.without_autodiff();
    let x = random([4, 5, 3], &device);
    let lengths = [3, 5, 1, 5];
    for config in all_series() {
        let rnn = config.init(&device);
        let together = rnn.forward(x.clone(), &lengths);
        for (row, length) in lengths.into_iter().enumerate() {
            let alone = rnn.forward(x.clone().slice([row..row + 1, 0..length]), &[length]);
            let among = together.clone().narrow(0, row, 1).into_data();
            assert_close("logits", &alone.into_data(), &among);
        }
    }
}

#[test]
fn empty_sequence_counts_as_one_step_of_zeros() {
    let (device, _alone) = seeded();
    let device = device.without_autodiff();
    for config in all_series() {
        let rnn = config.init(&device);
        let zeros = Tensor::zeros([2, 4, 3], &device);
        let result = |x: &Tensor<3>, lengths: &[usize]| rnn.forward(x.clone(), lengths).into_data();
        for (given, meant) in [([0, 3], [1, 3]), ([0, 0], [1, 1]), ([1, 0], [1, 1])] {
            assert_eq!(result(&zeros, &given), result(&zeros, &meant));
        }
        // What lies in its place is padding.
        let noise = random([1, 4, 3], &device);
        let x = Tensor::cat(vec![noise, zeros.clone().narrow(0, 1, 1)], 0);
        assert_eq!(result(&x, &[0, 3]), result(&zeros, &[1, 3]));
        assert_eq!(result(&x, &[0, 9]), result(&zeros, &[1, 4]));
        assert_eq!(result(&x, &[0, 0]), result(&zeros, &[1, 1]));
    }
}

#[test]
fn carried_state_equals_one_long_pass() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let rnn = text(cell).init(&device);
        let tokens = Tensor::<1, Int>::arange(0..24, &device).reshape([2, 12]) % 7;
        let (logits, last) = rnn.forward_tokens(tokens.clone(), None);

        let mut state = None;
        let mut pieces = Vec::new();
        for (start, length) in [(0, 5), (5, 1), (6, 6)] {
            let piece = tokens.clone().narrow(1, start, length);
            let (logits, after) = rnn.forward_tokens(piece, state);
            pieces.push(logits);
            state = Some(after);
        }
        let carried = state.unwrap();
        let in_pieces = Tensor::cat(pieces, 1).into_data();
        assert_close("logits", &in_pieces, &logits.into_data());
        for (carried, last) in carried.layers.iter().zip(&last.layers) {
            assert_eq!(carried.hidden.to_data(), last.hidden.to_data());
        }
    }
}

#[test]
fn gradients_end_at_the_carried_state() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let rnn = text(cell).init(&device);
        let piece = || Tensor::<2, Int>::ones([1, 3], &device);
        let (first, state) = rnn.forward_tokens(piece(), None);
        let _gradients = first.sum().backward();
        // A second pass back through the first piece would panic.
        let (second, _) = rnn.forward_tokens(piece(), Some(state));
        let _gradients = second.sum().backward();
    }
}

#[test]
fn dropout_works_in_training_alone() {
    let (device, _alone) = seeded();
    let rnn = series(CellKind::Gru, false).with_dropout(0.5).init(&device);
    let x = random([4, 6, 3], &device);
    let train = || rnn.forward(x.clone(), &[6; 4]).into_data();
    assert_ne!(train(), train());
    let valid = || {
        rnn.valid()
            .forward(x.clone().without_autodiff(), &[6; 4])
            .into_data()
    };
    assert_eq!(valid(), valid());
}

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

#[track_caller]
fn assert_close(key: &str, actual: &TensorData, expected: &TensorData) {
    println!("{key}"); // Shown when the comparison fails.
    actual.assert_approx_eq::<f32>(expected, Tolerance::rel_abs(1e-5, 1e-5));
}

#[test]
fn documents_are_answered_whole_and_what_follows_their_end_is_never_looked_at() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let config = text(cell).with_bidirectional(true).with_read_out(true);
        let config = RnnConfig {
            d_output: 3,
            ..config
        };
        config.validate().expect("a network that reads a text out");
        let rnn = config.init(&device);
        let tokens = |padding: i32| {
            let ids = [1, 2, 3, 4, 5, 6, padding, padding];
            Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [2, 4]), &device)
        };
        let answer = |padding| rnn.forward_documents(tokens(padding), &[4, 2]).into_data();
        assert_eq!(answer(0).shape().to_vec(), [2, 3]);
        assert_eq!(answer(0), answer(6));
        let features = rnn.features_documents(tokens(0), &[4, 2]);
        assert_eq!(features.len(), 3);
        let logits = rnn.forward_documents(tokens(0), &[4, 2]);
        let loss = cross_entropy(logits, Tensor::from_data([0, 2], &device));
        assert_eq!(without_gradient(&rnn, &loss), [""; 0]);
    }
}
