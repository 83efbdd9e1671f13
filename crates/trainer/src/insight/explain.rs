//! Why an answer: the attribution that fits the network and the data, with its checks.

use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData};
use fornax_data::{InputShape, Split};
use fornax_insight::attribution::{
    grad_cam, gradient_x_input, integrated_gradients, likeness, occlusion, windows,
};
use fornax_runs::report::Method;

use super::Subject;
use crate::architecture::Network;
use crate::batch::{self, Inputs};
use crate::error::Error;
use crate::step::to_vec;

/// Steps of integrated gradients: the residual says whether they are enough.
const STEPS: usize = 16;

/// Stretches of a text that are covered one after another, at most.
const MOST_STRETCHES: usize = 64;

/// A way to explain an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Attribution {
    /// The gradient times the input.
    Gradient,
    /// Integrated gradients, whose parts add up to the whole.
    Integrated,
    /// Which maps of the last convolution speak for the answer, and where.
    GradCam,
    /// What happens when a part of the input is covered.
    Occlusion,
}

impl Attribution {
    pub(crate) const ALL: [Self; 4] = [
        Self::GradCam,
        Self::Integrated,
        Self::Gradient,
        Self::Occlusion,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient × input",
            Self::Integrated => "integrated gradients",
            Self::GradCam => "Grad-CAM",
            Self::Occlusion => "occlusion",
        }
    }

    fn limits(self) -> &'static str {
        match self {
            Self::Gradient => {
                "It sees the slope at this input alone, and is noisy where that changes fast."
            }
            Self::Integrated => {
                "It shows what differs from the mean input, or from unknown words; what is like them gets nothing, even where it matters."
            }
            Self::GradCam => "It is as coarse as the last maps, and cannot show fine detail.",
            Self::Occlusion => {
                "It sees what one patch at a time does, not what only several together do."
            }
        }
    }

    /// The one that fits best.
    pub(crate) fn suited(subject: &Subject) -> Self {
        match (&subject.network, &subject.dataset.input) {
            (Network::Cnn(_), InputShape::Image { .. }) => Self::GradCam,
            // What is left without a word is plainer than a gradient of its embedding.
            (_, InputShape::Documents { .. }) => Self::Occlusion,
            _ => Self::Integrated,
        }
    }
}

/// Maps of some samples: one row for each, in the order of the data's own inputs.
pub(crate) struct Explained {
    /// `[B][D]`, each as long as the inputs of a sample.
    pub(crate) maps: Vec<Vec<f32>>,
    pub(crate) method: Method,
}

impl Explained {
    /// The map of one sample.
    pub(crate) fn of(&self, index: usize) -> Option<&[f32]> {
        self.maps.get(index).map(Vec::as_slice)
    }
}

/// Explains why `outputs` (one for each sample) came out as they did; `None` where the method does
/// not fit: for models of text, and Grad-CAM for networks without maps.
pub(crate) fn explain(
    subject: &Subject,
    method: Attribution,
    split: &Split,
    places: &[usize],
    outputs: &[usize],
) -> Result<Option<Explained>, Error> {
    if places.is_empty() {
        return Ok(None);
    }
    let batch = split.batch(places)?;
    let inputs = batch::inputs(&batch, subject.layout, &subject.device);
    let of = |network: &Network| maps(subject, network, method, &inputs, outputs);
    let (Some((maps, residuals)), Some((scrambled, _))) =
        (of(&subject.network), of(&subject.control))
    else {
        return Ok(None);
    };
    let residual = residuals.into_iter().reduce(f64::max);
    let likeness = likeness(&maps, &scrambled);
    Ok(Some(Explained {
        maps,
        method: Method {
            name: method.name().to_owned(),
            limits: method.limits().to_owned(),
            residual,
            scrambled: likeness.is_finite().then_some(likeness),
        },
    }))
}

type Maps = (Vec<Vec<f32>>, Vec<f64>);

fn maps(
    subject: &Subject,
    network: &Network,
    method: Attribution,
    inputs: &Inputs,
    outputs: &[usize],
) -> Option<Maps> {
    // On the device that keeps gradients, but as in evaluation: nothing dropped, no statistics.
    let frozen = network.clone().train().freeze();
    match inputs {
        Inputs::Flat(x) => {
            let score = |x| frozen.forward(&Inputs::Flat(x));
            any(subject, method, (x, &x.zeros_like()), outputs, score)
        }
        Inputs::Image(x) if method == Attribution::GradCam => {
            let InputShape::Image {
                channels,
                height,
                width,
            } = subject.dataset.input
            else {
                return None;
            };
            let last = subject
                .network
                .features(&Inputs::Image(x.clone().narrow(0, 0, 1)));
            let layer = last.iter().rev().find(|feature| feature.shape.len() == 3)?;
            let map = grad_cam(x, outputs, &layer.name, |x, tap| {
                frozen.forward_tap(&Inputs::Image(x), tap)
            })?;
            let [_, _, rows, columns] = map.dims();
            let coarse = to_vec(map);
            let maps = coarse.chunks_exact(rows * columns).map(|map| {
                let plane = upscale(map, [rows, columns], [height, width]);
                plane.repeat(channels)
            });
            Some((maps.collect(), Vec::new()))
        }
        Inputs::Image(x) => {
            let (maps, residuals) = any(subject, method, (x, &x.zeros_like()), outputs, |x| {
                frozen.forward(&Inputs::Image(x))
            })?;
            Some((as_in_data(subject, maps), residuals))
        }
        Inputs::Steps(x, lengths) => {
            let score = |x: Tensor<3>| {
                // Occlusion repeats the batch as it is, so every sample keeps its length.
                frozen.forward(&Inputs::Steps(x, lengths.clone()))
            };
            let (maps, residuals) = any(subject, method, (x, &x.zeros_like()), outputs, score)?;
            Some((as_in_data(subject, maps), residuals))
        }
        Inputs::Documents(tokens, lengths) if method == Attribution::Occlusion => Some((
            without_tokens(network, tokens, lengths, outputs),
            Vec::new(),
        )),
        Inputs::Documents(tokens, lengths) => {
            let (Network::Rnn(network), Network::Rnn(frozen)) = (network, &frozen) else {
                return None;
            };
            let x = network.embed(tokens.clone());
            let unknown = network.embed(tokens.zeros_like());
            let score = |x| frozen.forward_embedded(x, lengths);
            let (maps, residuals) = any(subject, method, (&x, &unknown), outputs, score)?;
            let [_, _, width] = x.dims();
            let by_token =
                |map: Vec<f32>| map.chunks(width).map(|token| token.iter().sum()).collect();
            Some((maps.into_iter().map(by_token).collect(), residuals))
        }
        Inputs::Tokens(_) => None,
    }
}

/// How much each output falls when a token of its text is replaced by the stand-in for unknown
/// ones: a row of T for each text.
fn without_tokens(
    network: &Network,
    tokens: &Tensor<2, Int>,
    lengths: &[usize],
    outputs: &[usize],
) -> Vec<Vec<f32>> {
    let [_, steps] = tokens.dims();
    let score = |tokens: Tensor<2, Int>| {
        let scores = network.forward(&Inputs::Documents(tokens, lengths.to_vec()));
        let scores = to_vec(scores);
        let width = scores.len() / outputs.len().max(1);
        let rows = scores.chunks_exact(width.max(1)).zip(outputs);
        rows.map(|(row, &output)| row[output]).collect::<Vec<f32>>()
    };
    let length = steps.div_ceil(MOST_STRETCHES).max(1);
    let stretches: Vec<Vec<usize>> = (0..steps)
        .step_by(length)
        .map(|start| (start..(start + length).min(steps)).collect())
        .collect();
    occlusion(steps, &stretches, &score(tokens.clone()), |stretch| {
        let mut keep = vec![1_i32; steps];
        for &place in stretch {
            keep[place] = 0;
        }
        let keep = Tensor::<2, Int>::from_data(TensorData::new(keep, [1, steps]), &tokens.device());
        score(tokens.clone() * keep)
    })
}

/// Attributions of inputs that have a gradient. The baseline is an input that says nothing: zeros,
/// which are the mean where inputs are standardised, and the stand-in for unknown tokens.
fn any<const D: usize>(
    subject: &Subject,
    method: Attribution,
    (x, baseline): (&Tensor<D>, &Tensor<D>),
    outputs: &[usize],
    score: impl Fn(Tensor<D>) -> Tensor<2>,
) -> Option<Maps> {
    let per_sample = |x: Tensor<D>| -> Vec<Vec<f32>> {
        let [batch, _] = x.clone().flatten::<2>(1, D - 1).dims();
        let values = to_vec(x);
        let width = values.len() / batch.max(1);
        values
            .chunks_exact(width.max(1))
            .map(<[f32]>::to_vec)
            .collect()
    };
    match method {
        Attribution::Gradient => {
            Some((per_sample(gradient_x_input(x, outputs, score)), Vec::new()))
        }
        Attribution::Integrated => {
            let result = integrated_gradients(x, baseline, outputs, STEPS, score);
            Some((per_sample(result.attribution), result.residuals))
        }
        Attribution::Occlusion => {
            let plain = |x: Tensor<D>| {
                let scores = to_vec(score(x.autodiff()).without_autodiff());
                let width = scores.len() / outputs.len().max(1);
                let rows = scores.chunks_exact(width.max(1)).zip(outputs);
                rows.map(|(row, &output)| row[output]).collect::<Vec<f32>>()
            };
            let width: usize = x.dims()[1..].iter().product();
            let groups = groups(subject, &x.dims()[1..]);
            let whole = plain(x.clone());
            let mut shape = x.dims();
            shape[0] = 1;
            let maps = occlusion(width, &groups, &whole, |group| {
                let mut keep = vec![1.0_f32; width];
                for &place in group {
                    keep[place] = 0.0;
                }
                let keep = Tensor::<D>::from_data(TensorData::new(keep, shape), &x.device());
                plain(x.clone() * keep)
            });
            Some((maps, Vec::new()))
        }
        Attribution::GradCam => None,
    }
}

/// What is covered together: squares of an image, stretches of a series, single columns.
fn groups(subject: &Subject, shape: &[usize]) -> Vec<Vec<usize>> {
    match (&subject.dataset.input, shape) {
        (
            &InputShape::Image {
                channels,
                height,
                width,
            },
            [_] | [_, _, _],
        ) => {
            let side = (height.max(width) / 6).max(2);
            windows([channels, height, width], side, (side / 2).max(1))
        }
        (_, &[steps, width]) => {
            let length = (steps / 20).max(1);
            let starts = (0..steps).step_by(length);
            starts
                .map(|start| (start * width..(start + length).min(steps) * width).collect())
                .collect()
        }
        (_, shape) => (0..shape.iter().product())
            .map(|place| vec![place])
            .collect(),
    }
}

/// Maps in the order of the data's inputs: a signal `[D, 1, T]` as `[T, D]`, the rows of an image
/// `[H, C * W]` or its pixels `[H * W, C]` as `[C, H, W]`.
fn as_in_data(subject: &Subject, maps: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let (outer, inner) = match (&subject.dataset.input, subject.layout) {
        (&InputShape::Sequence { width, max_len }, batch::Layout::Signal { .. }) => {
            (width, max_len)
        }
        (
            &InputShape::Image {
                channels,
                height,
                width,
            },
            batch::Layout::Rows,
        ) => {
            let swap = |map: Vec<f32>| {
                let mut swapped = vec![0.0; map.len()];
                for row in 0..height {
                    for channel in 0..channels {
                        for column in 0..width {
                            swapped[(channel * height + row) * width + column] =
                                map[(row * channels + channel) * width + column];
                        }
                    }
                }
                swapped
            };
            return maps.into_iter().map(swap).collect();
        }
        (
            &InputShape::Image {
                channels,
                height,
                width,
            },
            batch::Layout::Pixels,
        ) => (height * width, channels),
        _ => return maps,
    };
    let swap = |map: Vec<f32>| -> Vec<f32> {
        (0..inner)
            .flat_map(|step| (0..outer).map(move |channel| (channel, step)))
            .map(|(channel, step)| map[channel * inner + step])
            .collect()
    };
    maps.into_iter().map(swap).collect()
}

/// Bilinear, with the centres of the coarse places where they lie in the image.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn upscale(map: &[f32], [rows, columns]: [usize; 2], [height, width]: [usize; 2]) -> Vec<f32> {
    let place = |at: usize, from: usize, to: usize| {
        let place = (at as f32 + 0.5) * to as f32 / from as f32 - 0.5;
        let place = place.clamp(0.0, to as f32 - 1.0);
        let low = place.floor() as usize;
        (low, (low + 1).min(to - 1), place.fract())
    };
    let mut fine = Vec::with_capacity(height * width);
    for row in 0..height {
        let (top, bottom, down) = place(row, height, rows);
        for column in 0..width {
            let (left, right, across) = place(column, width, columns);
            let at = |row: usize, column: usize| map[row * columns + column];
            let above = at(top, left) * (1.0 - across) + at(top, right) * across;
            let below = at(bottom, left) * (1.0 - across) + at(bottom, right) * across;
            fine.push(above * (1.0 - down) + below * down);
        }
    }
    fine
}
