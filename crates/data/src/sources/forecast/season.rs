//! After how many steps a series repeats itself.

use crate::baseline::count;

/// Longer seasons are not looked for: a year of days, or a fortnight of hours.
const MAX_SEASON: usize = 400;
/// A weaker correlation than this says little, however many values show it.
const WEAKEST: f64 = 0.2;

/// The lag at which the steps from value to value are most like themselves; 1 where no lag stands
/// out. Steps are looked at rather than values, because a trend is like itself at every lag.
pub(super) fn strongest(values: &[f64]) -> usize {
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = steps.iter().sum::<f64>() / count(steps.len());
    let steps: Vec<f64> = steps.into_iter().map(|step| step - mean).collect();
    let power: f64 = steps.iter().map(|step| step * step).sum();
    if power <= 0.0 {
        return 1;
    }
    let correlation = |lag: usize| {
        let later = steps.iter().skip(lag);
        steps
            .iter()
            .zip(later)
            .map(|(now, later)| now * later)
            .sum::<f64>()
            / power
    };
    // A season has to be seen three times.
    let longest = MAX_SEASON.min(steps.len() / 3);
    // Two deviations of the correlation of noise.
    let weakest = WEAKEST.max(2.0 / count(steps.len()).sqrt());
    let correlations: Vec<f64> = (0..=longest + 1).map(correlation).collect();
    let peaks = (2..=longest).filter(|&lag| {
        let [before, here, after] = [lag - 1, lag, lag + 1].map(|lag| correlations[lag]);
        here >= before && here >= after && here >= weakest
    });
    peaks
        .max_by(|&a, &b| correlations[a].total_cmp(&correlations[b]))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_season_is_found_under_a_trend() {
        let values: Vec<f64> = (0..200)
            .map(|t| f64::from(t) * 0.3 + 5.0 * f64::from(t % 12 * (12 - t % 12)))
            .collect();
        assert_eq!(strongest(&values), 12);
    }

    #[test]
    fn a_line_a_constant_and_nothing_have_no_season() {
        assert_eq!(strongest(&(0..100).map(f64::from).collect::<Vec<_>>()), 1);
        assert_eq!(strongest(&[3.0; 50]), 1);
        assert_eq!(strongest(&[]), 1);
        assert_eq!(strongest(&[1.0]), 1);
    }
}
