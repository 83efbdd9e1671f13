//! The parameters of a network and their gradients as plain numbers, each with its layer's name.

use std::borrow::Cow;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use crate::architecture::Network;

/// A parameter, or its gradient.
pub(super) struct Parameter<T> {
    /// As the tap calls the layer; `embedding` for that of a network of tokens.
    pub(super) layer: String,
    /// Whether it is a weight: neither a bias nor part of a norm.
    pub(super) is_weight: bool,
    /// In row-major order.
    pub(super) values: T,
}

impl Parameter<Tensor<1>> {
    /// Reads the numbers, without a copy where nobody else holds them.
    pub(super) fn read(self) -> Parameter<TensorData> {
        Parameter {
            layer: self.layer,
            is_weight: self.is_weight,
            values: self.values.into_data(),
        }
    }
}

impl Parameter<TensorData> {
    pub(super) fn floats(&self) -> Cow<'_, [f32]> {
        floats(&self.values)
    }
}

/// The numbers of a tensor, copied only where they are no `f32`.
pub(super) fn floats(data: &TensorData) -> Cow<'_, [f32]> {
    match data.as_slice::<f32>() {
        Ok(values) => Cow::Borrowed(values),
        Err(_) => Cow::Owned(data.iter::<f32>().collect()),
    }
}

/// All parameters of the layers that answer, in the order of the network.
pub(super) fn parameters(network: &Network) -> Vec<Parameter<Tensor<1>>> {
    collect(network, None, |_| true)
}

/// The weights alone.
pub(super) fn weights(network: &Network) -> Vec<Parameter<Tensor<1>>> {
    collect(network, None, |is_weight| is_weight)
}

/// The gradients of all parameters that have one.
pub(super) fn gradients(
    network: &Network,
    gradients: &GradientsParams,
) -> Vec<Parameter<Tensor<1>>> {
    collect(network, Some(gradients), |_| true)
}

fn collect(
    network: &Network,
    gradients: Option<&GradientsParams>,
    wanted: fn(bool) -> bool,
) -> Vec<Parameter<Tensor<1>>> {
    let mut collect = Collect {
        path: Vec::new(),
        gradients,
        wanted,
        found: Vec::new(),
    };
    network.visit(&mut collect);
    collect.found
}

struct Collect<'a> {
    path: Vec<String>,
    gradients: Option<&'a GradientsParams>,
    wanted: fn(bool) -> bool,
    found: Vec<Parameter<Tensor<1>>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(layer) = layer_of(&self.path) else {
            return;
        };
        let is_weight = self
            .path
            .last()
            .is_some_and(|name| name.ends_with("weight"));
        if !(self.wanted)(is_weight) {
            return;
        }
        let values = match self.gradients {
            None => Some(param.val().without_autodiff()),
            Some(gradients) => gradients.get::<D>(param.id),
        };
        if let Some(values) = values {
            let length = values.dims().iter().product::<usize>();
            self.found.push(Parameter {
                layer,
                is_weight,
                values: values.reshape([length]),
            });
        }
    }
}

/// What the tap calls the layer of the parameter at `path`, such as `Mlp`, `hidden`, `0`, `linear`,
/// `weight`. A deep belief network answers through its unrolled half; the stack has no such layer.
fn layer_of(path: &[String]) -> Option<String> {
    let mut names = path.iter().skip(1).map(String::as_str);
    let mut list = names.next()?;
    if list == "unrolled" {
        list = names.next()?;
    }
    let number = names.next().and_then(|index| index.parse::<usize>().ok());
    let counted = |name: &str| number.map(|index| format!("{name}{}", index + 1));
    match list {
        "hidden" => counted("hidden"),
        "blocks" => counted("block"),
        "dense" => counted("dense"),
        "layers" => counted("layer"),
        "head" | "logits" => Some("logits".to_owned()),
        "embedding" => Some("embedding".to_owned()),
        _ => None,
    }
}
