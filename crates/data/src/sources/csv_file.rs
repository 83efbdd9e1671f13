//! A CSV file as a grid of cells: separator, header, missing cells and numbers are recognised here.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use crate::DataError;

/// What stands for a missing cell, in any case.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "null", "?", "none"];
/// Rows by which separator and header are recognised.
const SAMPLE: usize = 200;
/// Beyond this a number is a slip of the pen, and its square would not be a number.
const MAX_NUMBER: f64 = 1e30;

/// The cells of a CSV file, all rows equally long.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) path: PathBuf,
    /// As in the header, else `column1`, `column2` and so on.
    pub(crate) names: Vec<String>,
    pub(crate) has_header: bool,
    pub(crate) separator: char,
    rows: Vec<StringRecord>,
    lines: Vec<u64>,
    decimal_comma: bool,
}

impl Grid {
    /// Reads the cells and recognises whether the first row is a header.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, DataError> {
        Self::parse_with(text, path, |rows, decimal_comma| {
            has_header(rows, decimal_comma)
        })
    }

    /// Reads a file in the form of another one whose columns were called `names`: the first row is
    /// a header if it holds one of the names.
    pub(crate) fn parse_like(text: &str, path: &Path, names: &[String]) -> Result<Self, DataError> {
        Self::parse_with(text, path, |rows, _| {
            let is_name = |cell: &str| names.iter().any(|name| name == cell.trim());
            rows.first().is_some_and(|first| first.iter().any(is_name))
        })
    }

    fn parse_with(
        text: &str,
        path: &Path,
        has_header: impl Fn(&[StringRecord], bool) -> bool,
    ) -> Result<Self, DataError> {
        let separator = separator(text);
        let quoting = has_quotes(text, separator, path)?;
        let mut rows = records(text, (separator, quoting), usize::MAX, path)?;
        let decimal_comma = separator != b',' && uses_decimal_comma(&rows);
        let has_header = has_header(&rows, decimal_comma);
        if rows.is_empty() {
            return Err(DataError::Empty {
                path: path.to_owned(),
            });
        }
        let names = if has_header {
            header_names(&rows.remove(0), path)?
        } else {
            let width = rows.first().map_or(0, StringRecord::len);
            (1..=width)
                .map(|number| format!("column{number}"))
                .collect()
        };
        let lines: Vec<u64> = rows.iter().map(line_of).collect();
        for (row, &line) in rows.iter().zip(&lines) {
            let surplus_is_empty = row
                .iter()
                .skip(names.len())
                .all(|cell| cell.trim().is_empty());
            if row.len() < names.len() || !surplus_is_empty {
                let (expected, found) = (names.len(), row.len());
                return Err(DataError::Columns {
                    path: path.to_owned(),
                    line,
                    expected,
                    found,
                });
            }
        }
        let (path, separator) = (path.to_owned(), char::from(separator));
        Ok(Self {
            path,
            names,
            has_header,
            separator,
            rows,
            lines,
            decimal_comma,
        })
    }

    pub(crate) fn num_rows(&self) -> usize {
        self.rows.len()
    }

    /// Calls the columns of a file without a header by these names.
    pub(crate) fn rename(&mut self, names: &[String]) -> Result<(), DataError> {
        if names.len() != self.names.len() {
            let (expected, found) = (names.len(), self.names.len());
            let line = self.line(0);
            return Err(DataError::Columns {
                path: self.path.clone(),
                line,
                expected,
                found,
            });
        }
        names.clone_into(&mut self.names);
        Ok(())
    }

    /// The line of the file on which a row stands.
    pub(crate) fn line(&self, row: usize) -> u64 {
        self.lines.get(row).copied().unwrap_or(1)
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The column of that name, or an error that names the nearest.
    pub(crate) fn column_or_error(&self, name: &str) -> Result<usize, DataError> {
        self.column(name).ok_or_else(|| {
            let advice = match super::nearest(name, self.names.iter().map(String::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the columns are {}", list(&self.names)),
            };
            DataError::NoColumn {
                path: self.path.clone(),
                column: name.to_owned(),
                advice,
            }
        })
    }

    /// The trimmed cell; `None` where it is missing.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&str> {
        let cell = self.rows.get(row)?.get(column)?.trim();
        (!is_missing(cell)).then_some(cell)
    }

    /// A cell as a number; `None` where it is a word.
    pub(crate) fn parse_number(&self, cell: &str) -> Option<f64> {
        parse_number(cell, self.decimal_comma)
    }

    /// The number in a cell: `Ok(None)` where it is missing.
    pub(crate) fn number(&self, row: usize, column: usize) -> Result<Option<f64>, DataError> {
        let Some(cell) = self.cell(row, column) else {
            return Ok(None);
        };
        match self.parse_number(cell) {
            Some(number) => Ok(Some(number)),
            None => Err(DataError::StrayWord {
                path: self.path.clone(),
                line: self.line(row),
                column: self.names.get(column).cloned().unwrap_or_default(),
                value: cell.to_owned(),
                kind: "numbers",
            }),
        }
    }

    /// Whether a column holds texts: words enough, and not the same ones again and again.
    pub(crate) fn is_text(&self, column: usize) -> bool {
        const WORDS: usize = 3;
        let cells = (0..self.num_rows().min(1000)).filter_map(|row| self.cell(row, column));
        let (mut count, mut words) = (0, 0);
        let mut different = std::collections::HashSet::new();
        for cell in cells {
            count += 1;
            words += cell.split_whitespace().count();
            different.insert(cell);
        }
        count > 0 && words >= WORDS * count && 2 * different.len() >= count
    }

    /// Whether a column holds numbers.
    ///
    /// # Errors
    /// [`DataError::StrayWord`] when at least 95 % of the cells are numbers, but not all.
    pub(crate) fn is_numeric(&self, column: usize) -> Result<bool, DataError> {
        let mut stray = None;
        let (mut numbers, mut words) = (0_usize, 0_usize);
        for row in 0..self.num_rows() {
            match self.cell(row, column).map(|cell| self.parse_number(cell)) {
                None => {}
                Some(Some(_)) => numbers += 1,
                Some(None) => {
                    words += 1;
                    stray = stray.or(Some(row));
                }
            }
        }
        match stray {
            None => Ok(true),
            Some(row) if numbers >= 19 * words => self.number(row, column).map(|_| false),
            Some(_) => Ok(false),
        }
    }
}

/// The first few names, in back quotes.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > SHOWN {
        text.push(format!("{} more", names.len() - SHOWN));
    }
    text.join(", ")
}

fn is_missing(cell: &str) -> bool {
    MISSING
        .iter()
        .any(|missing| cell.eq_ignore_ascii_case(missing))
}

fn parse_number(cell: &str, decimal_comma: bool) -> Option<f64> {
    let number = if decimal_comma {
        cell.replace(',', ".").parse()
    } else {
        cell.parse()
    };
    number
        .ok()
        .filter(|number: &f64| number.abs() <= MAX_NUMBER)
}

/// The separator that gives the most columns in every one of the first rows.
fn separator(text: &str) -> u8 {
    let columns = |&separator: &u8| {
        let rows = records(text, (separator, true), SAMPLE, Path::new("")).unwrap_or_default();
        rows.iter().map(StringRecord::len).min().unwrap_or(0)
    };
    // The last of equals wins: the comma.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(columns)
        .unwrap_or(b',')
}

/// Whether quotes stand around cells. Between tabs they may be part of the text: there a quote that
/// does not end with its cell means that none does.
///
/// # Errors
/// When a quote is never closed.
fn has_quotes(text: &str, separator: u8, path: &Path) -> Result<bool, DataError> {
    let mut open = None;
    let mut at_start = true;
    let mut line = 1;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        line += u64::from(byte == b'\n');
        match open {
            Some(_) if byte == b'"' && bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            Some(_) if byte == b'"' => {
                let ends = matches!(bytes.peek(), None | Some(b'\n' | b'\r'))
                    || bytes.peek() == Some(&separator);
                if separator == b'\t' && !ends {
                    return Ok(false);
                }
                open = None;
            }
            Some(_) if separator == b'\t' && byte == b'\n' => return Ok(false),
            None if byte == b'"' && at_start => open = Some(line),
            Some(_) | None => {}
        }
        at_start = open.is_none() && (byte == separator || byte == b'\n' || byte == b'\r');
    }
    match open {
        Some(_) if separator == b'\t' => Ok(false),
        Some(line) => Err(DataError::OpenQuote {
            path: path.to_owned(),
            line,
        }),
        None => Ok(true),
    }
}

/// Whether bytes look like rows of cells: every line of the beginning holds the same number of the
/// same separator.
pub(crate) fn looks_like_rows(bytes: &[u8]) -> bool {
    let whole = bytes.rsplit(|&byte| byte == b'\n').skip(1);
    let lines: Vec<&[u8]> = whole.filter(|line| !line.is_empty()).collect();
    let alike = |separator: u8| {
        let count = |line: &&[u8]| line.split(|&byte| byte == separator).count() - 1;
        let first = lines.first().map_or(0, count);
        first > 0 && lines.iter().all(|line| count(line) == first)
    };
    lines.len() >= 5 && !bytes.contains(&0) && b"\t;,".iter().any(|&separator| alike(separator))
}

/// The rows of a text, blank ones left out.
fn records(
    text: &str,
    (separator, quoting): (u8, bool),
    limit: usize,
    path: &Path,
) -> Result<Vec<StringRecord>, DataError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .quoting(quoting)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records().take(limit) {
        let mut record = record.map_err(|error| DataError::Read {
            path: path.to_owned(),
            source: std::io::Error::other(error),
        })?;
        name_line(&mut record, text);
        let blank = record.len() == 1 && record.iter().all(|cell| cell.trim().is_empty());
        if !blank {
            rows.push(record);
        }
    }
    Ok(rows)
}

/// Puts the line on which a record begins into its position, which the reader takes before it
/// skips empty lines.
fn name_line(record: &mut StringRecord, text: &str) {
    let Some(mut position) = record.position().cloned() else {
        return;
    };
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|byte| text.as_bytes().get(byte..));
    let skipped = rest
        .unwrap_or_default()
        .iter()
        .take_while(|byte| b"\r\n".contains(byte));
    let num_skipped = skipped.filter(|&&byte| byte == b'\n').count();
    position.set_line(position.line() + num_skipped as u64);
    record.set_position(Some(position));
}

fn line_of(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

/// A header has a word above at least one column of numbers. Where there are no such columns, the
/// first row is a header if it has no number in it, and no cell that its column holds again.
fn has_header(rows: &[StringRecord], decimal_comma: bool) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    let is_number = |cell: &str| parse_number(cell.trim(), decimal_comma).is_some();
    let holds_numbers = |column: usize| {
        let cells = rest.iter().take(SAMPLE).filter_map(|row| row.get(column));
        let mut present = cells.filter(|cell| !is_missing(cell.trim())).peekable();
        present.peek().is_some() && present.all(is_number)
    };
    let mut number_columns = (0..first.len())
        .filter(|&column| holds_numbers(column))
        .peekable();
    if number_columns.peek().is_none() {
        let occurs_again = |(column, cell): (usize, &str)| {
            rest.iter()
                .take(SAMPLE)
                .any(|row| row.get(column) == Some(cell))
        };
        return !first.iter().any(is_number) && !first.iter().enumerate().any(occurs_again);
    }
    number_columns.any(|column| first.get(column).is_some_and(|cell| !is_number(cell)))
}

fn header_names(header: &StringRecord, path: &Path) -> Result<Vec<String>, DataError> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (index, cell) in header.iter().enumerate() {
        let name = match cell.trim() {
            "" => format!("column{}", index + 1),
            name => name.to_owned(),
        };
        if names.contains(&name) {
            return Err(DataError::DuplicateColumn {
                path: path.to_owned(),
                column: name,
            });
        }
        names.push(name);
    }
    Ok(names)
}

/// Whether numbers are written as `3,14`, and none as `3.14`.
fn uses_decimal_comma(rows: &[StringRecord]) -> bool {
    let written_with = |mark: char| {
        rows.iter().flat_map(StringRecord::iter).any(|cell| {
            cell.trim().split_once(mark).is_some_and(|(whole, part)| {
                let digits =
                    |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                digits(whole.trim_start_matches(['-', '+'])) && digits(part)
            })
        })
    };
    written_with(',') && !written_with('.')
}
