//! Time series in a table: windows of the past, from which the next values are forecast.
//!
//! A window is anchored at its last value: what a network sees of the series to forecast, and what
//! it says, are differences to that value, so that a trend does not lead out of the range of the
//! training data. The split is in the order of time, and no target lies in two splits. Of several
//! series in one table, each is split for itself, and no window crosses from one to the next.

mod columns;
mod group;
mod parts;
mod preprocess;
mod season;

use std::sync::Arc;

use super::grid::Grid;
use super::{Opening, table, table_file};
use crate::scale::Scale;
use crate::split::{Store, StoredTargets};
use crate::{DataError, Dataset, InputShape, Preprocess, Split, Task};

use columns::Columns;
use group::{Series, describe};
use parts::{Parts, difference, long_enough, naive};

pub use preprocess::{Channel, OtherSeries, SeriesPreprocess};
pub(crate) use preprocess::{open_last_window, open_windows};

/// Steps that a network sees where neither the user nor the manifest says.
const DEFAULT_WINDOW: usize = 24;
pub(crate) fn recognises(opening: &Opening) -> bool {
    let is_table = opening.chosen_ends_with(&table_file::ENDINGS);
    opening.config.window.is_some() && (is_table || opening.chosen_ends_with(&[".txt"]))
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let config = opening.config;
    let grid = table_file::read(opening, opening.main_file()?)?;
    let mut reading = vec![table::read_sentence(&grid, &opening.name)];
    let mut warnings = Vec::new();

    let (columns, groups) = columns::choose(opening, &grid, &mut reading)?;
    let name = called(&columns.names(&grid));
    let all = group::read(&grid, &columns.targets, &groups)?;
    describe(&all, &name, &mut reading, &mut warnings);
    let window = config
        .window
        .or(opening.options.window)
        .unwrap_or(DEFAULT_WINDOW);
    let horizon = config.horizon;
    let all = long_enough(opening, &grid, all, window, &mut warnings)?;

    let preprocess = fit(opening, &grid, &columns, &all, window, &mut reading)?;
    if !preprocess.keys.is_empty() {
        reading.push(format!(
            "{} series, each split in time and scaled by its own differences; other columns are \
             scaled jointly",
            all.len()
        ));
    }
    let longest = all.iter().max_by_key(|(series, _)| series.values.len());
    let season = match (opening.options.season, longest) {
        (Some(season), _) => season,
        (None, Some((series, parts))) => season::strongest(&series.values[..parts.train_end]),
        (None, None) => 1,
    };
    let unit = |series: &Series| preprocess.error_unit(series);
    let baseline = naive(&all, unit, season, horizon);
    let ahead = if horizon == 1 {
        "the next value".into()
    } else {
        format!("the next {horizon} values")
    };
    reading.push(format!(
        "forecasts {ahead} of `{name}` from windows of {window} steps, as differences to the last"
    ));
    if !preprocess.channels.is_empty() {
        reading.push(
            "each column is forecast from its own past, and errors are in its standard deviations"
                .to_owned(),
        );
    }
    reading.push(if season > 1 {
        format!("repeats after {season} steps")
    } else {
        "no season was found".to_owned()
    });

    let (all, parts): (Vec<Series>, Vec<Parts>) = all.into_iter().unzip();
    let store = Arc::new(Store {
        targets: StoredTargets::Ahead { horizon },
        ..preprocess.store(&grid, &all)?
    });
    let split = |part: &dyn Fn(&Parts) -> std::ops::Range<usize>| {
        let mut start = 0;
        let mut items = Vec::new();
        for (series, parts) in all.iter().zip(&parts) {
            items.extend(part(parts).map(|last| start + last));
            start += series.rows.len();
        }
        Split::new(store.clone(), &items)
    };
    let train = split(&|parts| parts.train.clone());
    let (valid, test) = (split(&|p| p.valid.clone()), split(&|p| p.test.clone()));
    reading.push(format!(
        "{} windows to train on, {} to validate, {} to test, in the order of time",
        train.len(),
        valid.len(),
        test.len()
    ));
    Ok(Dataset {
        name: opening.name.clone(),
        task: Task::Forecast {
            target: name,
            horizon,
            channels: preprocess
                .channels
                .iter()
                .map(|channel| channel.name.clone())
                .collect(),
        },
        input: InputShape::Sequence {
            width: preprocess.width(),
            max_len: window + preprocess.num_ahead(),
        },
        preprocess: Preprocess::Series(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
        baseline,
    })
}

/// What the columns to forecast are called together.
fn called(names: &[&str]) -> String {
    match names {
        [first, _, _, .., last] => format!("{} columns from {first} to {last}", names.len()),
        names => names.join(", "),
    }
}

/// What is fitted to the steps that are trained on.
fn fit(
    opening: &Opening,
    grid: &Grid,
    columns: &Columns,
    all: &[(Series, Parts)],
    window: usize,
    reading: &mut Vec<String>,
) -> Result<SeriesPreprocess, DataError> {
    let rows_to_train_on: Vec<&[usize]> = all
        .iter()
        .map(|(series, parts)| &series.rows[..parts.train_end])
        .collect();
    let others = columns::fit_others(opening, grid, columns, &rows_to_train_on, reading)?;
    let calendar = columns::fit_calendar(opening, grid, columns, &rows_to_train_on, reading)?;
    let names = columns.names(grid);
    let channels = names.iter().enumerate().filter(|_| names.len() > 1);
    let channels = channels.map(|(place, name)| {
        let of_channel = all.iter().filter(|(series, _)| series.channel == place);
        let values = of_channel.flat_map(|(series, parts)| &series.values[..parts.train_end]);
        Channel {
            name: (*name).to_owned(),
            scale: Scale::fit(values.copied()),
        }
    });
    let several = !columns.keys.is_empty();
    let units = all.iter().filter(|_| several).map(|(series, parts)| {
        let train = parts.train.clone();
        let unit = difference(&series.values, train, |last| last + 1 - window..last);
        (series.name.clone(), unit)
    });
    let mut preprocess = SeriesPreprocess {
        names: grid.names.clone(),
        target: called(&names),
        channels: channels.collect(),
        keys: columns
            .keys
            .iter()
            .map(|&key| grid.names[key].clone())
            .collect(),
        units: units.collect(),
        others,
        calendar,
        window,
        horizon: opening.config.horizon,
        window_scale: 1.0,
        target_scale: 1.0,
    };
    preprocess.fit_scales(all);
    Ok(preprocess)
}
