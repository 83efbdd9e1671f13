//! Taps that reach into a network while it computes: for gradients at a layer, and for switching
//! units off.

use std::collections::BTreeMap;
use std::fmt::Display;

use burn::tensor::{Int, Tensor, TensorData};
use fornax_layers::{StandIn, Tap};

/// Keeps the features of one layer, with the gradient that reaches them.
///
/// The gradient of something in the middle of a computation is that of zeros added to it.
#[derive(Debug)]
pub struct Watch {
    layer: String,
    /// What was seen.
    pub seen: Option<Watched>,
}

/// One layer's features in a computation that keeps gradients.
#[derive(Debug)]
pub struct Watched {
    /// Shape of one sample's features.
    pub shape: Vec<usize>,
    /// `[B, D]`, part of the computation.
    pub features: Tensor<2>,
    /// `[B, D]`, zeros: their gradient is that of the features.
    pub zeros: Tensor<2>,
}

impl Watch {
    /// A tap that keeps the features of the layer called `layer`.
    #[must_use]
    pub fn new(layer: &str) -> Self {
        Self {
            layer: layer.to_owned(),
            seen: None,
        }
    }
}

impl Tap for Watch {
    fn tap<const D: usize>(&mut self, _name: impl Display, _features: &Tensor<D>) {}

    fn pass<const D: usize>(&mut self, name: impl Display, features: Tensor<D>) -> Tensor<D> {
        if name.to_string() != self.layer {
            return features;
        }
        let dims = features.dims();
        let flat: Tensor<2> = features.flatten(1, D - 1); // [B, D]
        let zeros = Tensor::zeros(flat.dims(), &flat.device()).require_grad();
        let flat = flat + zeros.clone();
        self.seen = Some(Watched {
            shape: dims[1..].to_vec(),
            features: flat.clone(),
            zeros,
        });
        flat.reshape(dims)
    }
}

/// Switches units off: what the rest of the network makes of it shows what they were worth.
#[derive(Debug, Clone, Default)]
pub struct Prune {
    /// The units of each layer that are computed no more, and what stands for them.
    pub off: BTreeMap<String, Vec<StandIn>>,
}

impl Tap for Prune {
    fn tap<const D: usize>(&mut self, _name: impl Display, _features: &Tensor<D>) {}

    fn pass<const D: usize>(&mut self, name: impl Display, features: Tensor<D>) -> Tensor<D> {
        let Some(off) = self.off.get(&name.to_string()) else {
            return features;
        };
        // Axis 1 counts the units, of maps and of rows alike.
        let mut shape = [1; D];
        shape[1] = features.dims()[1];
        let mut source: Vec<i32> = (0..).take(shape[1]).collect();
        let mut scale = vec![1.0_f32; shape[1]];
        let mut shift = vec![0.0_f32; shape[1]];
        for stand_in in off {
            source[stand_in.unit] = source[stand_in.source];
            scale[stand_in.unit] = stand_in.scale;
            shift[stand_in.unit] = stand_in.shift;
        }
        let device = features.device();
        let source = Tensor::<1, Int>::from_data(TensorData::new(source, [shape[1]]), &device);
        let scale = Tensor::<D>::from_data(TensorData::new(scale, shape), &device);
        let shift = Tensor::<D>::from_data(TensorData::new(shift, shape), &device);
        features.select(1, source) * scale + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn another_unit_speaks_for_one_that_is_switched_off() {
        let stand_in = |unit, source, scale, shift| StandIn {
            unit,
            source,
            scale,
            shift,
        };
        let off = vec![stand_in(1, 0, 2.0, 1.0), stand_in(2, 2, 0.0, 7.0)];
        let mut tap = Prune {
            off: BTreeMap::from([("hidden1".to_owned(), off)]),
        };
        let x = Tensor::<2>::from_floats([[3.0, 5.0, 9.0]], &Device::flex());
        let values = |x: Tensor<2>| x.into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(values(tap.pass("hidden1", x.clone())), [3.0, 7.0, 7.0]);
        assert_eq!(values(tap.pass("hidden2", x)), [3.0, 5.0, 9.0]);
    }
}
