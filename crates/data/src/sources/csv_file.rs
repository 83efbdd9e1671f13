//! A CSV file as a grid of cells: separator, quoting, header and decimal mark are recognised here.

use std::io::{BufRead, Read};
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord, Terminator};

use super::grid::{self, Grid, GridWriter, is_missing, parse_number};
use super::text_file::Text;
use crate::DataError;

/// Rows by which separator and header are recognised.
const SAMPLE: usize = 200;
/// Bytes of the beginning in which those rows are looked for.
const HEAD: u64 = 4 << 20;

/// Reads the cells and recognises whether the first row is a header.
pub(crate) fn read(text: &Text, memory_bytes: usize) -> Result<Grid, DataError> {
    read_with(text, memory_bytes, has_header)
}

/// Reads a file in the form of another one whose columns were called `names`: the first row is a
/// header if it holds one of the names.
pub(crate) fn read_like(
    text: &Text,
    memory_bytes: usize,
    names: &[String],
) -> Result<Grid, DataError> {
    read_with(text, memory_bytes, |rows, _| {
        let is_name = |cell: &str| names.iter().any(|name| name == cell.trim());
        rows.first().is_some_and(|first| first.iter().any(is_name))
    })
}

fn read_with(
    text: &Text,
    memory_bytes: usize,
    has_header: impl Fn(&[StringRecord], bool) -> bool,
) -> Result<Grid, DataError> {
    let path = text.path();
    let head = head(text)?;
    let mut form = Form {
        separator: b',',
        quoting: true,
        // Where lines end with two marks, the first is trimmed with its cell.
        terminator: if head.contains(&b'\n') || !head.contains(&b'\r') {
            Terminator::Any(b'\n')
        } else {
            Terminator::CRLF
        },
    };
    form.separator = separator(&head, form);
    form.quoting = has_quotes(text, form.separator)?;
    let sample = form.sample(&head, SAMPLE + 1);
    let may_have_comma = form.separator != b',';
    let has_header = has_header(&sample, may_have_comma && Commas::of(&sample).are_decimal());
    let Some(first) = sample.first() else {
        return Err(empty(path));
    };
    let names = if has_header {
        header_names(first, path)?
    } else {
        (1..=first.len()).map(|n| format!("column{n}")).collect()
    };

    let mut commas = Commas::default();
    let mut cells = GridWriter::new(path, names.len(), memory_bytes);
    // So that the last line ends as all others do.
    let mut records = form.reader(text.reader()?.chain(&b"\n"[..]));
    let mut record = StringRecord::new();
    let mut is_first = true;
    while records
        .read_record(&mut record)
        .map_err(|error| text.failed(std::io::Error::other(error)))?
    {
        if is_blank(&record) || std::mem::take(&mut is_first) && has_header {
            continue;
        }
        let line = line_of(&record, &records);
        let surplus = record.iter().skip(names.len());
        if record.len() < names.len() || !surplus.into_iter().all(|cell| cell.trim().is_empty()) {
            let (expected, found) = (names.len(), record.len());
            return Err(DataError::Columns {
                path: path.to_owned(),
                line,
                expected,
                found,
            });
        }
        if may_have_comma {
            commas.look_at(&record);
        }
        cells.push(&record, line)?;
    }
    let form = match form.separator {
        b',' => grid::Form::Commas,
        b';' => grid::Form::Semicolons,
        _ => grid::Form::Tabs,
    };
    cells.finish(names, has_header, form, commas.are_decimal())
}

fn empty(path: &Path) -> DataError {
    DataError::Empty {
        path: path.to_owned(),
    }
}

/// How cells are told apart.
#[derive(Clone, Copy)]
struct Form {
    separator: u8,
    quoting: bool,
    terminator: Terminator,
}

impl Form {
    fn reader<R: Read>(self, bytes: R) -> Reader<R> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .quoting(self.quoting)
            .terminator(self.terminator)
            .buffer_capacity(1 << 16)
            .from_reader(bytes)
    }

    /// The first rows, blank ones left out.
    fn sample(self, head: &[u8], limit: usize) -> Vec<StringRecord> {
        let mut reader = self.reader(head);
        let rows = reader.records().map_while(Result::ok);
        rows.filter(|row| !is_blank(row)).take(limit).collect()
    }
}

/// The beginning of a file, whole lines if it has some.
fn head(text: &Text) -> Result<Vec<u8>, DataError> {
    let mut head = Vec::new();
    let mut reader = text.reader()?.take(HEAD);
    let read = reader.read_to_end(&mut head);
    let length = read.map_err(|error| text.failed(error))?;
    if length as u64 == HEAD
        && let Some(end) = head.iter().rposition(|&byte| byte == b'\n')
    {
        head.truncate(end + 1);
    }
    Ok(head)
}

fn is_blank(record: &StringRecord) -> bool {
    record.len() == 1 && record.iter().all(|cell| cell.trim().is_empty())
}

/// The line on which the record that was read last begins: the reader stands on the line after it,
/// and skips empty lines before it takes the place of the record's start.
fn line_of<R: Read>(record: &StringRecord, reader: &Reader<R>) -> u64 {
    let inside = record.as_slice().bytes().filter(|&byte| byte == b'\n');
    let lines = 1 + inside.count() as u64;
    reader.position().line().saturating_sub(lines).max(1)
}

/// The separator that gives the most columns in every one of the first rows.
fn separator(head: &[u8], form: Form) -> u8 {
    let columns = |&separator: &u8| {
        let rows = Form { separator, ..form }.sample(head, SAMPLE);
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
fn has_quotes(text: &Text, separator: u8) -> Result<bool, DataError> {
    /// Where in a row a byte stands.
    #[derive(Clone, Copy)]
    enum At {
        Start,
        Cell,
        /// In quotes that were opened on this line.
        Quoted(u64),
        /// Behind a quote that closes, or is the first of two.
        Closing(u64),
    }
    let by_tabs = separator == b'\t';
    let mut at = At::Start;
    let mut line = 1;
    let mut reader = text.reader()?;
    loop {
        let part = reader.fill_buf().map_err(|error| text.failed(error))?;
        if part.is_empty() {
            break;
        }
        for &byte in part {
            line += u64::from(byte == b'\n');
            let ends = byte == separator || byte == b'\n' || byte == b'\r';
            at = match at {
                At::Closing(open) if byte == b'"' => At::Quoted(open),
                At::Closing(_) if by_tabs && !ends => return Ok(false),
                At::Quoted(open) if byte == b'"' => At::Closing(open),
                At::Quoted(_) if by_tabs && byte == b'\n' => return Ok(false),
                At::Quoted(open) => At::Quoted(open),
                At::Start if byte == b'"' => At::Quoted(line),
                _ if ends => At::Start,
                _ => At::Cell,
            };
        }
        let length = part.len();
        reader.consume(length);
    }
    match at {
        At::Quoted(_) if by_tabs => Ok(false),
        At::Quoted(line) => Err(DataError::OpenQuote {
            path: text.path().to_owned(),
            line,
        }),
        _ => Ok(true),
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

/// Which marks stand between the digits of numbers.
#[derive(Default)]
struct Commas {
    comma: bool,
    point: bool,
}

impl Commas {
    fn of(rows: &[StringRecord]) -> Self {
        let mut commas = Self::default();
        for row in rows {
            commas.look_at(row);
        }
        commas
    }

    fn look_at(&mut self, row: &StringRecord) {
        if self.point {
            return; // Enough is known.
        }
        let written_with = |mark: char| {
            row.iter().any(|cell| {
                cell.trim().split_once(mark).is_some_and(|(whole, part)| {
                    let digits =
                        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                    digits(whole.trim_start_matches(['-', '+'])) && digits(part)
                })
            })
        };
        self.comma |= written_with(',');
        self.point |= written_with('.');
    }

    /// Whether numbers are written as `3,14`, and none as `3.14`.
    fn are_decimal(&self) -> bool {
        self.comma && !self.point
    }
}
