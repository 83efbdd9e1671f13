//! Why a network answers new inputs as it does: every attribution that fits, and the training
//! samples that it finds most alike.

use burn::tensor::activation;
use fornax_data::{Split, Task};
use fornax_insight::probe::argmax;
use fornax_runs::report::{Case, Method};

use super::classes::neighbours;
use super::exhibits::Exhibits;
use super::explain::{Attribution, explain};
use super::sample::Sample;
use super::{Subject, layers};
use crate::batch;
use crate::error::Error;
use crate::step::to_vec;

/// The explanations of some items by one method.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Inspection {
    pub(crate) method: Method,
    pub(crate) cases: Vec<Case>,
    /// How much each input of each item counts, in the order of the data.
    pub(crate) maps: Vec<Vec<f32>>,
}

/// Explains the first `limit` items of a split by each method that fits.
///
/// # Errors
/// For text, whose answers stand in the report.
pub(crate) fn inspect(
    subject: &Subject,
    split: &Split,
    limit: usize,
) -> Result<Vec<Inspection>, Error> {
    if matches!(subject.dataset.task, Task::NextToken { .. }) {
        return Err(Error::Usage {
            message: "a text model answers at every character, not once for a file".to_owned(),
            help: "see `--view text` for why it expects what it does".to_owned(),
        });
    }
    let places: Vec<usize> = (0..split.len().min(limit.max(1))).collect();
    let batch = split.batch(&places)?;
    let inputs = batch::inputs(&batch, subject.layout, &subject.device);
    let outputs = subject.network.forward(&inputs);
    let classes = subject.dataset.preprocess.classes();
    let outputs = to_vec(if classes.is_some() {
        activation::softmax(outputs, 1)
    } else {
        outputs
    });
    let width = outputs.len() / places.len().max(1);
    let answers: Vec<usize> = outputs
        .chunks_exact(width.max(1))
        .map(|row| if classes.is_some() { argmax(row) } else { 0 })
        .collect();
    let sample = Sample::choose(subject.dataset, subject.experiment);
    let seen = layers::see(subject, &subject.network, &sample)?;
    let exhibits = Exhibits::new(subject.dataset);
    let train = &subject.dataset.train;
    let near = neighbours(
        subject,
        &sample,
        &seen,
        split,
        &places,
        &exhibits,
        |place| words(subject, train, place),
    )?;
    let mut inspections = Vec::new();
    for method in Attribution::ALL {
        let Some(explained) = explain(subject, method, split, &places, &answers)? else {
            continue;
        };
        let cases = places.iter().enumerate().map(|(index, &place)| {
            let (exhibit, map) = exhibits.explained(split, place, explained.of(index));
            let row = &outputs[index * width..(index + 1) * width];
            let answer = match classes {
                Some(classes) => classes[answers[index]].clone(),
                None => split
                    .unscale(&[place], row)
                    .first()
                    .map_or(String::new(), |value| format!("{value:.4}")),
            };
            Case {
                place: split.place(place),
                exhibit,
                map,
                truth: words(subject, split, place),
                answer,
                confidence: classes.map(|_| f64::from(row[answers[index]])),
                neighbours: near.get(index).cloned().unwrap_or_default(),
            }
        });
        inspections.push(Inspection {
            cases: cases.collect(),
            method: explained.method.clone(),
            maps: explained.maps,
        });
    }
    Ok(inspections)
}

/// What an item should lead to, as people say it.
fn words(subject: &Subject, split: &Split, place: usize) -> String {
    let Ok(batch) = split.batch(&[place]) else {
        return String::new();
    };
    match &batch.targets {
        fornax_data::Targets::Classes(classes) => {
            let class = classes
                .first()
                .and_then(|&class| usize::try_from(class).ok());
            let names = subject.dataset.preprocess.classes().unwrap_or_default();
            class
                .and_then(|class| names.get(class))
                .cloned()
                .unwrap_or_default()
        }
        fornax_data::Targets::Values { values, .. } => {
            let values = split.unscale(&[place], values);
            values
                .first()
                .map_or(String::new(), |value| format!("{value:.4}"))
        }
        _ => "unknown".to_owned(),
    }
}
