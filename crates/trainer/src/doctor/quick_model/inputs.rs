//! Inputs of any form as rows of a fixed width, as quick models take them.

use burn::tensor::{Device, Tensor, TensorData};
use fornax_data::{Batch, Dataset, InputShape, Inputs};
use fornax_insight::condense::condense;
use fornax_layers::Feature;

use crate::Architecture;
use crate::batch;

/// Inputs that a quick model sees of a sample; more are condensed.
const MAX_WIDTH: usize = 512;

/// The inputs of a batch as rows, at most [`MAX_WIDTH`] wide.
pub(super) fn flat(dataset: &Dataset, batch: &Batch, device: &Device) -> Tensor<2> {
    let bag = match (&batch.inputs, &dataset.input) {
        (
            Inputs::Documents {
                shape,
                tokens,
                lengths,
            },
            InputShape::Documents { vocab_size, .. },
        ) => Some(bag_of_tokens(
            tokens,
            shape[1],
            lengths,
            *vocab_size,
            device,
        )),
        _ => None,
    };
    let values = bag.or_else(|| {
        let layout = Architecture::Mlp.layout(&dataset.input).ok()?;
        match batch::inputs(batch, layout, device) {
            batch::Inputs::Flat(x) => Some(x),
            _ => None,
        }
    });
    let values = values.unwrap_or_else(|| Tensor::zeros([batch.len(), 1], device));
    let width = values.dims()[1];
    let shape = match dataset.input {
        InputShape::Image {
            channels,
            height,
            width,
        } => vec![channels, height, width],
        InputShape::Sequence { width, max_len } => vec![max_len, width],
        _ => vec![width],
    };
    let feature = Feature {
        name: "input".to_owned(),
        shape,
        values,
    };
    condense(&feature, MAX_WIDTH)
}

/// Of each series and each of its numbers a step: mean, spread, mean step, lowest and highest value,
/// `[B, 5 D]`. Nothing for other inputs.
pub(super) fn summaries(dataset: &Dataset, batch: &Batch, device: &Device) -> Option<Tensor<2>> {
    let InputShape::Sequence { width, max_len } = dataset.input else {
        return None;
    };
    let layout = Architecture::Mlp.layout(&dataset.input).ok()?;
    let batch::Inputs::Flat(x) = batch::inputs(batch, layout, device) else {
        return None;
    };
    if max_len < 2 {
        return None;
    }
    let x = x.reshape([batch.len(), max_len, width]); // [B, T, D]
    let steps = x.clone().narrow(1, 1, max_len - 1) - x.clone().narrow(1, 0, max_len - 1);
    let (spread, mean) = x.clone().var_mean_bias(1);
    let of_each = [
        mean,
        spread.sqrt(),
        steps.abs().mean_dim(1),
        x.clone().min_dim(1),
        x.max_dim(1),
    ];
    Some(Tensor::cat(of_each.to_vec(), 1).reshape([batch.len(), 5 * width]))
}

/// How often each token stands in a text, as its share of the text: `[B, V]`.
#[allow(clippy::cast_precision_loss)] // a count of tokens
fn bag_of_tokens(
    tokens: &[i32],
    steps: usize,
    lengths: &[usize],
    vocab_size: usize,
    device: &Device,
) -> Tensor<2> {
    let mut values = vec![0.0_f32; lengths.len() * vocab_size];
    for (row, &length) in lengths.iter().enumerate() {
        for &token in &tokens[row * steps..][..length.min(steps)] {
            if let Some(token) = usize::try_from(token)
                .ok()
                .filter(|&token| token < vocab_size)
            {
                values[row * vocab_size + token] += 1.0 / length as f32;
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [lengths.len(), vocab_size]), device)
}
