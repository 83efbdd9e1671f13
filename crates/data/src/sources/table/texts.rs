//! A table whose column of texts is all that there is to predict from.

use super::{TargetEncoding, column};
use crate::sources::Opening;
use crate::sources::documents::{self, DocumentSet, TextColumns, TextsWriter};
use crate::sources::grid::Grid;
use crate::split::Place;
use crate::{DataError, Dataset};

/// The column to read as text: the one that the user names, or the only one that is worth reading.
pub(super) fn column(
    opening: &Opening,
    grid: &Grid,
    target: &TargetEncoding,
    reading: &mut Vec<String>,
) -> Result<Option<usize>, DataError> {
    if let Some(name) = &opening.config.text {
        let column = grid.column_or_error(name)?;
        return match target {
            TargetEncoding::Classes { .. } if name != target.name() => Ok(Some(column)),
            _ => Err(DataError::Config {
                key: "text",
                value: name.clone(),
                expected: "a column beside a target of classes",
            }),
        };
    }
    let mut texts = Vec::new();
    let mut num_others = 0;
    for (place, name) in grid.names.iter().enumerate() {
        if name == target.name() || opening.drops(name) {
            continue;
        }
        if grid.is_text(place)? {
            texts.push(place);
        } else if !column::is_identifier(grid, place)? {
            num_others += 1;
        }
    }
    let has_classes = target.classes().is_some();
    match *texts.as_slice() {
        [text] if has_classes && num_others == 0 => Ok(Some(text)),
        [text, ..] if has_classes => {
            let name = &grid.names[text];
            reading.push(format!(
                "`{name}` holds texts: `--set data.text={name}` predicts from them alone"
            ));
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Reads the texts of the rows that have a target.
pub(super) fn open(
    opening: &Opening,
    grid: &Grid,
    column: usize,
    (rows, labels, target): (Vec<usize>, Vec<i32>, TargetEncoding),
    (mut reading, warnings): (Vec<String>, Vec<String>),
) -> Result<Dataset, DataError> {
    let text = grid.names[column].clone();
    reading.push(format!(
        "`{}` is predicted from the texts of `{text}`",
        target.name()
    ));
    let mut train = TextsWriter::new(opening.config.cell_bytes());
    let mut labels = labels.into_iter();
    grid.each_of(column, &rows, |_, cell| {
        train.push(cell.unwrap_or_default(), labels.next().unwrap_or(0))
    })?;
    let lines = rows.iter().map(|&row| grid.line(row)).collect();
    let set = DocumentSet {
        train: train.finish(Place::Listed("line", lines))?,
        valid: None,
        test: None,
        classes: target.classes().unwrap_or_default().to_vec(),
        columns: Some(TextColumns {
            names: grid.names.clone(),
            text,
            target: target.name().to_owned(),
        }),
        reading,
        warnings,
    };
    documents::build(opening, set)
}
