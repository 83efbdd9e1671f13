//! Models that take seconds: what can be reached at all, and which labels look wrong.

mod inputs;
mod trigrams;

use burn::tensor::{Device, Tensor, TensorData, activation};
use fornax_data::{Dataset, Split, Targets, Task, epoch_order};
use fornax_insight::labels::suspects;
use fornax_insight::neighbours::nearest;
use fornax_insight::probe::{Answers, Probe, argmax, rows};
use fornax_runs::LabelCheck;

use crate::error::Error;
use crate::evaluate::update;
use crate::metrics::{Direction, Metrics};
use inputs::{flat, summaries};
use trigrams::trigrams;

/// Validation samples that are judged, at most.
const MOST_VALID: usize = 1000;
/// Neighbours that vote. More than the usual five, so that a vote is a probability.
const VOTERS: usize = 10;
/// A label is suspect where its class has no more than this share of the votes.
const HARDLY_A_VOTE: f32 = 0.11;
/// And where another class has at least this share.
const NEARLY_ALL: f32 = 0.65;
/// Of this many samples one is among the surest.
const SUREST: usize = 5;
/// Fewer samples than this fit nothing.
const FEWEST: usize = 20;

/// What quick models make of a dataset.
#[derive(Debug, Default)]
pub(super) struct QuickModel {
    /// The task's metric on the validation split.
    pub(super) reference: Option<f64>,
    /// Accuracy of neighbours over that of the most frequent class, on training samples that they do
    /// not count among themselves.
    pub(super) neighbour_gain: Option<f64>,
    /// Places in the training split of labels that look wrong, the most suspicious first.
    pub(super) suspects: Vec<usize>,
    /// How many such there are in the whole split.
    pub(super) num_suspects: usize,
    /// How often labels are contradicted, and how often by a sure model.
    pub(super) label_check: Option<LabelCheck>,
}

impl QuickModel {
    /// Fits linear models and asks neighbours, all from `count` training samples.
    ///
    /// # Errors
    /// When an item can no longer be read.
    pub(super) fn fit(
        dataset: &Dataset,
        device: &Device,
        seed: u64,
        count: usize,
    ) -> Result<Self, Error> {
        if let Task::NextToken { vocabulary } = &dataset.task {
            return Ok(Self {
                reference: trigrams(dataset, vocabulary.len(), count)?,
                ..Self::default()
            });
        }
        let mut places = epoch_order(dataset.train.len(), seed, usize::MAX);
        places.truncate(count);
        if places.len() < FEWEST {
            return Ok(Self::default());
        }
        let fit = Sample::read(dataset, &dataset.train, &places, device)?;
        let mut quick = Self {
            reference: reference_score(dataset, &fit, device)?,
            ..Self::default()
        };
        if let Answers::Classes {
            labels,
            num_classes,
        } = &fit.answers
        {
            quick.look_at_labels(&fit, labels, *num_classes, &places, dataset.train.len());
        }
        Ok(quick)
    }

    /// Confident learning on what each half of the samples says of the other.
    #[allow(clippy::cast_precision_loss)] // counts of samples
    fn look_at_labels(
        &mut self,
        fit: &Sample,
        labels: &[usize],
        num_classes: usize,
        places: &[usize],
        num_train: usize,
    ) {
        let half = places.len() / 2;
        let halves: [Vec<usize>; 2] = [(0..half).collect(), (half..places.len()).collect()];
        let [first, second] = &halves;
        let mut votes = fit.out_of_sample(second, first, num_classes, Sample::votes);
        votes.extend(fit.out_of_sample(first, second, num_classes, Sample::votes));
        let mut linear = fit.out_of_sample(second, first, num_classes, Sample::linear);
        linear.extend(fit.out_of_sample(first, second, num_classes, Sample::linear));
        let mean: Vec<f32> = votes
            .iter()
            .zip(&linear)
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        let row = |index: usize| index * num_classes..(index + 1) * num_classes;
        let right = (0..labels.len()).filter(|&index| argmax(&votes[row(index)]) == labels[index]);
        let mut counts = vec![0_usize; num_classes];
        for &label in labels {
            counts[label] += 1;
        }
        let most = counts.iter().max().copied().unwrap_or(1).max(1);
        self.neighbour_gain = Some(right.count() as f64 / most as f64);
        let found = suspects(&mean, labels, num_classes);
        let sure = found.iter().filter(|suspect| {
            let votes = &votes[row(suspect.place)];
            votes[labels[suspect.place]] <= HARDLY_A_VOTE && votes[suspect.likely] >= NEARLY_ALL
        });
        self.suspects = sure.map(|suspect| places[suspect.place]).collect();
        self.num_suspects = self.suspects.len() * num_train / places.len();
        let (check, contradicted) = check_labels(&mean, labels, num_classes);
        self.label_check = Some(check);
        for place in contradicted.into_iter().map(|sample| places[sample]) {
            if !self.suspects.contains(&place) {
                self.suspects.push(place);
            }
        }
    }
}

/// How labels stand to probabilities `[N, K]` of a model that never saw them, and the samples that it
/// contradicts among those of which it is surest, the surest first.
fn check_labels(
    probabilities: &[f32],
    labels: &[usize],
    num_classes: usize,
) -> (LabelCheck, Vec<usize>) {
    let said: Vec<usize> = probabilities
        .chunks(num_classes.max(1))
        .map(argmax)
        .collect();
    let sureness = |sample: &usize| probabilities[sample * num_classes + said[*sample]];
    let mut samples: Vec<usize> = (0..labels.len()).collect();
    samples.sort_by(|a, b| sureness(b).total_cmp(&sureness(a)));
    let surest = &samples[..labels.len() / SUREST];
    let is_contradicted = |&sample: &usize| said[sample] != labels[sample];
    let contradicted: Vec<usize> = surest.iter().copied().filter(is_contradicted).collect();
    let check = LabelCheck {
        tried: labels.len(),
        contradicted: samples.iter().copied().filter(is_contradicted).count(),
        surest: surest.len(),
        surest_contradicted: contradicted.len(),
    };
    (check, contradicted)
}

/// Some samples as rows of numbers.
struct Sample {
    /// `[N, D]`
    features: Tensor<2>,
    /// `[N, S]`, of series, whatever the moment at which something happens in them.
    summaries: Option<Tensor<2>>,
    answers: Answers,
}

impl Sample {
    fn read(
        dataset: &Dataset,
        split: &Split,
        places: &[usize],
        device: &Device,
    ) -> Result<Self, Error> {
        let batch = split.batch(places)?;
        let features = flat(dataset, &batch, device);
        let summaries = summaries(dataset, &batch, device);
        let answers = match batch.targets {
            Targets::Classes(classes) => Answers::Classes {
                labels: classes
                    .into_iter()
                    .map(|class| usize::try_from(class).unwrap_or(0))
                    .collect(),
                num_classes: dataset.task.num_outputs(),
            },
            Targets::Values { values, width } => Answers::Values { values, width },
            Targets::Tokens(_) | Targets::Absent => Answers::Values {
                values: vec![0.0; places.len()],
                width: 1,
            },
        };
        Ok(Self {
            features,
            summaries,
            answers,
        })
    }

    /// What a model of the samples at `fit` says of those at `asked`, row by row.
    fn out_of_sample(
        &self,
        fit: &[usize],
        asked: &[usize],
        num_classes: usize,
        model: impl Fn(&Self, &Tensor<2>, usize) -> Vec<f32>,
    ) -> Vec<f32> {
        let fit = Self {
            features: rows(&self.features, fit),
            summaries: None,
            answers: self.answers.select(fit),
        };
        model(&fit, &rows(&self.features, asked), num_classes)
    }

    /// Probabilities of a linear model, `[Q, K]`.
    fn linear(&self, queries: &Tensor<2>, num_classes: usize) -> Vec<f32> {
        let outputs = Probe::fit(self.features.clone(), &self.answers).outputs(queries.clone());
        let shape = [outputs.len() / num_classes.max(1), num_classes];
        let logits = Tensor::<2>::from_data(TensorData::new(outputs, shape), &queries.device());
        let probabilities = activation::softmax(logits, 1);
        probabilities.into_data().iter::<f32>().collect()
    }

    /// Shares of the neighbours' answers, `[Q, K]`; their means for values.
    #[allow(clippy::cast_precision_loss)] // a handful of neighbours
    fn votes(&self, queries: &Tensor<2>, num_outputs: usize) -> Vec<f32> {
        let mean = self.features.clone().mean_dim(0); // [1, D]
        let centred = self.features.clone() - mean.clone();
        let found = nearest(&(queries.clone() - mean), &centred, VOTERS);
        let row = |near: &Vec<fornax_insight::neighbours::Neighbour>| {
            let mut sum = vec![0.0; num_outputs];
            let share = 1.0 / near.len().max(1) as f32;
            for neighbour in near {
                match &self.answers {
                    Answers::Classes { labels, .. } => sum[labels[neighbour.place]] += share,
                    Answers::Values { values, width } => {
                        let row = &values[neighbour.place * width..][..*width];
                        sum.iter_mut()
                            .zip(row)
                            .for_each(|(sum, value)| *sum += share * value);
                    }
                }
            }
            sum
        };
        found.iter().flat_map(row).collect()
    }
}

/// The best score of all models on the validation split, in the task's metric.
fn reference_score(dataset: &Dataset, fit: &Sample, device: &Device) -> Result<Option<f64>, Error> {
    let valid = &dataset.valid;
    if valid.is_empty() {
        return Ok(None);
    }
    let count = valid.len().min(MOST_VALID);
    let places: Vec<usize> = (0..count).map(|at| at * valid.len() / count).collect();
    let batch = valid.batch(&places)?;
    let queries = flat(dataset, &batch, device);
    let linear = Probe::fit(fit.features.clone(), &fit.answers).outputs(queries.clone());
    let votes = fit.votes(&queries, fit.answers.num_outputs());
    let of_summaries = fit
        .summaries
        .clone()
        .zip(summaries(dataset, &batch, device));
    let of_summaries =
        of_summaries.map(|(fitted, asked)| Probe::fit(fitted, &fit.answers).outputs(asked));
    let all = [linear, votes].into_iter().chain(of_summaries);
    let scores = all.map(|outputs| {
        let mut metrics = Metrics::for_task(&dataset.task);
        update(&mut metrics, &outputs, &batch, valid, &places);
        let (name, direction) = metrics.primary();
        (
            metrics.values().get(name).copied().unwrap_or(f64::NAN),
            direction,
        )
    });
    let best = scores.reduce(|(a, direction), (b, _)| match direction {
        Direction::Up => (a.max(b), direction),
        Direction::Down => (a.min(b), direction),
    });
    Ok(best
        .map(|(score, _)| score)
        .filter(|score| score.is_finite()))
}

#[cfg(test)]
mod tests;
