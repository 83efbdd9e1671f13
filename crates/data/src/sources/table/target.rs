//! The column to predict: which one it is, and whether it holds classes or numbers.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::scale::Scale;
use crate::sources::Opening;
use crate::sources::grid::{Grid, list};
use crate::sources::splits::classes_in_words;
use crate::split::StoredTargets;
use crate::{DataError, TableTask};

/// Names by which a target is recognised where none is given, the likeliest first.
const TARGET_NAMES: [&str; 5] = ["target", "label", "class", "species", "y"];
/// Whole numbers with at most this many values are classes, if each occurs often enough.
const MAX_NUMBER_CLASSES: usize = 20;
/// Different values that are counted: with more, all are of few rows.
const MAX_WORDS: usize = 1 << 19;
/// How often each value has to occur on average for whole numbers to be classes.
const ROWS_PER_NUMBER_CLASS: usize = 20;

/// How the target becomes a class or a scaled number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetEncoding {
    /// One of the words, or of the few whole numbers, of a column.
    Classes {
        /// The column.
        name: String,
        /// In the order of the outputs.
        classes: Vec<String>,
    },
    /// A number.
    Number {
        /// The column.
        name: String,
        /// Fitted on the training rows.
        scale: Scale,
    },
}

/// The column that is asked for, or the one that looks like it.
pub(super) fn choose(
    opening: &Opening,
    grid: &Grid,
    reading: &mut Vec<String>,
) -> Result<usize, DataError> {
    if let Some(name) = opening.target() {
        return grid.column_or_error(name);
    }
    let lower: Vec<String> = grid.names.iter().map(|name| name.to_lowercase()).collect();
    let by_name = TARGET_NAMES
        .iter()
        .find_map(|wanted| lower.iter().position(|name| name == wanted))
        .filter(|&column| !opening.drops(&grid.names[column]));
    let (column, why) = if let Some(column) = by_name {
        (column, "by its name")
    } else {
        let kept = |column: &usize| !opening.drops(&grid.names[*column]);
        let columns = || (0..grid.names.len()).rev().filter(kept);
        let mut no_text = None;
        for column in columns() {
            let is_named = opening.config.text.as_ref() == Some(&grid.names[column]);
            if !is_named && !grid.is_text(column)? {
                no_text = Some(column);
                break;
            }
        }
        match no_text {
            Some(column) if columns().next() == Some(column) => (column, "as the last column"),
            Some(column) => (column, "as the last column that is no text"),
            None => return Err(no_inputs(grid, "nothing")),
        }
    };
    reading.push(format!(
        "`{}` is taken for the target, {why}",
        grid.names[column]
    ));
    Ok(column)
}

/// The rows that have a target, and what it is. A number is not yet scaled.
pub(super) fn understand(
    opening: &Opening,
    grid: &Grid,
    column: usize,
    warnings: &mut Vec<String>,
) -> Result<(Vec<usize>, TargetEncoding), DataError> {
    let name = grid.names[column].clone();
    let path = || grid.path.clone();
    let mut rows = Vec::with_capacity(grid.num_rows());
    let mut words = BTreeSet::new();
    let mut num_looked_at = 0;
    grid.each(column, |row, cell| {
        let Some(cell) = cell else { return Ok(()) };
        rows.push(row);
        if words.len() < MAX_WORDS {
            num_looked_at += 1;
            if !words.contains(cell) {
                words.insert(cell.to_owned());
            }
        }
        Ok(())
    })?;
    if rows.is_empty() {
        return Err(DataError::Empty { path: path() });
    }
    let num_missing = grid.num_rows() - rows.len();
    if num_missing > 0 {
        warnings.push(format!("{num_missing} rows without `{name}` are left out"));
    }
    let task = match opening.config.task.or(opening.options.task) {
        Some(task) => task,
        None if !grid.is_numeric(column)? => TableTask::Classification,
        None if are_number_classes(grid, &words, rows.len()) => TableTask::Classification,
        None => TableTask::Regression,
    };
    let target = match task {
        TableTask::Classification => TargetEncoding::Classes {
            name,
            classes: sorted(grid, &words),
        },
        TableTask::Regression => TargetEncoding::Number {
            name,
            scale: Scale { mean: 0.0, sd: 1.0 },
        },
    };
    let (num_classes, target_name) = (words.len(), target.name().to_owned());
    match task {
        TableTask::Classification if num_classes == 1 => {
            let class = words.pop_first().unwrap_or_default();
            return Err(DataError::OneClass {
                path: path(),
                class,
            });
        }
        TableTask::Classification if 2 * num_classes > num_looked_at => {
            let (target, rows) = (target_name, num_looked_at);
            return Err(DataError::TooManyClasses {
                path: path(),
                target,
                num_classes,
                rows,
            });
        }
        TableTask::Classification => {}
        TableTask::Regression => {
            grid.each_of(column, &rows, |row, cell| match cell {
                Some(cell) if grid.parse_number(cell).is_none() => {
                    Err(DataError::TargetNotNumeric {
                        path: path(),
                        line: grid.line(row),
                        target: target_name.clone(),
                        value: cell.to_owned(),
                    })
                }
                _ => Ok(()),
            })?;
        }
    }
    Ok((rows, target))
}

fn are_number_classes(grid: &Grid, words: &BTreeSet<String>, num_rows: usize) -> bool {
    let whole = |word: &String| {
        grid.parse_number(word)
            .is_some_and(|number| number.fract() == 0.0)
    };
    let few = words.len() <= MAX_NUMBER_CLASSES && words.len() * ROWS_PER_NUMBER_CLASS <= num_rows;
    (words.len() <= 2 || few) && words.iter().all(whole)
}

/// Names of classes: numbers by their size, words by the alphabet.
pub(crate) fn in_order(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    let mut numbers: Vec<(f64, &String)> = Vec::new();
    for name in &names {
        match name.parse() {
            Ok(number) => numbers.push((number, name)),
            Err(_) => return names,
        }
    }
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbers.into_iter().map(|(_, name)| name.clone()).collect()
}

/// Numbers by their size, words by the alphabet.
fn sorted(grid: &Grid, words: &BTreeSet<String>) -> Vec<String> {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.iter().all(|word| grid.parse_number(word).is_some()) {
        let number = |word: &str| grid.parse_number(word).unwrap_or_default();
        words.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    words.into_iter().map(str::to_owned).collect()
}

fn no_inputs(grid: &Grid, target: &str) -> DataError {
    DataError::NoInputs {
        path: grid.path.clone(),
        target: target.to_owned(),
    }
}

impl TargetEncoding {
    /// The column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Classes { name, .. } | Self::Number { name, .. } => name,
        }
    }

    /// The classes, if it has any.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Classes { classes, .. } => Some(classes),
            Self::Number { .. } => None,
        }
    }

    /// The class of each row, or 0 for numbers.
    pub(super) fn groups(&self, grid: &Grid, rows: &[usize]) -> Result<Vec<i32>, DataError> {
        match self {
            Self::Classes { name, .. } => {
                let column = grid.column_or_error(name)?;
                self.classes_of(grid, column, rows)
            }
            Self::Number { .. } => Ok(vec![0; rows.len()]),
        }
    }

    /// The same, a number scaled by the training rows.
    pub(super) fn fitted(self, grid: &Grid, train_rows: &[usize]) -> Result<Self, DataError> {
        let Self::Number { name, .. } = self else {
            return Ok(self);
        };
        let column = grid.column_or_error(&name)?;
        let mut numbers = Vec::with_capacity(train_rows.len());
        grid.each_of(column, train_rows, |row, cell| {
            numbers.extend(grid.number(row, column, cell)?);
            Ok(())
        })?;
        Ok(Self::Number {
            name,
            scale: Scale::fit(numbers.into_iter()),
        })
    }

    /// The targets of rows; absent where one has none.
    pub(super) fn encode(
        &self,
        grid: &Grid,
        column: usize,
        rows: &[usize],
    ) -> Result<StoredTargets, DataError> {
        let mut is_complete = true;
        grid.each_of(column, rows, |_, cell| {
            is_complete &= cell.is_some();
            Ok(())
        })?;
        if !is_complete {
            return Ok(StoredTargets::Absent);
        }
        match self {
            Self::Classes { classes, .. } => Ok(StoredTargets::Classes {
                num_classes: classes.len(),
                classes: self.classes_of(grid, column, rows)?,
            }),
            Self::Number { scale, .. } => {
                let mut values = Vec::with_capacity(rows.len());
                grid.each_of(column, rows, |row, cell| {
                    let number = grid.number(row, column, cell)?;
                    values.push(scale.apply(number.unwrap_or(scale.mean)));
                    Ok(())
                })?;
                Ok(StoredTargets::Values {
                    values,
                    scale: *scale,
                })
            }
        }
    }

    fn classes_of(
        &self,
        grid: &Grid,
        column: usize,
        rows: &[usize],
    ) -> Result<Vec<i32>, DataError> {
        let classes = self.classes().unwrap_or_default();
        let places: HashMap<&str, i32> = classes.iter().map(String::as_str).zip(0..).collect();
        let mut found = Vec::with_capacity(rows.len());
        grid.each_of(column, rows, |row, cell| {
            let word = cell.unwrap_or_default();
            let place = || format!("{}:{}", grid.path.display(), grid.line(row));
            found.push(match places.get(word) {
                Some(&class) => class,
                None => class_index(classes, word, place)?,
            });
            Ok(())
        })?;
        Ok(found)
    }

    /// What is predicted, for people.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Classes { name, classes } => {
                format!("predicts `{name}`, {}", classes_in_words(classes))
            }
            Self::Number { name, scale } => format!(
                "predicts `{name}`, a number: mean {:.4}, deviation {:.4}",
                scale.mean, scale.sd
            ),
        }
    }
}

/// The place of a class. A full stop at the end is set aside, as the test set of Adult has it.
pub(crate) fn class_index(
    classes: &[String],
    word: &str,
    place: impl Fn() -> String,
) -> Result<i32, DataError> {
    let find = |word: &str| classes.iter().position(|class| class == word);
    let index = find(word).or_else(|| find(word.trim_end_matches('.')));
    index
        .and_then(|index| i32::try_from(index).ok())
        .ok_or_else(|| DataError::UnknownClass {
            place: place(),
            class: word.to_owned(),
            known: list(classes),
        })
}
