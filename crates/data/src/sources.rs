//! From a name or a path to the one kind of source that reads it: the only place that knows all
//! kinds. A new kind is one new file below `sources/` and one line in [`KINDS`].

mod archive;
mod cifar;
mod csv_file;
pub(crate) mod documents;
mod faults;
mod file;
pub(crate) mod forecast;
mod grid;
pub(crate) mod idx;
mod image_file;
mod image_folder;
pub(crate) mod images;
mod lines;
mod names;
mod parquet_file;
mod pixels;
pub(crate) mod sound;
pub(crate) mod splits;
pub(crate) mod table;
mod table_file;
pub(crate) mod text;
mod text_file;
mod tree;
pub(crate) mod ts;

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::catalog::{self, Options};
use crate::{DataConfig, DataError, DataFolders, Dataset, LeftOut, Split};

use archive::Unpacked;
use text_file::Text;
use tree::{Layout, Tree};

pub(crate) use file::{Content, SourceFile};
pub(crate) use lines::Lines;
use names::slug;
pub(crate) use names::{ends_with, file_name, nearest};

/// A kind of source.
struct Kind {
    /// As manifests call it.
    name: &'static str,
    /// Whether it reads what a path leads to.
    recognises: fn(&Opening) -> bool,
    open: fn(&Opening) -> Result<Dataset, DataError>,
}

/// Every kind of source; a path is offered to them from first to last.
const KINDS: &[Kind] = &[
    Kind {
        name: "idx",
        recognises: idx::recognises,
        open: idx::open,
    },
    Kind {
        name: "cifar",
        recognises: cifar::recognises,
        open: cifar::open,
    },
    Kind {
        name: "images",
        recognises: image_folder::recognises,
        open: image_folder::open,
    },
    Kind {
        name: "wav",
        recognises: sound::recognises,
        open: sound::open,
    },
    Kind {
        name: "documents",
        recognises: documents::recognises,
        open: documents::open,
    },
    Kind {
        name: "ts",
        recognises: ts::recognises,
        open: ts::open,
    },
    Kind {
        name: "forecast",
        recognises: forecast::recognises,
        open: forecast::open,
    },
    Kind {
        name: "table",
        recognises: table::recognises,
        open: table::open,
    },
    Kind {
        name: "text",
        recognises: text::recognises,
        open: text::open,
    },
];

/// What [`KINDS`] read, for people.
const READABLE: &str = "IDX images (train-images-idx3-ubyte), CIFAR batches, a folder of folders of \
                        images, recordings (.wav) or texts, tables and series (.csv, .tsv, .parquet), UCR/UEA series (.ts) and plain \
                        text (.txt) are read, each also gzipped, in a zip or in a tar.gz";

/// Whether this version reads the kind of a manifest.
pub(crate) fn reads(kind: &str) -> bool {
    KINDS.iter().any(|known| known.name == kind)
}

/// What a source has to know to be read.
pub(crate) struct Opening<'a> {
    /// The dataset's name, cleaned.
    pub(crate) name: String,
    /// The file or folder that a path led to; the dataset's name for a known one.
    pub(crate) path: PathBuf,
    /// Name of the file among `files` that the path led to; `None` for folders and known
    /// datasets.
    pub(crate) chosen: Option<String>,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) config: &'a DataConfig,
    pub(crate) options: Options,
    pub(crate) seed: u64,
    digest: RefCell<Sha256>,
    tree: OnceCell<Tree>,
    /// What a person should look at, found while reading.
    notes: RefCell<Vec<String>>,
    left_out: RefCell<Vec<LeftOut>>,
    /// Holds the files until they are read.
    _unpacked: Option<Unpacked>,
}

/// Reads a source, splits it and fits its preprocessing.
///
/// The name of a known dataset comes before a file of the same name; write `./digits` for the
/// file.
///
/// # Errors
/// [`DataError`] says what does not fit, where, and what to do.
///
/// # Example
/// ```
/// use fornax_data::{DataConfig, DataFolders, open};
///
/// let penguins = open(&DataConfig::new("penguins"), 42, &DataFolders::default())?;
/// assert_eq!(penguins.task.num_outputs(), 3);
/// # Ok::<(), fornax_data::DataError>(())
/// ```
pub fn open(config: &DataConfig, seed: u64, folders: &DataFolders) -> Result<Dataset, DataError> {
    config.validate()?;
    if config.source.is_empty() {
        return Err(DataError::NotGiven);
    }
    if let Some(manifest) = catalog::find(&config.source) {
        let Some(kind) = KINDS.iter().find(|kind| kind.name == manifest.kind) else {
            let (name, kind) = (manifest.name.clone(), manifest.kind.clone());
            return Err(DataError::KindNotRead { name, kind });
        };
        let mut options = manifest.options.clone();
        if config.target.is_some() && config.target != options.target {
            // What the manifest knows of its own target says nothing of another.
            options.task = None;
        }
        let files = manifest.files(folders)?;
        let archives: Vec<&Path> = files
            .iter()
            .filter(|file| options.archives.is_empty() || options.archives.contains(&file.name()))
            .map(|file| file.path.as_path())
            .filter(|path| archive::is_archive(path))
            .collect();
        let mut opening = if archives.is_empty() {
            Opening {
                path: PathBuf::from(&manifest.name),
                files,
                ..Opening::new(manifest.name.clone(), config, seed)
            }
        } else {
            let unpacked = archive::unpack(&archives)?;
            Opening {
                path: unpacked.content.clone(),
                files: file::in_folder(&unpacked.content)?,
                _unpacked: Some(unpacked),
                ..Opening::new(manifest.name.clone(), config, seed)
            }
        };
        opening.options = options;
        return opening.open_as(kind);
    }
    let opening = Opening::at_path(config, seed)?;
    if opening.chosen.is_none() {
        opening.needed_tree()?;
    }
    if let Some(kind) = KINDS.iter().find(|kind| (kind.recognises)(&opening)) {
        return opening.open_as(kind);
    }
    let is_folder = opening.chosen.is_none();
    let advice = if is_folder {
        "give one of its files; "
    } else {
        ""
    };
    Err(DataError::Unrecognised {
        path: opening.path,
        advice: format!("{advice}{READABLE}"),
    })
}

impl<'a> Opening<'a> {
    fn new(name: String, config: &'a DataConfig, seed: u64) -> Self {
        Self {
            name,
            path: PathBuf::new(),
            chosen: None,
            files: Vec::new(),
            config,
            options: Options::default(),
            seed,
            digest: RefCell::default(),
            tree: OnceCell::new(),
            notes: RefCell::default(),
            left_out: RefCell::default(),
            _unpacked: None,
        }
    }

    /// The file or folder that the user named, or the content of an archive.
    fn at_path(config: &'a DataConfig, seed: u64) -> Result<Self, DataError> {
        let path = PathBuf::from(&config.source);
        let name = slug(&path);
        if archive::is_archive(&path) && path.is_file() {
            let unpacked = archive::unpack(&[&path])?;
            let path = unpacked.content.clone();
            return Ok(Self {
                _unpacked: Some(unpacked),
                ..Self::at(path, name, config, seed)?
            });
        }
        Self::at(path, name, config, seed)
    }

    fn at(
        path: PathBuf,
        name: String,
        config: &'a DataConfig,
        seed: u64,
    ) -> Result<Self, DataError> {
        let is_folder = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() || metadata.is_file() => metadata.is_dir(),
            Ok(_) => {
                return Err(DataError::Unrecognised {
                    path,
                    advice: "give a file".into(),
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(unknown(&config.source));
            }
            Err(source) => return Err(DataError::Read { path, source }),
        };
        let (folder, chosen) = if is_folder {
            (path.clone(), None)
        } else {
            let parent = path.parent().map(Path::to_path_buf).unwrap_or_default();
            (parent, Some(file_name(&path)))
        };
        let mut files = match file::in_folder(&folder) {
            Err(_) if chosen.is_some() => Vec::new(), // The file may be readable all the same.
            files => files?,
        };
        if let Some(chosen) = &chosen
            && !files.iter().any(|file| file.name() == *chosen)
        {
            files.push(SourceFile::on_disk(path.clone()));
        }
        Ok(Self {
            path,
            chosen,
            files,
            ..Self::new(name, config, seed)
        })
    }

    fn open_as(&self, kind: &Kind) -> Result<Dataset, DataError> {
        let of_series = [
            ("channels", &self.config.channels),
            ("series", &self.config.series),
            ("known_future", &self.config.known_future),
        ];
        let given = of_series.into_iter().find(|(_, names)| !names.is_empty());
        if let (Some((key, names)), true) = (given, kind.name != "forecast") {
            return Err(DataError::Config {
                key,
                value: names.join(", "),
                expected: "only for a series to forecast; `data.window` makes a table one",
            });
        }
        let mut dataset = (kind.open)(self)?;
        dataset.warnings.extend(self.notes.take());
        dataset.left_out = self.left_out.take();
        if let Some(count) = self.config.labels {
            dataset.train = self.labelled(&dataset.train, count)?;
            dataset.reading.push(format!(
                "the answers of {} training items are used; {} are without",
                dataset.train.len(),
                dataset.train.num_unlabelled()
            ));
        }
        Ok(dataset)
    }

    fn labelled(&self, train: &Split, count: usize) -> Result<Split, DataError> {
        let expected = "at least one for each class; only data with classes can be used in part";
        let refused = || DataError::Config {
            key: "labels",
            value: count.to_string(),
            expected,
        };
        train.with_labels(count, self.seed).ok_or_else(refused)
    }

    /// All that lies below the folder.
    pub(crate) fn needed_tree(&self) -> Result<&Tree, DataError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = Tree::walk(&self.path)?;
        Ok(self.tree.get_or_init(|| tree))
    }

    /// The same; `None` where the source is no folder.
    pub(crate) fn tree(&self) -> Option<&Tree> {
        match self.chosen {
            Some(_) => None,
            None => self.needed_tree().ok(),
        }
    }

    /// The files with one of these endings, each with its class, two classes at least.
    pub(crate) fn classes(&self, endings: &[&str], what: &str) -> Result<Layout, DataError> {
        let tree = self.needed_tree()?;
        let mut layout = match self.options.class_folders {
            None => tree.classes(endings, what)?,
            Some(depth) => tree.classes_of_folders(endings, depth),
        };
        layout.hold_out(&self.options.test_endings);
        match layout.classes.as_slice() {
            [class] => Err(DataError::OneClass {
                path: self.path.clone(),
                class: class.clone(),
            }),
            _ => Ok(layout),
        }
    }

    /// Adds the checksum of a file that was read elsewhere, and its name, to that of the source.
    pub(crate) fn add_to_digest(&self, file: &Path, digest: &[u8]) {
        let mut sum = self.digest.borrow_mut();
        sum.update(file.as_os_str().as_encoded_bytes());
        sum.update([0]);
        sum.update(digest);
    }

    /// The file of that name, if there is one.
    pub(crate) fn file(&self, name: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.name() == name)
    }

    /// The file that the path led to, or the first one of a known dataset.
    pub(crate) fn main_file(&self) -> Result<&SourceFile, DataError> {
        let chosen = match &self.chosen {
            Some(chosen) => self.file(chosen),
            None => self.files.first(),
        };
        chosen.ok_or_else(|| DataError::Empty {
            path: self.path.clone(),
        })
    }

    /// Whether the chosen file has one of these endings, `.gz` set aside.
    pub(crate) fn chosen_ends_with(&self, endings: &[&str]) -> bool {
        self.chosen
            .as_ref()
            .is_some_and(|chosen| ends_with(chosen, endings))
    }

    /// Reads and unpacks a file, and adds its bytes to the checksum of the source.
    pub(crate) fn read(&self, file: &SourceFile) -> Result<Vec<u8>, DataError> {
        let bytes = file.read()?;
        self.digest.borrow_mut().update(&bytes);
        file::unpack(bytes.into_owned(), &file.path)
    }

    /// The text of a file, to be read as a stream; an encoding that had to be guessed is noted.
    pub(crate) fn text<'f>(&self, file: &'f SourceFile) -> Result<Text<'f>, DataError> {
        let text = Text::of(file, &mut self.digest.borrow_mut())?;
        if let Some(encoding) = text.guessed() {
            let note = format!("`{}` is not UTF-8: it is read as {encoding}", file.name());
            self.notes.borrow_mut().push(note);
        }
        Ok(text)
    }

    /// The text of a file as a whole.
    pub(crate) fn read_text(&self, file: &SourceFile) -> Result<String, DataError> {
        self.text(file)?.read()
    }

    /// Adds the bytes of a file to the checksum of the source.
    pub(crate) fn digest(&self, file: &SourceFile) -> Result<(), DataError> {
        file.digest(&mut self.digest.borrow_mut())
    }

    /// Notes that a column is not predicted from.
    pub(crate) fn leave_out(&self, column: &str, why: &str) {
        self.left_out.borrow_mut().push(LeftOut {
            column: column.to_owned(),
            why: why.to_owned(),
        });
    }

    /// The checksum of all bytes read so far.
    pub(crate) fn sha256(&self) -> String {
        use std::fmt::Write;
        let digest = self.digest.borrow().clone().finalize();
        digest.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes every write");
            text
        })
    }

    /// The target that was asked for: by the user, else by the manifest, whose target gives way to
    /// channels.
    pub(crate) fn target(&self) -> Option<&str> {
        let known = self.options.target.as_deref();
        let known = known.filter(|_| self.config.channels.is_empty());
        self.config.target.as_deref().or(known)
    }

    /// Whether a column is left out, by the user or by the manifest.
    pub(crate) fn drops(&self, column: &str) -> bool {
        self.config
            .drop
            .iter()
            .chain(&self.options.drop)
            .any(|dropped| dropped == column)
    }
}

/// The checksum of the bytes of one file.
pub(crate) fn digest_of(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The error of a source that is nothing known.
fn unknown(source: &str) -> DataError {
    let list = "`fornax data list` shows the names";
    let advice = match catalog::nearest(source) {
        Some(nearest) => format!("did you mean `{nearest}`? {list}"),
        None => format!("give a name or the path of a file; {list}"),
    };
    DataError::Unknown {
        name: source.to_owned(),
        advice,
    }
}
