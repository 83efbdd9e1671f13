//! What is typed, as numbers.

/// Reads a number that is one: neither NaN nor infinite.
pub(super) fn parse_number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("expected a number such as 0.001".to_owned()),
    }
}

/// The longest time that can be asked for: a thousand years, in seconds.
const LONGEST: f64 = 3.2e10;

/// Reads a time such as `90s`, `10m` or `2h` as seconds; a bare number is seconds.
pub(super) fn parse_time(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number <= LONGEST / unit => Ok(number * unit),
        _ => Err("expected a time such as 90s, 10m or 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), ("1.5", 1.5)] {
            assert_eq!(parse_time(text), Ok(seconds), "{text}");
        }
        for text in ["1e300h", "inf", "", "m", "-1s", "soon", "1d", "nan", "é"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
