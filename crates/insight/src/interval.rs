//! How sure a measured number is: intervals that would hold the true value in 95 of 100 such tests.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Two-sided quantile of the normal distribution for 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Resamples of a bootstrap: more would move its ends by less than a tenth of its width.
const RESAMPLES: usize = 1000;

/// A measured value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The interval of a share, such as an accuracy: `hits` of `n`.
///
/// It stays within `[0, 1]` and has a width even where all or none are hits. Nothing measured is
/// everything possible: `n = 0` gives NaN within `[0, 1]`.
///
/// Wilson 1927, <https://doi.org/10.1080/01621459.1927.10502953>
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of samples
pub fn wilson(hits: usize, n: usize) -> Estimate {
    if n == 0 {
        return Estimate {
            value: f64::NAN,
            low: 0.0,
            high: 1.0,
        };
    }
    let (n, share) = (n as f64, hits as f64 / n as f64);
    let shrink = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / shrink;
    Estimate {
        value: share,
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    }
}

/// The interval of any number computed from `n` samples: `statistic` gets the places of the
/// samples that count, some of them several times.
///
/// Efron 1979, <https://doi.org/10.1214/aos/1176344552>; the percentile interval.
#[must_use]
pub fn bootstrap(n: usize, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Estimate {
    let all: Vec<usize> = (0..n).collect();
    let value = statistic(&all);
    if n == 0 {
        return Estimate {
            value,
            low: f64::NAN,
            high: f64::NAN,
        };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0; n];
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| rng.random_range(0..n));
            statistic(&drawn)
        })
        .filter(|value| !value.is_nan())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| quantile(&values, share);
    Estimate {
        value,
        low: at(0.025),
        high: at(0.975),
    }
}

/// The value below which `share` of the sorted `values` lie; NaN of none.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)] // a place in a short list
fn quantile(values: &[f64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = values[place.floor() as usize];
    let above = values[place.ceil() as usize];
    below + (above - below) * place.fract()
}

/// Widens the interval of a share by what chance did between repeated measurements of it.
///
/// # Shapes
/// - `shares`: the same share measured under several seeds, each on the same `n` samples
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn repeated(shares: &[f64], n: usize) -> Estimate {
    let count = shares.len().max(1) as f64;
    let mean = shares.iter().sum::<f64>() / count;
    let variance = shares
        .iter()
        .map(|share| (share - mean).powi(2))
        .sum::<f64>();
    let variance = variance / (count - 1.0).max(1.0) / count;
    let once = wilson((mean * n as f64).round().max(0.0) as usize, n);
    let widen = |end: f64| ((end - mean).powi(2) + Z * Z * variance).sqrt();
    Estimate {
        value: mean,
        low: (mean - widen(once.low)).max(0.0),
        high: (mean + widen(once.high)).min(1.0),
    }
}
