//! How windows of series become inputs: fitted on the training windows, and applied to new files.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::columns;
use super::group::{self, Series};
use super::parts::{Parts, difference};
use crate::scale::Scale;
use crate::sources::grid::{Form, Grid, list};
use crate::sources::table::DateEncoding;
use crate::sources::table_file;
use crate::split::{Place, SeriesStore, Store, StoredInputs, StoredTargets};
use crate::{DataError, Split};

/// How a window becomes inputs, and a forecast values of the series.
///
/// With `last` the last value of the window: inputs are `(value - last) / window_scale`, targets
/// `(value - last) / target_scale`, and other columns standardised numbers. Of several series, both
/// scales are in units of the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPreprocess {
    /// All columns of the training file, as a file without a header has them.
    pub names: Vec<String>,
    /// The column that is forecast; of several, their names.
    pub target: String,
    /// The columns where several are forecast, each from its own past; empty for one.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// The columns that tell several series apart; empty for one series.
    #[serde(default)]
    pub keys: Vec<String>,
    /// The unit of each of several series by its name: the root mean square of the differences
    /// inside its training windows.
    #[serde(default)]
    pub units: Vec<(String, f64)>,
    /// The columns that are seen beside it.
    pub others: Vec<OtherSeries>,
    /// The column of the time, whose calendar is known ahead.
    #[serde(default)]
    pub calendar: Option<(String, DateEncoding)>,
    /// Steps that are seen.
    pub window: usize,
    /// Steps that are forecast.
    pub horizon: usize,
    /// Root mean square of the differences inside training windows.
    pub window_scale: f64,
    /// Root mean square of the differences from training windows to their targets.
    pub target_scale: f64,
}

/// One of several columns that are forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// As in the header.
    pub name: String,
    /// Of the training rows: the deviation is the unit of errors.
    pub scale: Scale,
}

/// A column that is seen but not forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherSeries {
    /// As in the header.
    pub name: String,
    /// Of the training rows.
    pub scale: Scale,
    /// Whether its values are known for the steps to forecast.
    #[serde(default)]
    pub is_known: bool,
}

/// The window at the end of each series of a file.
pub(crate) fn open_last_window(
    preprocess: &SeriesPreprocess,
    path: &Path,
) -> Result<Split, DataError> {
    let (store, all) = preprocess.open(path, preprocess.window)?;
    let needed = preprocess.num_ahead();
    let mut start = 0;
    let mut items = Vec::with_capacity(all.len());
    for series in &all {
        if series.num_after() < needed {
            let known = preprocess.others.iter().filter(|other| other.is_known);
            let known = known.map(|other| &other.name);
            let names = known.chain(preprocess.calendar.as_ref().map(|(name, _)| name));
            return Err(DataError::NoFuture {
                path: path.to_owned(),
                target: preprocess.target.clone(),
                found: series.num_after(),
                needed,
                known: list(&names.cloned().collect::<Vec<_>>()),
            });
        }
        items.push(start + series.values.len() - 1);
        start += series.rows.len();
    }
    Ok(Split::new(Arc::new(store), &items))
}

/// Every window of a file whose targets the file holds.
pub(crate) fn open_windows(preprocess: &SeriesPreprocess, path: &Path) -> Result<Split, DataError> {
    let &SeriesPreprocess {
        window, horizon, ..
    } = preprocess;
    let (store, all) = preprocess.open(path, window.saturating_add(horizon))?;
    let store = Store {
        targets: StoredTargets::Ahead { horizon },
        ..store
    };
    let mut start = 0;
    let mut items = Vec::new();
    for series in &all {
        items.extend(start + window - 1..start + series.values.len() - horizon);
        start += series.rows.len();
    }
    Ok(Split::new(Arc::new(store), &items))
}

impl SeriesPreprocess {
    /// Steps behind a window of which something is known.
    pub(super) fn num_ahead(&self) -> usize {
        let knows = self.calendar.is_some() || self.others.iter().any(|other| other.is_known);
        if knows { self.horizon } else { 0 }
    }

    /// Channels of a step: the series, the other columns, the calendar, and a mark for what is ahead.
    pub(super) fn width(&self) -> usize {
        let calendar = self.calendar.as_ref().map_or(0, |(_, dates)| dates.width());
        1 + self.others.len() + calendar + usize::from(self.num_ahead() > 0)
    }

    /// Fits both scales to the training windows of all series, each in its own unit.
    pub(super) fn fit_scales(&mut self, all: &[(Series, Parts)]) {
        let (window, horizon) = (self.window, self.horizon);
        let scale = |steps: &dyn Fn(usize) -> Range<usize>| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for (place, (series, parts)) in all.iter().enumerate() {
                let unit = match self.units.get(place) {
                    Some((_, unit)) => *unit,
                    None => self.error_unit(series),
                };
                let of_series = difference(&series.values, parts.train.clone(), steps) / unit;
                let windows = crate::baseline::count(parts.train.len());
                sum += windows * of_series.powi(2);
                weight += windows;
            }
            crate::scale::deviation(sum / weight)
        };
        let window_scale = scale(&|last| last + 1 - window..last);
        let target_scale = scale(&|last| last + 1..last + 1 + horizon);
        (self.window_scale, self.target_scale) = (window_scale, target_scale);
    }

    /// A new file, without targets, and its series; each has `needed` values at least.
    fn open(&self, path: &Path, needed: usize) -> Result<(Store, Vec<Series>), DataError> {
        let mut grid = table_file::read_new(path, Some(&self.names))?;
        if !grid.has_header {
            grid.rename(&self.names)?;
        }
        let names = self.channels.iter().map(|channel| &channel.name);
        let targets = match self.channels.as_slice() {
            [] => vec![grid.column_or_error(&self.target)?],
            _ => names
                .map(|name| grid.column_or_error(name))
                .collect::<Result<_, _>>()?,
        };
        // Without its keys, a file holds one series.
        let keys: Option<Vec<usize>> = self.keys.iter().map(|key| grid.column(key)).collect();
        let keys = keys.unwrap_or_default();
        let groups = group::rows(&grid, &keys)?;
        columns::time(&grid, &targets, &keys, &groups)?;
        let all = group::read(&grid, &targets, &groups)?;
        if let Some(short) = all.iter().find(|series| series.values.len() < needed) {
            let advice = match short.name.as_str() {
                "" => "give more of the past".to_owned(),
                name => format!("give more of the past of `{name}`, or leave it out"),
            };
            return Err(DataError::SeriesTooShort {
                path: path.to_owned(),
                found: short.values.len(),
                needed,
                advice,
            });
        }
        Ok((self.store(&grid, &all)?, all))
    }

    /// The series one after another, without targets.
    pub(super) fn store(&self, grid: &Grid, all: &[Series]) -> Result<Store, DataError> {
        let num_columns = self.others.len();
        let calendar = self.calendar.as_ref();
        let num_others = num_columns + calendar.map_or(0, |(_, dates)| dates.width());
        let len = all.iter().map(|series| series.rows.len()).sum::<usize>();
        let mut others = vec![0.0; len * num_others];
        for (place, other) in self.others.iter().enumerate() {
            let numbers = grid.numbers(grid.column_or_error(&other.name)?)?;
            let values = all
                .iter()
                .flat_map(|series| columns::filled(&numbers, &series.rows));
            for (value, step) in values.zip(others.chunks_exact_mut(num_others)) {
                step[place] = other.scale.apply(value);
            }
        }
        if let Some((name, dates)) = calendar {
            let column = grid.column_or_error(name)?;
            let mut steps = others.chunks_exact_mut(num_others);
            let mut values = Vec::new();
            for series in all {
                grid.each_of(column, &series.rows, |row, cell| {
                    values.clear();
                    dates.encode(grid, (row, column), cell, &mut values)?;
                    if let Some(step) = steps.next() {
                        step[num_columns..].copy_from_slice(&values);
                    }
                    Ok(())
                })?;
            }
        }
        let mut is_known: Vec<bool> = self.others.iter().map(|other| other.is_known).collect();
        is_known.resize(num_others, true);
        let known = self
            .units
            .iter()
            .map(|(name, unit)| (name.as_str(), *unit))
            .collect();
        let mut target = Vec::with_capacity(len);
        let mut units = Vec::with_capacity(all.len());
        let mut names = Vec::with_capacity(all.len());
        for series in all {
            target.extend_from_slice(&series.values);
            let last = series.values.last().copied().unwrap_or(0.0);
            target.resize(target.len() + series.num_after(), last);
            let unit = self.unit_of(series, &known);
            units.push((
                target.len(),
                unit * self.window_scale,
                unit * self.target_scale,
            ));
            names.push((target.len(), series.name.clone()));
        }
        let word = match grid.form {
            Form::Parquet => "window ending on row",
            _ => "window ending on line",
        };
        let rows = all.iter().flat_map(|series| &series.rows);
        let lines = rows.map(|&row| grid.line(row)).collect();
        Ok(Store {
            inputs: StoredInputs::Windows(SeriesStore {
                window: self.window,
                num_ahead: self.num_ahead(),
                target,
                others,
                is_known,
                units,
                channels: all
                    .iter()
                    .map(|series| (series.channel, self.error_unit(series)))
                    .collect(),
            }),
            targets: StoredTargets::Absent,
            place: if self.keys.is_empty() && self.channels.is_empty() {
                Place::Listed(word, lines)
            } else {
                Place::Within(word, lines, names)
            },
        })
    }

    /// In what errors of a series are averaged with those of others: the deviation of its column
    /// where there are several, else as they are.
    pub(super) fn error_unit(&self, series: &Series) -> f64 {
        let channel = self.channels.get(series.channel);
        channel.map_or(1.0, |channel| channel.scale.sd)
    }

    /// The unit of a series: as in training, else by all the differences of its own.
    fn unit_of(&self, series: &Series, known: &HashMap<&str, f64>) -> f64 {
        if self.keys.is_empty() {
            return self.error_unit(series);
        }
        let fitted = || {
            let lasts = self.window - 1..series.values.len();
            difference(&series.values, lasts, |last| last + 1 - self.window..last)
        };
        let unit = known.get(series.name.as_str()).copied();
        unit.unwrap_or_else(fitted)
    }
}
