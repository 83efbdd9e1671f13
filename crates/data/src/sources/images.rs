//! Images, from whatever form they were read: splits, standardised pixels, classes.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::splits::Own;
use super::{Opening, file, idx, image_file, image_folder, pixels, splits, table};
use crate::cache::Cache;
use crate::scale::{deviation, rounded};
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task};

/// How a pixel becomes a number: `(pixel / max - mean) / sd`, channel by channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagePreprocess {
    /// `[C, H, W]`
    pub shape: [usize; 3],
    /// The brightest pixel.
    pub max: u8,
    /// Mean of the training pixels of each channel, in `[0, 1]`; 0 where pixels are left as they
    /// are.
    pub mean: Vec<f64>,
    /// Their deviation; 1 where pixels are left as they are.
    pub sd: Vec<f64>,
    /// In the order of the outputs.
    pub classes: Vec<String>,
    /// Whether images of other sizes are brought to this shape, where `false` refuses them.
    #[serde(default)]
    pub resize: bool,
}

/// Images of known classes, as read.
pub(super) struct ImageSet {
    pub(super) train: Images,
    /// A validation set of its own, if the source has one.
    pub(super) valid: Option<Images>,
    /// A test set of its own, if the source has one.
    pub(super) test: Option<Images>,
    pub(super) classes: Vec<String>,
    /// The brightest pixel.
    pub(super) max: u8,
    pub(super) form: Form,
    pub(super) warnings: Vec<String>,
}

/// The form of the source.
pub(super) enum Form {
    /// Pixels as they are.
    Exact,
    /// Files that were brought to size, and what to say about it.
    Files { sentences: Vec<String> },
}

/// What all images are brought to.
pub(super) struct Size {
    pub(super) shape: [usize; 3],
    /// The rule, for people.
    pub(super) sentence: String,
}

/// Images and perhaps their labels, as read.
pub(super) struct Images {
    pub(super) shape: [usize; 3],
    pub(super) pixels: Cache<u8>,
    pub(super) labels: Option<Vec<i32>>,
    pub(super) place: Place,
}

/// Splits, scales and describes images, from whatever form they were read.
pub(super) fn build(opening: &Opening, set: ImageSet) -> Result<Dataset, DataError> {
    let mut reading = vec![set.sentence(&opening.name)];
    let ImageSet {
        train,
        valid,
        test,
        classes,
        max,
        form,
        mut warnings,
    } = set;
    let shape = train.shape;
    for other in [&valid, &test].into_iter().flatten() {
        if other.shape != shape {
            return Err(DataError::ImageSize {
                path: opening.path.clone(),
                found: size(other.shape),
                expected: size(shape),
            });
        }
    }
    let groups = train.labels.clone().unwrap_or_default();
    let own = Own {
        valid: valid.is_some(),
        test: test.is_some(),
    };
    let division = splits::divide(opening, &groups, &classes, own, &mut warnings)?;
    let (mean, sd) = if opening.config.normalize {
        fit(&train, max, &division.train)?
    } else {
        (vec![0.0; shape[0]], vec![1.0; shape[0]])
    };
    let resize = match form {
        Form::Exact => false,
        Form::Files { sentences } => {
            reading.extend(sentences);
            true
        }
    };
    let preprocess = ImagePreprocess {
        shape,
        max,
        mean,
        sd,
        classes,
        resize,
    };
    reading.push(if opening.config.normalize {
        "pixels are standardised by those of the training images".to_owned()
    } else {
        "pixels are numbers from 0 to 1".to_owned()
    });

    let store = Arc::new(preprocess.store(train));
    let train = Split::new(store.clone(), &division.train);
    let valid = match valid {
        Some(valid) => preprocess.whole(valid),
        None => Split::new(store.clone(), &division.valid),
    };
    let test = match test {
        Some(test) => preprocess.whole(test),
        None => Split::new(store, &division.test),
    };
    reading.push(splits::sentence(
        opening,
        [&train, &valid, &test],
        own,
        true,
    ));
    let classes = preprocess.classes.clone();
    let [channels, height, width] = shape;
    Ok(Dataset {
        name: opening.name.clone(),
        input: InputShape::Image {
            channels,
            height,
            width,
        },
        baseline: Baseline::majority(&classes, [&train, &valid, &test]),
        task: Task::Classification { classes },
        preprocess: Preprocess::Images(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
    })
}

/// Reads new images: a file or a folder of PNG, JPEG, BMP, WebP or GIF; an IDX file, with the labels
/// beside it where there are some; or a CSV file of pixels.
///
/// Images in files are brought to the size of the training images where those were, else they have
/// to be of that size.
pub(crate) fn open_inputs(preprocess: &ImagePreprocess, path: &Path) -> Result<Split, DataError> {
    let (shape, classes) = (preprocess.shape, &preprocess.classes);
    if path.is_dir() || super::ends_with(&super::file_name(path), &image_file::ENDINGS) {
        let images = image_folder::read_new(path, shape, classes, preprocess.resize)?;
        return Ok(preprocess.whole(images));
    }
    let images = if table::has_table_name(path) {
        pixels::read(path, preprocess)?
    } else {
        idx::read_new(&file::read_unpacked(path)?, path, classes)?
    };
    if images.shape != shape {
        let (found, expected) = (size(images.shape), size(shape));
        return Err(DataError::ImageSize {
            path: path.to_owned(),
            found,
            expected,
        });
    }
    Ok(preprocess.whole(images))
}

impl ImageSet {
    fn sentence(&self, name: &str) -> String {
        let others = [&self.valid, &self.test].into_iter().flatten();
        let count = self.train.len() + others.map(Images::len).sum::<usize>();
        let size = size(self.train.shape);
        let classes = splits::classes_in_words(&self.classes);
        let range = match self.max {
            u8::MAX => String::new(),
            max => format!(", from 0 to {max}"),
        };
        format!("`{name}` has {count} images of {size}{range}, {classes}")
    }
}

impl Images {
    pub(super) fn len(&self) -> usize {
        self.pixels.len() / size_of(self.shape)
    }

    pub(super) fn highest(&self) -> Option<i32> {
        self.labels.as_ref()?.iter().copied().max()
    }
}

impl ImagePreprocess {
    fn store(&self, images: Images) -> Store {
        let num_classes = self.classes.len();
        let targets = match images.labels {
            Some(classes) => StoredTargets::Classes {
                classes,
                num_classes,
            },
            None => StoredTargets::Absent,
        };
        let (shape, pixels) = (images.shape, images.pixels);
        let inputs = StoredInputs::Images {
            shape,
            pixels,
            levels: self.levels(),
        };
        Store {
            inputs,
            targets,
            place: images.place,
        }
    }

    fn whole(&self, images: Images) -> Split {
        let items: Vec<usize> = (0..images.len()).collect();
        Split::new(Arc::new(self.store(images)), &items)
    }

    /// What each of the 256 bytes becomes in each channel.
    #[allow(clippy::cast_possible_truncation)] // Networks compute in f32.
    fn levels(&self) -> Vec<Vec<f32>> {
        let level = |byte: u8, mean: f64, sd: f64| {
            ((f64::from(byte) / f64::from(self.max) - mean) / sd) as f32
        };
        let channels = self.mean.iter().zip(&self.sd);
        channels
            .map(|(&mean, &sd)| (0..=255).map(|byte| level(byte, mean, sd)).collect())
            .collect()
    }
}

/// Mean and deviation of the pixels of each channel of some of the images.
#[allow(clippy::cast_precision_loss)] // Counts of pixels are far below 2^52.
fn fit(images: &Images, max: u8, items: &[usize]) -> Result<(Vec<f64>, Vec<f64>), DataError> {
    let [channels, height, width] = images.shape;
    let plane = height * width;
    let mut counts = vec![[0_u64; 256]; channels];
    for &item in items {
        let first = item * channels * plane;
        let image = images.pixels.get(first..first + channels * plane)?;
        for (pixels, counts) in image.chunks_exact(plane).zip(&mut counts) {
            for &pixel in pixels {
                counts[usize::from(pixel)] += 1;
            }
        }
    }
    let moments = counts.iter().map(|counts| {
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let average = |of: &dyn Fn(f64) -> f64| {
            let levels = counts.iter().zip(0_u8..=255);
            let terms = levels.map(|(&n, byte)| n as f64 * of(f64::from(byte) / f64::from(max)));
            terms.sum::<f64>() / total
        };
        let mean = rounded(average(&|level| level));
        (mean, deviation(average(&|level| (level - mean).powi(2))))
    });
    Ok(moments.unzip())
}

pub(super) fn size_of([channels, height, width]: [usize; 3]) -> usize {
    channels * height * width
}

/// For people.
pub(super) fn size([channels, height, width]: [usize; 3]) -> String {
    match channels {
        1 => format!("{height}x{width} pixels"),
        _ => format!("{height}x{width} pixels in {channels} channels"),
    }
}
