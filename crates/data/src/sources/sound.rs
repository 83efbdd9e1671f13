//! A folder of folders of recordings: the folder is the class, or the beginning of the name.

mod mel;
mod wav;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::faults::Faults;
use super::splits::{self, classes_in_words};
use super::tree::{Labelled, NewFiles, Tree};
use super::{Opening, file};
use crate::baseline::count;
use crate::cache::{Cache, CacheWriter};
use crate::config::SoundForm;
use crate::scale::{Scale, deviation, rounded};
use crate::split::{Place, Store, StoredInputs, StoredTargets};
use crate::workers::{map, num_workers};
use crate::{Baseline, DataError, Dataset, InputShape, Preprocess, Split, Task};
use mel::MelBands;
use wav::ENDINGS;

/// Recordings that are read before the next ones are begun, to bound what lies in memory.
const BLOCK: usize = 256;
/// Speech needs no more than this rate.
const MAX_RATE: u32 = 16_000;

/// How a recording becomes a sequence of vectors.
///
/// Its channels are averaged, it is resampled to `rate` and cut to `max_seconds`; then it is turned
/// into frames of bands, or left as a wave; every number is standardised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundPreprocess {
    /// Samples per second.
    pub rate: u32,
    /// What a recording becomes.
    pub form: SoundForm,
    /// Seconds that are read.
    pub max_seconds: f64,
    /// Of the training steps, one for each band; of a wave, one.
    pub scales: Vec<Scale>,
    /// In the order of the outputs.
    pub classes: Vec<String>,
}

/// Recordings as numbers, not yet standardised.
struct Recordings {
    /// `[sum of T, D]`
    values: Cache<f32>,
    /// The step after the last one of each.
    ends: Vec<usize>,
    labels: Vec<i32>,
    names: Vec<Box<str>>,
}

/// Is told of each file the checksum of its bytes, or its fault; may end the reading.
type Found<'a> = &'a mut dyn FnMut(&Labelled, Result<Vec<u8>, DataError>) -> Result<(), DataError>;

pub(crate) fn recognises(opening: &Opening) -> bool {
    opening
        .tree()
        .is_some_and(|tree| tree.count(&ENDINGS) > 0 && 2 * tree.count(&ENDINGS) > tree.files.len())
}

pub(crate) fn open(opening: &Opening) -> Result<Dataset, DataError> {
    let (tree, config) = (opening.needed_tree()?, opening.config);
    let layout = opening.classes(&ENDINGS, "recordings")?;
    let own = layout.own();
    let mut warnings = layout.warnings;
    let rates = rates(tree, &layout.train);
    let most_frequent = rates
        .iter()
        .max_by_key(|&(&rate, &n)| (n, std::cmp::Reverse(rate)));
    let usual = most_frequent.map_or(MAX_RATE, |(&rate, _)| rate.min(MAX_RATE));
    let mut preprocess = SoundPreprocess {
        rate: config.rate.unwrap_or(usual),
        form: config.sound_form,
        max_seconds: config.max_seconds,
        scales: Vec::new(),
        classes: layout.classes,
    };
    let mut faults = Faults::default();
    let mut read = |items: &[Labelled]| {
        preprocess.read(
            tree,
            items,
            config.memory_bytes(),
            &mut |item, result| match result {
                Ok(digest) => {
                    opening.add_to_digest(&item.file, &digest);
                    Ok(())
                }
                Err(fault) => faults.push(fault),
            },
            config.num_mels,
        )
    };
    let train = read(&layout.train)?;
    let valid = layout.valid.as_deref().map(&mut read).transpose()?;
    let test = layout.test.as_deref().map(&mut read).transpose()?;
    faults.refuse_unless_allowed(opening)?;
    faults.warn(&mut warnings);

    let others = [&valid, &test].into_iter().flatten();
    let num_all = train.labels.len() + others.map(|part| part.labels.len()).sum::<usize>();
    let mut reading = vec![
        format!(
            "`{}` has {num_all} recordings, {}; {}",
            opening.name,
            classes_in_words(&preprocess.classes),
            layout.how
        ),
        preprocess.sentence(&rates, config.num_mels),
    ];
    let groups = &train.labels;
    let division = splits::divide(opening, groups, &preprocess.classes, own, &mut warnings)?;
    let width = preprocess.width(config.num_mels);
    preprocess.scales = fit(&train, &division.train, width)?;
    let memory = config.memory_bytes();
    let store = Arc::new(preprocess.store(train, memory, true)?);
    let whole = |part: Option<Recordings>, items: &[usize]| match part {
        Some(part) => preprocess.whole(part, memory, true),
        None => Ok(Split::new(store.clone(), items)),
    };
    let train = whole(None, &division.train)?;
    let valid = whole(valid, &division.valid)?;
    let test = whole(test, &division.test)?;
    let longest = |split: &Split| (0..split.len()).map(|i| split.item_len(i)).max();
    let max_len = [&train, &valid, &test]
        .into_iter()
        .filter_map(longest)
        .max();
    reading.push(splits::sentence(
        opening,
        [&train, &valid, &test],
        own,
        true,
    ));
    let classes = preprocess.classes.clone();
    Ok(Dataset {
        name: opening.name.clone(),
        baseline: Baseline::majority(&classes, [&train, &valid, &test]),
        task: Task::Classification { classes },
        input: InputShape::Sequence {
            width,
            max_len: max_len.unwrap_or(1),
        },
        preprocess: Preprocess::Sound(preprocess),
        train,
        valid,
        test,
        sha256: opening.sha256(),
        reading,
        warnings,
        left_out: Vec::new(),
    })
}

/// Reads new recordings, of any rate: a file, or all below a folder, whose folders may name classes.
pub(crate) fn open_inputs(preprocess: &SoundPreprocess, path: &Path) -> Result<Split, DataError> {
    let new = NewFiles::find(path, &ENDINGS, &preprocess.classes)?;
    let num_mels = preprocess.scales.len();
    let refuse = &mut |_: &Labelled, result: Result<Vec<u8>, DataError>| result.map(|_| ());
    let mut read = preprocess.read(&new.tree, &new.items, usize::MAX, refuse, num_mels)?;
    read.names = new.items.iter().map(|item| new.name(item).into()).collect();
    preprocess.whole(read, usize::MAX, new.is_labelled)
}

/// How many recordings have which rate; faulty ones are found later.
fn rates(tree: &Tree, items: &[Labelled]) -> BTreeMap<u32, usize> {
    let found = map(items, num_workers(), |item| {
        let path = tree.full(&item.file);
        wav::rate(&file::bytes(&path).ok()?, &path).ok()
    });
    let mut rates = BTreeMap::new();
    for rate in found.into_iter().flatten() {
        *rates.entry(rate).or_insert(0) += 1;
    }
    rates
}

/// Mean and deviation of each number of a step.
fn fit(read: &Recordings, items: &[usize], width: usize) -> Result<Vec<Scale>, DataError> {
    let mut num_steps = 0.0;
    let mut sums = vec![0.0; width];
    let mut squares = vec![0.0; width];
    for &item in items {
        let values = read.values.get(read.span(item, width))?;
        for step in values.chunks_exact(width) {
            num_steps += 1.0;
            for ((value, sum), square) in step.iter().zip(&mut sums).zip(&mut squares) {
                *sum += f64::from(*value);
                *square += f64::from(*value).powi(2);
            }
        }
    }
    let total = f64::max(num_steps, 1.0);
    let moments = sums.into_iter().zip(squares);
    Ok(moments
        .map(|(sum, square)| {
            let mean = rounded(sum / total);
            let sd = deviation((square / total - (sum / total).powi(2)).max(0.0));
            Scale { mean, sd }
        })
        .collect())
}

impl Recordings {
    fn span(&self, item: usize, width: usize) -> std::ops::Range<usize> {
        let start = if item == 0 { 0 } else { self.ends[item - 1] };
        start * width..self.ends[item] * width
    }
}

impl SoundPreprocess {
    /// Whether the parts fit each other.
    pub(crate) fn is_sound(&self) -> bool {
        let num_scales = self.scales.len();
        (1000..=192_000).contains(&self.rate)
            && self.max_seconds > 0.0
            && self.max_seconds <= 3600.0
            && match self.form {
                SoundForm::LogMel => (4..=256).contains(&num_scales),
                SoundForm::Wave => num_scales == 1,
            }
    }

    fn width(&self, num_mels: usize) -> usize {
        match self.form {
            SoundForm::LogMel => num_mels,
            SoundForm::Wave => 1,
        }
    }

    /// Reads files; `found` is told of each, with the checksum of its bytes or its fault.
    fn read(
        &self,
        tree: &Tree,
        items: &[Labelled],
        memory_bytes: usize,
        found: Found<'_>,
        num_mels: usize,
    ) -> Result<Recordings, DataError> {
        let width = self.width(num_mels);
        let bands = MelBands::new(self.rate, num_mels);
        let mut writer = CacheWriter::new(memory_bytes);
        let mut read = Recordings {
            values: Vec::new().into(),
            ends: Vec::with_capacity(items.len()),
            labels: Vec::with_capacity(items.len()),
            names: Vec::with_capacity(items.len()),
        };
        let mut end = 0;
        for block in items.chunks(BLOCK) {
            let results = map(block, num_workers(), |item| {
                let path = tree.full(&item.file);
                let bytes = file::bytes(&path)?;
                let samples = wav::samples(&bytes, &path, self.rate, self.max_seconds)?;
                let values = match self.form {
                    SoundForm::LogMel => bands.of(&samples),
                    SoundForm::Wave => samples,
                };
                Ok((values, super::digest_of(&bytes)))
            });
            for (item, result) in block.iter().zip(results) {
                match result {
                    Ok((values, digest)) => {
                        writer.extend(&values)?;
                        end += values.len() / width;
                        read.ends.push(end);
                        read.labels.push(item.class);
                        read.names.push(item.file.display().to_string().into());
                        found(item, Ok(digest))?;
                    }
                    Err(fault) => found(item, Err(fault))?,
                }
            }
        }
        read.values = writer.finish()?;
        Ok(read)
    }

    fn store(
        &self,
        read: Recordings,
        memory_bytes: usize,
        labelled: bool,
    ) -> Result<Store, DataError> {
        let width = self.scales.len();
        let mut writer = CacheWriter::new(memory_bytes);
        for item in 0..read.ends.len() {
            let raw = read.values.get(read.span(item, width))?;
            let scales = self.scales.iter().cycle();
            let scaled = raw
                .iter()
                .zip(scales)
                .map(|(raw, scale)| scale.apply(f64::from(*raw)));
            writer.extend(&scaled.collect::<Vec<f32>>())?;
        }
        let targets = if labelled {
            StoredTargets::Classes {
                classes: read.labels,
                num_classes: self.classes.len(),
            }
        } else {
            StoredTargets::Absent
        };
        Ok(Store {
            inputs: StoredInputs::Sequences {
                width,
                values: writer.finish()?,
                ends: read.ends,
            },
            targets,
            place: Place::Named(read.names),
        })
    }

    fn whole(
        &self,
        read: Recordings,
        memory_bytes: usize,
        labelled: bool,
    ) -> Result<Split, DataError> {
        let items: Vec<usize> = (0..read.ends.len()).collect();
        Ok(Split::new(
            Arc::new(self.store(read, memory_bytes, labelled)?),
            &items,
        ))
    }

    fn sentence(&self, rates: &BTreeMap<u32, usize>, num_mels: usize) -> String {
        let rate = self.rate;
        let found = match rates.len() {
            1 if rates.contains_key(&rate) => format!("of {rate} samples a second"),
            _ => {
                let lowest = rates.keys().next().copied().unwrap_or(rate);
                let highest = rates.keys().next_back().copied().unwrap_or(rate);
                format!("of {lowest} to {highest} samples a second, resampled to {rate}")
            }
        };
        let become_what = match self.form {
            SoundForm::LogMel => {
                format!(
                    "become {:.0} steps a second of {num_mels} bands",
                    count(100)
                )
            }
            SoundForm::Wave => "stay waves".to_owned(),
        };
        format!(
            "recordings {found}, all channels as one, {become_what}; {} seconds are read at most",
            self.max_seconds
        )
    }
}
