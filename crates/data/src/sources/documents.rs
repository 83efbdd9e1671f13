//! Texts to classify: a folder of folders of files, files whose lines are the texts, or a column of
//! a table.

mod encoding;
mod store;
mod texts;

use std::borrow::Cow;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::splits::{self, Own, classes_in_words};
use super::tree::{Layout, NewFiles, Tree, is_about};
use super::{Opening, SourceFile, file, table_file};
use crate::split::Place;
use crate::{Baseline, DataConfig, DataError, Dataset, InputShape, Preprocess, Split, Task};

pub use encoding::{TextEncoding, TextLevel};
use store::Documents;
pub(super) use texts::{Texts, TextsWriter};

/// How the names of text files end.
pub(super) const ENDINGS: [&str; 3] = [".txt", ".text", ".md"];
/// Files of a folder whose lines may be the texts, a class a file.
const MAX_LINE_FILES: usize = 1000;
/// Below so many words on average, a text is read by its characters.
const FEW_WORDS: f64 = 3.0;

/// How a text becomes the input of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentPreprocess {
    /// Fitted on the training texts.
    pub encoding: TextEncoding,
    /// In the order of the outputs.
    pub classes: Vec<String>,
    /// Where a table holds text and class; absent for files of text.
    pub columns: Option<TextColumns>,
}

/// The columns of a table of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextColumns {
    /// All columns, as a file without a header has them.
    pub names: Vec<String>,
    /// The one that is read.
    pub text: String,
    /// The one that is predicted.
    pub target: String,
}

/// Texts of known classes, as read.
pub(super) struct DocumentSet {
    pub(super) train: Texts,
    pub(super) valid: Option<Texts>,
    pub(super) test: Option<Texts>,
    pub(super) classes: Vec<String>,
    pub(super) columns: Option<TextColumns>,
    pub(super) reading: Vec<String>,
    pub(super) warnings: Vec<String>,
}

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening.tree().is_some_and(|tree| {
        let count = tree.count(&ENDINGS);
        (count >= 2 && 2 * count > tree.files.len()) || !files_of_lines(tree).is_empty()
    })
}

/// Files side by side that are told apart by their endings alone, such as `polarity.neg` and
/// `polarity.pos`.
fn files_of_lines(tree: &Tree) -> Vec<&PathBuf> {
    let files: Vec<&PathBuf> = tree.files.iter().filter(|file| !is_about(file)).collect();
    let stem = |file: &Path| file.with_extension("");
    let alike = files.windows(2).all(|pair| stem(pair[0]) == stem(pair[1]));
    let fits = (2..=MAX_LINE_FILES).contains(&files.len()) && alike;
    let binary = |file: &&PathBuf| {
        let Ok(mut file) = std::fs::File::open(tree.full(file)) else {
            return true;
        };
        let mut head = [0; 4096];
        let length = std::io::Read::read(&mut file, &mut head).unwrap_or(0);
        head.iter().take(length).any(|&byte| byte == 0)
    };
    if fits && !files.iter().any(binary) {
        files
    } else {
        Vec::new()
    }
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let tree = opening.needed_tree()?;
    let lines = files_of_lines(tree);
    if !lines.is_empty() {
        return build(opening, read_lines(opening, tree, &lines)?);
    }
    match opening.classes(&ENDINGS, "texts") {
        Ok(layout) => build(opening, read_files(opening, tree, layout)?),
        Err(DataError::Loose { .. }) if tree.count(&ENDINGS) <= MAX_LINE_FILES => {
            let files: Vec<&PathBuf> = tree.data_files(&ENDINGS).collect();
            build(opening, read_lines(opening, tree, &files)?)
        }
        Err(error) => Err(error),
    }
}

/// Every file is a class, every line that is not blank a text.
fn read_lines(
    opening: &Opening,
    tree: &Tree,
    files: &[&PathBuf],
) -> Result<DocumentSet, DataError> {
    let stem = |file: &Path| {
        file.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let ending = |file: &Path| {
        file.extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let by_stem = files.windows(2).all(|pair| stem(pair[0]) != stem(pair[1]));
    let mut train = TextsWriter::new(opening.config.memory_bytes() / 2);
    let mut classes = Vec::new();
    let mut lines = Vec::new();
    let mut ends = Vec::new();
    for (file, class) in files.iter().zip(0..) {
        classes.push(if by_stem { stem(file) } else { ending(file) });
        let source = SourceFile::on_disk(tree.full(file));
        let text = opening.text(&source)?;
        for (number, line) in (1..).zip(text.reader()?.lines()) {
            let line = line.map_err(|error| text.failed(error))?;
            if !line.trim().is_empty() {
                train.push(line.trim(), class)?;
                lines.push(number);
            }
        }
        ends.push((train.len(), file.display().to_string()));
    }
    Ok(DocumentSet {
        train: train.finish(Place::Within("line", lines.into_iter().collect(), ends))?,
        valid: None,
        test: None,
        classes,
        columns: None,
        reading: vec!["a line is a text, and the file is its class".to_owned()],
        warnings: Vec::new(),
    })
}

/// Every file is a text.
fn read_files(opening: &Opening, tree: &Tree, layout: Layout) -> Result<DocumentSet, DataError> {
    let mut empty = Vec::new();
    let mut read = |items: Vec<super::tree::Labelled>| {
        let mut texts = TextsWriter::new(opening.config.memory_bytes() / 2);
        let mut names = Vec::new();
        for item in items {
            let text = opening.read_text(&SourceFile::on_disk(tree.full(&item.file)))?;
            let name = item.file.display().to_string();
            if text.trim().is_empty() {
                empty.push(name);
            } else {
                texts.push(&text, item.class)?;
                names.push(name.into());
            }
        }
        texts.finish(Place::Named(names))
    };
    let train = read(layout.train)?;
    let valid = layout.valid.map(&mut read).transpose()?;
    let test = layout.test.map(&mut read).transpose()?;
    let mut warnings = layout.warnings;
    if !empty.is_empty() {
        let (count, list) = (empty.len(), super::grid::list(&empty));
        warnings.push(format!("{count} empty files are left out: {list}"));
    }
    Ok(DocumentSet {
        train,
        valid,
        test,
        classes: layout.classes,
        columns: None,
        reading: vec![format!("a file is a text, {}", layout.how)],
        warnings,
    })
}

/// Splits, encodes and describes texts, from whatever form they were read.
pub(super) fn build(opening: &Opening, set: DocumentSet) -> Result<Dataset, DataError> {
    let DocumentSet {
        train,
        valid,
        test,
        classes,
        columns,
        reading: sentences,
        mut warnings,
    } = set;
    if let [class] = classes.as_slice() {
        return Err(DataError::OneClass {
            path: opening.path.clone(),
            class: class.clone(),
        });
    }
    let others = [&valid, &test].into_iter().flatten();
    let count = train.len() + others.map(Texts::len).sum::<usize>();
    let mut reading = vec![format!(
        "`{}` has {count} texts, {}",
        opening.name,
        classes_in_words(&classes)
    )];
    reading.extend(sentences);
    let own = Own {
        valid: valid.is_some(),
        test: test.is_some(),
    };
    let division = splits::divide(opening, &train.labels, &classes, own, &mut warnings)?;
    let training = || division.train.iter().map(|&item| train.get(item));
    let level = match opening.config.level {
        Some(level) => level,
        None => suited(training(), division.train.len())?,
    };
    let encoding = TextEncoding::fit(opening.config, level, training())?;
    if encoding.width() == 0 {
        return Err(DataError::TextTooShort {
            path: opening.path.clone(),
            found: training().try_fold(0, |sum, text| text.map(|text| sum + text.len()))?,
            needed: 1,
            advice: "there is nothing in the texts that occurs twice".to_owned(),
        });
    }
    reading.push(encoding.sentence());
    let preprocess = DocumentPreprocess {
        encoding,
        classes,
        columns,
    };

    let memory_bytes = opening.config.memory_bytes();
    let store = Arc::new(preprocess.store(memory_bytes, train, true)?);
    let split = |texts: Option<Texts>, items: &[usize]| match texts {
        Some(texts) => preprocess.whole(memory_bytes, texts, true),
        None => Ok(Split::new(store.clone(), items)),
    };
    let train = split(None, &division.train)?;
    let valid = split(valid, &division.valid)?;
    let test = split(test, &division.test)?;
    reading.push(splits::sentence(
        opening,
        [&train, &valid, &test],
        own,
        true,
    ));
    let classes = preprocess.classes.clone();
    Ok(Dataset {
        name: opening.name.clone(),
        input: preprocess.encoding.input(),
        baseline: Baseline::majority(&classes, [&train, &valid, &test]),
        task: Task::Classification { classes },
        preprocess: Preprocess::Documents(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
    })
}

/// Reads new texts: a table with the column of the training data; a folder of texts, whose folders
/// may name their classes; or a file. A file of another kind of data than training had is one text.
pub(crate) fn open_inputs(
    preprocess: &DocumentPreprocess,
    path: &Path,
) -> Result<Split, DataError> {
    if let Some(columns) = &preprocess.columns {
        return read_new_table(preprocess, columns, path);
    }
    let new = NewFiles::find(path, &ENDINGS, &preprocess.classes)?;
    let memory_bytes = DataConfig::default().memory_bytes();
    let mut texts = TextsWriter::new(memory_bytes);
    let mut names = Vec::with_capacity(new.items.len());
    let mut is_empty = true;
    for item in &new.items {
        let text = file::text(&new.tree.full(&item.file))?;
        is_empty &= text.trim().is_empty();
        texts.push(&text, item.class)?;
        names.push(new.name(item).into());
    }
    if is_empty {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    let texts = texts.finish(Place::Named(names))?;
    preprocess.whole(memory_bytes, texts, new.is_labelled)
}

fn read_new_table(
    preprocess: &DocumentPreprocess,
    columns: &TextColumns,
    path: &Path,
) -> Result<Split, DataError> {
    let mut grid = table_file::read_new(path, Some(&columns.names))?;
    if grid.num_rows() == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    if !grid.has_header && grid.names.len() == 1 {
        grid.rename(std::slice::from_ref(&columns.text))?;
    } else if !grid.has_header {
        grid.rename(&columns.names)?;
    }
    let text = grid.column_or_error(&columns.text)?;
    let target = grid.column(&columns.target);
    let memory_bytes = DataConfig::default().memory_bytes();
    let mut texts = TextsWriter::new(memory_bytes);
    let mut labelled = target.is_some();
    if let Some(target) = target {
        grid.each(target, |_, cell| {
            labelled &= cell.is_some();
            Ok(())
        })?;
    }
    for block in grid.blocks() {
        let block = block?;
        for row in block.rows.clone() {
            let class = match target {
                Some(target) if labelled => {
                    let place = || format!("{}:{}", path.display(), grid.line(row));
                    let word = block.cell(row, target).unwrap_or_default();
                    super::table::class_index(&preprocess.classes, word, place)?
                }
                _ => 0,
            };
            let text = block.cell(row, text).unwrap_or_default();
            texts.push(text, class)?;
        }
    }
    let lines = (0..grid.num_rows()).map(|row| grid.line(row)).collect();
    let texts = texts.finish(Place::Listed("line", lines))?;
    preprocess.whole(memory_bytes, texts, labelled)
}

/// Characters where the texts are shorter than a few words.
fn suited<'a>(
    texts: impl Iterator<Item = Result<Cow<'a, str>, DataError>>,
    num_texts: usize,
) -> Result<TextLevel, DataError> {
    let mut num_words = 0;
    for text in texts {
        num_words += text?.split_whitespace().count();
    }
    Ok(
        if crate::baseline::ratio(num_words, num_texts) < FEW_WORDS {
            TextLevel::Characters
        } else {
            TextLevel::Words
        },
    )
}

impl DocumentPreprocess {
    fn store(
        &self,
        memory_bytes: usize,
        texts: Texts,
        labelled: bool,
    ) -> Result<Documents, DataError> {
        let num_classes = labelled.then_some(self.classes.len());
        Documents::encode(&self.encoding, texts, memory_bytes, num_classes)
    }

    fn whole(&self, memory_bytes: usize, texts: Texts, labelled: bool) -> Result<Split, DataError> {
        let items: Vec<usize> = (0..texts.len()).collect();
        let store = self.store(memory_bytes, texts, labelled)?;
        Ok(Split::new(Arc::new(store), &items))
    }
}

impl TextEncoding {
    fn input(&self) -> InputShape {
        match self {
            Self::Bag { terms, .. } => InputShape::Vector { width: terms.len() },
            Self::Tokens {
                vocabulary,
                max_len,
                ..
            } => InputShape::Documents {
                vocab_size: vocabulary.len() + 1,
                max_len: *max_len,
            },
        }
    }
}
