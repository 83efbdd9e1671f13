//! Tables that read well as text and are Markdown, and the numbers in them.

/// Lines up `rows` below `header`; the first column to the left, numbers to the right.
pub(crate) fn markdown<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str());
        let widths = cells
            .chain([header[column]])
            .map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let columns = cells.into_iter().zip(&widths).enumerate();
        let padded = columns.map(|(column, (cell, width))| match column {
            0 => format!(" {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        });
        format!("|{}\n", padded.collect::<String>())
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let end = if column == 0 { "-" } else { ":" };
        format!("{}{end}|", "-".repeat(width + 1))
    });
    let mut text = format!("{}|{}\n", line(header), rule.collect::<String>());
    text.extend(
        rows.iter()
            .map(|row| line(row.each_ref().map(String::as_str))),
    );
    text
}

/// `12,345`, `12.3` below a hundred.
pub(crate) fn count(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may be absent, as `show` writes it.
pub(crate) fn optional(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lined_up() {
        let rows = [
            ["mlp".to_owned(), "1,000".to_owned()],
            ["cnn ×2".to_owned(), "-".to_owned()],
        ];
        let expected = "| model  |   n/s |\n\
                        |--------|------:|\n\
                        | mlp    | 1,000 |\n\
                        | cnn ×2 |     - |\n";
        assert_eq!(markdown(["model", "n/s"], &rows), expected);
    }

    #[test]
    fn counts_are_grouped() {
        for (value, expected) in [
            (12.34, "12.3"),
            (345.6, "346"),
            (1234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(count(value), expected);
        }
        assert_eq!(optional(None, count), "-");
    }
}
