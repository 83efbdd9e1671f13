//! The features of each layer for the chosen samples, and the hierarchy curve over them.

use burn::tensor::{Int, Tensor, TensorData};
use fornax_data::{Split, Targets, Task};
use fornax_insight::cka::cka;
use fornax_insight::condense::condense;
use fornax_insight::hierarchy::{LayerFeatures, measure, probe_layer, worse_layers};
use fornax_insight::interval;
use fornax_insight::probe::{Answers, rows};
use fornax_insight::units::unit_columns;
use fornax_layers::Feature;
use fornax_runs::report::{Estimate, Hierarchy, LayerScore, Unit};

use super::sample::spread;
use super::{Sample, Subject};
use crate::architecture::Network;
use crate::batch::{self, Inputs};
use crate::error::Error;
use crate::evaluate::chunks;

/// Samples that are computed at a time.
pub(super) const BATCH: usize = 256;
/// Probes of each layer.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Samples that layers are compared on.
const CKA_SAMPLES: usize = 1024;
/// Held-out samples on which the network with random weights is scored: its curve is far away.
const CONTROL_HELD_OUT: usize = 2000;
/// Characters that probes of a text are fitted on.
const POSITIONS: usize = 6000;

/// What a network makes of some samples.
pub(super) struct Seen {
    /// `input` first, then each layer.
    pub(super) layers: Vec<LayerFeatures>,
    pub(super) fit: Answers,
    pub(super) held_out: Answers,
}

impl Seen {
    /// The raw input.
    pub(super) fn input(&self) -> &LayerFeatures {
        &self.layers[0]
    }

    /// The features just before the last layer: those that neighbours are searched in.
    pub(super) fn penultimate(&self) -> &LayerFeatures {
        &self.layers[self.layers.len().saturating_sub(2)]
    }
}

/// Lets a network see the sample, layer by layer.
pub(super) fn see(subject: &Subject, network: &Network, sample: &Sample) -> Result<Seen, Error> {
    let train = &subject.dataset.train;
    let (names, fit, fit_answers) =
        collect(subject, network, train, &sample.fit, sample.max_width)?;
    let (_, held_out, held_out_answers) = collect(
        subject,
        network,
        sample.held_out_split,
        &sample.held_out,
        sample.max_width,
    )?;
    let layers = names.into_iter().zip(fit.into_iter().zip(held_out));
    Ok(Seen {
        layers: layers
            .map(|((name, full_width), (fit, held_out))| LayerFeatures {
                name,
                full_width,
                fit,
                held_out,
            })
            .collect(),
        fit: fit_answers,
        held_out: held_out_answers,
    })
}

type Collected = (Vec<(String, usize)>, Vec<Tensor<2>>, Answers);

/// Name, width and condensed features `[N, D]` of each layer for the samples at `places`, and what
/// they should lead to.
fn collect(
    subject: &Subject,
    network: &Network,
    split: &Split,
    places: &[usize],
    max_width: usize,
) -> Result<Collected, Error> {
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut parts: Vec<Vec<Tensor<2>>> = Vec::new();
    let mut answers: Option<Answers> = None;
    let is_text = matches!(subject.dataset.task, Task::NextToken { .. });
    let batch_size = if is_text { 16 } else { BATCH };
    for chunk in chunks(places.len(), batch_size) {
        let items: Vec<usize> = chunk.iter().map(|&index| places[index]).collect();
        let batch = split.batch(&items)?;
        let inputs = batch::inputs(&batch, subject.layout, &subject.device);
        let mut features = vec![raw(subject, &inputs)];
        features.extend(network.features(&inputs));
        if names.is_empty() {
            names = features
                .iter()
                .map(|feature| {
                    // Of a text, each place is a sample of its own.
                    let all = feature.shape.iter().product();
                    let width = if is_text {
                        feature.shape.last().copied().unwrap_or(1)
                    } else {
                        all
                    };
                    (feature.name.clone(), width)
                })
                .collect();
            parts = vec![Vec::new(); features.len()];
        }
        for (part, feature) in parts.iter_mut().zip(&features) {
            part.push(if is_text {
                unit_columns(feature)
            } else {
                condense(&lengthened(subject, feature), max_width)
            });
        }
        extend(
            &mut answers,
            &batch.targets,
            subject.dataset.task.num_outputs(),
        );
    }
    let layers: Vec<Tensor<2>> = parts.into_iter().map(|part| Tensor::cat(part, 0)).collect();
    let answers = answers.unwrap_or(Answers::Values {
        values: Vec::new(),
        width: 1,
    });
    if !is_text {
        return Ok((names, layers, answers));
    }
    // Neighbouring characters say the same: some of each sequence are enough.
    let step = answers.len().div_ceil(POSITIONS).max(1);
    let kept: Vec<usize> = (0..answers.len()).step_by(step).collect();
    let layers = layers.iter().map(|layer| rows(layer, &kept)).collect();
    Ok((names, layers, answers.select(&kept)))
}

/// The input as the features of a layer that does nothing.
fn raw(subject: &Subject, inputs: &Inputs) -> Feature {
    let (shape, values) = match inputs {
        Inputs::Flat(x) => (vec![x.dims()[1]], x.clone()),
        Inputs::Image(x) => (x.dims()[1..].to_vec(), x.clone().flatten(1, 3)),
        Inputs::Steps(x, _) => (x.dims()[1..].to_vec(), x.clone().flatten(1, 2)),
        Inputs::Documents(tokens, lengths) => bag_of_tokens(subject, tokens, lengths),
        Inputs::Tokens(tokens) => {
            let [batch, steps] = tokens.dims();
            let width = subject.dataset.task.num_outputs();
            let ids: Vec<i64> = tokens.clone().into_data().iter::<i64>().collect();
            let mut values = vec![0.0_f32; ids.len() * width];
            for (row, id) in ids.iter().enumerate() {
                let id = usize::try_from(*id)
                    .unwrap_or(0)
                    .min(width.saturating_sub(1));
                values[row * width + id] = 1.0;
            }
            let values = TensorData::new(values, [batch, steps * width]);
            (
                vec![steps, width],
                Tensor::from_data(values, &subject.device),
            )
        }
    };
    Feature {
        name: "input".to_owned(),
        shape,
        values,
    }
}

/// How often each token stands in a text, as its share of the text: `[B, V]`.
#[allow(clippy::cast_precision_loss)] // a count of tokens
fn bag_of_tokens(
    subject: &Subject,
    tokens: &Tensor<2, Int>,
    lengths: &[usize],
) -> (Vec<usize>, Tensor<2>) {
    let [batch, steps] = tokens.dims();
    let fornax_data::InputShape::Documents { vocab_size, .. } = subject.dataset.input else {
        return (vec![1], Tensor::zeros([batch, 1], &subject.device));
    };
    let ids: Vec<i64> = tokens.clone().into_data().iter::<i64>().collect();
    let mut values = vec![0.0_f32; batch * vocab_size];
    for (row, &length) in lengths.iter().enumerate() {
        for id in &ids[row * steps..row * steps + length.min(steps)] {
            let id = usize::try_from(*id).unwrap_or(0).min(vocab_size - 1);
            values[row * vocab_size + id] += 1.0 / length.max(1) as f32;
        }
    }
    let values = TensorData::new(values, [batch, vocab_size]);
    (vec![vocab_size], Tensor::from_data(values, &subject.device))
}

/// Sequences are as long as the longest of their batch: brings them to one length.
fn lengthened(subject: &Subject, feature: &Feature) -> Feature {
    let (fornax_data::InputShape::Sequence { max_len, .. }
    | fornax_data::InputShape::Documents { max_len, .. }) = subject.dataset.input
    else {
        return feature.clone();
    };
    let [steps, width] = *feature.shape.as_slice() else {
        return feature.clone();
    };
    if steps >= max_len {
        return feature.clone();
    }
    let [batch, _] = feature.values.dims();
    let missing = Tensor::zeros([batch, (max_len - steps) * width], &subject.device);
    Feature {
        name: feature.name.clone(),
        shape: vec![max_len, width],
        values: Tensor::cat(vec![feature.values.clone(), missing], 1),
    }
}

fn extend(answers: &mut Option<Answers>, targets: &Targets, num_outputs: usize) {
    match targets {
        Targets::Classes(classes) | Targets::Tokens(classes) => {
            let new = classes
                .iter()
                .map(|&class| usize::try_from(class).unwrap_or(0));
            match answers {
                Some(Answers::Classes { labels, .. }) => labels.extend(new),
                _ => {
                    *answers = Some(Answers::Classes {
                        labels: new.collect(),
                        num_classes: num_outputs,
                    });
                }
            }
        }
        Targets::Values { values: new, width } => match answers {
            Some(Answers::Values { values, .. }) => values.extend_from_slice(new),
            _ => {
                *answers = Some(Answers::Values {
                    values: new.clone(),
                    width: *width,
                });
            }
        },
        Targets::Absent => {}
    }
}

/// Measures the curve, its control, and how alike the layers are; `None` where too little is held
/// out to say anything.
pub(super) fn hierarchy(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
) -> Result<Option<Hierarchy>, Error> {
    if seen.fit.len() < 8 || seen.held_out.is_empty() || seen.layers.len() < 2 {
        return Ok(None);
    }
    let scores = measure(&seen.layers, &seen.fit, &seen.held_out, &SEEDS);
    let control_sample = Sample {
        fit: sample.fit.clone(),
        held_out: spread(sample.held_out.len(), CONTROL_HELD_OUT)
            .into_iter()
            .map(|index| sample.held_out[index])
            .collect(),
        ..*sample
    };
    let untrained = see(subject, &subject.control, &control_sample)?;
    // The raw input is no other for the control.
    let control = untrained.layers[1..].iter().map(|layer| {
        let (probe, _) = probe_layer(layer, &untrained.fit, &untrained.held_out, &SEEDS[..1]);
        estimate(probe)
    });
    let control: Vec<Estimate> = control.collect();
    drop(untrained);
    let compared = spread(seen.held_out.len(), CKA_SAMPLES);
    let of = |layers: &[LayerFeatures]| -> Vec<Tensor<2>> {
        layers
            .iter()
            .map(|layer| rows(&layer.held_out, &compared))
            .collect()
    };
    let trained = of(&seen.layers);
    let finite = |value: f64| value.is_finite().then_some(value);
    let matrix = cka(&trained, &trained);
    let to_start = cka_to_start(subject, sample, &trained, &compared)?;
    let worse = worse_layers(&scores);
    let controls = std::iter::once(None).chain(control.iter().copied().map(Some));
    let is_class = matches!(seen.fit, Answers::Classes { .. });
    Ok(Some(Hierarchy {
        score: if is_class { "accuracy" } else { "R²" }.to_owned(),
        unit: if is_class { Unit::Share } else { Unit::Plain },
        num_fit: seen.fit.len(),
        num_seeds: SEEDS.len(),
        num_held_out: seen.held_out.len(),
        split: sample.held_out_name.to_owned(),
        worse: worse
            .iter()
            .map(|&layer| scores[layer].name.clone())
            .collect(),
        layers: scores
            .iter()
            .zip(controls)
            .map(|(score, control)| LayerScore {
                name: score.name.clone(),
                width: score.full_width,
                measured_width: score.measured_width,
                probe: estimate(score.probe),
                control,
                knn: score.knn,
                separability: score.separability.and_then(finite),
            })
            .collect(),
        cka: matrix
            .into_iter()
            .map(|row| row.into_iter().map(finite).collect())
            .collect(),
        cka_to_start: to_start.into_iter().map(finite).collect(),
    }))
}

/// How much each layer still is what it was when the training began.
fn cka_to_start(
    subject: &Subject,
    sample: &Sample,
    trained: &[Tensor<2>],
    compared: &[usize],
) -> Result<Vec<f64>, Error> {
    let is_text = matches!(subject.dataset.task, Task::NextToken { .. });
    let places: Vec<usize> = if is_text {
        sample.held_out.clone()
    } else {
        compared
            .iter()
            .map(|&index| sample.held_out[index])
            .collect()
    };
    let split = sample.held_out_split;
    let (_, mut start, _) = collect(subject, &subject.start, split, &places, sample.max_width)?;
    if is_text {
        // Of a text, the samples are its characters.
        start = start.iter().map(|layer| rows(layer, compared)).collect();
    }
    let pairs = trained.iter().zip(&start).map(|(now, then)| {
        let count = now.dims()[0].min(then.dims()[0]);
        let [now, then] = [now, then].map(|layer| layer.clone().narrow(0, 0, count));
        if now.dims()[1] == then.dims()[1] {
            cka(&[now], &[then])[0][0]
        } else {
            f64::NAN
        }
    });
    Ok(pairs.collect())
}

pub(super) fn estimate(measured: interval::Estimate) -> Estimate {
    Estimate {
        value: measured.value,
        low: measured.low,
        high: measured.high,
    }
}

/// The raw input, as narrow as the probes got it.
pub(super) fn raw_condensed(subject: &Subject, inputs: &Inputs, max_width: usize) -> Tensor<2> {
    let feature = raw(subject, inputs);
    if matches!(subject.dataset.task, Task::NextToken { .. }) {
        return unit_columns(&feature);
    }
    condense(&lengthened(subject, &feature), max_width)
}

/// Condensed features just before the last layer, `[B, D]`, for the items at `places`.
pub(super) fn penultimate(
    subject: &Subject,
    sample: &Sample,
    split: &Split,
    places: &[usize],
) -> Result<Tensor<2>, Error> {
    let batch = split.batch(places)?;
    let inputs = batch::inputs(&batch, subject.layout, &subject.device);
    let features = subject.network.features(&inputs);
    let raw_input;
    let feature = match features.len().checked_sub(2) {
        Some(index) => &features[index],
        // A linear model has nothing before its last layer but the input.
        None => {
            raw_input = raw(subject, &inputs);
            &raw_input
        }
    };
    Ok(condense(&lengthened(subject, feature), sample.max_width))
}
