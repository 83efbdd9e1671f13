//! How far apart the classes lie in the features of a layer, without any model.

use burn::tensor::{Int, Tensor, TensorData};

/// The variance between the means of the classes over the variance within the classes; 0 where
/// there is none between them, NaN where there is none at all.
///
/// # Shapes
/// - `features`: `[B, D]`
/// - `labels`: B, each below `num_classes`
///
/// # Panics
/// When a label is not below `num_classes`.
///
/// After Fisher 1936, <https://doi.org/10.1111/j.1469-1809.1936.tb02137.x>, as the ratio of traces.
#[must_use]
pub fn fisher_ratio(features: &Tensor<2>, labels: &[usize], num_classes: usize) -> f64 {
    let device = features.device();
    let [count, _] = features.dims();
    let mut one_hot = vec![0.0_f32; count * num_classes];
    let mut counts = vec![0.0_f32; num_classes];
    for (row, &label) in labels.iter().enumerate() {
        one_hot[row * num_classes + label] = 1.0;
        counts[label] += 1.0;
    }
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [count, num_classes]), &device);
    let counts = Tensor::<2>::from_data(TensorData::new(counts, [num_classes, 1]), &device);
    let means = one_hot.transpose().matmul(features.clone()) / counts.clone().clamp_min(1.0); // [K, D]
    let centre = features.clone().mean_dim(0); // [1, D]
    let apart = means.clone() - centre;
    let between = (apart.clone() * apart * counts).sum().into_scalar::<f32>();
    let ids: Vec<i64> = labels
        .iter()
        .map(|&label| i64::try_from(label).expect("a class in memory fits"))
        .collect();
    let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &device);
    let within = features.clone() - means.select(0, ids); // [B, D]
    let within = (within.clone() * within).sum().into_scalar::<f32>();
    f64::from(between) / f64::from(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_ratio_is_that_of_the_variances() {
        // Class means -1 and 1, each sample 0.5 from its mean: between 4 * 1, within 4 * 0.25.
        let x = Tensor::<2>::from_floats([[-1.5], [-0.5], [0.5], [1.5]], &Device::flex());
        let ratio = fisher_ratio(&x, &[0, 0, 1, 1], 3);
        assert!((ratio - 4.0).abs() < 1e-5, "{ratio}");
    }
}
