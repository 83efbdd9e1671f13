//! A file that holds a table, of whatever form: its cells.

use std::path::Path;

use sha2::Sha256;

use super::grid::Grid;
use super::text_file::Text;
use super::{Opening, SourceFile, csv_file, parquet_file};
use crate::{DataConfig, DataError};

/// How the names of tables end.
pub(crate) const ENDINGS: [&str; 4] = [".csv", ".tsv", ".data", ".parquet"];

/// Reads a file of the source.
pub(crate) fn read(opening: &Opening, file: &SourceFile) -> Result<Grid, DataError> {
    if is_parquet(file) {
        return read_parquet(opening, file);
    }
    csv_file::read(&opening.text(file)?, opening.config.cell_bytes())
}

/// Reads a file of the source in the form of another one, whose columns were called `names`.
pub(crate) fn read_like(
    opening: &Opening,
    file: &SourceFile,
    names: &[String],
) -> Result<Grid, DataError> {
    if is_parquet(file) {
        return read_parquet(opening, file);
    }
    csv_file::read_like(&opening.text(file)?, opening.config.cell_bytes(), names)
}

/// Reads a new file in the form of the one to train on, whose columns were called `names`; without
/// them, what it says itself counts.
pub(crate) fn read_new(path: &Path, names: Option<&[String]>) -> Result<Grid, DataError> {
    let file = SourceFile::on_disk(path.to_owned());
    let memory_bytes = DataConfig::default().cell_bytes();
    if is_parquet(&file) {
        return Ok(parquet_file::read(&file, memory_bytes)?.0);
    }
    let text = Text::of(&file, &mut Sha256::default())?;
    match names {
        Some(names) => csv_file::read_like(&text, memory_bytes, names),
        None => csv_file::read(&text, memory_bytes),
    }
}

fn read_parquet(opening: &Opening, file: &SourceFile) -> Result<Grid, DataError> {
    opening.digest(file)?;
    let (grid, left_out) = parquet_file::read(file, opening.config.cell_bytes())?;
    for column in left_out {
        opening.leave_out(&column.column, &column.why);
    }
    Ok(grid)
}

fn is_parquet(file: &SourceFile) -> bool {
    file.head()
        .is_ok_and(|head| head.starts_with(parquet_file::MAGIC))
}

/// Whether a file holds a table, whatever it is called.
pub(crate) fn looks_like_one(file: &SourceFile) -> bool {
    file.head()
        .is_ok_and(|head| head.starts_with(parquet_file::MAGIC) || csv_file::looks_like_rows(&head))
}
