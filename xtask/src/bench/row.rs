//! The rows: which models are compared, and in what use.

use clap::ValueEnum;

/// One model in one use. The programs of all sides know the rows by the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Linear layers 784, 512, 256, 10; batch 128
    Mlp,
    /// Convolutions 3x3 of 32 and 64 maps on 28x28, pool, dense 128, 10; batch 128
    Cnn,
    /// The network of Burn's own MNIST example, without dropout; batch 128
    Burncnn,
    /// LSTM of 128 over 28 steps of 28, read out at its end; batch 128
    Lstm,
    /// GRU of 128 over 28 steps of 28, read out at its end; batch 128
    Gru,
    /// Two LSTM layers of 256 that predict 65 characters at each of 64 steps; batch 32
    Charlm,
    /// Contrastive divergence of one step, 784 visible and 500 hidden units; batch 128
    Rbm,
    /// The forward pass of `cnn`, batch 256
    #[value(name = "cnn_inference_256")]
    CnnInference256,
    /// The forward pass of `cnn`, one image
    #[value(name = "cnn_inference_1")]
    CnnInference1,
}

impl Row {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CnnInference256 => "cnn_inference_256",
            Self::CnnInference1 => "cnn_inference_1",
            _ => self.model(),
        }
    }

    /// The network, whatever it is used for.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Cnn | Self::CnnInference256 | Self::CnnInference1 => "cnn",
            Self::Burncnn => "burncnn",
            Self::Lstm => "lstm",
            Self::Gru => "gru",
            Self::Charlm => "charlm",
            Self::Rbm => "rbm",
        }
    }

    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::CnnInference256 | Self::CnnInference1 => "inference",
            _ => "train",
        }
    }

    pub(crate) fn batch_size(self) -> usize {
        match self {
            Self::Charlm => 32,
            Self::CnnInference256 => 256,
            Self::CnnInference1 => 1,
            _ => 128,
        }
    }

    /// What is counted per second.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Charlm => "tokens",
            _ => "samples",
        }
    }

    /// Whether the order of an image in memory matters.
    pub(crate) fn has_images(self) -> bool {
        matches!(self.model(), "cnn" | "burncnn")
    }

    /// Whether Adam moves the weights.
    pub(crate) fn has_adam(self) -> bool {
        self.mode() == "train" && self != Self::Rbm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_called_what_is_typed() {
        for row in Row::value_variants() {
            let typed = row.to_possible_value().unwrap();
            assert_eq!(typed.get_name(), row.name());
        }
    }
}
