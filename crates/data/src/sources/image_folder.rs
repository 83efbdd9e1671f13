//! A folder of folders of images: the folder is the class.

use std::path::Path;

use super::faults::Faults;
use super::image_file::{self, ENDINGS, Head};
use super::images::{self, Form, ImageSet, Images, Size};
use super::tree::{Labelled, NewFiles, Tree};
use super::{Opening, file};
use crate::cache::CacheWriter;
use crate::split::Place;
use crate::workers::{map, num_workers};
use crate::{DataError, Dataset};

/// Images that are decoded before the next ones are begun, to bound what lies in memory.
const BLOCK: usize = 2048;
/// The longer side of an image where neither the user nor the images themselves say.
const DEFAULT_SIDE: usize = 64;

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening
        .tree()
        .is_some_and(|tree| tree.count(&ENDINGS) > 0 && 2 * tree.count(&ENDINGS) > tree.files.len())
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let tree = opening.needed_tree()?;
    let layout = opening.classes(&ENDINGS, "images")?;
    let parts = [Some(layout.train), layout.valid, layout.test];
    let mut warnings = layout.warnings;
    let mut left_out = Faults::default();
    let mut heads = Vec::new();
    let mut kept = Vec::new();
    for part in parts {
        let Some(part) = part else {
            kept.push(None);
            continue;
        };
        let found = map(&part, num_workers(), |item| {
            let path = tree.full(&item.file);
            image_file::head(&file::bytes(&path)?, &path)
        });
        let mut readable = Vec::with_capacity(part.len());
        for (item, head) in part.into_iter().zip(found) {
            match head {
                Ok(head) => {
                    heads.push(head);
                    readable.push(item);
                }
                Err(fault) => left_out.push(fault)?,
            }
        }
        kept.push(Some(readable));
    }
    left_out.refuse_unless_allowed(opening)?;
    let size = Size::of(
        &heads,
        opening.config.image_size.unwrap_or(DEFAULT_SIDE),
        opening.config.image_size.is_some(),
    );
    let mut read = Vec::new();
    for part in kept {
        read.push(match part {
            None => None,
            Some(part) => Some(decode(opening, tree, &part, size.shape, &mut left_out)?),
        });
    }
    left_out.refuse_unless_allowed(opening)?;
    left_out.warn(&mut warnings);
    let test = read.pop().flatten();
    let valid = read.pop().flatten();
    let Some(train) = read.pop().flatten() else {
        return Err(DataError::Empty {
            path: opening.path.clone(),
        });
    };
    let form = Form::Files {
        sentences: vec![layout.how, size.sentence],
    };
    let set = ImageSet {
        train,
        valid,
        test,
        classes: layout.classes,
        max: u8::MAX,
        form,
        warnings,
    };
    images::build(opening, set)
}

/// New images: a file, or all files below a folder, whose folders may name their classes.
pub(super) fn read_new(
    path: &Path,
    shape: [usize; 3],
    classes: &[String],
    resize: bool,
) -> Result<Images, DataError> {
    let new = NewFiles::find(path, &ENDINGS, classes)?;
    let mut writer = CacheWriter::new(usize::MAX);
    for block in new.items.chunks(BLOCK) {
        for pixels in map(block, num_workers(), |item| {
            let path = new.tree.full(&item.file);
            let bytes = file::bytes(&path)?;
            let head = image_file::head(&bytes, &path)?;
            let found = [shape[0], head.height as usize, head.width as usize];
            if !resize && found != shape {
                return Err(DataError::ImageSize {
                    path,
                    found: images::size(found),
                    expected: images::size(shape),
                });
            }
            image_file::pixels(&bytes, &path, shape)
        }) {
            writer.extend(&pixels?)?;
        }
    }
    let names = new.items.iter().map(|item| new.name(item).into());
    Ok(Images {
        shape,
        pixels: writer.finish()?,
        place: Place::Named(names.collect()),
        labels: new
            .is_labelled
            .then(|| new.items.iter().map(|item| item.class).collect()),
    })
}

fn decode(
    opening: &Opening,
    tree: &Tree,
    items: &[Labelled],
    shape: [usize; 3],
    left_out: &mut Faults,
) -> Result<Images, DataError> {
    let mut writer = CacheWriter::new(opening.config.memory_bytes());
    let mut names = Vec::with_capacity(items.len());
    let mut labels = Vec::with_capacity(items.len());
    for block in items.chunks(BLOCK) {
        let read = map(block, num_workers(), |item| {
            let path = tree.full(&item.file);
            let bytes = file::bytes(&path)?;
            let pixels = image_file::pixels(&bytes, &path, shape)?;
            Ok((pixels, super::digest_of(&bytes)))
        });
        for (item, read) in block.iter().zip(read) {
            match read {
                Ok((pixels, digest)) => {
                    writer.extend(&pixels)?;
                    opening.add_to_digest(&item.file, &digest);
                    names.push(item.file.display().to_string().into());
                    labels.push(item.class);
                }
                Err(fault) => left_out.push(fault)?,
            }
        }
    }
    Ok(Images {
        shape,
        pixels: writer.finish()?,
        place: Place::Named(names),
        labels: Some(labels),
    })
}

impl Size {
    /// The shape of all images from those that they have: as they are where all are of one small
    /// size, else as large as asked for.
    fn of(heads: &[Head], side: usize, asked: bool) -> Self {
        let channels = if heads.iter().any(|head| head.has_colour) {
            3
        } else {
            1
        };
        let sizes = || {
            heads
                .iter()
                .map(|head| (head.height as usize, head.width as usize))
        };
        let first = sizes().next().unwrap_or((side, side));
        let alike = sizes().all(|size| size == first);
        let longer = first.0.max(first.1);
        let (height, width) = match alike {
            true if !asked && longer <= side => first,
            true => {
                let scaled = |length: usize| (length * side + longer / 2).div_euclid(longer).max(1);
                (scaled(first.0), scaled(first.1))
            }
            false => (side, side),
        };
        let colours = if channels == 1 { "grey" } else { "colour" };
        let alpha = if heads.iter().any(|head| head.has_alpha) {
            ", transparent pixels white"
        } else {
            ""
        };
        let sentence = if alike && (height, width) == first {
            format!("all images are of {height}x{width} pixels, read in {colours}{alpha}")
        } else {
            let smallest = sizes().min_by_key(|(h, w)| h * w).unwrap_or(first);
            let largest = sizes().max_by_key(|(h, w)| h * w).unwrap_or(first);
            let from = if smallest == largest {
                format!("{}x{}", first.0, first.1)
            } else {
                format!(
                    "{}x{} to {}x{}",
                    smallest.0, smallest.1, largest.0, largest.1
                )
            };
            format!(
                "images of {from} pixels are scaled to cover {height}x{width} and cut to their \
                 middle, read in {colours}{alpha}"
            )
        };
        Self {
            shape: [channels, height, width],
            sentence,
        }
    }
}
