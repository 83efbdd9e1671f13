//! Images as a CSV table: a row holds the pixels of an image, and its class in the last column.

use std::collections::BTreeSet;
use std::path::Path;

use super::grid::{Block, Grid};
use super::images::{self, ImagePreprocess, ImageSet, Images};
use super::table::class_index;
use super::{Opening, table_file};
use crate::split::Place;
use crate::{DataError, Dataset};

/// Opens a table whose manifest gives the shape of its images.
pub(super) fn open(
    opening: &Opening,
    grid: &Grid,
    shape: [usize; 3],
) -> Result<Dataset, DataError> {
    let max = opening.options.max.unwrap_or(u8::MAX).max(1);
    let classes = class_names(grid)?;
    let images = parse(grid, shape, max, &classes)?;
    let set = ImageSet {
        train: images,
        valid: None,
        test: None,
        classes,
        max,
        form: images::Form::Exact,
        warnings: Vec::new(),
    };
    images::build(opening, set)
}

/// Reads new images, with or without the column of classes.
pub(super) fn read(path: &Path, like: &ImagePreprocess) -> Result<Images, DataError> {
    let grid = table_file::read_new(path, None)?;
    parse(&grid, like.shape, like.max, &like.classes)
}

/// The classes of the last column: numbers by their size, words by the alphabet.
fn class_names(grid: &Grid) -> Result<Vec<String>, DataError> {
    let last = grid.names.len().saturating_sub(1);
    let mut names = BTreeSet::new();
    grid.each(last, |_, cell| {
        if let Some(cell) = cell.filter(|&cell| !names.contains(cell)) {
            names.insert(cell.to_owned());
        }
        Ok(())
    })?;
    let mut names: Vec<String> = names.into_iter().collect();
    if names.iter().all(|name| grid.parse_number(name).is_some()) {
        let number = |name: &str| grid.parse_number(name).unwrap_or_default();
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    if names.len() > 256 {
        return Err(DataError::TooManyClasses {
            path: grid.path.clone(),
            target: grid.names.get(last).cloned().unwrap_or_default(),
            num_classes: names.len(),
            rows: grid.num_rows(),
        });
    }
    Ok(names)
}

fn parse(grid: &Grid, shape: [usize; 3], max: u8, classes: &[String]) -> Result<Images, DataError> {
    let size: usize = shape.iter().product();
    let found = grid.names.len();
    if found != size && found != size + 1 {
        let (path, line) = (grid.path.clone(), grid.line(0));
        return Err(DataError::Columns {
            path,
            line,
            expected: size + 1,
            found,
        });
    }
    let mut pixels = Vec::with_capacity(size * grid.num_rows());
    let mut labels = (found > size).then(Vec::new);
    for block in grid.blocks() {
        let block = block?;
        for row in block.rows.clone() {
            for column in 0..size {
                pixels.push(pixel(grid, &block, row, column, max)?);
            }
            if let Some(labels) = &mut labels {
                let place = || format!("{}:{}", grid.path.display(), grid.line(row));
                let class = class_index(classes, block.cell(row, size).unwrap_or_default(), place)?;
                labels.push(class);
            }
        }
    }
    Ok(Images {
        shape,
        pixels: pixels.into(),
        labels,
        place: Place::Counted("image", 0),
    })
}

/// A pixel: a whole number from 0 to the brightest.
fn pixel(grid: &Grid, block: &Block, row: usize, column: usize, max: u8) -> Result<u8, DataError> {
    let word = block.cell(row, column).unwrap_or_default();
    match word.parse() {
        Ok(pixel) if pixel <= max => Ok(pixel),
        _ => Err(DataError::Pixel {
            path: grid.path.clone(),
            line: grid.line(row),
            column: column + 1,
            value: word.to_owned(),
            max,
        }),
    }
}
