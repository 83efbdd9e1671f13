//! Where a classifier goes wrong, and how far to believe it.

use fornax_data::Split;
use fornax_insight::calibration::{abstain_curve, calibration};
use fornax_insight::interval::wilson;
use fornax_insight::labels::suspects;
use fornax_insight::neighbours::nearest;
use fornax_insight::probe::argmax;
use fornax_runs::report::{Case, ClassScore, Method, Mistakes, NeighbourView, Trust};

use crate::error::Error;

use super::exhibits::Exhibits;
use super::explain::{Attribution, explain};
use super::layers::{Seen, estimate, penultimate};
use super::verdict::Judged;
use super::{Sample, Subject};

/// Cases that are shown.
const CASES: usize = 12;
/// Suspected labels that are shown.
const SUSPECTS: usize = 9;
/// Neighbours of a case.
const NEIGHBOURS: usize = 3;
/// Points of the abstain curve.
const POINTS: usize = 50;
/// Most classes whose confusion matrix is kept whole.
const MATRIX: usize = 1000;

pub(super) fn mistakes(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
    exhibits: &Exhibits,
    classes: &[String],
) -> Result<Option<Mistakes>, Error> {
    let Some(confusion) = judged.metrics.confusion() else {
        return Ok(None);
    };
    let probabilities = judged.probabilities();
    let row = |index: usize| &probabilities[index * classes.len()..(index + 1) * classes.len()];
    let mut wrong: Vec<(usize, usize, f32)> = (0..judged.labels.len())
        .filter_map(|index| {
            let answer = argmax(row(index));
            (answer != judged.labels[index]).then(|| (index, answer, row(index)[answer]))
        })
        .collect();
    wrong.sort_by(|a, b| b.2.total_cmp(&a.2));
    wrong.truncate(CASES);
    let chosen: Vec<usize> = wrong.iter().map(|case| case.0).collect();
    let answers: Vec<usize> = wrong.iter().map(|case| case.1).collect();
    let (cases, method) = cases(
        subject, sample, seen, judged, exhibits, classes, &chosen, &answers,
    )?;

    let found = suspects(&probabilities, &judged.labels, classes.len());
    let shown = &found[..found.len().min(SUSPECTS)];
    let places: Vec<usize> = shown.iter().map(|suspect| suspect.place).collect();
    let likely: Vec<usize> = shown.iter().map(|suspect| suspect.likely).collect();
    let (suspected, _) = self::cases(
        subject, sample, seen, judged, exhibits, classes, &places, &likely,
    )?;
    Ok(Some(Mistakes {
        classes: classes.to_vec(),
        split: judged.name.to_owned(),
        confusion: if classes.len() <= MATRIX {
            confusion
        } else {
            Vec::new()
        },
        cases,
        method,
        suspects: suspected,
        num_suspects: (found.len(), judged.labels.len()),
    }))
}

/// Cards for the judged samples at `chosen`, explaining the classes of `answers`.
#[allow(clippy::too_many_arguments)] // what a card shows comes from all sides
fn cases(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    judged: &Judged,
    exhibits: &Exhibits,
    classes: &[String],
    chosen: &[usize],
    answers: &[usize],
) -> Result<(Vec<Case>, Option<Method>), Error> {
    let places: Vec<usize> = chosen.iter().map(|&index| judged.places[index]).collect();
    let suited = Attribution::suited(subject);
    let explained = explain(subject, suited, judged.split, &places, answers)?;
    let near = neighbours(
        subject,
        sample,
        seen,
        judged.split,
        &places,
        exhibits,
        |place| {
            let batch = subject.dataset.train.batch(&[place]);
            match batch.map(|batch| batch.targets) {
                Ok(fornax_data::Targets::Classes(labels)) => {
                    let class = labels
                        .first()
                        .and_then(|&class| usize::try_from(class).ok());
                    class
                        .and_then(|class| classes.get(class))
                        .cloned()
                        .unwrap_or_default()
                }
                _ => String::new(),
            }
        },
    )?;
    let cases = chosen.iter().zip(answers).zip(near).enumerate();
    let cases = cases.map(|(index, ((&at, &answer), neighbours))| {
        let weights = explained.as_ref().and_then(|explained| explained.of(index));
        let (exhibit, map) = exhibits.explained(judged.split, places[index], weights);
        Case {
            place: judged.split.place(places[index]),
            exhibit,
            map,
            truth: classes[judged.labels[at]].clone(),
            answer: classes[answer].clone(),
            confidence: Some(f64::from(judged.outputs[at * classes.len() + answer].exp())),
            neighbours,
        }
    });
    Ok((
        cases.collect(),
        explained.as_ref().map(|explained| explained.method.clone()),
    ))
}

/// The nearest training samples of each item in the features of the last hidden layer.
pub(super) fn neighbours(
    subject: &Subject,
    sample: &Sample,
    seen: &Seen,
    split: &Split,
    places: &[usize],
    exhibits: &Exhibits,
    label: impl Fn(usize) -> String,
) -> Result<Vec<Vec<NeighbourView>>, Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let searched = &seen.penultimate().fit;
    let queries = penultimate(subject, sample, split, places)?;
    let found = nearest(&queries, searched, NEIGHBOURS);
    let train = &subject.dataset.train;
    let view = |near: &fornax_insight::neighbours::Neighbour| {
        let place = sample.fit[near.place];
        NeighbourView {
            place: train.place(place),
            exhibit: exhibits.item(train, place, None),
            label: label(place),
            cosine: near.cosine,
        }
    };
    let views = found
        .iter()
        .map(|near| near.iter().map(view).collect())
        .collect();
    Ok(views)
}

pub(super) fn trust(subject: &Subject, judged: &Judged, classes: &[String]) -> Option<Trust> {
    let confusion = judged.metrics.confusion()?;
    let rows = judged
        .outputs
        .chunks_exact(classes.len().max(1))
        .zip(&judged.labels);
    let (mut confidences, mut right) = (Vec::new(), Vec::new());
    for (row, &label) in rows {
        let answer = argmax(row);
        confidences.push(row[answer].exp());
        right.push(answer == label);
    }
    let (bins, error) = calibration(&confidences, &right);
    let counts = subject.dataset.train.class_counts().unwrap_or_default();
    let class = |(class, name): (usize, &String)| {
        let all: u64 = confusion[class].iter().sum();
        let named: u64 = confusion.iter().map(|row| row[class]).sum();
        let hits = confusion[class][class];
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        #[allow(clippy::cast_precision_loss)] // counts of samples
        let precision = (named > 0).then(|| hits as f64 / named as f64);
        ClassScore {
            name: name.clone(),
            count: size(all),
            num_train: counts.get(class).copied().unwrap_or(0),
            recall: estimate(wilson(size(hits), size(all))),
            precision,
        }
    };
    Some(Trust {
        split: judged.name.to_owned(),
        num_samples: judged.labels.len(),
        calibration_error: error,
        bins: bins
            .iter()
            .filter(|bin| bin.count > 0)
            .map(|bin| (bin.count, bin.confidence, bin.accuracy))
            .collect(),
        abstain: abstain_curve(&confidences, &right, POINTS)
            .iter()
            .map(|point| (point.coverage, point.accuracy, f64::from(point.threshold)))
            .collect(),
        classes: classes.iter().enumerate().map(class).collect(),
    })
}
