//! Every architecture on every backend that is compiled in: PyTorch's numbers, and those of flex.
//!
//! The fixtures are those of the architectures' own tests; here they go through the trainer's
//! step. One test a backend, since each process pays for a GPU's shaders once.

use burn::module::Module;
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore, bridge};
use burn::tensor::{Device, Int, Tensor, TensorData, Tolerance};
use fornax_cnn::{CnnConfig, Head, Padding};
use fornax_dbn::{ContrastiveDivergence, DbnConfig, RbmConfig, Visible};
use fornax_layers::Activation;
use fornax_mlp::MlpConfig;
use fornax_rnn::{CellKind, RnnConfig};
use fornax_trainer::architecture::{Network, NetworkConfig};
use fornax_trainer::batch::{Inputs, Targets};
use fornax_trainer::device;
use fornax_trainer::optimizer::OptimizerKind;
use fornax_trainer::step::{Learner, Objective, to_vec};
use std::collections::BTreeMap;
use std::path::Path;

/// How far a number may be from PyTorch's, relative and absolute.
const TOLERANCE: f32 = 2e-5;
/// Steps after which two backends are compared.
const STEPS: usize = 5;
/// How far losses may be apart after these steps: rounding grows from step to step.
const DRIFT: f64 = 1e-3;

#[test]
#[cfg(feature = "flex")]
fn flex_computes_what_pytorch_computes() {
    check(&device("flex"));
}

#[test]
#[cfg(feature = "ndarray")]
fn ndarray_computes_what_pytorch_and_flex_compute() {
    check(&device("ndarray"));
    #[cfg(feature = "flex")]
    check_against(&device("flex"), &device("ndarray"));
}

#[test]
#[cfg(feature = "wgpu-untuned")]
fn wgpu_computes_what_pytorch_and_flex_compute() {
    let wgpu = match device::open(&"wgpu".parse().expect("a device")) {
        Ok(wgpu) => wgpu,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    check(&wgpu);
    #[cfg(feature = "flex")]
    check_against(&device("flex"), &wgpu);
}

fn device(name: &str) -> Device {
    device::open(&name.parse().expect("the name of a device")).expect("a device that answers")
}

/// Compares all architectures with the fixtures that PyTorch computed.
#[track_caller]
fn check(device: &Device) {
    let mlp = MlpConfig::new(5, 3).with_widths(vec![8, 6]);
    check_fixture("mlp", "reference", &NetworkConfig::Mlp(mlp), device);
    let mlp = MlpConfig::new(5, 4)
        .with_widths(vec![7])
        .with_activation(Activation::Gelu)
        .with_batch_norm(true);
    check_fixture(
        "mlp",
        "reference_batch_norm",
        &NetworkConfig::Mlp(mlp),
        device,
    );
    let cnn = CnnConfig::new(2, 8, 8, 3)
        .with_widths(vec![4, 4, 6])
        .with_strides(vec![1, 1, 2])
        .with_pools(vec![2, 1, 1])
        .with_residual(true)
        .with_dense(vec![5])
        .with_dropout(0.0);
    check_fixture("cnn", "reference", &NetworkConfig::Cnn(cnn), device);
    let cnn = CnnConfig::new(3, 1, 19, 3)
        .with_widths(vec![4, 6])
        .with_kernel_sizes(vec![5, 3])
        .with_strides(vec![2, 1])
        .with_pools(vec![1, 2])
        .with_padding(Padding::Valid)
        .with_norm(false)
        .with_activation(Activation::Gelu)
        .with_head(Head::GlobalAverage)
        .with_dense(vec![])
        .with_dropout(0.0);
    check_fixture("cnn", "reference_signal", &NetworkConfig::Cnn(cnn), device);
    for (file, cell, bidirectional) in [
        ("reference_elman", CellKind::Elman, false),
        ("reference_lstm", CellKind::Lstm, true),
        ("reference_gru", CellKind::Gru, false),
    ] {
        let rnn = RnnConfig::new(3, 4, false)
            .with_cell(cell)
            .with_d_hidden(5)
            .with_num_layers(2)
            .with_bidirectional(bidirectional);
        check_fixture("rnn", file, &NetworkConfig::Rnn(rnn), device);
    }
    let rnn = RnnConfig::new(7, 7, true)
        .with_cell(CellKind::Gru)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_d_embedding(4);
    check_fixture("rnn", "reference_tokens", &NetworkConfig::Rnn(rnn), device);
}

/// Compares the logits of one fixture, and every parameter after one step of gradient descent.
#[track_caller]
fn check_fixture(architecture: &str, file: &str, config: &NetworkConfig, device: &Device) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../{architecture}/tests/{file}.safetensors"));
    let mut store = SafetensorsStore::from_file(&path);
    let fixture: BTreeMap<String, TensorData> = store
        .get_all_tensors()
        .expect("a fixture")
        .values()
        .map(|tensor| {
            (
                tensor.name.clone(),
                bridge::to_data(tensor).expect("a tensor"),
            )
        })
        .collect();
    let training = device.clone().autodiff();
    let mut network = config.init(&training);
    let store = &mut store.with_key_remapping(r"^model\.", "");
    match &mut network {
        Network::Mlp(mlp) => mlp.load_from(store).map(drop),
        Network::Cnn(cnn) => cnn.load_from(store).map(drop),
        Network::Rnn(rnn) => rnn.load_from(store).map(drop),
        Network::Dbn(_) => unreachable!("a DBN is fine-tuned as a perceptron"),
    }
    .expect("the parameters of the fixture");

    let inputs = |device: &Device| {
        let input = fixture["input"].clone();
        match config {
            NetworkConfig::Mlp(_) | NetworkConfig::Dbn(_) => {
                Inputs::Flat(Tensor::from_data(input, device))
            }
            NetworkConfig::Cnn(_) => Inputs::Image(Tensor::from_data(input, device)),
            NetworkConfig::Rnn(config) if config.tokens => {
                Inputs::Tokens(Tensor::from_data(input, device))
            }
            NetworkConfig::Rnn(_) => {
                let lengths = fixture["lengths"]
                    .iter::<u32>()
                    .map(|n| n as usize)
                    .collect();
                Inputs::Steps(Tensor::from_data(input, device), lengths)
            }
        }
    };
    let logits = to_vec(network.valid().forward(&inputs(device)));
    assert_close(
        &format!("{architecture}/{file} logits"),
        &logits,
        &fixture["logits"],
    );

    let targets: Vec<i32> = fixture["targets"].iter().collect();
    let targets = Tensor::<1, Int>::from_data(TensorData::from(targets.as_slice()), &training);
    let learner = Learner {
        network,
        optimizer: OptimizerKind::Sgd.init(0.0, 0.0),
    };
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.0,
        class_weights: None,
    };
    let targets = Targets::Classes(targets);
    let (learner, _) = learner.step(&inputs(&training), targets, &objective, 0.1, None);

    let tensors = match learner.network.valid() {
        Network::Mlp(mlp) => mlp.collect(None, None, false),
        Network::Cnn(cnn) => cnn.collect(None, None, false),
        Network::Rnn(rnn) => rnn.collect(None, None, false),
        Network::Dbn(_) => unreachable!("a DBN is fine-tuned as a perceptron"),
    };
    let mut compared = 0;
    for tensor in tensors {
        let after = bridge::to_data(&tensor).expect("a tensor");
        let after: Vec<f32> = after.iter().collect();
        let name = format!("after.{}", tensor.name);
        assert_close(
            &format!("{architecture}/{file} {name}"),
            &after,
            &fixture[&name],
        );
        compared += 1;
    }
    assert_eq!(
        compared,
        fixture
            .keys()
            .filter(|key| key.starts_with("after."))
            .count()
    );
}

#[track_caller]
fn assert_close(what: &str, actual: &[f32], expected: &TensorData) {
    println!("{what}"); // Shown when the comparison fails.
    let expected: Vec<f32> = expected.iter().collect();
    TensorData::from(actual).assert_approx_eq::<f32>(
        &TensorData::from(expected.as_slice()),
        Tolerance::rel_abs(TOLERANCE, TOLERANCE),
    );
}

/// Trains every architecture a few steps on two devices from the same weights.
#[track_caller]
fn check_against(reference: &Device, device: &Device) {
    for config in [
        NetworkConfig::Mlp(MlpConfig::new(16, 3).with_widths(vec![8])),
        NetworkConfig::Cnn(
            CnnConfig::new(1, 4, 4, 3)
                .with_widths(vec![4])
                .with_dropout(0.0),
        ),
        NetworkConfig::Rnn(RnnConfig::new(4, 3, false).with_d_hidden(6)),
        NetworkConfig::Dbn(DbnConfig::new(16, 3).with_widths(vec![6, 5])),
    ] {
        reference.seed(11);
        let network = config.init(reference);
        let expected = losses(network.clone(), reference);
        let losses = losses(network.fork(device), device);
        for (loss, expected) in losses.iter().zip(&expected) {
            let apart = (loss - expected).abs();
            assert!(
                apart < DRIFT,
                "{config:?}: {losses:?}, reference {expected:?}"
            );
        }
        assert!(
            losses[STEPS - 1] < losses[0],
            "{config:?} learns nothing: {losses:?}"
        );
    }
    check_contrastive_divergence(reference, device);
    for device in [reference, device] {
        check_pretraining(device);
    }
}

/// The loss of each of a few steps on made-up data, dots of three kinds.
fn losses(network: Network, device: &Device) -> Vec<f64> {
    let training = device.clone().autodiff();
    let pixels: Vec<f32> = (0..6 * 16_u16)
        .map(|i| f32::from(i * i % 7) / 7.0)
        .collect();
    let pixels = Tensor::<1>::from_data(TensorData::from(pixels.as_slice()), &training);
    let inputs = match &network {
        Network::Mlp(_) | Network::Dbn(_) => Inputs::Flat(pixels.reshape([6, 16])),
        Network::Cnn(_) => Inputs::Image(pixels.reshape([6, 1, 4, 4])),
        Network::Rnn(_) => Inputs::Steps(pixels.reshape([6, 4, 4]), vec![4, 2, 3, 4, 1, 4]),
    };
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.1,
        class_weights: None,
    };
    let optimizer = OptimizerKind::Adam.init(0.0, 0.0);
    let mut learner = Learner {
        network: network.train(),
        optimizer,
    };
    let mut losses = vec![];
    for _ in 0..STEPS {
        let targets = Tensor::<1, Int>::from_data([0, 1, 2, 0, 1, 2], &training);
        let targets = Targets::Classes(targets);
        let (next, outcome) = learner.step(&inputs, targets, &objective, 1e-2, Some(1.0));
        learner = next;
        losses.push(outcome.loss);
    }
    losses
}

/// Machines of both kinds learn two patterns, with labels and with chains that persist: what is drawn
/// differs from device to device, what is learned must not.
#[track_caller]
fn check_pretraining(device: &Device) {
    for (persistent, visible) in [(false, Visible::Gaussian), (true, Visible::Bernoulli)] {
        device.seed(7);
        let patterns: Vec<f32> = (0..64_u16).map(|i| f32::from((i + i / 8) % 2)).collect();
        let patterns = Tensor::<1>::from_data(TensorData::from(patterns.as_slice()), device);
        let patterns = patterns.reshape([8, 8]);
        let labels = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], device).repeat(&[4, 1]);
        let config = RbmConfig::new(8, 12).with_num_labels(2);
        let mut rbm = config.with_visible(visible).init(device);
        let rule = ContrastiveDivergence::new()
            .with_persistent(persistent)
            .with_num_chains(8);
        let mut state = rule.init_state(&rbm);
        let mut errors = Vec::new();
        for _ in 0..100 {
            let error;
            (rbm, state, error) = rule.step(rbm, state, patterns.clone(), Some(labels.clone()));
            errors.push(error.into_scalar::<f32>());
        }
        let lowest = errors.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(
            lowest < 0.1 * errors[0],
            "{device:?}, {visible:?} units learn nothing: {errors:?}"
        );
    }
}

/// One update of contrastive divergence, its random samples left out of the comparison: devices
/// draw different numbers.
#[track_caller]
fn check_contrastive_divergence(reference: &Device, device: &Device) {
    reference.seed(5);
    let stack = DbnConfig::new(16, 3)
        .with_widths(vec![6])
        .with_labels(false)
        .init(reference);
    let updated = |device: &Device| {
        let rbm = stack.rbms[0].clone().fork(device);
        let rule = ContrastiveDivergence::new();
        let state = rule.init_state(&rbm);
        let visible: Vec<f32> = (0..32_u16).map(|i| f32::from(i % 2)).collect();
        let visible = Tensor::<1>::from_data(TensorData::from(visible.as_slice()), device);
        let visible = visible.reshape([2, 16]);
        let positive = fornax_dbn::Phase::of_visible(&rbm, visible.clone());
        let negative = fornax_dbn::Phase::of_visible(&rbm, visible.mul_scalar(0.25));
        let (rbm, _) = rule.update(rbm, state, &positive, &negative);
        to_vec(rbm.weight.val())
    };
    let expected = updated(reference);
    let expected = TensorData::from(expected.as_slice());
    assert_close("contrastive divergence", &updated(device), &expected);
}
