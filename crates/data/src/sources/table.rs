//! A CSV table: rows of numbers and words, one column to predict.

mod column;
mod date_column;
mod dates;
mod pieces;
mod target;
mod texts;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::csv_file::{Grid, list};
use super::splits::Own;
use super::{Opening, SourceFile, file, pixels, splits};
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task};

pub use column::{ColumnEncoding, InputColumn};
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

/// How the names of tables end.
const ENDINGS: [&str; 3] = [".csv", ".tsv", ".data"];

pub(crate) fn recognises(opening: &Opening) -> bool {
    let names_a_column = opening.config.target.is_some();
    opening.chosen_ends_with(&ENDINGS)
        || (names_a_column && opening.chosen_ends_with(&[".txt"]))
        || has_rows_but_no_ending(opening)
}

/// Whether a file is called as nothing in particular, but holds rows.
fn has_rows_but_no_ending(opening: &Opening) -> bool {
    let Some(name) = &opening.chosen else {
        return false;
    };
    let known = [".ts", ".txt", ".text", ".md"];
    let has_known_ending = super::ends_with(name, &known);
    let head = opening.file(name).and_then(|file| file.head().ok());
    !has_known_ending && head.is_some_and(|head| super::csv_file::looks_like_rows(&head))
}

/// Whether a path is called as a table.
pub(crate) fn has_table_name(path: &Path) -> bool {
    super::ends_with(&super::file_name(path), &ENDINGS)
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let options = &opening.options;
    let train_file = match &options.train_file {
        Some(name) => named_file(opening, name)?,
        None => opening.main_file()?,
    };
    let mut grid = read(opening, train_file)?;
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

    let train_rows: Vec<usize> = division
        .train
        .iter()
        .filter_map(|&item| rows.get(item).copied())
        .collect();
    let target = target.fitted(&grid, &train_rows)?;
    let columns = column::fit(opening, &grid, &target, &train_rows, &mut reading)?;
    let preprocess = TablePreprocess {
        names: grid.names.clone(),
        columns,
        target,
    };
    reading.push(preprocess.target.sentence());

    let store = Arc::new(store(&preprocess, &grid, &rows)?);
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
    let content = opening.read_text(file)?;
    let split = whole(preprocess, &grid_like(preprocess, &content, &file.path)?)?;
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
    let text = file::utf8(file::read_unpacked(path)?, path)?;
    whole(preprocess, &grid_like(preprocess, &text, path)?)
}

fn named_file<'a>(opening: &'a Opening, name: &str) -> Result<&'a SourceFile, DataError> {
    opening.file(name).ok_or_else(|| DataError::Manifest {
        name: opening.name.clone(),
        problem: format!("`{name}` is not among its files"),
    })
}

fn read(opening: &Opening, file: &SourceFile) -> Result<Grid, DataError> {
    let text = opening.read_text(file)?;
    Grid::parse(&text, &file.path)
}

/// A grid whose columns have the names of the training file.
fn grid_like(preprocess: &TablePreprocess, text: &str, path: &Path) -> Result<Grid, DataError> {
    let names = &preprocess.names;
    let mut grid = Grid::parse_like(text, path, names)?;
    if grid.num_rows() == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
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
    Ok(grid)
}

fn whole(preprocess: &TablePreprocess, grid: &Grid) -> Result<Split, DataError> {
    let rows: Vec<usize> = (0..grid.num_rows()).collect();
    let store = Arc::new(store(preprocess, grid, &rows)?);
    Ok(Split::new(store, &rows))
}

/// The given rows as inputs and targets.
fn store(preprocess: &TablePreprocess, grid: &Grid, rows: &[usize]) -> Result<Store, DataError> {
    let width = preprocess.width();
    let mut places = Vec::with_capacity(preprocess.columns.len());
    for column in &preprocess.columns {
        places.push((column, grid.column_or_error(&column.name)?));
    }
    let mut values = Vec::with_capacity(width * rows.len());
    for &row in rows {
        for &(column, place) in &places {
            column.encode(grid, row, place, &mut values)?;
        }
    }
    let targets = match grid.column(preprocess.target.name()) {
        Some(column) if rows.iter().all(|&row| grid.cell(row, column).is_some()) => {
            preprocess.target.encode(grid, column, rows)?
        }
        _ => StoredTargets::Absent,
    };
    let lines = rows.iter().map(|&row| grid.line(row)).collect();
    Ok(Store {
        inputs: StoredInputs::Rows {
            width,
            values: values.into(),
        },
        targets,
        place: Place::Listed("line", lines),
    })
}

/// What was recognised of the form of a CSV file.
pub(crate) fn read_sentence(grid: &Grid, name: &str) -> String {
    let separator = match grid.separator {
        ',' => "commas",
        ';' => "semicolons",
        _ => "tabs",
    };
    let header = if grid.has_header {
        "with a header"
    } else {
        "without a header"
    };
    let (rows, names) = (grid.num_rows(), &grid.names);
    let columns = names.len();
    format!(
        "`{name}` has {rows} rows of {columns} columns, separated by {separator}, {header}: {}",
        list(names)
    )
}
