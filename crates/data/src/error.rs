//! What can be wrong with data, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// A fault of the data or of the way it was asked for.
///
/// Lines and columns of a file are counted from 1, bytes from 0.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs)] // Each message says what its fields are.
pub enum DataError {
    #[error("`data.{key} = {value}` does not fit")]
    #[diagnostic(help("give {expected}"))]
    Config {
        key: &'static str,
        value: String,
        expected: &'static str,
    },

    #[error("`augment.{key} = {value}` does not fit")]
    #[diagnostic(help("give a number from 0 to {most}"))]
    Augment {
        key: &'static str,
        value: f64,
        most: f64,
    },

    #[error("{kind} have no picture")]
    #[diagnostic(help("`fornax data check` says what is in them"))]
    NoPicture { kind: &'static str },

    // Finding the source.
    #[error("no data was named")]
    #[diagnostic(help("name a dataset or a path; `fornax data list` shows the names"))]
    NotGiven,

    #[error("`{name}` is neither a known dataset nor a path that exists")]
    #[diagnostic(help("{advice}"))]
    Unknown { name: String, advice: String },

    #[error("dataset `{name}` is not in {folders}")]
    #[diagnostic(help("run `cargo xtask datasets fetch {name}`"))]
    Missing { name: String, folders: String },

    #[error("dataset `{name}` is of the kind `{kind}`, which this version does not read")]
    #[diagnostic(help("`fornax data list` shows what can be read"))]
    KindNotRead { name: String, kind: String },

    #[error("{}: this is no kind of source that can be read", path.display())]
    #[diagnostic(help("{advice}"))]
    Unrecognised { path: PathBuf, advice: String },

    #[error("the manifest of dataset `{name}` does not fit: {problem}")]
    #[diagnostic(help("mend `datasets/{name}.toml`"))]
    Manifest { name: String, problem: String },

    // Reading bytes.
    #[error("{}: cannot be read", path.display())]
    #[diagnostic(help("check that the file exists and that you may read it"))]
    Read { path: PathBuf, source: io::Error },

    #[error("{}: the compressed data is damaged or cut off", path.display())]
    #[diagnostic(help("fetch or copy the file again; `gzip -t` checks it"))]
    Gzip { path: PathBuf, source: io::Error },

    #[error("{}: holds more than {limit} bytes, unpacked", path.display())]
    #[diagnostic(help("split the file, or use a part of it"))]
    TooLarge { path: PathBuf, limit: u64 },

    #[error("{}: byte {offset} is not UTF-8", path.display())]
    #[diagnostic(help("{advice}"))]
    NotUtf8 {
        path: PathBuf,
        offset: u64,
        advice: String,
    },

    #[error("{}: holds no data", path.display())]
    #[diagnostic(help("check that it is the right file and was written to its end"))]
    Empty { path: PathBuf },

    #[error("the temporary file for data that does not fit in memory: {source}")]
    #[diagnostic(help(
        "make room in the folder of temporary files, or name another one by TMPDIR; \
         `data.memory_mb` says how much is kept in memory"
    ))]
    Cache { source: io::Error },

    // IDX files.
    #[error("{}: not an IDX file: it begins with {found:02x?}, not with 00 00", path.display())]
    #[diagnostic(help("give an IDX file as MNIST has them, plain or gzipped"))]
    IdxMagic { path: PathBuf, found: Vec<u8> },

    #[error("{}: the values are of the IDX type 0x{found:02x}, only 0x08 is read", path.display())]
    #[diagnostic(help("store the values as unsigned bytes"))]
    IdxType { path: PathBuf, found: u8 },

    #[error("{}: has {found} dimensions, but {expected}", path.display())]
    #[diagnostic(help("check that images and labels are not swapped"))]
    IdxDimensions {
        path: PathBuf,
        found: u8,
        expected: &'static str,
    },

    #[error("{}: the header speaks of {expected} bytes, the file has {found}", path.display())]
    #[diagnostic(help("fetch or copy the file again"))]
    IdxSize {
        path: PathBuf,
        expected: u128,
        found: usize,
    },

    #[error(
        "{} has {num_images} images, but {} has {num_labels} labels",
        images.display(),
        labels.display()
    )]
    #[diagnostic(help("both files must come from the same set"))]
    IdxCounts {
        images: PathBuf,
        num_images: usize,
        labels: PathBuf,
        num_labels: usize,
    },

    #[error("{}: images of {found}, but {expected} are wanted", path.display())]
    #[diagnostic(help("bring the images to that size"))]
    ImageSize {
        path: PathBuf,
        found: String,
        expected: String,
    },

    // Files of images and sound, folders and archives.
    #[error("{}: cannot be read as an image: {problem}", path.display())]
    #[diagnostic(help("replace or remove the file; `--set data.skip_faulty=true` leaves it out"))]
    Image { path: PathBuf, problem: String },

    #[error("{}: cannot be read as a recording: {problem}", path.display())]
    #[diagnostic(help(
        "replace or remove the file, or save it as PCM; `--set data.skip_faulty=true` leaves it out"
    ))]
    Sound { path: PathBuf, problem: String },

    #[error("{}: an image of {height}x{width} pixels, more than {limit} in all", path.display())]
    #[diagnostic(help("make the image smaller, or remove it"))]
    ImageTooLarge {
        path: PathBuf,
        height: u32,
        width: u32,
        limit: u64,
    },

    #[error("{}: {count} files cannot be used: {list}", path.display())]
    #[diagnostic(help(
        "replace or remove the files; `--set data.skip_faulty=true` leaves them out"
    ))]
    FaultyFiles {
        path: PathBuf,
        count: usize,
        list: String,
    },

    #[error("{}: {what} lie here without their classes", path.display())]
    #[diagnostic(help("put the files of each class into a folder that is called as the class"))]
    Loose { path: PathBuf, what: String },

    #[error("{}: {found} bytes are no whole number of records of {record}", path.display())]
    #[diagnostic(help("fetch or copy the file again"))]
    Records {
        path: PathBuf,
        found: usize,
        record: usize,
    },

    #[error("{}: the archive cannot be unpacked: {problem}", path.display())]
    #[diagnostic(help("{advice}"))]
    Archive {
        path: PathBuf,
        problem: String,
        advice: &'static str,
    },

    #[error("{}:{line}: pixel {column} is `{value}`", path.display())]
    #[diagnostic(help("pixels are whole numbers from 0 to {max}"))]
    Pixel {
        path: PathBuf,
        line: u64,
        column: usize,
        value: String,
        max: u8,
    },

    #[error("{}: the Parquet file cannot be read: {problem}", path.display())]
    #[diagnostic(help("write the file again, packed with snappy, zstd, gzip, lz4 or not at all"))]
    Parquet { path: PathBuf, problem: String },

    // Tables and series.
    #[error("{}: has more than {limit} rows", path.display())]
    #[diagnostic(help("split the file, or use a part of it"))]
    TooManyRows { path: PathBuf, limit: usize },

    #[error("{}:{line}: expected {expected} columns, found {found}", path.display())]
    #[diagnostic(help("put cells that hold the separator in quotes"))]
    Columns {
        path: PathBuf,
        line: u64,
        expected: usize,
        found: usize,
    },

    #[error("{}:{line}: a quote is opened here and never closed", path.display())]
    #[diagnostic(help("close it, or double a quote that is part of a cell"))]
    OpenQuote { path: PathBuf, line: u64 },

    #[error("{}: there is no column `{column}`", path.display())]
    #[diagnostic(help("{advice}"))]
    NoColumn {
        path: PathBuf,
        column: String,
        advice: String,
    },

    #[error("{}:1: two columns are called `{column}`", path.display())]
    #[diagnostic(help("give each column a name of its own"))]
    DuplicateColumn { path: PathBuf, column: String },

    #[error("{}:{line}: column `{column}` holds {kind}, but here `{value}`", path.display())]
    #[diagnostic(help("correct the cell, empty it, or leave the column out: `data.drop`"))]
    StrayWord {
        path: PathBuf,
        line: u64,
        column: String,
        value: String,
        kind: &'static str,
    },

    #[error(
        "{}:{line}: `{value}` in column `{column}` is no date if `{other}` on line {other_line} is one",
        path.display()
    )]
    #[diagnostic(help(
        "write all dates of a column in one order, best as 2024-12-31, or leave it out: `data.drop`"
    ))]
    DateOrders {
        path: PathBuf,
        line: u64,
        column: String,
        value: String,
        other: String,
        other_line: u64,
    },

    #[error("{}: no column is left to predict `{target}` from", path.display())]
    #[diagnostic(help(
        "a column is left out by `data.drop`, when it holds one value, or when \
                       every cell differs from all others"
    ))]
    NoInputs { path: PathBuf, target: String },

    #[error("{}: column `{target}` is not numeric, but `{value}` on line {line}", path.display())]
    #[diagnostic(help("name a numeric column with `data.target`"))]
    TargetNotNumeric {
        path: PathBuf,
        line: u64,
        target: String,
        value: String,
    },

    #[error(
        "{}: column `{target}` has {num_classes} different values in {rows} rows, too many for classes",
        path.display()
    )]
    #[diagnostic(help("name the column to predict with `data.target`"))]
    TooManyClasses {
        path: PathBuf,
        target: String,
        num_classes: usize,
        rows: usize,
    },

    #[error("{}: everything is of the class `{class}`", path.display())]
    #[diagnostic(help("there have to be two classes at least"))]
    OneClass { path: PathBuf, class: String },

    #[error("{}: there is one item of the class `{class}`, which cannot be split", path.display())]
    #[diagnostic(help("add items of that class, remove it, or join it with another class"))]
    RareClass { path: PathBuf, class: String },

    #[error("{}: {found} items are too few to split, {needed} are needed", path.display())]
    #[diagnostic(help(
        "gather more data, or lower `data.valid_fraction` and `data.test_fraction`"
    ))]
    TooFew {
        path: PathBuf,
        found: usize,
        needed: usize,
    },

    #[error("{place}: class `{class}` did not occur in training")]
    #[diagnostic(help("the classes are {known}"))]
    UnknownClass {
        place: String,
        class: String,
        known: String,
    },

    #[error("{}: the items have no targets to compare with", path.display())]
    #[diagnostic(help("give a file in which {what} stands on every line"))]
    NoTargets { path: PathBuf, what: String },

    #[error(
        "{}:{line}: `{value}` in column `{column}` does not come after `{previous}`",
        path.display()
    )]
    #[diagnostic(help(
        "sort the rows by time, one row a time; what tells several series apart is named by `--series`"
    ))]
    NotIncreasing {
        path: PathBuf,
        line: u64,
        column: String,
        value: String,
        previous: String,
    },

    #[error("{}: {found} rows are too few for this window and horizon, {needed} are needed", path.display())]
    #[diagnostic(help("{advice}"))]
    SeriesTooShort {
        path: PathBuf,
        found: usize,
        needed: usize,
        advice: String,
    },

    #[error("{}: {found} rows follow the last `{target}`, {needed} are needed", path.display())]
    #[diagnostic(help(
        "add rows with {known} known and `{target}` empty, as many as are forecast"
    ))]
    NoFuture {
        path: PathBuf,
        target: String,
        found: usize,
        needed: usize,
        known: String,
    },

    // UCR/UEA files.
    #[error("{}:{line}: {problem}", path.display())]
    #[diagnostic(help("{advice}"))]
    Ts {
        path: PathBuf,
        line: u64,
        problem: String,
        advice: &'static str,
    },

    #[error("{}: {problem}", path.display())]
    #[diagnostic(help("{advice}"))]
    Npz {
        path: PathBuf,
        problem: String,
        advice: &'static str,
    },

    // Models.
    #[error("the preprocessing of the model does not fit: {problem}")]
    #[diagnostic(help("the files of the model are damaged or foreign: train it again"))]
    Preprocess { problem: &'static str },

    #[error("{}: the inputs of this model come from a program, not from files", path.display())]
    #[diagnostic(help("make them in the program, as for training: `Dataset::from_source`"))]
    FromProgram { path: PathBuf },

    // Text.
    #[error("{}: {found} characters are too few, {needed} are needed", path.display())]
    #[diagnostic(help("{advice}"))]
    TextTooShort {
        path: PathBuf,
        found: usize,
        needed: usize,
        advice: String,
    },

    #[error("this model reads {kind}, not text")]
    #[diagnostic(help("text belongs to a model that was trained on a text file"))]
    NotText { kind: &'static str },
}
