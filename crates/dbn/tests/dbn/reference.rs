//! Our numbers against those that `tests/reference.py` computed.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore, bridge};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use fornax_dbn::{CdState, ContrastiveDivergence, DbnConfig, Phase, Rbm, RbmConfig, Visible};

use crate::{ndarray, seeded};

/// The tensors of one file, by name.
struct Reference {
    tensors: BTreeMap<String, TensorData>,
    device: Device,
}

impl Reference {
    fn read(file: &str, device: &Device) -> Self {
        let mut store = store(file);
        let tensors = store.get_all_tensors().unwrap().iter();
        let tensors =
            tensors.map(|(name, tensor)| (name.clone(), bridge::to_data(tensor).unwrap()));
        Self {
            tensors: tensors.collect(),
            device: device.clone(),
        }
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.tensors[name].clone(), &self.device)
    }

    fn param<const D: usize>(&self, name: &str) -> Param<Tensor<D>> {
        Param::from_tensor(self.tensor(name))
    }

    #[track_caller]
    fn assert_close<const D: usize>(&self, name: &str, actual: Tensor<D>) {
        println!("{name}"); // Shown when the comparison fails.
        let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-5);
        actual
            .into_data()
            .assert_approx_eq(&self.tensors[name], tolerance);
    }
}

fn store(file: &str) -> SafetensorsStore {
    SafetensorsStore::from_file(format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR")))
}

fn devices() -> [Device; 2] {
    [Device::flex(), ndarray()]
}

#[test]
fn bernoulli_units_match_pytorch() {
    let config = RbmConfig::new(9, 5).with_num_labels(3);
    for device in devices() {
        let reference = Reference::read("rbm_bernoulli.safetensors", &device);
        let rbm = check_machine(&config, &reference);
        let visible: Tensor<2> = reference.tensor("visible");
        let unit = Tensor::from_data(reference.tensors["unit"].clone(), &device);
        reference.assert_close("log_odds", rbm.conditional_log_odds(visible.clone(), unit));
        let data = visible.narrow(1, 0, 9);
        reference.assert_close("label_logits", rbm.label_logits(data).unwrap());
    }
}

#[test]
fn gaussian_units_match_pytorch() {
    let config = RbmConfig::new(6, 4).with_visible(Visible::Gaussian);
    for device in devices() {
        check_machine(
            &config,
            &Reference::read("rbm_gaussian.safetensors", &device),
        );
    }
}

/// Compares what follows from given visible and hidden units, and one update of all parameters.
#[track_caller]
fn check_machine(config: &RbmConfig, reference: &Reference) -> Rbm {
    let (_, _alone) = seeded();
    let mut rbm = config.init(&reference.device);
    rbm.weight = reference.param("rbm.weight");
    rbm.visible_bias = reference.param("rbm.visible_bias");
    rbm.hidden_bias = reference.param("rbm.hidden_bias");

    let visible: Tensor<2> = reference.tensor("visible");
    let sample = reference.tensor("hidden_sample");
    let reconstruction = rbm.visible_given_hidden(sample);
    let positive = Phase::of_visible(&rbm, visible.clone());
    let negative = Phase::of_visible(&rbm, reconstruction.clone());
    reference.assert_close("hidden", positive.hidden.clone());
    reference.assert_close("reconstruction", reconstruction);
    reference.assert_close("free_energy", rbm.free_energy(visible));

    let rule = ContrastiveDivergence::new().with_sparsity_cost(0.05);
    let state = CdState {
        weight_velocity: reference.param("velocity.weight"),
        visible_velocity: reference.param("velocity.visible_bias"),
        hidden_velocity: reference.param("velocity.hidden_bias"),
        activity: reference.param("activity"),
        chains: None,
    };
    let (after, state) = rule.update(rbm.clone(), state, &positive, &negative);
    reference.assert_close("after.rbm.weight", after.weight.val());
    reference.assert_close("after.rbm.visible_bias", after.visible_bias.val());
    reference.assert_close("after.rbm.hidden_bias", after.hidden_bias.val());
    reference.assert_close("after.velocity.weight", state.weight_velocity.val());
    reference.assert_close("after.velocity.visible_bias", state.visible_velocity.val());
    reference.assert_close("after.velocity.hidden_bias", state.hidden_velocity.val());
    reference.assert_close("after.activity", state.activity.val());
    rbm
}

#[test]
fn unrolled_network_matches_pytorch() {
    let (_, _alone) = seeded();
    for device in devices() {
        let reference = Reference::read("reference.safetensors", &device);
        let mut dbn = DbnConfig::new(5, 3).with_widths(vec![8, 6]).init(&device);
        let stack = store("reference.safetensors").with_key_remapping(r"^dbn\.", "");
        dbn.load_from(&mut { stack }).unwrap();

        let mut network = dbn.unroll(3, &device.clone().autodiff());
        // The head alone is new: everything else came from the stack.
        let head = store("reference.safetensors").with_key_remapping(r"^model\.", "");
        let head = head.with_regex(r"^head\.").allow_partial(true);
        network.load_from(&mut { head }).unwrap();

        let x: Tensor<2> = reference.tensor("input");
        let logits = network.valid().forward(x.clone());
        reference.assert_close("logits", logits);

        let targets = Tensor::from_data(reference.tensors["targets"].clone(), &device).autodiff();
        let logits = network.forward(x.autodiff());
        let loss = CrossEntropyLossConfig::new()
            .init(&logits.device())
            .forward(logits, targets);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = SgdConfig::new().init().step(0.1, network, gradients);
        let after = network.valid().collect(None, None, false);
        assert_eq!(after.len(), 6);
        for tensor in after {
            let name = format!("after.{}", tensor.name);
            println!("{name}"); // Shown when the comparison fails.
            let actual = bridge::to_data(&tensor).unwrap();
            let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-5);
            actual.assert_approx_eq(&reference.tensors[&name], tolerance);
        }
    }
}
