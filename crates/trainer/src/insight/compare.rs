//! Two runs side by side: where their answers differ, and how alike their layers are.

use fornax_data::Task;
use fornax_insight::cka::cka;
use fornax_insight::interval::bootstrap;
use fornax_insight::probe::{argmax, rows};
use fornax_runs::read_events;
use fornax_runs::report::{AnswerComparison, Case, ComparedRun, Estimate, Learning, Similarity};

use super::exhibits::Exhibits;
use super::layers::estimate;
use super::sample::{Sample, spread};
use super::verdict::{Judged, interval, judge, run_name, scores};
use super::{Subject, layers};
use crate::error::Error;
use crate::metrics::Metrics;

/// Samples on which layers are compared.
const SAMPLES: usize = 1024;
/// Samples that are shown of those on which answers differ.
const CASES: usize = 12;

/// A run with its answers.
pub(crate) struct Answered<'a> {
    subject: &'a Subject<'a>,
    judged: Judged<'a>,
}

impl<'a> Answered<'a> {
    /// On the samples that a report judges by.
    pub(crate) fn new(subject: &'a Subject<'a>) -> Result<Self, Error> {
        let sample = Sample::choose(subject.dataset, subject.experiment);
        Self::on(subject, &sample)
    }

    /// On samples by which a setting may be chosen.
    pub(crate) fn to_choose_by(subject: &'a Subject<'a>) -> Result<Self, Error> {
        let sample = Sample::to_choose_by(subject.dataset, subject.experiment);
        Self::on(subject, &sample)
    }

    fn on(subject: &'a Subject<'a>, sample: &Sample<'a>) -> Result<Self, Error> {
        let judged = judge(subject, sample, None)?;
        Ok(Self { subject, judged })
    }

    /// The split that the samples are from.
    pub(crate) fn split(&self) -> &'static str {
        self.judged.name
    }

    /// The metric that counts, and whether it is a share.
    pub(crate) fn metric(&self) -> &'static str {
        self.judged.metrics.primary().0
    }

    /// That metric.
    pub(crate) fn value(&self) -> f64 {
        let values = self.judged.metrics.values();
        values.get(self.metric()).copied().unwrap_or(f64::NAN)
    }

    /// By how much `other` is better in that metric, with its interval. Both answered the same
    /// samples, so these are drawn, each with its two answers.
    pub(crate) fn gain(&self, other: &Self) -> Estimate {
        let (own, others) = (scores(&self.judged), scores(&other.judged));
        let (root, sign) = match self.judged.metrics {
            Metrics::Classification(_) => (false, 1.0),
            Metrics::Regression(_) => (true, -1.0),
            Metrics::Tokens(_) => (false, -1.0),
        };
        #[allow(clippy::cast_precision_loss)] // counts of samples
        let mean = |scores: &[f64], places: &[usize]| {
            let sum: f64 = places.iter().map(|&place| scores[place]).sum();
            let mean = sum / places.len() as f64;
            if root { mean.sqrt() } else { mean }
        };
        estimate(bootstrap(own.len().min(others.len()), 1, |places| {
            sign * (mean(&others, places) - mean(&own, places))
        }))
    }

    /// What is said of this run alone.
    pub(crate) fn summary(&self) -> Result<ComparedRun, Error> {
        Ok(ComparedRun {
            name: run_name(self.subject.run),
            result: interval(&self.judged, self.value()),
            num_samples: self.judged.labels.len().max(self.judged.places.len()),
            split: self.judged.name.to_owned(),
            learning: Learning::from_events(&read_events(&self.subject.run.events())?),
        })
    }

    /// Whether both answered the same samples.
    pub(crate) fn same_samples(&self, other: &Self) -> bool {
        self.subject.dataset.sha256 == other.subject.dataset.sha256
            && self.judged.name == other.judged.name
            && self.judged.places == other.judged.places
            && self.judged.labels == other.judged.labels
            && self.judged.values == other.judged.values
    }

    /// Where answers differ; `None` for tasks without right and wrong.
    pub(crate) fn differences(&self, other: &Self) -> Option<AnswerComparison> {
        let Task::Classification { classes } = &self.subject.dataset.task else {
            return None;
        };
        let answers = |judged: &Judged| -> Vec<usize> {
            judged
                .outputs
                .chunks_exact(classes.len().max(1))
                .map(argmax)
                .collect()
        };
        let (own, others) = (answers(&self.judged), answers(&other.judged));
        let mut counts = [0; 4];
        let mut cases = Vec::new();
        let exhibits = Exhibits::new(self.subject.dataset);
        for (index, &label) in self.judged.labels.iter().enumerate() {
            let (first, second) = (own[index] == label, others[index] == label);
            counts[usize::from(!first) * 2 + usize::from(!second)] += 1;
            if first != second && cases.len() < CASES {
                let (wrong, by) = if first {
                    (others[index], other)
                } else {
                    (own[index], self)
                };
                cases.push(Case {
                    place: self.judged.split.place(self.judged.places[index]),
                    exhibit: exhibits.item(self.judged.split, self.judged.places[index], None),
                    map: None,
                    truth: classes[label].clone(),
                    answer: format!("{} by {}", classes[wrong], run_name(by.subject.run)),
                    confidence: None,
                    neighbours: Vec::new(),
                });
            }
        }
        Some(AnswerComparison {
            name: run_name(other.subject.run),
            counts,
            chance: mcnemar(counts[1], counts[2]),
            cases,
        })
    }

    /// How alike the layers are.
    pub(crate) fn similarity(&self, other: &Self) -> Result<Similarity, Error> {
        let see = |subject: &Subject| {
            // The same samples for both, whatever their seeds.
            let mut experiment = self.subject.experiment.clone();
            experiment.train.epochs = 1;
            let mut sample = Sample::choose(subject.dataset, &experiment);
            sample.fit.truncate(8);
            let places = spread(sample.held_out.len(), SAMPLES);
            sample.held_out = places.iter().map(|&index| sample.held_out[index]).collect();
            Ok::<_, Error>(layers::see(subject, &subject.network, &sample)?.layers)
        };
        let (own, others) = (see(self.subject)?, see(other.subject)?);
        let count = own
            .iter()
            .chain(&others)
            .map(|layer| layer.held_out.dims()[0])
            .min()
            .unwrap_or(0);
        let places: Vec<usize> = (0..count).collect();
        let of = |layers: &[fornax_insight::hierarchy::LayerFeatures]| -> Vec<_> {
            layers
                .iter()
                .map(|layer| rows(&layer.held_out, &places))
                .collect()
        };
        let names = |layers: &[fornax_insight::hierarchy::LayerFeatures]| -> Vec<_> {
            layers.iter().map(|layer| layer.name.clone()).collect()
        };
        let values = cka(&of(&own), &of(&others));
        let finite = |value: f64| value.is_finite().then_some(value);
        Ok(Similarity {
            name: run_name(other.subject.run),
            rows: names(&own),
            columns: names(&others),
            values: values
                .into_iter()
                .map(|row| row.into_iter().map(finite).collect())
                .collect(),
        })
    }
}

/// How likely a split as uneven as `a` against `b` is, were both equally likely: the exact test,
/// two-sided.
///
/// McNemar 1947, <https://doi.org/10.1007/BF02295996>
#[allow(clippy::cast_precision_loss)] // counts of samples
fn mcnemar(a: usize, b: usize) -> f64 {
    let (n, least) = (a + b, a.min(b));
    let mut log_choose = 0.0; // ln of n over k
    let mut sum = 0.0;
    for k in 0..=least {
        if k > 0 {
            log_choose += ((n - k + 1) as f64).ln() - (k as f64).ln();
        }
        sum += (log_choose - n as f64 * std::f64::consts::LN_2).exp();
    }
    f64::min(2.0 * sum, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uneven_differences_are_unlikely() {
        // scipy 1.17: binomtest(2, 12).pvalue = 0.03857421875
        assert!((mcnemar(2, 10) - 0.038_574_218_75).abs() < 1e-9);
        assert!((mcnemar(5, 5) - 1.0).abs() < 1e-9);
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-9);
    }
}
