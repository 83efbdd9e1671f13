//! Intervals by drawing bases anew, and what the noise of a few seeds allows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::damage::below;

/// Drawings of the bootstrap.
const DRAWINGS: usize = 2000;

/// A share or another figure, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The figure of all groups, and the interval in which it lies in 95 % of the drawings of as many
/// groups: the runs of a base are no independent samples, bases are.
pub(crate) fn bootstrap<T>(groups: &[T], figure: impl Fn(&[&T]) -> f64) -> Estimate {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let all: Vec<&T> = groups.iter().collect();
    let mut figures: Vec<f64> = (0..DRAWINGS)
        .map(|_| {
            let draw = |_| &groups[below(groups.len(), &mut random)];
            let drawn: Vec<&T> = (0..groups.len()).map(draw).collect();
            figure(&drawn)
        })
        .filter(|figure| figure.is_finite())
        .collect();
    figures.sort_by(f64::total_cmp);
    let at = |tenths: usize| figures.get(figures.len() * tenths / 1000).copied();
    Estimate {
        value: figure(&all),
        low: at(25).unwrap_or(f64::NAN),
        high: at(975).unwrap_or(f64::NAN),
    }
}

/// Mean of some runs, and how far below it another one falls in less than 2.5 % of all cases: the
/// prediction interval of Student's t.
#[allow(clippy::cast_precision_loss)] // a handful
pub(crate) fn mean_and_margin(values: &[f64]) -> (f64, f64) {
    /// The 97.5 % quantile of Student's t for 1, 2, .. degrees of freedom.
    const T: [f64; 9] = [
        12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
    ];
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let Some(degrees) = values.len().checked_sub(1).filter(|&n| n > 0) else {
        return (mean, f64::INFINITY);
    };
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    let deviation = (squares / degrees as f64).sqrt();
    let t = T.get(degrees - 1).copied().unwrap_or(2.0);
    (mean, t * deviation * (1.0 + 1.0 / count).sqrt())
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss)] // small whole numbers are exact
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_figure_and_is_nothing_where_all_agree() {
        let share = |groups: &[&f64]| groups.iter().copied().sum::<f64>() / groups.len() as f64;
        let same = bootstrap(&[1.0; 8], share);
        assert_eq!((same.value, same.low, same.high), (1.0, 1.0, 1.0));
        let mixed = bootstrap(&[0.0, 1.0, 0.0, 1.0, 1.0, 1.0], share);
        assert!(
            mixed.low < mixed.value && mixed.value < mixed.high,
            "{mixed:?}"
        );
    }

    #[test]
    fn the_margin_is_that_of_students_t() {
        let (mean, margin) = mean_and_margin(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!(
            (margin - 3.182 * 1.290_99 * 1.118_03).abs() < 1e-3,
            "{margin}"
        );
        assert_eq!(mean_and_margin(&[1.0]).1, f64::INFINITY);
    }
}
