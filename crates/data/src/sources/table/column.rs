//! One column that is predicted from: numbers are standardised, words become a place each, dates
//! their parts.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::TargetEncoding;
use super::date_column::{self, DateEncoding};
use super::pieces::Pieces;
use crate::DataError;
use crate::scale::{Scale, median};
use crate::sources::Opening;
use crate::sources::grid::Grid;

/// The most frequent words of a column that get a place of their own; more would make the inputs
/// wide and their weights hard to learn.
const MAX_LEVELS: usize = 50;
/// Different words of a column that are counted: the frequent ones are among the first so many.
const MAX_COUNTED: usize = 1 << 19;
/// From this many rows on, a column in which no cell repeats is taken for an identifier.
const MIN_ROWS_OF_IDENTIFIER: usize = 20;

/// One column, and what it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputColumn {
    /// As in the header.
    pub name: String,
    /// Fitted on the training rows.
    pub encoding: ColumnEncoding,
}

/// What a cell becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ColumnEncoding {
    /// A standardised number.
    Number {
        /// Of the training values.
        scale: Scale,
        /// Stands in for a missing value.
        median: f64,
        /// Whether a second input is 1 where the value is missing; only if training rows lacked
        /// it, since a network can learn nothing from an input that never changes.
        marks_missing: bool,
        /// Ramps that stand beside the number, where they were asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pieces: Option<Pieces>,
    },
    /// A 1 at the place of the word, 0 elsewhere.
    Word {
        /// The most frequent words of the training rows, at most fifty, by the alphabet.
        levels: Vec<String>,
        /// Whether one more place is for all else: rarer, new and missing words. Without it, those
        /// are all zeros; it is there if training rows needed it.
        has_other: bool,
    },
    /// The parts of a date.
    Date(DateEncoding),
}

/// Fits the columns that are worth predicting from, and says which are left out and why.
pub(super) fn fit(
    opening: &Opening,
    grid: &Grid,
    target: &TargetEncoding,
    train_rows: &[usize],
    reading: &mut Vec<String>,
) -> Result<Vec<InputColumn>, DataError> {
    let mut columns = Vec::new();
    let mut left_out = Vec::new();
    for (place, name) in grid.names.iter().enumerate() {
        if name == target.name() {
            continue;
        }
        if opening.drops(name) {
            left_out.push(format!("`{name}` as told"));
            opening.leave_out(name, "as told");
            continue;
        }
        let fitted = match date_column::order(opening, grid, place)? {
            Some(order) => date_column::fit(grid, place, train_rows, order, reading)?,
            None if grid.is_numeric(place)? => {
                fit_numbers(grid, place, train_rows, opening.config.pieces)?
            }
            None => fit_words(grid, place, train_rows)?,
        };
        match fitted {
            Fitted::Kept(encoding) => columns.push(InputColumn {
                name: name.clone(),
                encoding,
            }),
            Fitted::LeftOut(why) => {
                left_out.push(format!("`{name}` ({why})"));
                opening.leave_out(name, why);
            }
        }
    }
    if !left_out.is_empty() {
        reading.push(format!("left out: {}", left_out.join(", ")));
    }
    if columns.is_empty() {
        let target = target.name().to_owned();
        return Err(DataError::NoInputs {
            path: grid.path.clone(),
            target,
        });
    }
    let num_inputs: usize = columns.iter().map(InputColumn::width).sum();
    reading.push(format!(
        "{} columns become {num_inputs} inputs",
        columns.len()
    ));
    Ok(columns)
}

pub(super) enum Fitted {
    Kept(ColumnEncoding),
    /// And why.
    LeftOut(&'static str),
}

fn fit_numbers(
    grid: &Grid,
    place: usize,
    train_rows: &[usize],
    pieces: Option<usize>,
) -> Result<Fitted, DataError> {
    if counts_the_rows(grid, place)? {
        return Ok(Fitted::LeftOut("it counts the rows"));
    }
    let mut numbers = Vec::with_capacity(train_rows.len());
    grid.each_of(place, train_rows, |row, cell| {
        numbers.extend(grid.number(row, place, cell)?);
        Ok(())
    })?;
    let marks_missing = numbers.len() < train_rows.len();
    let Some(&first) = numbers.first() else {
        return Ok(Fitted::LeftOut("it is empty"));
    };
    #[allow(clippy::float_cmp)] // The very same number in each row is meant.
    let is_constant = numbers.iter().all(|&number| number == first);
    if is_constant && !marks_missing {
        return Ok(Fitted::LeftOut("it holds one value"));
    }
    let scale = Scale::fit(numbers.iter().copied());
    let pieces = pieces.and_then(|count| Pieces::fit(numbers.clone(), count));
    let median = median(numbers).unwrap_or(scale.mean);
    Ok(Fitted::Kept(ColumnEncoding::Number {
        scale,
        median,
        marks_missing,
        pieces,
    }))
}

/// Whether a column tells the rows apart and nothing else: it counts them, or its words all differ.
/// Of very many words, the first so many tell.
pub(super) fn is_identifier(grid: &Grid, place: usize) -> Result<bool, DataError> {
    if grid.is_numeric(place)? {
        return counts_the_rows(grid, place);
    }
    let mut repeats = false;
    let mut seen = HashSet::new();
    grid.each(place, |_, cell| {
        if let Some(cell) = cell
            && !repeats
            && seen.len() < MAX_COUNTED
        {
            repeats = !seen.insert(cell.to_owned());
        }
        Ok(())
    })?;
    Ok(grid.num_rows() >= MIN_ROWS_OF_IDENTIFIER && !repeats)
}

/// Whether each row holds the number of the one before plus 1.
fn counts_the_rows(grid: &Grid, place: usize) -> Result<bool, DataError> {
    let mut expected = None;
    let mut counts = true;
    grid.each(place, |row, cell| {
        if counts {
            let number = grid.number(row, place, cell)?;
            #[allow(clippy::float_cmp)] // Whole numbers up to 2^53 are exact.
            let follows = number.is_some() && expected.is_none_or(|expected| number == expected);
            counts = follows;
            expected = Some(number.map(|number| number + 1.0));
        }
        Ok(())
    })?;
    Ok(counts && grid.num_rows() >= MIN_ROWS_OF_IDENTIFIER)
}

fn fit_words(grid: &Grid, place: usize, train_rows: &[usize]) -> Result<Fitted, DataError> {
    if is_identifier(grid, place)? {
        return Ok(Fitted::LeftOut("every cell differs"));
    }
    let mut counts = HashMap::<String, usize>::new();
    let mut num_present = 0;
    grid.each_of(place, train_rows, |_, cell| {
        let Some(word) = cell else { return Ok(()) };
        num_present += 1;
        if let Some(count) = counts.get_mut(word) {
            *count += 1;
        } else if counts.len() < MAX_COUNTED {
            counts.insert(word.to_owned(), 1);
        }
        Ok(())
    })?;
    let mut by_frequency: Vec<(String, usize)> = counts.into_iter().collect();
    by_frequency.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let has_other = num_present < train_rows.len() || by_frequency.len() > MAX_LEVELS;
    by_frequency.truncate(MAX_LEVELS);
    if by_frequency.is_empty() || (by_frequency.len() == 1 && !has_other) {
        return Ok(Fitted::LeftOut("it holds one value"));
    }
    let mut levels: Vec<String> = by_frequency.into_iter().map(|(word, _)| word).collect();
    levels.sort();
    Ok(Fitted::Kept(ColumnEncoding::Word { levels, has_other }))
}

impl InputColumn {
    /// How many inputs it becomes.
    #[must_use]
    pub fn width(&self) -> usize {
        match &self.encoding {
            ColumnEncoding::Number {
                marks_missing,
                pieces,
                ..
            } => 1 + pieces.as_ref().map_or(0, Pieces::width) + usize::from(*marks_missing),
            ColumnEncoding::Word { levels, has_other } => levels.len() + usize::from(*has_other),
            ColumnEncoding::Date(dates) => dates.width(),
        }
    }

    /// What each input means, such as `island = Dream`.
    #[must_use]
    pub fn input_names(&self) -> Vec<String> {
        let name = &self.name;
        let marked = |is_there: bool, what: &str| is_there.then(|| format!("{name} {what}"));
        match &self.encoding {
            ColumnEncoding::Number {
                marks_missing,
                pieces,
                ..
            } => {
                let missing = marked(*marks_missing, "missing");
                let pieces = pieces.iter().flat_map(Pieces::stretches);
                let pieces = pieces.map(|[start, end]| format!("{name} from {start} to {end}"));
                let names = std::iter::once(name.clone()).chain(pieces);
                names.chain(missing).collect()
            }
            ColumnEncoding::Word { levels, has_other } => {
                let levels = levels.iter().map(|level| format!("{name} = {level}"));
                levels.chain(marked(*has_other, "other")).collect()
            }
            ColumnEncoding::Date(dates) => {
                let missing = marked(dates.marks_missing, "missing");
                dates.part_names(name).into_iter().chain(missing).collect()
            }
        }
    }

    /// What stood in the cell that became these inputs, as far as they tell.
    ///
    /// # Shapes
    /// - `inputs`: `[width]`
    #[must_use]
    pub fn cell_of(&self, inputs: &[f32]) -> String {
        let first = inputs.first().copied().unwrap_or(0.0);
        match &self.encoding {
            ColumnEncoding::Number { scale, .. } => {
                let value = f64::from(first) * scale.sd + scale.mean;
                // No more digits than single precision has.
                let text = format!("{value:.3}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            ColumnEncoding::Word { levels, .. } => {
                let chosen = inputs.iter().position(|&input| input > 0.5);
                let level = chosen.and_then(|level| levels.get(level));
                level.map_or("other".to_owned(), ToString::to_string)
            }
            ColumnEncoding::Date(dates) => dates.cell_of(inputs),
        }
    }

    /// Appends the inputs of the cell in this row and column.
    pub(super) fn encode(
        &self,
        grid: &Grid,
        (row, place): (usize, usize),
        cell: Option<&str>,
        inputs: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        match &self.encoding {
            ColumnEncoding::Number {
                scale,
                median,
                marks_missing,
                pieces,
            } => {
                let number = grid.number(row, place, cell)?;
                let value = number.unwrap_or(*median);
                inputs.push(scale.apply(value));
                inputs.extend(pieces.iter().flat_map(|pieces| pieces.apply(value)));
                if *marks_missing {
                    inputs.push(f32::from(u8::from(number.is_none())));
                }
            }
            ColumnEncoding::Word { levels, has_other } => {
                let level = cell.and_then(|word| {
                    levels
                        .binary_search_by(|level| level.as_str().cmp(word))
                        .ok()
                });
                let hot = level.or(has_other.then_some(levels.len()));
                let inputs_before = inputs.len();
                inputs.resize(inputs_before + self.width(), 0.0);
                if let Some(input) = hot.and_then(|hot| inputs.get_mut(inputs_before + hot)) {
                    *input = 1.0;
                }
            }
            ColumnEncoding::Date(dates) => dates.encode(grid, (row, place), cell, inputs)?,
        }
        Ok(())
    }
}
