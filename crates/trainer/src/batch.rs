//! From the plain arrays of a batch to the tensors of an architecture.

use burn::tensor::{Device, Int, Tensor, TensorData};
use fornax_data::Batch;

/// How an architecture wants its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One row of numbers a sample: `[B, D]`.
    Flat,
    /// A series as one row, filled with zeros up to `max_len` steps: `[B, T * D]`.
    FlatSteps {
        /// Steps of the longest series.
        max_len: usize,
    },
    /// `[B, C, H, W]`
    Image,
    /// A series as an image one pixel high: `[B, D, 1, T]`, filled with zeros up to `max_len`.
    Signal {
        /// Steps of the longest series.
        max_len: usize,
    },
    /// `[B, T, D]` with the length of each series.
    Steps,
    /// The rows of an image as steps: `[B, H, C * W]`.
    Rows,
    /// The pixels of an image as steps, row after row: `[B, H * W, C]`.
    Pixels,
    /// `[B, T]`, ids of characters.
    Tokens,
    /// `[B, T]`, ids of words or characters, with the length of each text.
    Documents,
}

/// The inputs of a network on a device.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// `[B, D]`
    Flat(Tensor<2>),
    /// `[B, C, H, W]`
    Image(Tensor<4>),
    /// `[B, T, D]` and the number of valid steps of each sample.
    Steps(Tensor<3>, Vec<usize>),
    /// `[B, T]`
    Tokens(Tensor<2, Int>),
    /// `[B, T]` and the number of valid tokens of each sample.
    Documents(Tensor<2, Int>, Vec<usize>),
}

/// What a network should have answered, on a device.
#[derive(Debug, Clone)]
pub enum Targets {
    /// `[B]`, or `[B * T]` for text: the index of the right class.
    Classes(Tensor<1, Int>),
    /// Two right classes, `[B]` each, for items blended from two.
    Blended {
        /// Those of the items themselves, and those of their partners.
        classes: Box<[Tensor<1, Int>; 2]>,
        /// How much the first counts; the second counts the rest.
        share: f32,
    },
    /// `[B, K]`
    Values(Tensor<2>),
}

/// Moves a batch's inputs to the device in the layout that the architecture wants.
///
/// # Panics
/// When the layout was not made for such data, which [`crate::Architecture::layout`] rules out.
#[must_use]
pub fn inputs(batch: &Batch, layout: Layout, device: &Device) -> Inputs {
    match (&batch.inputs, layout) {
        (fornax_data::Inputs::Dense { shape, values }, Layout::Flat) => {
            let row = shape[1..].iter().product();
            Inputs::Flat(floats(values.clone(), [shape[0], row], device))
        }
        (
            fornax_data::Inputs::Dense { shape, values },
            Layout::Image | Layout::Rows | Layout::Pixels,
        ) => {
            let shape = [shape[0], shape[1], shape[2], shape[3]];
            images(floats(values.clone(), shape, device), layout)
        }
        (
            fornax_data::Inputs::Sequences {
                shape,
                values,
                lengths,
            },
            Layout::Steps,
        ) => Inputs::Steps(floats(values.clone(), *shape, device), lengths.clone()),
        (fornax_data::Inputs::Sequences { shape, values, .. }, Layout::FlatSteps { max_len }) => {
            let [batch, _, width] = *shape;
            let values = padded(values, *shape, max_len);
            Inputs::Flat(floats(values, [batch, max_len * width], device))
        }
        (fornax_data::Inputs::Sequences { shape, values, .. }, Layout::Signal { max_len }) => {
            let [batch, _, width] = *shape;
            let values = padded(values, *shape, max_len);
            let x: Tensor<4> = floats(values, [batch, 1, max_len, width], device);
            Inputs::Image(x.permute([0, 3, 1, 2])) // [B, D, 1, T]
        }
        (fornax_data::Inputs::Tokens { shape, tokens }, Layout::Tokens) => Inputs::Tokens(
            Tensor::from_data(TensorData::new(tokens.clone(), *shape), device),
        ),
        (
            fornax_data::Inputs::Documents {
                shape,
                tokens,
                lengths,
            },
            Layout::Documents,
        ) => {
            let tokens = Tensor::from_data(TensorData::new(tokens.clone(), *shape), device);
            Inputs::Documents(tokens, lengths.clone())
        }
        _ => panic!("the layout of a batch always comes from the data's own form"),
    }
}

/// Images, `[B, C, H, W]`, in the layout that the architecture wants.
#[must_use]
pub fn images(x: Tensor<4>, layout: Layout) -> Inputs {
    let [batch, _, height, width] = x.dims();
    match layout {
        Layout::Image => Inputs::Image(x),
        Layout::Rows => Inputs::Steps(x.swap_dims(1, 2).flatten(2, 3), vec![height; batch]),
        Layout::Pixels => {
            let x = x.permute([0, 2, 3, 1]).flatten(1, 2);
            Inputs::Steps(x, vec![height * width; batch])
        }
        _ => Inputs::Flat(x.flatten(1, 3)),
    }
}

/// Moves a batch's targets to the device; `None` where the data has none.
#[must_use]
pub fn targets(batch: &Batch, device: &Device) -> Option<Targets> {
    let classes = |classes: Vec<i32>| {
        let shape = [classes.len()];
        Tensor::<1, Int>::from_data(TensorData::new(classes, shape), device)
    };
    match &batch.targets {
        fornax_data::Targets::Classes(own) | fornax_data::Targets::Tokens(own) => {
            let Some(blend) = &batch.blend else {
                return Some(Targets::Classes(classes(own.clone())));
            };
            let other = blend.partners.iter().map(|&partner| own[partner]);
            Some(Targets::Blended {
                classes: Box::new([own.clone(), other.collect()].map(classes)),
                share: blend.share,
            })
        }
        fornax_data::Targets::Values { width, values } => {
            let shape = [values.len() / (*width).max(1), *width];
            Some(Targets::Values(floats(values.clone(), shape, device)))
        }
        fornax_data::Targets::Absent => None,
    }
}

fn floats<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Fills each series with zeros from `shape[1]` up to `max_len` steps, and cuts off what is longer.
fn padded(values: &[f32], shape: [usize; 3], max_len: usize) -> Vec<f32> {
    let [batch, steps, width] = shape;
    let mut out = vec![0.0; batch * max_len * width];
    let kept = steps.min(max_len) * width;
    for (row, series) in values.chunks_exact((steps * width).max(1)).enumerate() {
        let start = row * max_len * width;
        out[start..start + kept].copy_from_slice(&series[..kept]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One image of two channels of two rows by three columns: 0 to 5 and 10 to 15.
    fn image() -> Tensor<4> {
        let pixels = [0_u8, 10].map(|first| (first..first + 6).map(f32::from).collect::<Vec<_>>());
        floats(pixels.concat(), [1, 2, 2, 3], &Device::flex())
    }

    #[track_caller]
    fn check(layout: Layout, dims: [usize; 3], expected: &[f32]) {
        let Inputs::Steps(x, lengths) = images(image(), layout) else {
            panic!("an image becomes steps");
        };
        assert_eq!((x.dims(), lengths), (dims, vec![dims[1]]));
        assert_eq!(x.into_data().try_to_vec::<f32>().unwrap(), expected);
    }

    #[test]
    fn an_image_is_read_row_by_row_or_pixel_by_pixel() {
        let rows = [
            0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 3.0, 4.0, 5.0, 13.0, 14.0, 15.0,
        ];
        check(Layout::Rows, [1, 2, 6], &rows);
        let pixels = [
            0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0, 4.0, 14.0, 5.0, 15.0,
        ];
        check(Layout::Pixels, [1, 6, 2], &pixels);
    }
}
