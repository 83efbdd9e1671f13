//! The series of a table: which rows belong to each, and their values in the order of time.

use std::collections::HashMap;

use super::columns::{self, interpolated};
use crate::DataError;
use crate::baseline::ratio;
use crate::sources::grid::Grid;

/// Fewer rows than this on average are no series, if nobody says so.
const MIN_ROWS: usize = 20;
/// Above this share of missing values a forecast is mostly of interpolations.
const MANY_MISSING: f64 = 0.2;

/// Columns among which the one that tells series apart is looked for.
const MAX_CANDIDATES: usize = 12;

/// The rows of each series, and its name.
pub(super) type Groups = Vec<(String, Vec<usize>)>;

/// Some rows of a table, in the order of time.
pub(super) struct Series {
    /// What the key columns say, and which of several columns it is; empty for a single series.
    pub(super) name: String,
    /// The place of its column among those that are forecast.
    pub(super) channel: usize,
    /// From the first row with a value on, those behind the last one too.
    pub(super) rows: Vec<usize>,
    /// Of the first rows, gaps filled.
    pub(super) values: Vec<f64>,
    pub(super) num_filled: usize,
    /// Rows before the first value.
    pub(super) num_before: usize,
}

impl Series {
    /// Rows behind the last value.
    pub(super) fn num_after(&self) -> usize {
        self.rows.len() - self.values.len()
    }
}

/// The rows of each series, and its name; all rows where there is no key.
pub(super) fn rows(grid: &Grid, keys: &[usize]) -> Result<Groups, DataError> {
    if keys.is_empty() {
        return Ok(vec![(String::new(), (0..grid.num_rows()).collect())]);
    }
    let mut names = vec![String::new()];
    let mut of_row = vec![0_usize; grid.num_rows()];
    for &key in keys {
        let mut known = HashMap::<(usize, String), usize>::new();
        let mut longer = Vec::new();
        grid.each(key, |row, cell| {
            let cell = cell.unwrap_or("missing");
            let before = of_row[row];
            let number = *known.entry((before, cell.to_owned())).or_insert_with(|| {
                longer.push(match names[before].as_str() {
                    "" => cell.to_owned(),
                    before => format!("{before} {cell}"),
                });
                longer.len() - 1
            });
            of_row[row] = number;
            Ok(())
        })?;
        names = longer;
    }
    let mut groups: Vec<_> = names.into_iter().map(|name| (name, Vec::new())).collect();
    for (row, &number) in of_row.iter().enumerate() {
        groups[number].1.push(row);
    }
    Ok(groups)
}

/// The columns that tell the series of a table apart whose times do not rise as a whole: the first
/// one, or the first two, within whose groups they do.
pub(super) fn find_keys(grid: &Grid, targets: &[usize]) -> Result<Option<Vec<usize>>, DataError> {
    let mut candidates = Vec::new();
    let mut numbers = Vec::new();
    for column in 1..grid.names.len().min(MAX_CANDIDATES) {
        if targets.contains(&column) {
            continue;
        }
        if grid.is_numeric(column)? {
            numbers.push(column);
        } else {
            candidates.push(column);
        }
    }
    candidates.extend(numbers);
    let pairs = candidates.iter().enumerate().flat_map(|(place, &first)| {
        let later = candidates.iter().skip(place + 1);
        later.map(move |&second| vec![first, second])
    });
    for keys in candidates.iter().map(|&key| vec![key]).chain(pairs) {
        let groups = rows(grid, &keys)?;
        let rises = groups.len() * MIN_ROWS <= grid.num_rows()
            && matches!(columns::time(grid, targets, &keys, &groups), Ok(Some(_)));
        if rises {
            return Ok(Some(keys));
        }
    }
    Ok(None)
}

/// The values of each series, of one column to forecast after the other; one without any is left
/// out.
pub(super) fn read(
    grid: &Grid,
    targets: &[usize],
    groups: &Groups,
) -> Result<Vec<Series>, DataError> {
    let mut all = Vec::with_capacity(targets.len() * groups.len());
    for (channel, &target) in targets.iter().enumerate() {
        read_column(grid, (channel, target), targets.len() > 1, groups, &mut all)?;
    }
    if all.is_empty() {
        return Err(DataError::Empty {
            path: grid.path.clone(),
        });
    }
    Ok(all)
}

fn read_column(
    grid: &Grid,
    (channel, target): (usize, usize),
    is_one_of_several: bool,
    groups: &Groups,
    all: &mut Vec<Series>,
) -> Result<(), DataError> {
    let numbers = grid.numbers(target)?;
    for (key, rows) in groups {
        let mut rows = rows.clone();
        let is_known = |row: &usize| numbers[*row].is_some();
        let (Some(first), Some(last)) = (
            rows.iter().position(is_known),
            rows.iter().rposition(is_known),
        ) else {
            continue;
        };
        rows.drain(..first);
        let values: Vec<_> = rows[..=last - first]
            .iter()
            .map(|&row| numbers[row])
            .collect();
        let column = grid.names[target].as_str();
        let name = match (is_one_of_several, key.as_str()) {
            (false, key) => key.to_owned(),
            (true, "") => column.to_owned(),
            (true, key) => format!("{key} {column}"),
        };
        all.push(Series {
            name,
            channel,
            rows,
            num_filled: values.iter().filter(|value| value.is_none()).count(),
            num_before: first,
            values: interpolated(&values),
        });
    }
    Ok(())
}

/// Says which values were missing.
pub(super) fn describe(
    all: &[Series],
    name: &str,
    reading: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    let sum = |count: fn(&Series) -> usize| all.iter().map(count).sum::<usize>();
    let num_cut = sum(|series| series.num_before + series.num_after());
    let num_filled = sum(|series| series.num_filled);
    if num_cut > 0 {
        warnings.push(format!(
            "{num_cut} rows without `{name}` at the ends are left out"
        ));
    }
    if num_filled > 0 {
        let note = format!("{num_filled} missing values of `{name}` are interpolated");
        if ratio(num_filled, sum(|series| series.values.len())) > MANY_MISSING {
            warnings.push(note);
        } else {
            reading.push(note);
        }
    }
}
