//! The numbers of another framework, in the files that a `reference.py` beside the tests wrote.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::{GradientsParams, SgdConfig};
use burn::store::{ModuleSnapshot, ModuleStore, SafetensorsStore, bridge, burn_pack};
use burn::tensor::{Device, Int, Tensor, TensorData, Tolerance};

use crate::cross_entropy;

/// The tensors of one file, by name.
#[derive(Debug, Clone)]
pub struct Reference {
    tensors: BTreeMap<String, TensorData>,
    device: Device,
}

impl Reference {
    /// Reads a file.
    ///
    /// # Panics
    /// When there is none, or it is not in the form of safetensors.
    #[must_use]
    pub fn read(path: &str, device: &Device) -> Self {
        let mut store = SafetensorsStore::from_file(path);
        let tensors = store.get_all_tensors().expect("a file of tensors");
        Self {
            tensors: by_name(tensors.values().cloned()),
            device: device.clone(),
        }
    }

    /// The same on another device.
    #[must_use]
    pub fn on(&self, device: Device) -> Self {
        Self {
            device,
            ..self.clone()
        }
    }

    /// Where its tensors are put.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A tensor of numbers.
    ///
    /// # Panics
    /// When there is none of this name and rank.
    #[must_use]
    pub fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.tensors[name].clone(), &self.device)
    }

    /// A tensor of whole numbers.
    ///
    /// # Panics
    /// As [`Reference::tensor`].
    #[must_use]
    pub fn whole<const D: usize>(&self, name: &str) -> Tensor<D, Int> {
        Tensor::from_data(self.tensors[name].clone(), &self.device)
    }

    /// Requires a tensor to be near the one of this name.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_close<const D: usize>(&self, name: &str, actual: Tensor<D>) {
        assert_close(name, &actual.into_data(), &self.tensors[name]);
    }
}

/// Requires numbers to be near others, relatively or absolutely.
///
/// # Panics
/// When they are not.
#[track_caller]
pub fn assert_close(name: &str, actual: &TensorData, expected: &TensorData) {
    println!("{name}"); // Shown when the comparison fails.
    actual.assert_approx_eq::<f32>(expected, Tolerance::rel_abs(1e-5, 1e-5));
}

/// Gives a network the weights of a file whose names begin with `prefix` and a point; it may have others.
///
/// # Panics
/// When one does not fit.
#[must_use]
pub fn with_weights<M: ModuleSnapshot>(path: &str, prefix: &str, mut network: M) -> M {
    let store = SafetensorsStore::from_file(path);
    let mut store = store
        .with_key_remapping(format!(r"^{prefix}\."), "")
        .allow_partial(true);
    network.load_from(&mut store).expect("the weights fit");
    network
}

/// Requires of a network, which has the weights of a file, its `logits`, and after one step of gradient
/// descent on its `targets` the weights `after.*`.
///
/// # Shapes
/// `forward` returns `[B, K]`, or `[B * T, K]`, from what the file holds.
///
/// # Panics
/// When a number differs, or a parameter is missing on either side.
#[track_caller]
pub fn check_against<M: Module + ModuleSnapshot>(
    file: &Reference,
    network: M,
    forward: impl Fn(&M, &Reference) -> Tensor<2>,
) {
    let plain = file.on(file.device.clone().without_autodiff());
    let learning = file.on(plain.device.clone().autodiff());
    // In the file, those of sequences may lie sequence by sequence.
    let logits = forward(&network.valid(), &plain).into_data();
    let expected: Vec<f32> = file.tensors["logits"].iter().collect();
    let expected = TensorData::new(expected, logits.shape().clone());
    assert_close("logits", &logits, &expected);

    let targets: Vec<i64> = file.tensors["targets"].iter().collect();
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &learning.device);
    let loss = cross_entropy(forward(&network, &learning), targets);
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let network = SgdConfig::new().init().step(0.1, network, gradients);

    let after = parameters(&network.valid());
    let names = file.tensors.keys();
    let expected = names.filter_map(|name| name.strip_prefix("after."));
    assert_eq!(
        expected.collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (name, values) in &after {
        assert_close(name, values, &file.tensors[&format!("after.{name}")]);
    }
}

/// The parameters of a network by their paths.
///
/// # Panics
/// When the device fails.
#[must_use]
pub fn parameters(network: &impl ModuleSnapshot) -> BTreeMap<String, TensorData> {
    by_name(network.collect(None, None, false))
}

fn by_name(tensors: impl IntoIterator<Item = burn_pack::Tensor>) -> BTreeMap<String, TensorData> {
    let tensors = tensors.into_iter().map(|tensor| {
        let data = bridge::to_data(&tensor).expect("a tensor that is in memory");
        (tensor.name, data)
    });
    tensors.collect()
}
