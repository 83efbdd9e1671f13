//! Numbers as people read them, and the few statistics that the rules share.

/// Three digits, whatever the size.
pub(crate) fn plain(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "no number".to_owned();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.1e}");
    }
    let digits = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A share in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", plain(100.0 * share))
}

/// A count of items with the right form of the word.
pub(crate) fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The middle value; NaN of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The mean; NaN of nothing.
#[allow(clippy::cast_precision_loss)] // counts of epochs and steps
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The lowest value; infinite of nothing.
pub(crate) fn lowest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

/// The highest value; minus infinity of nothing.
pub(crate) fn highest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// Part of a whole; 0 of nothing.
#[allow(clippy::cast_precision_loss)] // counts of items
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.002, "0.002"),
            (5.0, "5"),
            (1234.5, "1234"),
            (1e-7, "1.0e-7"),
            (0.12345, "0.123"),
            (f64::NAN, "no number"),
            (-2.5, "-2.5"),
            (100.0, "100"),
        ] {
            assert_eq!(plain(value), text);
        }
        assert_eq!(percent(0.951), "95.1 %");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!(median(vec![]).is_nan());
    }
}
