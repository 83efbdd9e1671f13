//! Fantasies: samples that the network dreams up, freely or of one class.

use burn::tensor::Tensor;
use fornax_layers::ConfigError;

use crate::dbn::Dbn;
use crate::rbm::Rbm;

impl Dbn {
    /// Draws samples from what the network has learned: `steps` steps of Gibbs sampling in the top
    /// machine, then one pass down in means, so that the result is not grainy.
    ///
    /// With a `label`, its unit is held on throughout, and the samples are of that class.
    ///
    /// # Shapes
    /// - returns: `[num_samples, D]`, probabilities for Bernoulli units, means for Gaussian ones
    ///
    /// # Errors
    /// When no sample is asked for, or a label that the network did not learn.
    pub fn fantasies(
        &self,
        num_samples: usize,
        steps: usize,
        label: Option<usize>,
    ) -> Result<Tensor<2>, ConfigError> {
        ConfigError::check_positive("num_samples", num_samples)?;
        let top = self.top();
        let label = label
            .map(|label| one_hot(top, num_samples, label))
            .transpose()?; // [N, K]
        let visible = gibbs_chains(top, num_samples, steps, label.as_ref()); // [N, V]
        let mean = top.visible_given_hidden(top.sample_h_given_v(visible));
        let (features, _) = top.split(mean);
        let below_top = (0..self.rbms.len() - 1).rev();
        Ok(below_top.fold(features, |features, layer| self.below(layer, features)))
    }
}

/// Runs independent chains for `steps` steps with the label units held at `label`; returns the
/// visible units at the end, `[N, V]`.
fn gibbs_chains(
    rbm: &Rbm,
    num_chains: usize,
    steps: usize,
    label: Option<&Tensor<2>>,
) -> Tensor<2> {
    let clamp = |visible: Tensor<2>| match label {
        Some(label) => Tensor::cat(vec![rbm.split(visible).0, label.clone()], 1),
        None => visible,
    };
    let start = clamp(rbm.sample_start(num_chains));
    (0..steps).fold(start, |visible, _| clamp(rbm.gibbs_vhv(visible)))
}

/// The label units of `num_rows` rows with `label` on, `[N, K]`.
fn one_hot(rbm: &Rbm, num_rows: usize, label: usize) -> Result<Tensor<2>, ConfigError> {
    let num_labels = rbm.num_labels;
    if num_labels == 0 {
        let expected = "none, because this network was trained without labels";
        return Err(ConfigError::new("label", label, expected));
    }
    if label >= num_labels {
        return Err(ConfigError::new(
            "label",
            label,
            format!("a class below {num_labels}"),
        ));
    }
    let off = Tensor::zeros([num_rows, num_labels], &rbm.device());
    Ok(off.slice_fill([0..num_rows, label..label + 1], 1.0))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::DbnConfig;

    #[test]
    fn clamped_chains_keep_their_label() {
        let rbm = DbnConfig::new(6, 3)
            .with_widths(vec![4])
            .init(&Device::flex())
            .rbms
            .remove(0);
        let label = one_hot(&rbm, 5, 2).unwrap();
        let visible = gibbs_chains(&rbm, 5, 10, Some(&label));
        let (data, labels) = rbm.split(visible);
        assert_eq!(data.dims(), [5, 6]);
        let expected = Tensor::<2>::from_floats([[0.0, 0.0, 1.0]; 5], &Device::flex());
        let tolerance = Tolerance::<f32>::absolute(0.0);
        labels
            .unwrap()
            .into_data()
            .assert_approx_eq(&expected.into_data(), tolerance);
    }
}
