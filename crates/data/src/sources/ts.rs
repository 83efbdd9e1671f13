//! Series to classify in the `.ts` form of the UCR and UEA archives: a line holds one series, its
//! channels and then its class separated by colons, the steps of a channel by commas. Arrays of
//! `NumPy`, `.npz`, are read as such series too.
//!
//! Bagnall et al. 2018, <https://arxiv.org/abs/1811.00075>

mod npz;
mod parse;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::splits::Own;
use super::table::class_index;
use super::{Opening, SourceFile, file, splits};
use crate::scale::Scale;
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task};
use parse::Series;

/// How a series becomes a sequence of vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequencePreprocess {
    /// Of the training steps of each channel.
    pub scales: Vec<Scale>,
    /// In the order of the outputs.
    pub classes: Vec<String>,
}

pub(crate) fn recognises(opening: &Opening) -> bool {
    match &opening.chosen {
        Some(_) => opening.chosen_ends_with(&[".ts", ".npz"]),
        None => opening
            .files
            .iter()
            .any(|file| super::ends_with(&file.name(), &[".ts"])),
    }
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let (train, test) = read_parts(opening)?;
    for part in [Some(&train), test.as_ref()].into_iter().flatten() {
        if part.labels.is_none() {
            return Err(no_targets(part));
        }
    }
    let labels = train.labels.as_deref().unwrap_or_default();
    let classes = train.classes();
    if let [class] = classes.as_slice() {
        return Err(DataError::OneClass {
            path: train.path,
            class: class.clone(),
        });
    }
    let mut reading = vec![sentence(opening, &train, test.as_ref(), &classes)];
    let mut warnings = Vec::new();
    let groups: Result<Vec<i32>, _> = labels
        .iter()
        .zip(&train.lines)
        .map(|(label, line)| class_index(&classes, label, || train.place(*line)))
        .collect();
    let has_own_test = test.is_some();
    let division = splits::divide(
        opening,
        &groups?,
        &classes,
        Own::test(has_own_test),
        &mut warnings,
    )?;
    let preprocess = SequencePreprocess {
        scales: fit(&train, &division.train),
        classes,
    };
    reading.push("each channel is standardised by its training steps".to_owned());
    if let Some(test) = &test {
        check_width(test, train.width)?;
    }
    let max_len = train
        .longest()
        .max(test.as_ref().map_or(0, Series::longest));
    let width = train.width;

    let store = Arc::new(preprocess.store(train)?);
    let train = Split::new(store.clone(), &division.train);
    let valid = Split::new(store.clone(), &division.valid);
    let test = match test {
        Some(test) => preprocess.whole(test)?,
        None => Split::new(store, &division.test),
    };
    reading.push(splits::sentence(
        opening,
        [&train, &valid, &test],
        Own::test(has_own_test),
        true,
    ));
    let classes = preprocess.classes.clone();
    Ok(Dataset {
        name: opening.name.clone(),
        baseline: Baseline::majority(&classes, [&train, &valid, &test]),
        task: Task::Classification { classes },
        input: InputShape::Sequence { width, max_len },
        preprocess: Preprocess::Sequences(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
    })
}

/// Reads the series of a new file, with their classes where it says that it has them.
pub(crate) fn open_inputs(
    preprocess: &SequencePreprocess,
    path: &Path,
) -> Result<Split, DataError> {
    let bytes = file::read_unpacked(path)?;
    let series = if is_npz(path) {
        npz::parse(bytes, path)?.0
    } else {
        parse::parse(&String::from_utf8_lossy(&bytes), path)?
    };
    check_width(&series, preprocess.scales.len())?;
    preprocess.whole(series)
}

impl SequencePreprocess {
    fn store(&self, series: Series) -> Result<Store, DataError> {
        let num_classes = self.classes.len();
        let targets = match &series.labels {
            None => StoredTargets::Absent,
            Some(labels) => {
                let labels = labels.iter().zip(&series.lines);
                let classes: Result<_, _> = labels
                    .map(|(label, line)| class_index(&self.classes, label, || series.place(*line)))
                    .collect();
                StoredTargets::Classes {
                    classes: classes?,
                    num_classes,
                }
            }
        };
        let scales = self.scales.iter().cycle();
        let values = series
            .values
            .iter()
            .zip(scales)
            .map(|(value, scale)| scale.apply(*value));
        let (width, values) = (series.width, values.collect::<Vec<_>>().into());
        Ok(Store {
            inputs: StoredInputs::Sequences {
                width,
                values,
                ends: series.ends,
            },
            targets,
            place: Place::Listed(series.unit, series.lines.into_iter().collect()),
        })
    }

    fn whole(&self, series: Series) -> Result<Split, DataError> {
        let items: Vec<usize> = (0..series.len()).collect();
        Ok(Split::new(Arc::new(self.store(series)?), &items))
    }
}

fn fit(series: &Series, items: &[usize]) -> Vec<Scale> {
    let channel = |channel: usize| {
        let steps = items.iter().flat_map(|&item| series.steps(item));
        Scale::fit(steps.filter_map(move |step| step.get(channel).copied()))
    };
    (0..series.width).map(channel).collect()
}

fn check_width(series: &Series, expected: usize) -> Result<(), DataError> {
    if series.width == expected {
        return Ok(());
    }
    Err(DataError::Ts {
        path: series.path.clone(),
        line: series.lines.first().copied().unwrap_or(1),
        problem: format!(
            "found {} channels, but the training data has {expected}",
            series.width
        ),
        advice: "give series of the channels of the training data, in their order",
    })
}

/// What to train on, and the test set, which an archive of arrays holds itself.
fn read_parts(opening: &Opening) -> Result<(Series, Option<Series>), DataError> {
    if let Ok(file) = opening.main_file()
        && is_npz(&file.path)
    {
        return npz::parse(opening.read(file)?, &file.path);
    }
    let (train, test) = files(opening)?;
    let test = test.map(|file| read(opening, file)).transpose()?;
    Ok((read(opening, train)?, test))
}

fn is_npz(path: &Path) -> bool {
    super::ends_with(&super::file_name(path), &[".npz"])
}

fn no_targets(series: &Series) -> DataError {
    let what = match series.unit {
        "line" => "the class, after a colon,",
        _ => "an array `y` of classes",
    };
    DataError::NoTargets {
        path: series.path.clone(),
        what: what.to_owned(),
    }
}

fn read(opening: &Opening, file: &SourceFile) -> Result<Series, DataError> {
    // Comments may be in any encoding; the data itself is of digits.
    let bytes = opening.read(file)?;
    parse::parse(&String::from_utf8_lossy(&bytes), &file.path)
}

/// The file to train on, and the test set beside it: `X_TRAIN.ts` and `X_TEST.ts`. A file of
/// another name is both.
fn files<'a>(opening: &'a Opening) -> Result<(&'a SourceFile, Option<&'a SourceFile>), DataError> {
    let chosen = match &opening.chosen {
        Some(chosen) => chosen.clone(),
        None => only_training_file(opening)?,
    };
    let Some(stem) = stem(&chosen) else {
        return Ok((opening.main_file()?, None));
    };
    let part = |mark: &str| {
        opening.files.iter().find(|file| {
            let name = file.name().to_ascii_lowercase();
            let name = name.strip_suffix(".gz").unwrap_or(&name);
            name.strip_suffix(mark) == Some(stem.as_str())
        })
    };
    match part("_train.ts") {
        Some(train) => Ok((train, part("_test.ts"))),
        None => Err(DataError::Unrecognised {
            path: opening.path.clone(),
            advice: "the training part `…_TRAIN.ts` has to lie beside it".to_owned(),
        }),
    }
}

/// `x` of `X_TRAIN.ts` and `X_TEST.ts.gz`.
fn stem(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = name
        .strip_suffix("_train.ts")
        .or_else(|| name.strip_suffix("_test.ts"))?;
    Some(stem.to_owned())
}

fn only_training_file(opening: &Opening) -> Result<String, DataError> {
    let names = opening.files.iter().map(SourceFile::name);
    let mut names: Vec<String> = names
        .filter(|name| super::ends_with(name, &["_train.ts"]))
        .collect();
    match (names.pop(), names.pop()) {
        (Some(name), None) => Ok(name),
        (Some(first), Some(second)) => Err(DataError::Unrecognised {
            path: opening.path.clone(),
            advice: format!("give one file: there are `{first}` and `{second}`"),
        }),
        (None, _) => Err(DataError::Unrecognised {
            path: opening.path.clone(),
            advice: "give one of the files: none of them is called `…_TRAIN.ts`".to_owned(),
        }),
    }
}

fn sentence(
    opening: &Opening,
    train: &Series,
    test: Option<&Series>,
    classes: &[String],
) -> String {
    let all = || [Some(train), test].into_iter().flatten();
    let count: usize = all().map(Series::len).sum();
    let shortest = all().map(Series::shortest).min().unwrap_or(0);
    let longest = all().map(Series::longest).max().unwrap_or(0);
    let steps = if shortest == longest {
        format!("{longest} steps")
    } else {
        format!("{shortest} to {longest} steps")
    };
    let channels = match train.width {
        1 => "1 channel".to_owned(),
        width => format!("{width} channels"),
    };
    let classes = splits::classes_in_words(classes);
    format!(
        "`{}` has {count} series of {channels} and {steps}, {classes}",
        opening.name
    )
}
