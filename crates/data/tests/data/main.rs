//! The crate as its users see it: files in, arrays or messages out.

#![allow(clippy::float_cmp)] // Exact values are meant.

mod archives;
mod bad_inputs;
mod characters;
mod checks;
mod cifar;
mod dates;
mod documents;
mod extremes;
mod forecasts;
mod images;
mod memory;
mod new_items;
mod pairs;
mod parquet;
mod parsers;
mod series;
mod shipped;
mod slow;
mod sound;
mod tables;

use std::path::PathBuf;

use fornax_data::{DataConfig, DataError, DataFolders, Dataset, Inputs, Split, Targets, open};
use tempfile::TempDir;

/// Names of the datasets in the program itself.
const SHIPPED: [&str; 11] = [
    "airline",
    "breast-cancer",
    "co2",
    "digits",
    "fashion-mini",
    "iris",
    "japanese-vowels",
    "moby-dick",
    "penguins",
    "sunspots",
    "wine",
];

fn shipped(name: &str) -> Dataset {
    open(&DataConfig::new(name), 42, &DataFolders::default()).unwrap()
}

/// A folder of the given files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Opens one of the files of a folder, or the folder itself where `name` is empty.
fn open_in(folder: &TempDir, name: &str, config: DataConfig) -> Result<Dataset, DataError> {
    let source = path_in(folder, name).to_str().unwrap().to_owned();
    open(
        &DataConfig { source, ..config },
        42,
        &DataFolders::default(),
    )
}

fn path_in(folder: &TempDir, name: &str) -> PathBuf {
    if name.is_empty() {
        folder.path().to_owned()
    } else {
        folder.path().join(name)
    }
}

/// Opens a file of these bytes.
fn open_bytes(name: &str, bytes: &[u8], config: DataConfig) -> Result<Dataset, DataError> {
    open_in(&folder(&[(name, bytes)]), name, config)
}

fn indices(split: &Split) -> Vec<usize> {
    (0..split.len()).collect()
}

/// The numbers of one item.
fn dense(split: &Split, index: usize) -> Vec<f32> {
    match split.batch(&[index]).unwrap().inputs {
        Inputs::Dense { values, .. } => values,
        other => panic!("expected vectors, found {other:?}"),
    }
}

/// Every class of a split.
fn classes(split: &Split) -> Vec<i32> {
    match split.batch(&indices(split)).unwrap().targets {
        Targets::Classes(classes) => classes,
        other => panic!("expected classes, found {other:?}"),
    }
}

/// The datasets' folder of the repository.
fn datasets_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
}
