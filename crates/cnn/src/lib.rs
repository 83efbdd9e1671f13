#![doc = include_str!("../README.md")]

mod block;
mod config;
mod head;

use burn::module::Module;
use burn::nn::{Dropout, Linear};
use burn::tensor::Tensor;
use fornax_layers::{Activation, Feature, Tap, dropout, linear};

use block::Block;
pub use block::Padding;
pub use config::CnnConfig;
pub use head::Head;

/// A convolutional network: blocks that find ever larger patterns, then dense layers that decide.
#[derive(Module, Debug)]
pub struct Cnn {
    blocks: Vec<Block>,
    #[module(skip)]
    head: Head,
    dense: Vec<Linear>,
    #[module(skip)]
    activation: Activation,
    dropout: Dropout,
    logits: Linear,
}

impl Cnn {
    /// Scores every image or signal.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`, or `[B, C, 1, T]` for signals
    /// - returns: `[B, K]`, logits or predicted values
    ///
    /// LeCun et al. 1998, <https://doi.org/10.1109/5.726791>
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.forward_tap(x, &mut ())
    }

    /// [`Cnn::forward`], showing `tap` the features of `block1`, .., `dense1`, .., `logits`.
    pub fn forward_tap(&self, x: Tensor<4>, tap: &mut impl Tap) -> Tensor<2> {
        let mut x = x;
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x); // [B, width, H, W], a smaller map after each stride and pool
            x = tap.pass(format_args!("block{}", index + 1), x);
        }
        let mut x = self.head.forward(x); // [B, D]
        for (index, dense) in self.dense.iter().enumerate() {
            let activation = Some(self.activation);
            x = linear(dense, dropout(&self.dropout, x), activation); // [B, width]
            x = tap.pass(format_args!("dense{}", index + 1), x);
        }
        let logits = linear(&self.logits, dropout(&self.dropout, x), None); // [B, K]
        tap.tap("logits", &logits);
        logits
    }

    /// The features of every layer, as in evaluation: nothing dropped, no statistics updated.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    #[must_use]
    pub fn features(&self, x: Tensor<4>) -> Vec<Feature> {
        let mut features = Vec::new();
        self.valid()
            .forward_tap(x.without_autodiff(), &mut features);
        features
    }
}
