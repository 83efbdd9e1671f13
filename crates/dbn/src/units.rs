//! What a visible unit can be: a sample given its mean, the bias it starts from.

use burn::tensor::{Int, Tensor};
use fornax_kernels::{sample_bernoulli, sample_normal};
use serde::{Deserialize, Serialize};

/// Means closer to 0 or 1 than this are taken as this close: a pixel that is always dark would
/// otherwise get a bias of minus infinity.
const RAREST: f64 = 1e-3;

/// The kind of the visible units that hold the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visible {
    /// On or off. Data between 0 and 1, such as grey pixels, count as probabilities.
    #[default]
    Bernoulli,
    /// Real values of variance one around their mean: the data have to be standardised.
    Gaussian,
}

impl Visible {
    /// Draws units of this `mean`; the shape stays.
    pub(crate) fn sample(self, mean: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Bernoulli => sample_bernoulli(mean),
            Self::Gaussian => sample_normal(mean),
        }
    }

    /// The bias under which units without any other input have this `mean`.
    pub(crate) fn bias_of_mean(self, mean: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Bernoulli => {
                let mean = mean.clamp(RAREST, 1.0 - RAREST);
                mean.clone().log() - (-mean + 1.0).log()
            }
            Self::Gaussian => mean,
        }
    }

    /// By how much this kind of unit divides the learning rate of Bernoulli units.
    ///
    /// A Gaussian reconstruction has no upper bound, so one large step feeds the next: Hinton 2012
    /// (section 13.2, <https://doi.org/10.1007/978-3-642-35289-8_32>) goes one or two orders of
    /// magnitude lower. On standardised Fashion-MNIST a fifth diverges, and a tenth is stable.
    pub(crate) fn learning_rate_divisor(self) -> f64 {
        match self {
            Self::Bernoulli => 1.0,
            Self::Gaussian => 20.0,
        }
    }
}

/// Draws one class a row, as a one-hot row: `[B, K]` to `[B, K]`.
pub(crate) fn sample_one_hot(probabilities: Tensor<2>) -> Tensor<2> {
    let classes = class_indices(&probabilities); // [1, K]
    let drawn = probabilities.categorical(1); // [B, 1]
    classes.equal(drawn).float() // [B, K]
}

/// 0, 1, .. up to the number of columns of `like`, as one row.
fn class_indices(like: &Tensor<2>) -> Tensor<2, Int> {
    let [_, num_classes] = like.dims();
    // A tensor never has more columns than an i64 can count.
    let end = i64::try_from(num_classes).unwrap_or(i64::MAX);
    Tensor::<1, Int>::arange(0..end, &like.device()).unsqueeze()
}
