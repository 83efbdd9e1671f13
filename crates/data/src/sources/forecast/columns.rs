//! The columns of a series: the one to forecast, the time, and those that are seen beside it.

use std::ops::Range;

use super::OtherSeries;
use crate::DataError;
use crate::baseline::count;
use crate::scale::Scale;
use crate::sources::Opening;
use crate::sources::grid::{Grid, list};

/// Names of a first column whose numbers have to rise.
const TIME_NAMES: [&str; 5] = ["date", "datetime", "timestamp", "year", "ds"];
/// Above this share of missing values a forecast is mostly of interpolations.
const MANY_MISSING: f64 = 0.2;

/// Places of the columns.
pub(super) struct Columns {
    pub(super) target: usize,
    /// All numeric columns but time and target.
    others: Vec<usize>,
}

/// A column without its missing ends, gaps filled.
pub(super) struct Series {
    pub(super) values: Vec<f64>,
    /// Rows of the file that the values come from.
    pub(super) rows: Range<usize>,
    num_filled: usize,
    num_cut: usize,
}

/// Chooses the columns, and checks that the rows are in the order of time.
pub(super) fn choose(
    opening: &Opening,
    grid: &Grid,
    reading: &mut Vec<String>,
) -> Result<Columns, DataError> {
    for dropped in &opening.config.drop {
        grid.column_or_error(dropped)?;
    }
    let wanted = opening
        .target()
        .map(|name| grid.column_or_error(name))
        .transpose()?;
    let time = time(grid, wanted)?;
    let mut numeric = Vec::new();
    let mut left_out = Vec::new();
    for (place, name) in grid.names.iter().enumerate() {
        if Some(place) == time || Some(place) == wanted {
            continue;
        }
        if opening.drops(name) {
            left_out.push(format!("`{name}` as told"));
        } else if grid.is_numeric(place)? {
            numeric.push(place);
        } else {
            left_out.push(format!("`{name}` (words)"));
        }
    }
    if let Some(time) = time {
        reading.push(format!(
            "`{}` is the time, in rising order",
            grid.names[time]
        ));
    }
    if !left_out.is_empty() {
        reading.push(format!("left out: {}", left_out.join(", ")));
    }
    let target = if let Some(target) = wanted {
        check_numeric(grid, target)?;
        target
    } else {
        let target = numeric.pop().ok_or_else(|| no_numbers(grid))?;
        let name = &grid.names[target];
        reading.push(format!(
            "`{name}` is taken for the target, as the last numeric column"
        ));
        target
    };
    Ok(Columns {
        target,
        others: numeric,
    })
}

/// Reads the series to forecast.
pub(super) fn read(grid: &Grid, column: usize) -> Result<Series, DataError> {
    let mut values = grid.numbers(column)?;
    let first = values.iter().position(Option::is_some);
    let last = values.iter().rposition(Option::is_some);
    let (Some(first), Some(last)) = (first, last) else {
        return Err(DataError::Empty {
            path: grid.path.clone(),
        });
    };
    let num_cut = values.len() - (last + 1 - first);
    values.truncate(last + 1);
    values.drain(..first);
    let num_filled = values.iter().filter(|value| value.is_none()).count();
    Ok(Series {
        values: interpolated(&values),
        rows: first..last + 1,
        num_filled,
        num_cut,
    })
}

/// A column beside it, gaps filled, ends with the nearest value.
pub(super) fn filled(grid: &Grid, column: usize) -> Result<Vec<f64>, DataError> {
    Ok(interpolated(&grid.numbers(column)?))
}

/// Scales the columns beside the target by their training rows.
pub(super) fn fit_others(
    grid: &Grid,
    columns: &Columns,
    first_row: usize,
    train_len: usize,
    reading: &mut Vec<String>,
) -> Result<Vec<OtherSeries>, DataError> {
    let mut others = Vec::new();
    for &place in &columns.others {
        let name = grid.names[place].clone();
        let values = filled(grid, place)?;
        let train = values.iter().copied().skip(first_row).take(train_len);
        let lowest = train.clone().fold(f64::INFINITY, f64::min);
        let highest = train.clone().fold(f64::NEG_INFINITY, f64::max);
        if lowest < highest {
            others.push(OtherSeries {
                name,
                scale: Scale::fit(train),
            });
        } else {
            reading.push(format!("left out: `{name}` (it holds one value)"));
        }
    }
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|other| other.name.clone()).collect();
        reading.push(format!("seen beside it: {}", list(&names)));
    }
    Ok(others)
}

impl Series {
    /// Says which values were missing.
    pub(super) fn describe(
        &self,
        name: &str,
        reading: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        if self.num_cut > 0 {
            let cut = self.num_cut;
            warnings.push(format!(
                "{cut} rows without `{name}` at the ends are left out"
            ));
        }
        if self.num_filled > 0 {
            let filled = self.num_filled;
            let note = format!("{filled} missing values of `{name}` are interpolated");
            if crate::baseline::ratio(filled, self.values.len()) > MANY_MISSING {
                warnings.push(note);
            } else {
                reading.push(note);
            }
        }
    }
}

/// Gaps filled along a straight line, ends with the nearest value; zeros where nothing is known.
fn interpolated(values: &[Option<f64>]) -> Vec<f64> {
    let mut filled: Vec<f64> = Vec::with_capacity(values.len());
    let mut before = None;
    for known in values.iter().flatten() {
        // All missing values up to this known one.
        let gap = values[filled.len()..]
            .iter()
            .take_while(|value| value.is_none())
            .count();
        let start = before.unwrap_or(*known);
        let step = (known - start) / count(gap + 1);
        filled.extend((1..=gap).map(|place| start + step * count(place)));
        filled.push(*known);
        before = Some(*known);
    }
    filled.resize(values.len(), before.unwrap_or(0.0));
    filled
}

fn check_numeric(grid: &Grid, column: usize) -> Result<(), DataError> {
    grid.each(column, |row, cell| match cell {
        Some(cell) if grid.parse_number(cell).is_none() => Err(DataError::TargetNotNumeric {
            path: grid.path.clone(),
            line: grid.line(row),
            target: grid.names[column].clone(),
            value: cell.to_owned(),
        }),
        _ => Ok(()),
    })
}

fn no_numbers(grid: &Grid) -> DataError {
    DataError::NoColumn {
        path: grid.path.clone(),
        column: "any of numbers".to_owned(),
        advice: format!(
            "a series has a numeric column to forecast; here are {}",
            list(&grid.names)
        ),
    }
}

/// The first column, if it holds the time and not the target: dates with the year first, or
/// numbers that rise.
///
/// # Errors
/// [`DataError::NotIncreasing`] when it holds dates that do not rise, or is named after the time
/// and its numbers fall.
pub(super) fn time(grid: &Grid, target: Option<usize>) -> Result<Option<usize>, DataError> {
    if grid.names.len() < 2 || target == Some(0) {
        return Ok(None);
    }
    let is_named_so = grid.names.first().is_some_and(|name| {
        TIME_NAMES
            .iter()
            .any(|time_name| name.eq_ignore_ascii_case(time_name))
    });
    let mut moments = Vec::with_capacity(grid.num_rows());
    let mut is_time = true;
    grid.each(0, |_, cell| {
        let moment = cell.and_then(Moment::parse);
        is_time &= moment.is_some();
        moments.extend(moment.filter(|_| is_time));
        Ok(())
    })?;
    if !is_time {
        return Ok(None);
    }
    let all_are_dates = moments.iter().all(Moment::is_date);
    let all_are_numbers = moments
        .iter()
        .all(|moment| matches!(moment, Moment::Number(_)));
    let mut pairs = moments.windows(2).map(|pair| (&pair[0], &pair[1]));
    let fault = if all_are_dates {
        pairs.position(|(earlier, later)| later <= earlier)
    } else if all_are_numbers && is_named_so {
        pairs.position(|(earlier, later)| later < earlier)
    } else {
        None
    };
    if let Some(row) = fault {
        let cell = |row| Ok::<_, DataError>(grid.cell(row, 0)?.unwrap_or_default());
        return Err(DataError::NotIncreasing {
            path: grid.path.clone(),
            line: grid.line(row + 1),
            column: grid.names[0].clone(),
            value: cell(row + 1)?,
            previous: cell(row)?,
        });
    }
    let rises = moments.windows(2).all(|pair| pair[0] < pair[1]);
    Ok((rises && !moments.is_empty()).then_some(0))
}

/// A point of time.
#[derive(Debug, PartialEq, PartialOrd)]
enum Moment {
    /// A year, a number of seconds, a compact date such as `19580329`.
    Number(f64),
    /// Its numbers, the longest time first: `2016-07-01 00:00` is 2016, 7, 1, 0, 0.
    Parts(Vec<u64>),
}

impl Moment {
    /// `None` for anything but numbers and digits with marks between them.
    fn parse(cell: &str) -> Option<Self> {
        if !cell.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        if let Ok(number) = cell.parse() {
            return Some(Self::Number(number));
        }
        let is_mark = |letter: char| "-/:. TZ+".contains(letter);
        let parts = cell.split(is_mark).filter(|part| !part.is_empty());
        Some(Self::Parts(
            parts.map(|part| part.parse().ok()).collect::<Option<_>>()?,
        ))
    }

    /// Whether it begins with a year, and a compact one has a month and a day.
    fn is_date(&self) -> bool {
        match self {
            Self::Number(number) => {
                let (year, month, day) =
                    (number / 10_000.0, number / 100.0 % 100.0, number % 100.0);
                number.fract() == 0.0
                    && (1000.0..3000.0).contains(&year)
                    && (1.0..13.0).contains(&month)
                    && (1.0..32.0).contains(&day)
            }
            Self::Parts(parts) => parts
                .first()
                .is_some_and(|year| (1000..3000).contains(year)),
        }
    }
}
