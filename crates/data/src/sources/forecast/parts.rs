//! The division of series in time, and what the naive forecasts make of it.

use std::ops::Range;

use super::group::Series;
use crate::baseline::root_mean_square;
use crate::order::rounded;
use crate::scale::deviation;
use crate::sources::Opening;
use crate::sources::grid::{Grid, list};
use crate::{Baseline, DataError, baseline};

/// The last steps of the windows of each split, counted from the start of a series.
pub(super) struct Parts {
    pub(super) train: Range<usize>,
    pub(super) valid: Range<usize>,
    pub(super) test: Range<usize>,
    /// The first step that is not trained on.
    pub(super) train_end: usize,
}

impl Parts {
    /// A window may look back over the border of a split; its targets do not. Of a series that is
    /// too short, how many steps are needed.
    pub(super) fn of(opening: &Opening, len: usize, window: usize) -> Result<Self, usize> {
        let config = opening.config;
        let horizon = config.horizon;
        let part = |fraction| rounded(len, fraction).max(horizon);
        let (len, valid, test) = match opening.options.splits {
            Some([train, valid, test]) => ((train + valid + test).min(len), valid, test),
            None => (len, part(config.valid_fraction), part(config.test_fraction)),
        };
        let valid_end = len.saturating_sub(test);
        let train_end = valid_end.saturating_sub(valid);
        // Two windows at least, for a scale of their differences.
        let needed_to_train = window.saturating_add(horizon).saturating_add(1);
        if train_end < needed_to_train || valid < horizon || test < horizon {
            let held_out = test.max(horizon).saturating_add(valid.max(horizon));
            return Err(needed_to_train.saturating_add(held_out));
        }
        let train = window - 1..train_end - horizon;
        let newest = rounded(train.len(), config.fraction).clamp(1, train.len());
        Ok(Self {
            train: train.end - newest..train.end,
            valid: train_end - 1..valid_end - horizon,
            test: valid_end - 1..len - horizon,
            train_end,
        })
    }
}

/// The series that can be split, with their parts; the others are left out, which is said.
pub(super) fn long_enough(
    opening: &Opening,
    grid: &Grid,
    all: Vec<Series>,
    window: usize,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Series, Parts)>, DataError> {
    let horizon = opening.config.horizon;
    let mut kept = Vec::with_capacity(all.len());
    let mut short = Vec::new();
    let mut longest = (0, 0);
    for series in all {
        let len = series.values.len();
        match Parts::of(opening, len, window) {
            Ok(parts) => kept.push((series, parts)),
            Err(needed) => {
                longest = longest.max((len, needed));
                short.push(series.name);
            }
        }
    }
    if kept.is_empty() {
        let (found, needed) = longest;
        return Err(DataError::SeriesTooShort {
            path: grid.path.clone(),
            found,
            needed,
            advice: format!(
                "lower `data.window` ({window}) or `data.horizon` ({horizon}), or gather more"
            ),
        });
    }
    if !short.is_empty() {
        let names = list(&short);
        warnings.push(format!(
            "{} series are too short for this window and horizon, and left out: {names}",
            short.len()
        ));
    }
    Ok(kept)
}

/// Root mean square of the differences between the last value of windows and the steps that
/// `steps` gives for it.
pub(super) fn difference(
    values: &[f64],
    lasts: Range<usize>,
    steps: impl Fn(usize) -> Range<usize>,
) -> f64 {
    let differences = lasts.flat_map(|last| {
        steps(last).filter_map(move |step| Some(values.get(step)? - values.get(last)?))
    });
    deviation(root_mean_square(differences).powi(2))
}

/// How the season before, and the last value, forecast the windows of two splits of all series, each
/// with the unit of its errors.
pub(super) fn naive(
    all: &[(Series, Parts)],
    unit: impl Fn(&Series) -> f64,
    season: usize,
    horizon: usize,
) -> Baseline {
    let rmse = |lasts: fn(&Parts) -> &Range<usize>, season: Option<usize>| {
        let of_all = all.iter().flat_map(|(series, parts)| {
            let (values, unit) = (&series.values, unit(series));
            lasts(parts).clone().flat_map(move |last| {
                (1..=horizon).filter_map(move |ahead| {
                    let seen = match season {
                        // A series shorter than a season has its last value to go by.
                        Some(season) => (last + ahead)
                            .checked_sub(ahead.div_ceil(season) * season)
                            .unwrap_or(last),
                        None => last,
                    };
                    Some((values.get(last + ahead)? - values.get(seen)?) / unit)
                })
            })
        });
        root_mean_square(of_all)
    };
    let scores = |season| baseline::Scores {
        valid: rmse(|parts| &parts.valid, season),
        test: rmse(|parts| &parts.test, season),
    };
    Baseline::Naive {
        season,
        seasonal_rmse: scores(Some(season.max(1))),
        persistence_rmse: scores(None),
    }
}
