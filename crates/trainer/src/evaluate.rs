//! Measuring a network on a split, without training it.

use burn::tensor::Device;
use fornax_data::{Batch, DataError, Dataset, Split, Targets};

use crate::architecture::Network;
use crate::batch::{self, Layout};
use crate::metrics::Metrics;
use crate::step::to_vec;

/// Applies a network to every sample of a split.
///
/// The network must be on the plain device, as [`burn::module::Module::valid`] leaves it: dropout
/// is then off and batch norm uses what it learned.
///
/// # Errors
/// When a sample can no longer be read.
pub fn evaluate(
    network: &Network,
    split: &Split,
    dataset: &Dataset,
    layout: Layout,
    device: &Device,
    batch_size: usize,
) -> Result<Metrics, DataError> {
    let mut metrics = Metrics::for_task(&dataset.task);
    for indices in chunks(split.len(), batch_size) {
        let batch = split.batch(&indices)?;
        let outputs = to_vec(network.forward(&batch::inputs(&batch, layout, device)));
        update(&mut metrics, &outputs, &batch, split, &indices);
    }
    Ok(metrics)
}

/// Adds the outputs of one batch, for the items of `split` at `indices`, to the metrics.
///
/// Numbers are compared in their original units, and of several forecast columns in standard
/// deviations of each.
pub fn update(
    metrics: &mut Metrics,
    outputs: &[f32],
    batch: &Batch,
    split: &Split,
    indices: &[usize],
) {
    match &batch.targets {
        Targets::Classes(targets) | Targets::Tokens(targets) => {
            metrics.update_classes(outputs, targets);
        }
        Targets::Values { values, .. } => {
            let outputs = split.comparable(indices, outputs);
            metrics.update_values(&outputs, &split.comparable(indices, values));
        }
        Targets::Absent => {}
    }
}

/// The places `0..len` in order, `size` at a time.
pub fn chunks(len: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let size = size.max(1);
    (0..len)
        .step_by(size)
        .map(move |start| (start..len.min(start + size)).collect())
}
