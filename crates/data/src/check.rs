//! What is in a dataset, and what about it should be looked at: sizes, classes, ranges, odd items,
//! duplicates, conflicts. Plain values, for people and for rules that judge them.

mod alike;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use crate::baseline::ratio;
use crate::preprocess::InputColumn;
use crate::{
    Batch, DataError, Dataset, InputShape, Inputs, LeftOut, Preprocess, Split, Targets, Task,
};

/// Items that are read at a time.
const BATCH: usize = 256;
/// Examples that are named of each kind of finding.
const EXAMPLES: usize = 10;
/// A number so many deviations from the mean is odd.
const FAR: f32 = 10.0;

/// The whole of what [`check`] finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The dataset.
    pub name: String,
    /// Checksum of the source, the same in the environment of a run and in its model.
    pub fingerprint: String,
    /// What was understood of the source.
    pub reading: Vec<String>,
    /// What was noticed while reading.
    pub warnings: Vec<String>,
    /// The shape of one item.
    pub input: InputShape,
    /// Train, valid and test.
    pub splits: Vec<SplitReport>,
    /// Of all numbers that a network is shown, in scaled units.
    pub values: ValueRange,
    /// Items that were looked at.
    pub num_checked: usize,
    /// Columns that are not predicted from: constant ones, identifiers, those left out as told.
    pub left_out: Vec<LeftOut>,
    /// Items that differ from all others in a way that may be a fault.
    pub odd: Findings<OddItem>,
    /// Items with the same inputs and the same answer within one split.
    pub exact_duplicates: Findings<Pair>,
    /// Items with the same inputs in two splits: what is learned by heart counts as understood.
    pub shared_by_splits: Findings<Pair>,
    /// Items with the same inputs and different answers.
    pub conflicting: Findings<Pair>,
    /// Items that are alike but for details: a picture saved twice, a row with other last digits, a
    /// text with a word changed.
    pub near_duplicates: Findings<Pair>,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    /// `train`, `valid` or `test`.
    pub name: &'static str,
    /// Number of items.
    pub num_items: usize,
    /// Items of each class, in the order of the outputs; empty without classes.
    pub classes: Vec<(String, usize)>,
    /// Steps of the shortest and of the longest item.
    pub steps: [usize; 2],
}

/// The range of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ValueRange {
    /// The lowest.
    pub lowest: f32,
    /// The highest.
    pub highest: f32,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// NaN and infinite ones.
    pub num_not_finite: usize,
}

/// How many there are of a kind, and the first few.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings<T> {
    /// How many.
    pub count: usize,
    /// The first ones.
    pub examples: Vec<T>,
}

/// An item by its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// `train`, `valid` or `test`.
    pub split: &'static str,
    /// Where it stands in its source.
    pub place: String,
}

/// Two items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The one that came first.
    pub first: Item,
    /// The other.
    pub second: Item,
}

/// An item that is odd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OddItem {
    /// Which.
    pub item: Item,
    /// In what way, a phrase.
    pub why: String,
}

impl<T> Findings<T> {
    fn add(&mut self, example: impl FnOnce() -> T) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self {
            count: 0,
            examples: Vec::new(),
        }
    }
}

/// Reads every item of a dataset once.
///
/// # Errors
/// When an item can no longer be read.
pub fn check(dataset: &Dataset) -> Result<Report, DataError> {
    check_some(dataset, usize::MAX)
}

/// [`check`] of at most `most` items of each split, spread evenly over it.
///
/// # Errors
/// As [`check`].
pub fn check_some(dataset: &Dataset, most: usize) -> Result<Report, DataError> {
    let splits = [
        ("train", &dataset.train),
        ("valid", &dataset.valid),
        ("test", &dataset.test),
    ];
    let mut report = Report {
        name: dataset.name.clone(),
        fingerprint: dataset.sha256.clone(),
        reading: dataset.reading.clone(),
        warnings: dataset.warnings.clone(),
        input: dataset.input.clone(),
        splits: splits
            .iter()
            .map(|(name, split)| describe(dataset, name, split))
            .collect(),
        values: ValueRange {
            lowest: f32::INFINITY,
            highest: f32::NEG_INFINITY,
            mean: 0.0,
            deviation: 0.0,
            num_not_finite: 0,
        },
        num_checked: 0,
        left_out: dataset.left_out.clone(),
        odd: Findings::default(),
        exact_duplicates: Findings::default(),
        shared_by_splits: Findings::default(),
        conflicting: Findings::default(),
        near_duplicates: Findings::default(),
    };
    let names = input_names(&dataset.preprocess);
    // Windows of a series and samples of a text overlap or repeat by their nature.
    let compares = !matches!(dataset.task, Task::Forecast { .. } | Task::NextToken { .. });
    let mut seen = HashMap::<u64, (usize, usize, u64)>::new();
    let mut alike = alike::Alike::of(dataset);
    let mut total = Sums::default();
    for (number, (name, split)) in splits.iter().enumerate() {
        let count = split.len().min(most);
        let some: Vec<usize> = (0..count).map(|at| at * split.len() / count).collect();
        report.num_checked += count;
        for indices in some.chunks(BATCH) {
            let batch = split.batch(indices)?;
            for (row, &index) in indices.iter().enumerate() {
                let item = || Item {
                    split: name,
                    place: split.place(index),
                };
                let view = View::of(&batch, row);
                report.values.take_in(view.values, &mut total);
                if let Some(why) = view.oddity(&names) {
                    report.odd.add(|| OddItem { item: item(), why });
                }
                if !compares {
                    continue;
                }
                let pair = |(number, index): (usize, usize)| Pair {
                    first: Item {
                        split: splits[number].0,
                        place: splits[number].1.place(index),
                    },
                    second: item(),
                };
                let (inputs, answer) = (view.hash(), answer(&batch, row));
                match seen.get(&inputs) {
                    Some(&(other, place, _)) if other != number => {
                        report.shared_by_splits.add(|| pair((other, place)));
                    }
                    Some(&(other, place, same)) if same == answer => {
                        report.exact_duplicates.add(|| pair((other, place)));
                    }
                    Some(_) => {}
                    None => {
                        seen.insert(inputs, (number, index, answer));
                        if let Some(other) = alike.find(&view, (number, index)) {
                            report.near_duplicates.add(|| pair(other));
                        }
                        continue;
                    }
                }
                if let Some(&(other, place, different)) = seen.get(&inputs)
                    && different != answer
                {
                    report.conflicting.add(|| pair((other, place)));
                }
            }
        }
    }
    if total.count == 0 {
        (report.values.lowest, report.values.highest) = (0.0, 0.0);
    }
    let count = crate::baseline::count(total.count.max(1));
    let mean = total.sum / count;
    report.values.mean = mean;
    report.values.deviation = (total.squares / count - mean * mean).max(0.0).sqrt();
    Ok(report)
}

fn describe(dataset: &Dataset, name: &'static str, split: &Split) -> SplitReport {
    let names = match &dataset.task {
        Task::Classification { classes } => classes.clone(),
        _ => Vec::new(),
    };
    let lengths = || (0..split.len()).map(|index| split.item_len(index));
    SplitReport {
        name,
        num_items: split.len(),
        classes: names
            .into_iter()
            .zip(split.class_counts().unwrap_or_default())
            .collect(),
        steps: [lengths().min().unwrap_or(0), lengths().max().unwrap_or(0)],
    }
}

/// The numbers of one item of a batch.
struct View<'a> {
    values: &'a [f32],
    tokens: &'a [i32],
    /// A series, whose steps are compared with each other.
    is_picture: bool,
}

impl<'a> View<'a> {
    fn of(batch: &'a Batch, row: usize) -> Self {
        let part = |size: usize, length: usize| row * size..row * size + length;
        let (values, tokens, is_picture): (&[f32], &[i32], bool) = match &batch.inputs {
            Inputs::Dense { shape, values } => {
                let size = shape.iter().skip(1).product();
                let values = values.get(part(size, size)).unwrap_or_default();
                (values, &[], shape.len() == 4)
            }
            Inputs::Sequences {
                shape: [_, steps, width],
                values,
                lengths,
            } => {
                let length = lengths.get(row).copied().unwrap_or(0) * width;
                let values = values.get(part(steps * width, length)).unwrap_or_default();
                (values, &[], true)
            }
            Inputs::Tokens {
                shape: [_, steps],
                tokens,
            } => (
                &[],
                tokens.get(part(*steps, *steps)).unwrap_or_default(),
                false,
            ),
            Inputs::Documents {
                shape: [_, steps],
                tokens,
                lengths,
            } => {
                let length = lengths.get(row).copied().unwrap_or(0);
                (
                    &[],
                    tokens.get(part(*steps, length)).unwrap_or_default(),
                    false,
                )
            }
        };
        Self {
            values,
            tokens,
            is_picture,
        }
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.tokens.hash(&mut hasher);
        for value in self.values {
            value.to_bits().hash(&mut hasher);
        }
        hasher.finish()
    }

    fn oddity(&self, names: &[String]) -> Option<String> {
        let first = self.values.first().copied();
        let is_flat = first.is_some_and(|first| {
            self.values.len() > 1
                && self
                    .values
                    .iter()
                    .all(|value| value.to_bits() == first.to_bits())
        });
        if is_flat && self.is_picture {
            return Some("it is of one value throughout".to_owned());
        }
        if names.is_empty() {
            let is_empty = self.values.iter().all(|&value| value == 0.0);
            let knows_nothing = !self.is_picture && !self.values.is_empty() && is_empty;
            return knows_nothing
                .then(|| "it holds nothing that is known from training".to_owned());
        }
        let far = self
            .values
            .iter()
            .zip(names)
            .find(|(value, _)| value.abs() > FAR);
        far.map(|(value, name)| format!("`{name}` is {value:.0} deviations from the mean"))
    }
}

/// What mean and deviation are made of.
#[derive(Default)]
struct Sums {
    sum: f64,
    squares: f64,
    count: usize,
}

impl ValueRange {
    fn take_in(&mut self, values: &[f32], total: &mut Sums) {
        for &value in values {
            if value.is_finite() {
                self.lowest = self.lowest.min(value);
                self.highest = self.highest.max(value);
                total.sum += f64::from(value);
                total.squares += f64::from(value) * f64::from(value);
                total.count += 1;
            } else {
                self.num_not_finite += 1;
            }
        }
    }
}

fn answer(batch: &Batch, row: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &batch.targets {
        Targets::Classes(classes) => classes.get(row).hash(&mut hasher),
        Targets::Values { width, values } => {
            let own = values
                .get(row * width..(row + 1) * width)
                .unwrap_or_default();
            for value in own {
                value.to_bits().hash(&mut hasher);
            }
        }
        Targets::Tokens(_) | Targets::Absent => {}
    }
    hasher.finish()
}

fn input_names(preprocess: &Preprocess) -> Vec<String> {
    match preprocess {
        Preprocess::Table(table) => table
            .columns
            .iter()
            .flat_map(InputColumn::input_names)
            .collect(),
        _ => Vec::new(),
    }
}

impl Report {
    /// The report in lines, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.reading.clone();
        lines.push(format!("fingerprint {}", self.fingerprint));
        for split in &self.splits {
            let mut line = format!("{:<5} {} items", split.name, split.num_items);
            if split.steps[1] > 1 {
                line = format!("{line} of {} to {} steps", split.steps[0], split.steps[1]);
            }
            let most = split.classes.iter().max_by_key(|(_, count)| *count);
            let least = split.classes.iter().min_by_key(|(_, count)| *count);
            if let (Some((most, n)), Some((least, m))) = (most, least) {
                let share = |count: &usize| 100.0 * ratio(*count, split.num_items);
                line = format!(
                    "{line}; most are `{most}` ({n}, {:.1} %), fewest `{least}` ({m}, {:.1} %)",
                    share(n),
                    share(m)
                );
            }
            lines.push(line);
        }
        let range = &self.values;
        lines.push(format!(
            "values from {:.4} to {:.4}, mean {:.4}; {} are no numbers",
            range.lowest, range.highest, range.mean, range.num_not_finite
        ));
        let item = |item: &Item| format!("{} {}", item.split, item.place);
        let mut say = |what: &str, count: usize, examples: Vec<String>| {
            if count > 0 {
                lines.push(format!("{count} {what}"));
                lines.extend(examples.into_iter().map(|example| format!("  {example}")));
            }
        };
        let left_out = self.left_out.iter();
        let left_out = left_out
            .map(|left| format!("`{}`: {}", left.column, left.why))
            .collect();
        say("columns are left out", self.left_out.len(), left_out);
        let odd = self.odd.examples.iter();
        let odd = odd
            .map(|odd| format!("{}: {}", item(&odd.item), odd.why))
            .collect();
        say("odd items", self.odd.count, odd);
        for (what, pairs) in [
            ("exact duplicates within a split", &self.exact_duplicates),
            ("items are in two splits", &self.shared_by_splits),
            ("items have an equal with another answer", &self.conflicting),
            ("near duplicates", &self.near_duplicates),
        ] {
            let examples = pairs.examples.iter();
            let pair = |pair: &Pair| format!("{} = {}", item(&pair.first), item(&pair.second));
            say(what, pairs.count, examples.map(pair).collect());
        }
        lines
    }
}
