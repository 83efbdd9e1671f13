//! IDX images and labels, the form of MNIST: up to four files, plain or gzipped.

mod parse;

use std::path::Path;

use super::images::{self, Form, ImageSet, Images, size_of};
use super::{Opening, SourceFile, file};
use crate::split::Place;
use crate::{DataError, Dataset};
use parse::{parse_images, parse_labels};

pub(crate) fn recognises(opening: &Opening) -> bool {
    match &opening.chosen {
        Some(name) => part_of(name).is_some(),
        None => opening
            .files
            .iter()
            .any(|file| part_of(&file.name()).is_some()),
    }
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let train = read_part(opening, Part::Train)?.ok_or_else(|| DataError::Unrecognised {
        path: opening.path.clone(),
        advice: "train-images-idx3-ubyte and train-labels-idx1-ubyte have to be there".to_owned(),
    })?;
    let test = read_part(opening, Part::Test)?;
    let highest = [Some(&train), test.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(Images::highest);
    let classes = class_names(opening, highest.max().unwrap_or(0))?;
    let set = ImageSet {
        train,
        valid: None,
        test,
        classes,
        max: u8::MAX,
        form: Form::Exact,
        warnings: Vec::new(),
    };
    images::build(opening, set)
}

/// New images, with the labels beside them where there are some.
pub(super) fn read_new(bytes: &[u8], path: &Path, classes: &[String]) -> Result<Images, DataError> {
    let (shape, pixels) = parse_images(bytes, path)?;
    let labels_path = path.with_file_name(labels_name(&super::file_name(path)));
    if labels_path == path || !labels_path.is_file() {
        return Ok(images_of(shape, pixels, None));
    }
    let labels = parse_labels(&file::read_unpacked(&labels_path)?, &labels_path)?;
    let num_images = pixels.len() / size_of(shape);
    check_counts(path, num_images, &labels_path, labels.len())?;
    let unknown = |&label: &u8| usize::from(label) >= classes.len();
    if let Some(item) = labels.iter().position(unknown) {
        return Err(DataError::UnknownClass {
            place: format!("{}: label {item}", labels_path.display()),
            class: labels[item].to_string(),
            known: super::grid::list(classes),
        });
    }
    Ok(images_of(shape, pixels, Some(labels)))
}

fn images_of(shape: [usize; 3], pixels: Vec<u8>, labels: Option<Vec<u8>>) -> Images {
    Images {
        shape,
        pixels: pixels.into(),
        labels: labels.map(|labels| labels.into_iter().map(i32::from).collect()),
        place: Place::Counted("image", 0),
    }
}

fn class_names(opening: &Opening, highest: i32) -> Result<Vec<String>, DataError> {
    let named = &opening.options.classes;
    if named.is_empty() {
        return Ok((0..=highest).map(|label| label.to_string()).collect());
    }
    if named.len() <= usize::try_from(highest).unwrap_or(0) {
        return Err(DataError::Manifest {
            name: opening.name.clone(),
            problem: format!("it names {} classes, but a label is {highest}", named.len()),
        });
    }
    Ok(named.clone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

/// What the name of a file says that it holds.
fn part_of(name: &str) -> Option<Part> {
    if !name.contains("-images") && !name.contains("-labels") {
        return None;
    }
    if name.contains("train-") {
        Some(Part::Train)
    } else if name.contains("t10k-") || name.contains("test-") {
        Some(Part::Test)
    } else {
        None
    }
}

/// The name of the labels of images: `train-images-idx3-ubyte` → `train-labels-idx1-ubyte`.
fn labels_name(images: &str) -> String {
    images.replace("-images", "-labels").replace("idx3", "idx1")
}

/// The images and labels of one part, if its files are there.
fn read_part(opening: &Opening, part: Part) -> Result<Option<Images>, DataError> {
    let Some(images) = images_file(opening, part)? else {
        return Ok(None);
    };
    let labels_name = labels_name(&images.name());
    let labels = opening.file(&labels_name).or_else(|| {
        let other = match labels_name.strip_suffix(".gz") {
            Some(plain) => plain.to_owned(),
            None => format!("{labels_name}.gz"),
        };
        opening.file(&other)
    });
    let labels = labels.ok_or_else(|| DataError::NoTargets {
        path: images.path.with_file_name(&labels_name),
        what: "the class".to_owned(),
    })?;
    let (shape, pixels) = parse_images(&opening.read(images)?, &images.path)?;
    let classes = parse_labels(&opening.read(labels)?, &labels.path)?;
    check_counts(
        &images.path,
        pixels.len() / size_of(shape),
        &labels.path,
        classes.len(),
    )?;
    Ok(Some(images_of(shape, pixels, Some(classes))))
}

/// The one file of images of a part that belongs to the chosen file.
fn images_file<'a>(opening: &'a Opening, part: Part) -> Result<Option<&'a SourceFile>, DataError> {
    let belongs = |name: &str| match &opening.chosen {
        None => true,
        Some(chosen) => prefix(name) == prefix(chosen),
    };
    let mut found: Vec<&SourceFile> = opening.files.iter().collect();
    found.retain(|file| {
        let name = file.name();
        name.contains("-images") && part_of(&name) == Some(part) && belongs(&name)
    });
    // Plain and gzipped side by side are the same file: the first by name is the plain one.
    found.dedup_by(|later, first| later.name() == format!("{}.gz", first.name()));
    match found.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(file)),
        [first, second, ..] => Err(DataError::Unrecognised {
            path: opening.path.clone(),
            advice: format!(
                "give one file: there are `{}` and `{}`",
                first.name(),
                second.name()
            ),
        }),
    }
}

/// What stands before `train-images`, such as `emnist-letters-`.
fn prefix(name: &str) -> &str {
    let marks = ["train-", "t10k-", "test-"];
    let start = marks.iter().filter_map(|mark| name.find(mark)).min();
    start.and_then(|start| name.get(..start)).unwrap_or(name)
}

fn check_counts(
    images: &Path,
    num_images: usize,
    labels: &Path,
    num_labels: usize,
) -> Result<(), DataError> {
    if num_images == num_labels {
        return Ok(());
    }
    let (images, labels) = (images.to_owned(), labels.to_owned());
    Err(DataError::IdxCounts {
        images,
        num_images,
        labels,
        num_labels,
    })
}
