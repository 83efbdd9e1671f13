//! Measuring a network on a split, without training it.

use burn::tensor::Device;
use fornax_data::{Batch, DataError, Dataset, Split, Targets};
use fornax_rnn::{Rnn, State};

use crate::architecture::Network;
use crate::batch::{self, Inputs, Layout};
use crate::metrics::Metrics;
use crate::step::to_vec;

/// Samples of a text at least that are read one after another, if there are so many: the first of them
/// is read without knowing what comes before.
const READ_ON: usize = 8;

/// Applies a network to every sample of a split. Those of a text are read on from one to the next, as
/// the network would be used; up to `batch_size` places of it at a time.
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
    if let (Network::Rnn(rnn), Layout::Tokens) = (network, layout) {
        read_on(rnn, split, &mut metrics, device, batch_size)?;
        return Ok(metrics);
    }
    for indices in chunks(split.len(), batch_size) {
        let batch = split.batch(&indices)?;
        let outputs = to_vec(network.forward(&batch::inputs(&batch, layout, device)));
        update(&mut metrics, &outputs, &batch, split, &indices);
    }
    Ok(metrics)
}

/// Reads a text at several places side by side, each from one sample on to the next.
fn read_on(
    rnn: &Rnn,
    split: &Split,
    metrics: &mut Metrics,
    device: &Device,
    batch_size: usize,
) -> Result<(), DataError> {
    let mut state = None;
    for indices in side_by_side(split.len(), batch_size) {
        let batch = split.batch(&indices)?;
        let Inputs::Tokens(tokens) = batch::inputs(&batch, Layout::Tokens, device) else {
            unreachable!("a layout of tokens gives tokens");
        };
        // The last places may have come to their end.
        let before = state.map(|state: State| state.first(indices.len()));
        let (logits, after) = rnn.forward_tokens(tokens, before); // [B, T, V]
        state = Some(after);
        update(metrics, &to_vec(logits), &batch, split, &indices);
    }
    Ok(())
}

/// The places `0..len` in parts of equal length, up to `most` of them: first the first of each part,
/// then the second of each. The last parts may be shorter.
fn side_by_side(len: usize, most: usize) -> impl Iterator<Item = Vec<usize>> {
    let num_parts = (len / READ_ON).clamp(1, most.max(1));
    let part = len.div_ceil(num_parts);
    (0..part).map(move |place| (place..len).step_by(part).collect())
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Int, Tensor, TensorData};
    use fornax_data::{DataConfig, DataFolders, Task};
    use fornax_rnn::RnnConfig;

    use super::*;

    #[test]
    fn a_text_is_read_in_parts_of_equal_length_and_the_last_may_be_shorter() {
        let columns: Vec<_> = side_by_side(19, 32).collect();
        assert_eq!(columns.len(), 10);
        assert_eq!((&columns[0][..], &columns[9][..]), (&[0, 10][..], &[9][..]));
        assert_eq!(side_by_side(19, 1).count(), 19);
        assert_eq!(side_by_side(3, 32).count(), 3);
        assert_eq!(side_by_side(0, 32).count(), 0);
    }

    #[test]
    fn samples_of_a_text_are_read_as_if_they_were_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rhyme.txt");
        std::fs::write(&path, "one two buckle my shoe, three four ".repeat(80)).unwrap();
        let mut config = DataConfig::new(path.to_str().unwrap());
        config.seq_len = 16;
        let data = fornax_data::open(&config, 1, &DataFolders::default()).unwrap();
        let device = Device::flex();
        device.seed(5);
        let Task::NextToken { vocabulary } = &data.task else {
            panic!("a text is about the next character");
        };
        let rnn = RnnConfig::new(vocabulary.len(), vocabulary.len(), true)
            .with_d_hidden(12)
            .init(&device);

        let mut whole = Metrics::for_task(&data.task);
        let indices: Vec<usize> = (0..data.valid.len()).collect();
        let batch = data.valid.batch(&indices).unwrap();
        let fornax_data::Inputs::Tokens { shape, tokens } = &batch.inputs else {
            panic!("a text has tokens");
        };
        let tokens = TensorData::new(tokens.clone(), [1, shape[0] * shape[1]]);
        let tokens = Tensor::<2, Int>::from_data(tokens, &device);
        let (logits, _) = rnn.forward_tokens(tokens, None);
        update(&mut whole, &to_vec(logits), &batch, &data.valid, &indices);

        let network = Network::Rnn(rnn);
        let read = |batch_size| {
            let tokens = Layout::Tokens;
            evaluate(&network, &data.valid, &data, tokens, &device, batch_size).unwrap()
        };
        assert!((read(1).loss() - whole.loss()).abs() < 1e-6);
        // Read from a second place, one sample more is read without what comes before it.
        assert!((read(2).loss() - whole.loss()).abs() > 1e-6);
    }
}
