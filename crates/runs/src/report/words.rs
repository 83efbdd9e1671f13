//! Numbers as people read them.

use super::model::{Estimate, Unit};

/// The sign stays on the line of its number.
pub(super) const PERCENT: &str = "\u{a0}%";

/// A number with three or four digits that count.
pub(super) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-4..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size >= 1000.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    format!("{:.1}{PERCENT}", 100.0 * share)
}

/// A number on an axis: no digits that say nothing.
pub(super) fn tick(value: f64) -> String {
    if value != 0.0 && (value.abs() >= 1e5 || value.abs() < 1e-3) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A count with thin spaces between thousands.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// `1 unit`, `2 units`
pub(super) fn counted(number: usize, word: &str) -> String {
    format!(
        "{} {word}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

impl Unit {
    pub(super) fn write(self, value: f64) -> String {
        match self {
            Self::Share => percent(value),
            Self::Plain => plain(value),
        }
    }

    /// `97.1 % (96.8 to 97.4)`
    pub(super) fn write_estimate(self, estimate: &Estimate) -> String {
        let bare = |value| self.write(value).trim_end_matches(PERCENT).to_owned();
        format!(
            "{} ({} to {})",
            self.write(estimate.value),
            bare(estimate.low),
            bare(estimate.high)
        )
    }
}

/// Names of metrics as people say them.
pub(super) fn metric_name(name: &str) -> String {
    match name {
        "macro_f1" => "macro F1".to_owned(),
        "r2" => "R²".to_owned(),
        "rmse" => "RMSE".to_owned(),
        "mae" => "MAE".to_owned(),
        other => other.replace('_', " "),
    }
}

/// How a metric is written.
pub(super) fn metric_value(name: &str, value: f64) -> String {
    match name {
        "accuracy" | "macro_f1" => percent(value),
        _ => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(plain(12345.6), "12346");
        assert_eq!(plain(0.123_456), "0.1235");
        assert_eq!(plain(f64::NAN), "–");
        assert_eq!(percent(0.9876), "98.8\u{a0}%");
        assert_eq!(tick(0.25), "0.25");
        assert_eq!(tick(-0.0), "0");
        assert_eq!(count(60000), "60\u{2009}000");
        assert_eq!(count(1700), "1700");
        assert_eq!(counted(1, "unit"), "1 unit");
    }
}
