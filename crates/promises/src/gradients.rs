//! The gradient of every parameter.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The gradient of every parameter by its path, row by row; empty where it has none.
pub fn gradients(network: &impl Module, loss: &Tensor<1>) -> Vec<(String, Vec<f32>)> {
    let mut look = Look {
        path: Vec::new(),
        gradients: GradientsParams::from_grads(loss.backward(), network),
        found: Vec::new(),
    };
    network.visit(&mut look);
    look.found
}

/// Paths of the parameters whose gradient is missing or zero everywhere; but for the statistics of a
/// batch norm, which are measured and not learned.
pub fn without_gradient(network: &impl Module, loss: &Tensor<1>) -> Vec<String> {
    let gradients = gradients(network, loss).into_iter();
    let still = gradients.filter(|(_, values)| values.iter().all(|&value| value == 0.0));
    let paths = still.map(|(path, _)| path);
    paths.filter(|path| !path.contains("running_")).collect()
}

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
        let values = gradient.map(|gradient| gradient.into_data().iter().collect());
        self.found
            .push((self.path.join("."), values.unwrap_or_default()));
    }
}
