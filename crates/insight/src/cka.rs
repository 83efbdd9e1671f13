//! Centred kernel alignment: how alike two layers see the same samples, from 0 to 1.

use burn::tensor::Tensor;

/// Samples of a batch: the estimate of each batch is unbiased, so their sums are too.
pub const BATCH: usize = 256;

/// Similarity of every layer of one network to every layer of another.
///
/// The estimate is summed over batches of [`BATCH`] samples, of which the last, shorter one is left
/// out unless it is the only one. It may fall a little below 0, as an unbiased estimate may.
///
/// # Shapes
/// - `rows`, `columns`: a tensor `[B, D]` a layer, all of the same B samples
/// - returns: a row for each of `rows`; NaN where a layer does not tell samples apart, or B is
///   below 4
///
/// Nguyen, Raghu and Kornblith 2021, <https://arxiv.org/abs/2010.15327>, with the unbiased
/// estimator of Song et al. 2012.
#[must_use]
pub fn cka(rows: &[Tensor<2>], columns: &[Tensor<2>]) -> Vec<Vec<f64>> {
    let count = rows.first().map_or(0, |layer| layer.dims()[0]);
    let batch = BATCH.min(count);
    let mut cross = vec![vec![0.0; columns.len()]; rows.len()];
    let mut own_rows = vec![0.0; rows.len()];
    let mut own_columns = vec![0.0; columns.len()];
    if batch >= 4 {
        let [rows, columns] =
            [rows, columns].map(|layers| layers.iter().map(scaled).collect::<Vec<_>>());
        for start in (0..=count - batch).step_by(batch) {
            let kernels = |layers: &[Tensor<2>]| -> Vec<Tensor<2>> {
                layers
                    .iter()
                    .map(|layer| kernel(layer.clone().narrow(0, start, batch)))
                    .collect()
            };
            let (row_kernels, column_kernels) = (kernels(&rows), kernels(&columns));
            for (i, a) in row_kernels.iter().enumerate() {
                own_rows[i] += unbiased_hsic(a, a);
                for (j, b) in column_kernels.iter().enumerate() {
                    cross[i][j] += unbiased_hsic(a, b);
                }
            }
            for (own, kernel) in own_columns.iter_mut().zip(&column_kernels) {
                *own += unbiased_hsic(kernel, kernel);
            }
        }
    } else {
        cross
            .iter_mut()
            .flatten()
            .for_each(|value| *value = f64::NAN);
    }
    for (row, own_row) in cross.iter_mut().zip(&own_rows) {
        for (value, own_column) in row.iter_mut().zip(&own_columns) {
            *value /= (own_row * own_column).sqrt();
        }
    }
    cross
}

/// Features brought to a mean length of about one, and centred: neither changes a similarity, but
/// both keep single precision exact enough. The same scale for all batches, or they would not weigh
/// alike.
#[allow(clippy::cast_precision_loss)] // a width
fn scaled(features: &Tensor<2>) -> Tensor<2> {
    let x = features.clone() - features.clone().mean_dim(0);
    let length = (x.clone() * x.clone()).mean() * x.dims()[1] as f32; // [1]
    x / length.sqrt().clamp_min(1e-20).unsqueeze()
}

/// The products of all pairs of samples, zero on the diagonal: `[B, D]` to `[B, B]`.
fn kernel(x: Tensor<2>) -> Tensor<2> {
    let products = x.clone().matmul(x.transpose()); // [B, B]
    let [count, _] = products.dims();
    let diagonal = Tensor::<2>::eye(count, &products.device());
    products.clone() - products * diagonal
}

/// The unbiased estimate of the Hilbert-Schmidt independence criterion.
#[allow(clippy::cast_precision_loss)] // a batch
fn unbiased_hsic(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    let n = a.dims()[0] as f64;
    let scalar = |tensor: Tensor<1>| f64::from(tensor.into_scalar::<f32>());
    let trace = scalar((a.clone() * b.clone()).sum()); // both are symmetric
    let sums = scalar(a.clone().sum()) * scalar(b.clone().sum());
    let joint = scalar((a.clone().sum_dim(0) * b.clone().sum_dim(0)).sum());
    (trace + sums / ((n - 1.0) * (n - 2.0)) - 2.0 * joint / (n - 2.0)) / (n * (n - 3.0))
}
