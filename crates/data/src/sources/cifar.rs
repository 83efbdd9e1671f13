//! CIFAR-10 and CIFAR-100 in their binary form: records of labels and 3x32x32 pixels.

use super::images::{self, Form, ImageSet, Images};
use super::{Opening, SourceFile};
use crate::split::Place;
use crate::{DataError, Dataset};

/// Pixels of an image.
const PIXELS: usize = 3 * 32 * 32;

/// The two sets.
#[derive(Clone, Copy)]
struct Variant {
    /// Bytes before the pixels; the last one is the class.
    label_bytes: usize,
    names: &'static str,
    test: &'static str,
}

const CIFAR10: Variant = Variant {
    label_bytes: 1,
    names: "batches.meta.txt",
    test: "test_batch.bin",
};
const CIFAR100: Variant = Variant {
    label_bytes: 2,
    names: "fine_label_names.txt",
    test: "test.bin",
};

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening.chosen.is_none() && variant(opening).is_some()
}

fn variant(opening: &Opening) -> Option<Variant> {
    let has = |name: &str| opening.file(name).is_some();
    if has("data_batch_1.bin") {
        Some(CIFAR10)
    } else if has("train.bin") && has(CIFAR100.names) {
        Some(CIFAR100)
    } else {
        None
    }
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let variant = variant(opening).ok_or_else(|| DataError::Unrecognised {
        path: opening.path.clone(),
        advice: "`data_batch_1.bin` has to be there, or `train.bin`".to_owned(),
    })?;
    let is_train = |file: &&SourceFile| {
        let name = file.name();
        name == "train.bin"
            || (name.starts_with("data_batch_") && super::ends_with(&name, &[".bin"]))
    };
    let train: Vec<&SourceFile> = opening.files.iter().filter(is_train).collect();
    let train = read(opening, variant, &train)?;
    let test = match opening.file(variant.test) {
        Some(file) => Some(read(opening, variant, &[file])?),
        None => None,
    };
    let highest = [Some(&train), test.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(Images::highest)
        .max()
        .unwrap_or(0);
    let mut classes: Vec<String> = match opening.file(variant.names) {
        Some(file) => {
            let text = opening.read_text(file)?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        }
        None => opening.options.classes.clone(),
    };
    for label in classes.len()..=usize::try_from(highest).unwrap_or(0) {
        classes.push(label.to_string());
    }
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

fn read(opening: &Opening, variant: Variant, files: &[&SourceFile]) -> Result<Images, DataError> {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for file in files {
        let bytes = opening.read(file)?;
        let record = variant.label_bytes + PIXELS;
        if bytes.is_empty() || bytes.len() % record != 0 {
            return Err(DataError::Records {
                path: file.path.clone(),
                found: bytes.len(),
                record,
            });
        }
        for record in bytes.chunks_exact(record) {
            let (label, image) = record.split_at(variant.label_bytes);
            labels.push(label.last().copied().map_or(0, i32::from));
            pixels.extend_from_slice(image);
        }
    }
    Ok(Images {
        shape: [3, 32, 32],
        pixels: pixels.into(),
        labels: Some(labels),
        place: Place::Counted("image", 0),
    })
}
