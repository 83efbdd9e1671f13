//! A CSV time series: windows of the past, from which the next values are forecast.
//!
//! A window is anchored at its last value: what a network sees of the series to forecast, and what
//! it says, are differences to that value, so that a trend does not lead out of the range of the
//! training data. The split is in the order of time, and no target lies in two splits.

mod columns;
mod season;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::{Opening, table, table_file};
use crate::baseline::root_mean_square;
use crate::order::rounded;
use crate::scale::{Scale, deviation};
use crate::split::{Place, SeriesStore, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task, baseline};

/// Steps that a network sees where neither the user nor the manifest says.
const DEFAULT_WINDOW: usize = 24;

/// How a window becomes inputs, and a forecast values of the series.
///
/// With `last` the last value of the window: inputs are `(value - last) / window_scale`, targets
/// `(value - last) / target_scale`, and other columns standardised numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPreprocess {
    /// All columns of the training file, as a file without a header has them.
    pub names: Vec<String>,
    /// The column that is forecast.
    pub target: String,
    /// The columns that are seen beside it.
    pub others: Vec<OtherSeries>,
    /// Steps that are seen.
    pub window: usize,
    /// Steps that are forecast.
    pub horizon: usize,
    /// Root mean square of the differences inside training windows.
    pub window_scale: f64,
    /// Root mean square of the differences from training windows to their targets.
    pub target_scale: f64,
}

/// A column that is seen but not forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherSeries {
    /// As in the header.
    pub name: String,
    /// Of the training rows.
    pub scale: Scale,
}

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening.config.window.is_some()
        && (opening.chosen_ends_with(&table_file::ENDINGS) || opening.chosen_ends_with(&[".txt"]))
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let config = opening.config;
    let file = opening.main_file()?;
    let grid = table_file::read(opening, file)?;
    let mut reading = vec![table::read_sentence(&grid, &opening.name)];
    let mut warnings = Vec::new();

    let chosen = columns::choose(opening, &grid, &mut reading)?;
    let name = grid.names[chosen.target].clone();
    let series = columns::read(&grid, chosen.target)?;
    series.describe(&name, &mut reading, &mut warnings);
    let values = series.values;
    let window = config
        .window
        .or(opening.options.window)
        .unwrap_or(DEFAULT_WINDOW);
    let horizon = config.horizon;
    let parts = Parts::of(opening, &grid, values.len(), window)?;

    let newest = rounded(parts.train.len(), config.fraction).clamp(1, parts.train.len());
    let train: Vec<usize> = parts
        .train
        .clone()
        .skip(parts.train.len() - newest)
        .collect();
    let others = columns::fit_others(
        &grid,
        &chosen,
        series.rows.start,
        parts.train_end,
        &mut reading,
    )?;
    let preprocess = SeriesPreprocess {
        names: grid.names.clone(),
        target: name.clone(),
        others,
        window,
        horizon,
        window_scale: difference(&values, &train, |last| last + 1 - window..last),
        target_scale: difference(&values, &train, |last| last + 1..last + 1 + horizon),
    };
    let season = match opening.options.season {
        Some(season) => season,
        None => season::strongest(values.get(..parts.train_end).unwrap_or_default()),
    };
    let valid: Vec<usize> = parts.valid.collect();
    let test: Vec<usize> = parts.test.collect();
    let baseline = naive(&values, season, horizon, [&valid, &test]);
    let ahead = if horizon == 1 {
        "the next value".into()
    } else {
        format!("the next {horizon} values")
    };
    reading.push(format!(
        "forecasts {ahead} of `{name}` from windows of {window} steps, as differences to the last"
    ));
    reading.push(if season > 1 {
        format!("repeats after {season} steps")
    } else {
        "no season was found".to_owned()
    });
    reading.push(format!(
        "{} windows to train on, {} to validate, {} to test, in the order of time",
        train.len(),
        valid.len(),
        test.len()
    ));

    let store = preprocess.store(&grid, series.rows.start, values)?;
    let store = Arc::new(Store {
        targets: StoredTargets::Ahead { horizon },
        ..store
    });
    Ok(Dataset {
        name: opening.name.clone(),
        task: Task::Forecast {
            target: name,
            horizon,
        },
        input: InputShape::Sequence {
            width: 1 + preprocess.others.len(),
            max_len: window,
        },
        preprocess: Preprocess::Series(preprocess),
        train: Split::new(store.clone(), &train),
        valid: Split::new(store.clone(), &valid),
        test: Split::new(store, &test),
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
        baseline,
    })
}

/// The window at the end of a file.
pub(crate) fn open_last_window(
    preprocess: &SeriesPreprocess,
    path: &Path,
) -> Result<Split, DataError> {
    let (store, len) = preprocess.open(path, preprocess.window)?;
    Ok(Split::new(Arc::new(store), &[len - 1]))
}

/// Every window of a file whose targets the file holds.
pub(crate) fn open_windows(preprocess: &SeriesPreprocess, path: &Path) -> Result<Split, DataError> {
    let &SeriesPreprocess {
        window, horizon, ..
    } = preprocess;
    let (store, len) = preprocess.open(path, window.saturating_add(horizon))?;
    let store = Store {
        targets: StoredTargets::Ahead { horizon },
        ..store
    };
    let items: Vec<usize> = (window - 1..len - horizon).collect();
    Ok(Split::new(Arc::new(store), &items))
}

impl SeriesPreprocess {
    /// A new file of `needed` rows at least, without targets, and its length.
    fn open(&self, path: &Path, needed: usize) -> Result<(Store, usize), DataError> {
        let mut grid = table_file::read_new(path, Some(&self.names))?;
        if !grid.has_header {
            grid.rename(&self.names)?;
        }
        let target = grid.column_or_error(&self.target)?;
        columns::time(&grid, Some(target))?;
        let series = columns::read(&grid, target)?;
        let found = series.values.len();
        if found < needed {
            let (path, advice) = (path.to_owned(), "give more of the past".to_owned());
            return Err(DataError::SeriesTooShort {
                path,
                found,
                needed,
                advice,
            });
        }
        Ok((self.store(&grid, series.rows.start, series.values)?, found))
    }

    /// A series that begins at `first_row`, without targets.
    fn store(&self, grid: &Grid, first_row: usize, target: Vec<f64>) -> Result<Store, DataError> {
        let num_others = self.others.len();
        let mut others = vec![0.0; target.len() * num_others];
        for (place, other) in self.others.iter().enumerate() {
            let values = columns::filled(grid, grid.column_or_error(&other.name)?)?;
            let values = values.iter().skip(first_row);
            for (value, row) in values.zip(others.chunks_exact_mut(num_others)) {
                row[place] = other.scale.apply(*value);
            }
        }
        let lines = (first_row..first_row + target.len())
            .map(|row| grid.line(row))
            .collect();
        let &Self {
            window,
            window_scale,
            target_scale,
            ..
        } = self;
        let series = SeriesStore {
            window,
            target,
            others,
            num_others,
            window_scale,
            target_scale,
        };
        Ok(Store {
            inputs: StoredInputs::Windows(series),
            targets: StoredTargets::Absent,
            place: Place::Listed("window ending on line", lines),
        })
    }
}

/// The last steps of the windows of each split.
struct Parts {
    train: std::ops::Range<usize>,
    valid: std::ops::Range<usize>,
    test: std::ops::Range<usize>,
    /// The first step that is not trained on.
    train_end: usize,
}

impl Parts {
    /// A window may look back over the border of a split; its targets do not.
    fn of(opening: &Opening, grid: &Grid, len: usize, window: usize) -> Result<Self, DataError> {
        let config = opening.config;
        let horizon = config.horizon;
        let part = |fraction| rounded(len, fraction).max(horizon);
        let valid_end = len.saturating_sub(part(config.test_fraction));
        let train_end = valid_end.saturating_sub(part(config.valid_fraction));
        // Two windows at least, for a scale of their differences.
        let needed_to_train = window.saturating_add(horizon).saturating_add(1);
        if train_end < needed_to_train {
            let held_out = part(config.test_fraction).saturating_add(part(config.valid_fraction));
            return Err(DataError::SeriesTooShort {
                path: grid.path.clone(),
                found: len,
                needed: needed_to_train.saturating_add(held_out),
                advice: format!(
                    "lower `data.window` ({window}) or `data.horizon` ({horizon}), or gather more"
                ),
            });
        }
        Ok(Self {
            train: window - 1..train_end - horizon,
            valid: train_end - 1..valid_end - horizon,
            test: valid_end - 1..len - horizon,
            train_end,
        })
    }
}

/// Root mean square of the differences between the last value of windows and the steps that
/// `steps` gives for it.
fn difference(
    values: &[f64],
    lasts: &[usize],
    steps: impl Fn(usize) -> std::ops::Range<usize>,
) -> f64 {
    let differences = lasts.iter().flat_map(|&last| {
        steps(last).filter_map(move |step| Some(values.get(step)? - values.get(last)?))
    });
    deviation(root_mean_square(differences).powi(2))
}

fn naive(values: &[f64], season: usize, horizon: usize, [valid, test]: [&[usize]; 2]) -> Baseline {
    let rmse = |lasts: &[usize], season: Option<usize>| {
        root_mean_square(lasts.iter().flat_map(|&last| {
            (1..=horizon).filter_map(move |ahead| {
                let seen = match season {
                    Some(season) => (last + ahead).checked_sub(ahead.div_ceil(season) * season)?,
                    None => last,
                };
                Some(values.get(last + ahead)? - values.get(seen)?)
            })
        }))
    };
    let scores = |season| baseline::Scores {
        valid: rmse(valid, season),
        test: rmse(test, season),
    };
    Baseline::Naive {
        season,
        seasonal_rmse: scores(Some(season.max(1))),
        persistence_rmse: scores(None),
    }
}
