//! A CSV table: rows of numbers and words, one column to predict.

mod column;
mod date_column;
mod dates;
mod pieces;
mod target;
mod texts;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::grid::{Form, Grid, list};
use super::splits::Own;
use super::{Opening, SourceFile, pixels, splits, table_file};
use crate::cache::CacheWriter;
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataConfig, DataError, Dataset, InputShape, Preprocess, Split, Task};

pub use column::{ColumnEncoding, InputColumn};
pub(crate) use date_column::calendar;
pub use date_column::{DateEncoding, DatePart};
pub use dates::DateOrder;
pub use target::TargetEncoding;
pub(crate) use target::{class_index, in_order};

/// How a row becomes a vector, and its target a class or a scaled number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TablePreprocess {
    /// All columns of the training file, as a file without a header has them.
    pub names: Vec<String>,
    /// The columns that are predicted from, in the order of the inputs.
    pub columns: Vec<InputColumn>,
    /// The column that is predicted.
    pub target: TargetEncoding,
}

impl TablePreprocess {
    /// Length of the vector that a row becomes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.iter().map(InputColumn::width).sum()
    }
}

pub(crate) fn recognises(opening: &Opening) -> bool {
    let names_a_column = opening.config.target.is_some();
    opening.chosen_ends_with(&table_file::ENDINGS)
        || (names_a_column && opening.chosen_ends_with(&[".txt"]))
        || has_rows_but_no_ending(opening)
}

/// Whether a file is called as nothing in particular, but holds rows.
fn has_rows_but_no_ending(opening: &Opening) -> bool {
    let Some(name) = &opening.chosen else {
        return false;
    };
    let known = [".ts", ".txt", ".text", ".md"];
    !super::ends_with(name, &known) && opening.file(name).is_some_and(table_file::looks_like_one)
}

/// Whether a path is called as a table.
pub(crate) fn has_table_name(path: &Path) -> bool {
    super::ends_with(&super::file_name(path), &table_file::ENDINGS)
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let options = &opening.options;
    let train_file = match &options.train_file {
        Some(name) => named_file(opening, name)?,
        None => opening.main_file()?,
    };
    let mut grid = table_file::read(opening, train_file)?;
    if let Some(shape) = options.image {
        return pixels::open(opening, &grid, shape);
    }
    if !options.columns.is_empty() && !grid.has_header {
        grid.rename(&options.columns)?;
    }
    for dropped in &opening.config.drop {
        grid.column_or_error(dropped)?;
    }
    let mut reading = vec![read_sentence(&grid, &opening.name)];
    let mut warnings = Vec::new();

    let target = target::choose(opening, &grid, &mut reading)?;
    let (rows, target) = target::understand(opening, &grid, target, &mut warnings)?;
    let groups = target.groups(&grid, &rows)?;
    if let Some(column) = texts::column(opening, &grid, &target, &mut reading)? {
        return texts::open(
            opening,
            &grid,
            column,
            (rows, groups, target),
            (reading, warnings),
        );
    }
    let classes = target.classes().unwrap_or_default().to_vec();
    let has_own_test = options.test_file.is_some();
    let division = splits::divide(
        opening,
        &groups,
        &classes,
        Own::test(has_own_test),
        &mut warnings,
    )?;

    drop(groups);
    let train_rows = if rows.len() == grid.num_rows() {
        Cow::Borrowed(&division.train)
    } else {
        let rows = division.train.iter().filter_map(|&item| rows.get(item));
        Cow::Owned(rows.copied().collect())
    };
    let target = target.fitted(&grid, &train_rows)?;
    let columns = column::fit(opening, &grid, &target, &train_rows, &mut reading)?;
    drop(train_rows);
    let preprocess = TablePreprocess {
        names: grid.names.clone(),
        columns,
        target,
    };
    reading.push(preprocess.target.sentence());

    let memory_bytes = opening.config.memory_bytes();
    let store = Arc::new(store(&preprocess, &grid, &rows, memory_bytes)?);
    drop(grid);
    let test = match &options.test_file {
        None => Split::new(store.clone(), &division.test),
        Some(name) => test_set(opening, &preprocess, named_file(opening, name)?)?,
    };
    let train = Split::new(store.clone(), &division.train);
    let valid = Split::new(store, &division.valid);
    reading.push(splits::sentence(
        opening,
        [&train, &valid, &test],
        Own::test(has_own_test),
        !classes.is_empty(),
    ));
    let (task, baseline) = match &preprocess.target {
        TargetEncoding::Classes { classes, .. } => (
            Task::Classification {
                classes: classes.clone(),
            },
            Baseline::majority(classes, [&train, &valid, &test]),
        ),
        TargetEncoding::Number { name, scale } => (
            Task::Regression {
                target: name.clone(),
            },
            Baseline::mean(*scale, [&valid, &test])?,
        ),
    };
    Ok(Dataset {
        name: opening.name.clone(),
        task,
        input: InputShape::Vector {
            width: preprocess.width(),
        },
        preprocess: Preprocess::Table(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
        baseline,
    })
}

/// The rows of the file that is the standard test set.
fn test_set(
    opening: &Opening,
    preprocess: &TablePreprocess,
    file: &SourceFile,
) -> Result<Split, DataError> {
    let grid = table_file::read_like(opening, file, &preprocess.names)?;
    let split = whole(preprocess, grid, opening.config.memory_bytes())?;
    if split.has_targets() {
        return Ok(split);
    }
    Err(DataError::NoTargets {
        path: file.path.clone(),
        what: format!("`{}`", preprocess.target.name()),
    })
}

/// Reads the rows of a new file; targets where every row has one.
pub(crate) fn open_inputs(preprocess: &TablePreprocess, path: &Path) -> Result<Split, DataError> {
    let grid = table_file::read_new(path, Some(&preprocess.names))?;
    whole(preprocess, grid, DataConfig::default().memory_bytes())
}

fn named_file<'a>(opening: &'a Opening, name: &str) -> Result<&'a SourceFile, DataError> {
    opening.file(name).ok_or_else(|| DataError::Manifest {
        name: opening.name.clone(),
        problem: format!("`{name}` is not among its files"),
    })
}

/// All rows of a file whose columns are those of the training file.
fn whole(
    preprocess: &TablePreprocess,
    mut grid: Grid,
    memory_bytes: usize,
) -> Result<Split, DataError> {
    let names = &preprocess.names;
    if grid.num_rows() == 0 {
        return Err(DataError::Empty { path: grid.path });
    }
    if !grid.has_header {
        let target = preprocess.target.name();
        let without_target: Vec<String> = names
            .iter()
            .filter(|name| *name != target)
            .cloned()
            .collect();
        let names = if grid.names.len() == without_target.len() {
            &without_target
        } else {
            names
        };
        grid.rename(names)?;
    }
    let rows: Vec<usize> = (0..grid.num_rows()).collect();
    let store = Arc::new(store(preprocess, &grid, &rows, memory_bytes)?);
    Ok(Split::new(store, &rows))
}

/// The given rows, in rising order, as inputs and targets.
fn store(
    preprocess: &TablePreprocess,
    grid: &Grid,
    rows: &[usize],
    memory_bytes: usize,
) -> Result<Store, DataError> {
    let width = preprocess.width();
    let mut places = Vec::with_capacity(preprocess.columns.len());
    for column in &preprocess.columns {
        places.push((column, grid.column_or_error(&column.name)?));
    }
    let mut values = CacheWriter::new(memory_bytes);
    let mut inputs = Vec::new();
    let mut rest = rows;
    for block in grid.blocks() {
        let block = block?;
        let here = rest.partition_point(|&row| row < block.rows.end);
        let (rows, later) = rest.split_at(here);
        rest = later;
        inputs.clear();
        for &row in rows {
            for &(column, place) in &places {
                let cell = block.cell(row, place);
                column.encode(grid, (row, place), cell, &mut inputs)?;
            }
        }
        values.extend(&inputs)?;
    }
    let targets = match grid.column(preprocess.target.name()) {
        Some(column) => preprocess.target.encode(grid, column, rows)?,
        None => StoredTargets::Absent,
    };
    Ok(Store {
        inputs: StoredInputs::Rows {
            width,
            values: values.finish()?,
        },
        targets,
        place: Place::Listed(
            grid.form.row(),
            rows.iter().map(|&row| grid.line(row)).collect(),
        ),
    })
}

/// What was recognised of the form of a table.
pub(crate) fn read_sentence(grid: &Grid, name: &str) -> String {
    let form = match (grid.form, grid.has_header) {
        (Form::Parquet, _) => "in Parquet".to_owned(),
        (form, true) => format!("separated by {}, with a header", form.separator()),
        (form, false) => format!("separated by {}, without a header", form.separator()),
    };
    format!(
        "`{name}` has {} rows of {} columns, {form}: {}",
        grid.num_rows(),
        grid.names.len(),
        list(&grid.names)
    )
}
