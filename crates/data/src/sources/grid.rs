//! A table as a grid of cells, column by column: in memory or, where it is large, in a temporary
//! file. What files hold tables is not known here.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::DataError;
use crate::cache::{Cache, CacheWriter};

/// What stands for a missing cell, in any case.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "null", "?", "none"];
/// Beyond this a number is a slip of the pen, and its square would not be a number.
const MAX_NUMBER: f64 = 1e30;
/// Rows that are kept together: few enough for memory, enough for long reads of one column.
const BLOCK: usize = 1024;
/// Items are numbered by four bytes.
const MAX_ROWS: usize = u32::MAX as usize;

/// The cells of a table, all rows equally long. A missing cell is empty.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) path: PathBuf,
    /// As in the header, else `column1`, `column2` and so on.
    pub(crate) names: Vec<String>,
    pub(crate) has_header: bool,
    pub(crate) form: Form,
    /// Whether numbers are written as `3,14`.
    pub(crate) decimal_comma: bool,
    num_rows: usize,
    lines: Lines,
    cells: Cache<u8>,
    /// Where the cells of each column begin, block after block, and where all end.
    starts: Vec<usize>,
}

/// What file the cells lay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Commas,
    Semicolons,
    Tabs,
    Parquet,
}

impl Form {
    /// What stands between cells.
    pub(crate) fn separator(self) -> &'static str {
        match self {
            Self::Commas => "commas",
            Self::Semicolons => "semicolons",
            Self::Tabs => "tabs",
            Self::Parquet => "nothing",
        }
    }

    /// What the number of a row counts.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Parquet => "row",
            _ => "line",
        }
    }
}

/// Takes a table row by row.
pub(crate) struct GridWriter {
    path: PathBuf,
    num_rows: usize,
    lines: Lines,
    cells: CacheWriter<u8>,
    starts: Vec<usize>,
    len: usize,
    /// Of the block that is being filled: for each column the ends of its cells, and their text.
    columns: Vec<(Vec<u32>, Vec<u8>)>,
}

impl GridWriter {
    pub(crate) fn new(path: &Path, num_columns: usize, memory_bytes: usize) -> Self {
        Self {
            path: path.to_owned(),
            num_rows: 0,
            lines: Lines::default(),
            cells: CacheWriter::new(memory_bytes),
            starts: Vec::new(),
            len: 0,
            columns: vec![<(Vec<u32>, Vec<u8>)>::default(); num_columns],
        }
    }

    /// Takes one row; cells that it lacks are missing.
    pub(crate) fn push<'a>(
        &mut self,
        cells: impl IntoIterator<Item = &'a str>,
        line: u64,
    ) -> Result<(), DataError> {
        let mut cells = cells.into_iter();
        for (ends, text) in &mut self.columns {
            let cell = cells.next().unwrap_or_default().trim();
            if !is_missing(cell) {
                text.extend_from_slice(cell.as_bytes());
            }
            let too_large = |_| DataError::TooLarge {
                path: self.path.clone(),
                limit: u32::MAX.into(),
            };
            ends.push(u32::try_from(text.len()).map_err(too_large)?);
        }
        self.lines.push(line);
        self.num_rows += 1;
        if self.num_rows > MAX_ROWS {
            return Err(DataError::TooManyRows {
                path: self.path.clone(),
                limit: MAX_ROWS,
            });
        }
        if self.num_rows.is_multiple_of(BLOCK) {
            self.close_block()?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> Result<(), DataError> {
        for (ends, text) in &mut self.columns {
            self.starts.push(self.len);
            for end in &*ends {
                self.cells.extend(&end.to_le_bytes())?;
            }
            self.cells.extend(text)?;
            self.len += 4 * ends.len() + text.len();
            ends.clear();
            text.clear();
        }
        Ok(())
    }

    /// The table; `names` are those of its columns.
    pub(crate) fn finish(
        mut self,
        names: Vec<String>,
        has_header: bool,
        form: Form,
        decimal_comma: bool,
    ) -> Result<Grid, DataError> {
        if !self.num_rows.is_multiple_of(BLOCK) {
            self.close_block()?;
        }
        self.starts.push(self.len);
        Ok(Grid {
            path: self.path,
            names,
            has_header,
            form,
            decimal_comma,
            num_rows: self.num_rows,
            lines: self.lines,
            cells: self.cells.finish()?,
            starts: self.starts,
        })
    }
}

/// Some rows of one column.
struct Cells<'a> {
    bytes: Cow<'a, [u8]>,
    num_rows: usize,
}

impl Cells<'_> {
    /// The cell of a row, counted from the first of these; `None` where it is missing.
    fn get(&self, row: usize) -> Option<&str> {
        let end = |row: usize| {
            let bytes = self.bytes.get(4 * row..4 * row + 4)?;
            usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
        };
        let start = if row == 0 { 0 } else { end(row - 1)? };
        let text = self.bytes.get(4 * self.num_rows..)?;
        let cell = std::str::from_utf8(text.get(start..end(row)?)?).ok()?;
        (!cell.is_empty()).then_some(cell)
    }
}

/// Some neighbouring rows of all columns.
pub(crate) struct Block<'a> {
    pub(crate) rows: Range<usize>,
    columns: Vec<Cells<'a>>,
}

impl Block<'_> {
    /// A cell of one of these rows; `None` where it is missing.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&str> {
        self.columns.get(column)?.get(row - self.rows.start)
    }
}

impl Grid {
    pub(crate) fn num_rows(&self) -> usize {
        self.num_rows
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
        self.lines.of(row)
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

    fn rows_of(&self, block: usize) -> Range<usize> {
        block * BLOCK..((block + 1) * BLOCK).min(self.num_rows)
    }

    fn cells(&self, block: usize, column: usize) -> Result<Cells<'_>, DataError> {
        let start = block * self.names.len() + column;
        Ok(Cells {
            bytes: self.cells.get(self.starts[start]..self.starts[start + 1])?,
            num_rows: self.rows_of(block).len(),
        })
    }

    /// All columns, some rows at a time, from the first to the last.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Result<Block<'_>, DataError>> {
        (0..self.num_rows.div_ceil(BLOCK)).map(|block| {
            let columns = 0..self.names.len();
            Ok(Block {
                rows: self.rows_of(block),
                columns: columns
                    .map(|column| self.cells(block, column))
                    .collect::<Result<_, _>>()?,
            })
        })
    }

    /// Shows each cell of a column, from the first row to the last; `None` where it is missing.
    pub(crate) fn each(
        &self,
        column: usize,
        mut show: impl FnMut(usize, Option<&str>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        for block in 0..self.num_rows.div_ceil(BLOCK) {
            let cells = self.cells(block, column)?;
            for (place, row) in self.rows_of(block).enumerate() {
                show(row, cells.get(place))?;
            }
        }
        Ok(())
    }

    /// The same for some rows, which are in rising order.
    pub(crate) fn each_of(
        &self,
        column: usize,
        rows: &[usize],
        mut show: impl FnMut(usize, Option<&str>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        for of_block in rows.chunk_by(|a, b| a / BLOCK == b / BLOCK) {
            let Some(first) = of_block.first() else {
                continue;
            };
            let block = first / BLOCK;
            let cells = self.cells(block, column)?;
            for &row in of_block {
                show(row, cells.get(row - block * BLOCK))?;
            }
        }
        Ok(())
    }

    /// One cell; to read many, [`Grid::each`] is faster.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Result<Option<String>, DataError> {
        let cells = self.cells(row / BLOCK, column)?;
        Ok(cells.get(row % BLOCK).map(str::to_owned))
    }

    /// A cell as a number; `None` where it is a word.
    pub(crate) fn parse_number(&self, cell: &str) -> Option<f64> {
        parse_number(cell, self.decimal_comma)
    }

    /// The number in a cell of this row and column: `Ok(None)` where it is missing.
    pub(crate) fn number(
        &self,
        row: usize,
        column: usize,
        cell: Option<&str>,
    ) -> Result<Option<f64>, DataError> {
        let Some(cell) = cell else { return Ok(None) };
        match self.parse_number(cell) {
            Some(number) => Ok(Some(number)),
            None => Err(self.stray(row, column, cell, "numbers")),
        }
    }

    /// The error of a cell that is not as the others of its column are.
    pub(crate) fn stray(
        &self,
        row: usize,
        column: usize,
        cell: &str,
        kind: &'static str,
    ) -> DataError {
        DataError::StrayWord {
            path: self.path.clone(),
            line: self.line(row),
            column: self.names.get(column).cloned().unwrap_or_default(),
            value: cell.to_owned(),
            kind,
        }
    }

    /// Every number of a column.
    pub(crate) fn numbers(&self, column: usize) -> Result<Vec<Option<f64>>, DataError> {
        let mut numbers = Vec::with_capacity(self.num_rows);
        self.each(column, |row, cell| {
            numbers.push(self.number(row, column, cell)?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Whether a column holds texts: words enough, and not the same ones again and again.
    pub(crate) fn is_text(&self, column: usize) -> Result<bool, DataError> {
        const WORDS: usize = 3;
        let (mut count, mut words) = (0, 0);
        let mut different = std::collections::HashSet::new();
        let first: Vec<usize> = (0..self.num_rows.min(1000)).collect();
        self.each_of(column, &first, |_, cell| {
            if let Some(cell) = cell {
                count += 1;
                words += cell.split_whitespace().count();
                different.insert(cell.to_owned());
            }
            Ok(())
        })?;
        Ok(count > 0 && words >= WORDS * count && 2 * different.len() >= count)
    }

    /// Whether a column holds numbers.
    ///
    /// # Errors
    /// [`DataError::StrayWord`] when at least 95 % of the cells are numbers, but not all.
    pub(crate) fn is_numeric(&self, column: usize) -> Result<bool, DataError> {
        let mut stray = None;
        let (mut numbers, mut words) = (0_usize, 0_usize);
        self.each(column, |row, cell| {
            match cell.map(|cell| self.parse_number(cell)) {
                None => {}
                Some(Some(_)) => numbers += 1,
                Some(None) => {
                    words += 1;
                    stray = stray.or(Some(row));
                }
            }
            Ok(())
        })?;
        match stray {
            None => Ok(true),
            Some(row) if numbers >= 19 * words => {
                let cell = self.cell(row, column)?.unwrap_or_default();
                Err(self.stray(row, column, &cell, "numbers"))
            }
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

pub(super) fn is_missing(cell: &str) -> bool {
    // The longest of them has four letters: most cells are told by that.
    cell.len() <= 4
        && MISSING
            .iter()
            .any(|missing| cell.eq_ignore_ascii_case(missing))
}

pub(super) fn parse_number(cell: &str, decimal_comma: bool) -> Option<f64> {
    let number = if decimal_comma {
        cell.replace(',', ".").parse()
    } else {
        cell.parse()
    };
    number
        .ok()
        .filter(|number: &f64| number.abs() <= MAX_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_hold_the_same_cells() {
        for memory_bytes in [0, 1 << 20] {
            let mut writer = GridWriter::new(Path::new("a.csv"), 2, memory_bytes);
            let cell = |row: usize| {
                if row.is_multiple_of(7) {
                    " NA ".into()
                } else {
                    format!(" {row}é ")
                }
            };
            for row in 0..3000 {
                let line = row as u64 * 2;
                writer.push([cell(row).as_str(), "x"], line).unwrap();
            }
            let names = vec!["a".to_owned(), "b".to_owned()];
            let grid = writer.finish(names, true, Form::Commas, false).unwrap();
            assert_eq!(matches!(grid.cells, Cache::Memory(_)), memory_bytes > 0);
            let mut rows = 0..3000;
            grid.each(0, |row, found| {
                assert_eq!(Some(row), rows.next());
                let expected = cell(row);
                assert_eq!(found, (!row.is_multiple_of(7)).then(|| expected.trim()));
                Ok(())
            })
            .unwrap();
            assert_eq!(rows.next(), None);
            let mut seen = Vec::new();
            grid.each_of(0, &[1, 1023, 1024, 2999], |row, cell| {
                seen.push((row, cell.map(str::to_owned)));
                Ok(())
            })
            .unwrap();
            assert_eq!(seen[2], (1024, Some("1024é".into())));
            assert_eq!(grid.cell(2999, 1).unwrap().as_deref(), Some("x"));
            assert_eq!(grid.line(1500), 3000);
        }
    }
}
