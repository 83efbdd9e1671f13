//! The tap: how the named features of each layer leave a network, and the only way they do.

use std::fmt::Display;

use burn::tensor::Tensor;

/// Is shown the features of each layer while a network computes.
///
/// A network calls [`Tap::tap`] once per layer, in order, and behaves the same whatever the tap
/// does. The empty tap `()` is free: a plain `forward` uses it.
pub trait Tap {
    /// Looks at the features of the layer called `name`; axis 0 is the batch.
    ///
    /// A numbered name is handed over as `format_args!("hidden{number}")`: nobody spells it out
    /// unless the tap wants it.
    fn tap<const D: usize>(&mut self, name: impl Display, features: &Tensor<D>);

    /// Looks at the features as [`Tap::tap`] does, and hands on what the next layer gets: the same,
    /// unless the tap is there to find out what happens without some of them.
    ///
    /// Feed-forward networks ask this of each hidden layer; recurrent ones, whose next layer may
    /// start before this one ends, only show theirs, and take units out in their weights.
    fn pass<const D: usize>(&mut self, name: impl Display, features: Tensor<D>) -> Tensor<D> {
        self.tap(name, &features);
        features
    }
}

impl Tap for () {
    #[inline]
    fn tap<const D: usize>(&mut self, _name: impl Display, _features: &Tensor<D>) {}
}

/// What stands for a unit: `scale * source + shift`.
///
/// A unit that never changes is replaced by what it always says (`scale` 0), one that repeats
/// another by that other, which then speaks for both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StandIn {
    /// The unit that is switched off.
    pub unit: usize,
    /// The unit that speaks for it.
    pub source: usize,
    /// See [`StandIn`].
    pub scale: f32,
    /// See [`StandIn`].
    pub shift: f32,
}

/// The features that one layer computed for one batch.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Name of the layer, unique within its network, such as `hidden1`.
    pub name: String,
    /// Shape of one sample's features, without the batch axis.
    pub shape: Vec<usize>,
    /// `[B, D]`, each sample's features in one row; cut off from the gradient.
    pub values: Tensor<2>,
}

/// Collects every layer's features.
impl Tap for Vec<Feature> {
    fn tap<const D: usize>(&mut self, name: impl Display, features: &Tensor<D>) {
        let shape = features.dims()[1..].to_vec();
        let values = features.clone().without_autodiff();
        self.push(Feature {
            name: name.to_string(),
            values: values.flatten(1, D - 1), // [B, D]
            shape,
        });
    }
}
