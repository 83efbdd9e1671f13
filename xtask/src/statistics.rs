//! The middle and the ends of a few numbers.

/// The middle of `values`, or the mean of the two in the middle; NaN of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The smallest and the largest of `values`; infinities of none.
pub(crate) fn ends(values: &[f64]) -> [f64; 2] {
    [
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ]
}

/// The mean of `values` and their standard deviation as a sample; NaN of none, and a deviation of
/// NaN of one.
#[allow(clippy::cast_precision_loss)] // far fewer than 2^52 values
pub(crate) fn mean_and_deviation(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    [mean, (squares / (count - 1.0)).sqrt()]
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // Small whole numbers are exact.
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([7.0]), 7.0);
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_ends_are_the_smallest_and_the_largest() {
        assert_eq!(ends(&[2.0, 1.0, 3.0]), [1.0, 3.0]);
        assert_eq!(ends(&[2.0]), [2.0, 2.0]);
    }

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), [2.0, 2_f64.sqrt()]);
        let [mean, deviation] = mean_and_deviation(&[5.0]);
        assert!(mean == 5.0 && deviation.is_nan());
    }
}
