//! A folder with all that lies below it, and the classes that its folders or names stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::splits::Own;
use super::{ends_with, file_name};
use crate::DataError;

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 16;
/// Files of one source: more would not be numbered by 32 bits with room to spare.
const MAX_FILES: usize = 1 << 30;

/// Files that say something about data, and are none.
const ABOUT: [&str; 10] = [
    "readme",
    "license",
    "licence",
    "copying",
    "source",
    "notice",
    "changelog",
    "authors",
    "attribution",
    "citation",
];

/// What a first folder is called that holds a split.
const TRAIN: [&str; 3] = ["train", "training", "trn"];
const VALID: [&str; 5] = ["valid", "validation", "val", "dev", "development"];
const TEST: [&str; 4] = ["test", "testing", "tst", "evaluation"];

/// The files below a folder, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Relative to the root.
    pub(crate) files: Vec<PathBuf>,
}

/// A file with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// Relative to the root.
    pub(crate) file: PathBuf,
    pub(crate) class: i32,
}

/// Files of known classes, perhaps divided into splits.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) classes: Vec<String>,
    pub(crate) train: Vec<Labelled>,
    pub(crate) valid: Option<Vec<Labelled>>,
    pub(crate) test: Option<Vec<Labelled>>,
    /// How the classes were found, for people.
    pub(crate) how: String,
    pub(crate) warnings: Vec<String>,
}

impl Tree {
    /// Walks a folder. Hidden files are left out, and so is a link that leads back to a folder
    /// which was looked into already.
    pub(crate) fn walk(root: &Path) -> Result<Self, DataError> {
        let mut tree = Self {
            root: root.to_owned(),
            files: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        tree.look_into(Path::new(""), 0, &mut seen)?;
        tree.files.sort();
        Ok(tree)
    }

    fn look_into(
        &mut self,
        folder: &Path,
        depth: usize,
        seen: &mut BTreeSet<PathBuf>,
    ) -> Result<(), DataError> {
        let whole = self.full(folder);
        let failed = |source| DataError::Read {
            path: whole.clone(),
            source,
        };
        if depth > MAX_DEPTH || !seen.insert(fs::canonicalize(&whole).map_err(failed)?) {
            return Ok(());
        }
        let mut folders = Vec::new();
        for entry in fs::read_dir(&whole).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || name == "__MACOSX" {
                continue;
            }
            let Ok(metadata) = fs::metadata(entry.path()) else {
                continue; // A link that leads nowhere.
            };
            if metadata.is_dir() {
                folders.push(folder.join(name));
            } else if metadata.is_file() {
                self.files.push(folder.join(name));
            }
        }
        if self.files.len() > MAX_FILES {
            return Err(DataError::TooLarge {
                path: self.root.clone(),
                limit: MAX_FILES as u64,
            });
        }
        folders.sort();
        for folder in folders {
            self.look_into(&folder, depth + 1, seen)?;
        }
        Ok(())
    }

    /// Where a file lies.
    pub(crate) fn full(&self, file: &Path) -> PathBuf {
        if file.as_os_str().is_empty() {
            return self.root.clone();
        }
        self.root.join(file)
    }

    /// How many files have one of these endings; a file about the data is none of it.
    pub(crate) fn count(&self, endings: &[&str]) -> usize {
        self.data_files(endings).count()
    }

    pub(crate) fn data_files<'a>(
        &'a self,
        endings: &'a [&str],
    ) -> impl Iterator<Item = &'a PathBuf> {
        let files = self.files.iter();
        files.filter(|file| ends_with(&file_name(file), endings) && !is_about(file))
    }

    /// Finds the class of each file with one of these endings.
    ///
    /// The first folder names the class, after folders that all files share and after folders that
    /// name a split; what lies deeper belongs to the same class. Without such folders, the class is
    /// what stands before the first mark in a name, if that makes sense of all names.
    pub(crate) fn classes(&self, endings: &[&str], what: &str) -> Result<Layout, DataError> {
        let files: Vec<&PathBuf> = self.data_files(endings).collect();
        if files.is_empty() {
            return Err(DataError::Empty {
                path: self.root.clone(),
            });
        }
        let mut shared = 0;
        let splits = loop {
            let folders: BTreeSet<String> = files.iter().filter_map(|f| part(f, shared)).collect();
            let has_loose = files.iter().any(|file| part(file, shared).is_none());
            if folders.iter().any(|name| is(name, &TRAIN)) {
                break true;
            }
            if folders.len() != 1 || has_loose {
                break false;
            }
            shared += 1;
        };
        let first = shared + usize::from(splits);
        let mut layout = Layout::default();
        let loose = |file: &PathBuf| part(file, first).is_none();
        let by_name = files.iter().all(|file| loose(file));
        let word_of = |file: &Path| {
            if by_name {
                before_mark(&file_name(file)).to_owned()
            } else {
                part(file, first).unwrap_or_default()
            }
        };
        let mut counts = BTreeMap::<String, usize>::new();
        for file in &files {
            let word = word_of(file);
            if !word.is_empty() {
                *counts.entry(word).or_default() += 1;
            }
        }
        if by_name && !(counts.len() >= 2 && 2 * counts.len() <= files.len()) {
            return Err(DataError::Loose {
                path: self.root.clone(),
                what: what.to_owned(),
            });
        }
        layout.classes = super::table::in_order(counts.keys().cloned().collect());
        layout.how = if by_name {
            "the class is what stands before the first mark in a name".to_owned()
        } else {
            "the class is the folder".to_owned()
        };
        let places: BTreeMap<&str, i32> =
            layout.classes.iter().map(String::as_str).zip(0..).collect();
        let mut num_loose = 0;
        let mut num_deep = 0;
        let mut others = BTreeSet::new();
        for &file in &files {
            let word = word_of(file);
            let Some(&class) = places.get(word.as_str()) else {
                num_loose += 1;
                continue;
            };
            num_deep += usize::from(!by_name && part(file, first + 1).is_some());
            let item = Labelled {
                file: file.clone(),
                class,
            };
            let split = if splits {
                part(file, shared).unwrap_or_default()
            } else {
                "train".into()
            };
            if is(&split, &TRAIN) {
                layout.train.push(item);
            } else if is(&split, &VALID) {
                layout.valid.get_or_insert_default().push(item);
            } else if is(&split, &TEST) {
                layout.test.get_or_insert_default().push(item);
            } else {
                others.insert(split);
            }
        }
        if num_loose > 0 {
            layout.warnings.push(format!(
                "{num_loose} {what} lie in no folder of a class and are left out"
            ));
        }
        if num_deep > 0 {
            let how = &layout.how;
            layout.how = format!("{how}; {num_deep} {what} in folders below belong to its class");
        }
        if !others.is_empty() {
            let others: Vec<String> = others.into_iter().collect();
            let others = super::grid::list(&others);
            layout.warnings.push(format!(
                "folders beside those of the splits are left out: {others}"
            ));
        }
        Ok(layout)
    }
}

impl Tree {
    /// The class of each file with one of these endings is called as the `depth` folders above it. A
    /// file of the same name and class is the same item: sets that are packed apart may share some.
    pub(crate) fn classes_of_folders(&self, endings: &[&str], depth: usize) -> Layout {
        let class_of = |file: &Path| {
            let folders: Vec<String> = file
                .ancestors()
                .skip(1)
                .take(depth)
                .map(file_name)
                .collect();
            folders.into_iter().rev().collect::<Vec<_>>().join("/")
        };
        let mut seen = BTreeSet::new();
        let mut num_repeated = 0;
        let mut files: Vec<(&PathBuf, String)> = Vec::new();
        for file in self.data_files(endings) {
            let class = class_of(file);
            if seen.insert((class.clone(), file_name(file))) {
                files.push((file, class));
            } else {
                num_repeated += 1;
            }
        }
        let classes: BTreeSet<&String> = files.iter().map(|(_, class)| class).collect();
        let places: BTreeMap<&String, i32> = classes.iter().copied().zip(0..).collect();
        let labelled = files.iter().map(|(file, class)| Labelled {
            file: (*file).clone(),
            class: places.get(class).copied().unwrap_or(0),
        });
        let repeated = (num_repeated > 0).then(|| {
            format!("{num_repeated} files of a name and class that came before are left out")
        });
        Layout {
            train: labelled.collect(),
            warnings: repeated.into_iter().collect(),
            classes: classes.into_iter().cloned().collect(),
            how: format!("the class is the {depth} folders above a file"),
            ..Layout::default()
        }
    }
}

impl Layout {
    /// Which splits the data brings along.
    pub(crate) fn own(&self) -> Own {
        Own {
            valid: self.valid.is_some(),
            test: self.test.is_some(),
        }
    }

    /// Moves the files whose names end so from the training set to the test set.
    pub(crate) fn hold_out(&mut self, endings: &[String]) {
        if endings.is_empty() {
            return;
        }
        let is_test = |item: &Labelled| {
            let name = file_name(&item.file);
            endings.iter().any(|ending| name.ends_with(ending))
        };
        let (test, train) = std::mem::take(&mut self.train)
            .into_iter()
            .partition(is_test);
        (self.train, self.test) = (train, Some(test));
    }
}

/// Files to answer: one, or all below a folder, whose folders may name their classes.
pub(crate) struct NewFiles {
    pub(crate) tree: Tree,
    pub(crate) items: Vec<Labelled>,
    /// Whether every file lies in a folder that is called as a class.
    pub(crate) is_labelled: bool,
}

impl NewFiles {
    pub(crate) fn find(
        path: &Path,
        endings: &[&str],
        classes: &[String],
    ) -> Result<Self, DataError> {
        if !path.is_dir() {
            let file = PathBuf::new();
            return Ok(Self {
                tree: Tree {
                    root: path.to_owned(),
                    files: vec![file.clone()],
                },
                items: vec![Labelled { file, class: 0 }],
                is_labelled: false,
            });
        }
        let tree = Tree::walk(path)?;
        let mut is_labelled = true;
        let items: Vec<Labelled> = tree
            .data_files(endings)
            .map(|file| {
                let folder = file.parent().map(file_name).unwrap_or_default();
                let class = (0..).zip(classes).find(|(_, class)| **class == folder);
                is_labelled &= class.is_some();
                Labelled {
                    file: file.clone(),
                    class: class.map_or(0, |(place, _)| place),
                }
            })
            .collect();
        if items.is_empty() {
            return Err(DataError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            tree,
            items,
            is_labelled,
        })
    }

    /// What people call one of the files.
    pub(crate) fn name(&self, item: &Labelled) -> String {
        if item.file.as_os_str().is_empty() {
            return file_name(&self.tree.root);
        }
        item.file.display().to_string()
    }
}

/// The folder at `depth` of a relative path; `None` for the name of the file itself.
fn part(file: &Path, depth: usize) -> Option<String> {
    let mut folders = file.parent()?.components();
    Some(
        folders
            .nth(depth)?
            .as_os_str()
            .to_string_lossy()
            .into_owned(),
    )
}

fn is(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a file speaks about data, as a licence does.
pub(crate) fn is_about(file: &Path) -> bool {
    let name = file_name(file).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    ABOUT.contains(&stem)
}

fn before_mark(name: &str) -> &str {
    name.split(['_', '-', '.', ' ']).next().unwrap_or_default()
}
