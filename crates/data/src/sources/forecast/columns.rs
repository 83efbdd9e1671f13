//! The columns of a series: those to forecast, the time, and those that are seen beside it.

use super::OtherSeries;
use super::group::{self, Groups};
use crate::DataError;
use crate::baseline::count;
use crate::scale::Scale;
use crate::sources::Opening;
use crate::sources::grid::{Grid, list};
use crate::sources::table::{self, DateEncoding};

/// Names of a first column whose numbers have to rise.
const TIME_NAMES: [&str; 5] = ["date", "datetime", "timestamp", "year", "ds"];
/// Places of the columns.
pub(super) struct Columns {
    /// Those to forecast: one, unless the user wants several.
    pub(super) targets: Vec<usize>,
    pub(super) time: Option<usize>,
    /// Those that tell several series apart.
    pub(super) keys: Vec<usize>,
    /// All numeric columns but time, target and keys.
    pub(super) others: Vec<usize>,
}

impl Columns {
    /// The names of those to forecast.
    pub(super) fn names<'a>(&self, grid: &'a Grid) -> Vec<&'a str> {
        let names = self.targets.iter().map(|&place| grid.names[place].as_str());
        names.collect()
    }
}

/// Chooses the columns, and checks that the rows of each series are in the order of time.
pub(super) fn choose(
    opening: &Opening,
    grid: &Grid,
    reading: &mut Vec<String>,
) -> Result<(Columns, Groups), DataError> {
    let config = opening.config;
    for named in config.drop.iter().chain(&config.known_future) {
        grid.column_or_error(named)?;
    }
    let wants_all = config.channels == ["*"];
    let named = config.channels.iter().filter(|_| !wants_all);
    let mut wanted = Vec::new();
    for name in named.map(String::as_str).chain(opening.target()) {
        let column = grid.column_or_error(name)?;
        check_numeric(grid, column)?;
        if wanted.contains(&column) {
            return Err(DataError::Config {
                key: "channels",
                value: name.to_owned(),
                expected: "each column once",
            });
        }
        wanted.push(column);
    }
    let mut keys = config
        .series
        .iter()
        .map(|name| grid.column_or_error(name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut groups = group::rows(grid, &keys)?;
    let time = match time(grid, &wanted, &keys, &groups) {
        Err(error @ DataError::NotIncreasing { .. }) if keys.is_empty() => {
            keys = group::find_keys(grid, &wanted)?.ok_or(error)?;
            groups = group::rows(grid, &keys)?;
            let names: Vec<String> = keys.iter().map(|&key| grid.names[key].clone()).collect();
            reading.push(format!(
                "{} tells several series apart: within each, time rises",
                list(&names)
            ));
            time(grid, &wanted, &keys, &groups)?
        }
        time => time?,
    };
    let mut numeric = Vec::new();
    let mut left_out = Vec::new();
    for (place, name) in grid.names.iter().enumerate() {
        if Some(place) == time || wanted.contains(&place) || keys.contains(&place) {
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
    let is_known = |place: &usize| config.known_future.contains(&grid.names[*place]);
    if wants_all {
        wanted = numeric.extract_if(.., |place| !is_known(place)).collect();
        if wanted.is_empty() {
            return Err(no_numbers(grid));
        }
    } else if wanted.is_empty() {
        let last = numeric.iter().rposition(|place| !is_known(place));
        let target = numeric.remove(last.ok_or_else(|| no_numbers(grid))?);
        let name = &grid.names[target];
        reading.push(format!(
            "`{name}` is taken for the target, as the last numeric column"
        ));
        wanted.push(target);
    }
    let is_ahead = |name: &&String| {
        let place = grid.column(name);
        place.is_some_and(|place| time == Some(place) || numeric.contains(&place))
    };
    if let Some(name) = config.known_future.iter().find(|name| !is_ahead(name)) {
        return Err(DataError::Config {
            key: "known_future",
            value: name.clone(),
            expected: "a column of numbers beside the target, or that of the time",
        });
    }
    let columns = Columns {
        targets: wanted,
        time,
        keys,
        others: numeric,
    };
    Ok((columns, groups))
}

/// Scales the columns beside the target by the training rows of all series.
pub(super) fn fit_others(
    opening: &Opening,
    grid: &Grid,
    columns: &Columns,
    train_rows: &[&[usize]],
    reading: &mut Vec<String>,
) -> Result<Vec<OtherSeries>, DataError> {
    let mut others = Vec::new();
    for &place in &columns.others {
        let name = grid.names[place].clone();
        let numbers = grid.numbers(place)?;
        let train: Vec<f64> = train_rows
            .iter()
            .flat_map(|rows| filled(&numbers, rows))
            .collect();
        let lowest = train.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = train.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if lowest < highest {
            others.push(OtherSeries {
                is_known: opening.config.known_future.contains(&name),
                name,
                scale: Scale::fit(train.into_iter()),
            });
        } else {
            reading.push(format!("left out: `{name}` (it holds one value)"));
        }
    }
    let names = |is_known: bool| -> Vec<String> {
        let others = others.iter().filter(|other| other.is_known == is_known);
        others.map(|other| other.name.clone()).collect()
    };
    for (is_known, what) in [(false, "seen beside it"), (true, "known ahead")] {
        if !names(is_known).is_empty() {
            reading.push(format!("{what}: {}", list(&names(is_known))));
        }
    }
    Ok(others)
}

/// The calendar of the times, where the time is among what is known ahead.
pub(super) fn fit_calendar(
    opening: &Opening,
    grid: &Grid,
    columns: &Columns,
    train_rows: &[&[usize]],
    reading: &mut Vec<String>,
) -> Result<Option<(String, DateEncoding)>, DataError> {
    let Some(time) = columns.time else {
        return Ok(None);
    };
    let name = &grid.names[time];
    if !opening.config.known_future.contains(name) {
        return Ok(None);
    }
    let mut rows = train_rows.concat();
    rows.sort_unstable();
    let Some(calendar) = table::calendar(opening, grid, time, &rows)? else {
        return Err(DataError::Config {
            key: "known_future",
            value: name.clone(),
            expected: "a column of numbers, or a time of whole dates that come around",
        });
    };
    reading.push(format!("known ahead: the calendar of `{name}`"));
    Ok(Some((name.clone(), calendar)))
}

/// The numbers of these rows, gaps filled, ends with the nearest value.
pub(super) fn filled(numbers: &[Option<f64>], rows: &[usize]) -> Vec<f64> {
    let numbers: Vec<_> = rows.iter().map(|&row| numbers[row]).collect();
    interpolated(&numbers)
}

/// Gaps filled along a straight line, ends with the nearest value; zeros where nothing is known.
pub(super) fn interpolated(values: &[Option<f64>]) -> Vec<f64> {
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

/// The first column that is no key, if it holds the time and not a target: dates with the year
/// first, or numbers that rise within each series.
///
/// # Errors
/// [`DataError::NotIncreasing`] when it holds dates that do not rise, or is named after the time
/// and its numbers fall.
pub(super) fn time(
    grid: &Grid,
    targets: &[usize],
    keys: &[usize],
    groups: &Groups,
) -> Result<Option<usize>, DataError> {
    let first = (0..grid.names.len()).find(|column| !keys.contains(column));
    let Some(place) = first.filter(|place| grid.names.len() > 1 && !targets.contains(place)) else {
        return Ok(None);
    };
    let is_named_so = TIME_NAMES
        .iter()
        .any(|time_name| grid.names[place].eq_ignore_ascii_case(time_name));
    let mut moments = Vec::with_capacity(grid.num_rows());
    let mut is_time = grid.num_rows() > 0;
    grid.each(place, |_, cell| {
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
    let pairs = || {
        groups
            .iter()
            .flat_map(|(_, rows)| rows.windows(2).map(|pair| (pair[0], pair[1])))
    };
    let fault = if all_are_dates {
        pairs().find(|&(earlier, later)| moments[later] <= moments[earlier])
    } else if all_are_numbers && is_named_so {
        pairs().find(|&(earlier, later)| moments[later] < moments[earlier])
    } else {
        None
    };
    if let Some((earlier, later)) = fault {
        let cell = |row| Ok::<_, DataError>(grid.cell(row, place)?.unwrap_or_default());
        return Err(DataError::NotIncreasing {
            path: grid.path.clone(),
            line: grid.line(later),
            column: grid.names[place].clone(),
            value: cell(later)?,
            previous: cell(earlier)?,
        });
    }
    let rises = pairs().all(|(earlier, later)| moments[earlier] < moments[later]);
    Ok(rises.then_some(place))
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
