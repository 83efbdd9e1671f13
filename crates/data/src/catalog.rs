//! The known datasets: a manifest each, and the bytes of those that ship with the program.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::sources::{self, Content, SourceFile};
use crate::{DataError, DataFolders, TableTask};

/// A known dataset, for people who look for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// What `--data` takes.
    pub name: String,
    /// One line.
    pub title: String,
    /// `classification`, `regression`, `forecast` or `text`.
    pub task: String,
    /// Size and form, such as `60000 + 10000 images of 28x28, 10 classes`; empty where the
    /// manifest does not say.
    pub shape: String,
    /// Under which it may be used.
    pub licence: String,
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// Whether this version can read it.
    pub readable: bool,
}

/// Where a known dataset is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// In the program itself.
    Shipped,
    /// In this folder.
    Fetched(PathBuf),
    /// Nowhere; this command fetches it.
    NotFetched(String),
}

/// All known datasets, shipped ones first, each group by name.
///
/// # Example
/// ```
/// let known = fornax_data::list(&fornax_data::DataFolders::default());
/// assert!(known.iter().any(|dataset| dataset.name == "penguins"));
/// ```
#[must_use]
pub fn list(folders: &DataFolders) -> Vec<Known> {
    let mut known: Vec<Known> = MANIFESTS
        .iter()
        .map(|manifest| Known {
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            task: manifest.task.clone(),
            shape: manifest.shape.clone(),
            licence: manifest.licence.clone(),
            whereabouts: manifest.whereabouts(folders),
            readable: sources::reads(&manifest.kind),
        })
        .collect();
    known.sort_by_key(|dataset| {
        (
            dataset.whereabouts != Whereabouts::Shipped,
            dataset.name.clone(),
        )
    });
    known
}

/// `datasets/<name>.toml`
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    title: String,
    task: String,
    #[serde(default)]
    shape: String,
    licence: String,
    shipped: bool,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) options: Options,
    files: Vec<ManifestFile>,
}

#[derive(Debug, Clone, Deserialize)]
struct ManifestFile {
    path: String,
}

/// How a known dataset is read where the user says nothing else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// Column to predict.
    pub(crate) target: Option<String>,
    pub(crate) task: Option<TableTask>,
    /// Columns to leave out.
    pub(crate) drop: Vec<String>,
    /// Names of the columns of a table without a header.
    pub(crate) columns: Vec<String>,
    /// The one of the files to train on, where another one is the standard test set.
    pub(crate) train_file: Option<String>,
    pub(crate) test_file: Option<String>,
    /// Steps that a forecaster sees.
    pub(crate) window: Option<usize>,
    /// Steps after which a series repeats.
    pub(crate) season: Option<usize>,
    /// Steps of the standard training, validation and test splits of a series, one after another.
    pub(crate) splits: Option<[usize; 3]>,
    /// Names of the classes of an image set, which has only numbers.
    pub(crate) classes: Vec<String>,
    /// `[C, H, W]` of a table whose rows are pixels, the class last.
    pub(crate) image: Option<[usize; 3]>,
    /// The brightest pixel of such a table.
    pub(crate) max: Option<u8>,
    /// Those of several archives that are read; empty for all.
    pub(crate) archives: Vec<String>,
    /// How many folders above a file name its class, where one does not.
    pub(crate) class_folders: Option<usize>,
    /// How the names of the files end that are the standard test set.
    pub(crate) test_endings: Vec<String>,
}

macro_rules! manifests {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../datasets/", $name, ".toml")))),*]
    };
}

/// One line a known dataset.
const MANIFEST_TEXTS: &[(&str, &str)] = manifests![
    "adult",
    "airline",
    "auto-mpg",
    "basic-motions",
    "beijing-air",
    "breast-cancer",
    "california-housing",
    "cifar10",
    "co2",
    "digits",
    "etth1",
    "fashion-mini",
    "fashion-mnist",
    "flowers",
    "flowers-small",
    "fsdd",
    "gait",
    "gun-point",
    "image-segments",
    "iris",
    "italy-power-demand",
    "japanese-vowels",
    "kmnist",
    "mnist",
    "mnist-1d",
    "moby-dick",
    "movie-reviews",
    "omniglot",
    "omniglot-alphabets",
    "omniglot-small",
    "osu-leaf",
    "penguins",
    "seattle-temps",
    "seattle-weather",
    "sms-spam",
    "sunspots",
    "tiny-shakespeare",
    "wine",
    "wine-quality",
];

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../datasets/", $path)))),*]
    };
}

/// One line a file of a shipped dataset.
const SHIPPED_FILES: &[(&str, &[u8])] = shipped![
    "airline/airline-passengers.csv",
    "breast-cancer/breast-cancer.csv",
    "co2/mauna-loa-co2.csv",
    "digits/digits.csv.gz",
    "fashion-mini/t10k-images-idx3-ubyte.gz",
    "fashion-mini/t10k-labels-idx1-ubyte.gz",
    "fashion-mini/train-images-idx3-ubyte.gz",
    "fashion-mini/train-labels-idx1-ubyte.gz",
    "iris/iris.csv",
    "japanese-vowels/JapaneseVowels_TEST.ts.gz",
    "japanese-vowels/JapaneseVowels_TRAIN.ts.gz",
    "moby-dick/moby-dick.txt.gz",
    "penguins/penguins.csv",
    "sunspots/sunspots-yearly.csv",
    "wine/wine.csv",
];

static MANIFESTS: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    let parse = |&(_, text)| toml::from_str(text).expect("a test parses every manifest");
    MANIFEST_TEXTS.iter().map(parse).collect()
});

/// The manifest of a known name.
pub(crate) fn find(name: &str) -> Option<&'static Manifest> {
    MANIFESTS.iter().find(|manifest| manifest.name == name)
}

/// The known name that is most like `name`, if one is.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    sources::nearest(
        name,
        MANIFESTS.iter().map(|manifest| manifest.name.as_str()),
    )
}

impl Manifest {
    /// The files, from the program itself or from the first folder that has them all.
    pub(crate) fn files(&self, folders: &DataFolders) -> Result<Vec<SourceFile>, DataError> {
        if self.shipped {
            return Ok(self.shipped_files());
        }
        let Some(folder) = self.fetched_folder(folders) else {
            let folders: Vec<_> = folders
                .0
                .iter()
                .map(|folder| folder.join(&self.name).display().to_string())
                .collect();
            let folders = match folders.as_slice() {
                [] => "any folder: none was named".to_owned(),
                _ => folders.join(", "),
            };
            return Err(DataError::Missing {
                name: self.name.clone(),
                folders,
            });
        };
        let on_disk = |file: &ManifestFile| SourceFile::on_disk(folder.join(&file.path));
        Ok(self.files.iter().map(on_disk).collect())
    }

    fn shipped_files(&self) -> Vec<SourceFile> {
        let own = SHIPPED_FILES.iter().filter(|(path, _)| {
            path.split_once('/')
                .is_some_and(|(folder, _)| folder == self.name)
        });
        own.map(|&(path, bytes)| SourceFile {
            path: path.into(),
            content: Content::Shipped(bytes),
        })
        .collect()
    }

    fn fetched_folder(&self, folders: &DataFolders) -> Option<PathBuf> {
        let complete = |folder: &Path| {
            self.files
                .iter()
                .all(|file| folder.join(&file.path).is_file())
        };
        folders
            .0
            .iter()
            .map(|folder| folder.join(&self.name))
            .find(|folder| complete(folder))
    }

    fn whereabouts(&self, folders: &DataFolders) -> Whereabouts {
        if self.shipped {
            return Whereabouts::Shipped;
        }
        match self.fetched_folder(folders) {
            Some(folder) => Whereabouts::Fetched(folder),
            None => Whereabouts::NotFetched(format!("cargo xtask datasets fetch {}", self.name)),
        }
    }
}
