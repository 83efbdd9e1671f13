//! What every architecture promises, for each cell; and what is generated.

use burn::config::Config;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Int, Tensor};
use fornax_layers::ConfigError;
use fornax_promises::{cross_entropy, random, seeded, without_gradient};
use fornax_rnn::{CellKind, Rnn, RnnConfig, Sampling};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{CELLS, all_series, series, text};

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
        &config.clone().with_weight_dropout(-0.1),
        "`weight_dropout = -0.1` does not fit: a probability from 0 to below 1",
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
fn dropout_works_in_training_alone() {
    let (device, _alone) = seeded();
    let x = random([4, 6, 3], &device);
    for cell in CELLS {
        for config in [
            series(cell, true).with_dropout(0.5),
            series(cell, true).with_weight_dropout(0.5),
        ] {
            let rnn = config.init(&device);
            let train = || rnn.forward(x.clone(), &[6; 4]).into_data();
            assert_ne!(train(), train(), "{cell:?}");
            let valid = || {
                rnn.valid()
                    .forward(x.clone().without_autodiff(), &[6; 4])
                    .into_data()
            };
            assert_eq!(valid(), valid(), "{cell:?}");
        }
    }
}
