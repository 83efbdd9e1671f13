//! Our numbers against those that `tests/reference.py` computed.

use burn::module::Param;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Tensor;
use fornax_dbn::{CdState, ContrastiveDivergence, DbnConfig, Phase, Rbm, RbmConfig, Visible};
use fornax_promises::{Reference, check_against, cpus, with_weights};

use crate::seeded;

fn path(file: &str) -> String {
    format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bernoulli_units_match_pytorch() {
    let config = RbmConfig::new(9, 5).with_num_labels(3);
    for device in cpus() {
        let reference = Reference::read(&path("rbm_bernoulli.safetensors"), &device);
        let rbm = check_machine(&config, &reference);
        let visible: Tensor<2> = reference.tensor("visible");
        let unit = reference.whole("unit");
        reference.assert_close("log_odds", rbm.conditional_log_odds(visible.clone(), unit));
        let data = visible.narrow(1, 0, 9);
        reference.assert_close("label_logits", rbm.label_logits(data).unwrap());
    }
}

#[test]
fn gaussian_units_match_pytorch() {
    let config = RbmConfig::new(6, 4).with_visible(Visible::Gaussian);
    for device in cpus() {
        let reference = Reference::read(&path("rbm_gaussian.safetensors"), &device);
        check_machine(&config, &reference);
    }
}

/// Compares what follows from given visible and hidden units, and one update of all parameters.
#[track_caller]
fn check_machine(config: &RbmConfig, reference: &Reference) -> Rbm {
    let (_, _alone) = seeded();
    let param = |name| Param::from_tensor(reference.tensor(name));
    let bias = |name| Param::from_tensor(reference.tensor(name));
    let mut rbm = config.init(reference.device());
    rbm.weight = param("rbm.weight");
    rbm.visible_bias = bias("rbm.visible_bias");
    rbm.hidden_bias = bias("rbm.hidden_bias");

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
        weight_velocity: param("velocity.weight"),
        visible_velocity: bias("velocity.visible_bias"),
        hidden_velocity: bias("velocity.hidden_bias"),
        activity: bias("activity"),
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
    for device in cpus() {
        let path = path("reference.safetensors");
        let dbn = DbnConfig::new(5, 3).with_widths(vec![8, 6]).init(&device);
        let dbn = with_weights(&path, "dbn", dbn);
        let mut network = dbn.unroll(3, &device.clone().autodiff());
        // The head alone is new: everything else came from the stack.
        let head = SafetensorsStore::from_file(&path).with_key_remapping(r"^model\.", "");
        let head = head.with_regex(r"^head\.").allow_partial(true);
        network.load_from(&mut { head }).unwrap();
        let reference = Reference::read(&path, &device);
        check_against(&reference, network, |network, file| {
            network.forward(file.tensor("input"))
        });
    }
}
