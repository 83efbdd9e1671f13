//! The values of one source, as compact as they were read, and how a batch is made of them.

use crate::cache::Cache;
use crate::scale::Scale;
use crate::sources::Lines;
use crate::{DataError, Inputs, Source, Targets};

/// The values of one source, as compact as they were read.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) inputs: StoredInputs,
    pub(crate) targets: StoredTargets,
    /// What an item is called, followed by its number: `line 17`, `image 3`.
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum StoredInputs {
    /// Bytes, `[N, C, H, W]`, and what each of the 256 becomes in each channel.
    Images {
        shape: [usize; 3],
        pixels: Cache<u8>,
        levels: Vec<Vec<f32>>,
    },
    /// `[N, D]`
    Rows { width: usize, values: Cache<f32> },
    /// Sequences one after another, `[sum of T, D]`, and the step at which each ends.
    Sequences {
        width: usize,
        values: Cache<f32>,
        ends: Vec<usize>,
    },
    /// A series; an item is the last step of a window.
    Windows(SeriesStore),
    /// A text; an item is the first character of a sample.
    Tokens { seq_len: usize, tokens: Cache<i32> },
}

/// One series after another, and how a window of each is scaled.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    pub(crate) window: usize,
    /// Steps behind the window of which something is known; a channel marks them.
    pub(crate) num_ahead: usize,
    /// The series to forecast, in original units.
    pub(crate) target: Vec<f64>,
    /// The other channels, scaled, `[N, num_others]`.
    pub(crate) others: Vec<f32>,
    /// Of each other channel, whether it is known ahead.
    pub(crate) is_known: Vec<bool>,
    /// Of each series, the step behind its last, and the units of its windows and of its targets.
    pub(crate) units: Vec<(usize, f64, f64)>,
    /// Of each series, the column it comes from and the unit of its errors.
    pub(crate) channels: Vec<(usize, f64)>,
}

#[derive(Debug)]
pub(crate) enum StoredTargets {
    Absent,
    Classes {
        classes: Vec<i32>,
        num_classes: usize,
    },
    Values {
        values: Vec<f32>,
        scale: Scale,
    },
    /// The steps after a window.
    Ahead {
        horizon: usize,
    },
    /// The characters after those of the sample.
    NextToken,
}

/// What people call an item.
#[derive(Debug)]
pub(crate) enum Place {
    /// The word and the number of the first item.
    Counted(&'static str, usize),
    /// The word and the number of each item.
    Listed(&'static str, Lines),
    /// The same within several series: the item behind the last of each, and its name.
    Within(&'static str, Lines, Vec<(usize, String)>),
    /// The name of each item.
    Named(Vec<Box<str>>),
}

impl Place {
    /// Where an item stands.
    pub(crate) fn of(&self, item: usize) -> String {
        match self {
            Self::Counted(word, first) => format!("{word} {}", first + item),
            Self::Listed(word, numbers) => format!("{word} {}", numbers.of(item)),
            Self::Within(word, numbers, series) => {
                let place = series.partition_point(|&(end, _)| end <= item);
                let name = series.get(place).map_or("", |(_, name)| name.as_str());
                format!("{name}: {word} {}", numbers.of(item))
            }
            Self::Named(names) => names[item].to_string(),
        }
    }
}

/// Items of each class.
pub(crate) fn count_classes(
    classes: impl IntoIterator<Item = i32>,
    num_classes: usize,
) -> Vec<usize> {
    let mut counts = vec![0; num_classes];
    for class in classes {
        if let Some(count) = usize::try_from(class)
            .ok()
            .and_then(|class| counts.get_mut(class))
        {
            *count += 1;
        }
    }
    counts
}

impl Source for Store {
    fn len(&self) -> usize {
        match &self.inputs {
            StoredInputs::Images { shape, pixels, .. } => {
                pixels.len() / shape.iter().product::<usize>().max(1)
            }
            StoredInputs::Rows { width, values } => values.len() / (*width).max(1),
            StoredInputs::Sequences { ends, .. } => ends.len(),
            StoredInputs::Windows(series) => series.target.len(),
            StoredInputs::Tokens { tokens, .. } => tokens.len(),
        }
    }

    fn inputs(&self, items: &[usize]) -> Result<Inputs, DataError> {
        self.inputs.of(items)
    }

    fn targets(&self, items: &[usize]) -> Result<Targets, DataError> {
        Ok(match (&self.targets, &self.inputs) {
            (StoredTargets::Classes { classes, .. }, _) => {
                Targets::Classes(items.iter().map(|&item| classes[item]).collect())
            }
            (StoredTargets::Values { values, .. }, _) => {
                let values = items.iter().map(|&item| values[item]).collect();
                Targets::Values { width: 1, values }
            }
            (StoredTargets::Ahead { horizon }, StoredInputs::Windows(series)) => {
                let ahead = items.iter().flat_map(|&item| series.ahead(item, *horizon));
                Targets::Values {
                    width: *horizon,
                    values: ahead.collect(),
                }
            }
            (StoredTargets::NextToken, StoredInputs::Tokens { seq_len, tokens }) => {
                let mut next = Vec::with_capacity(items.len() * seq_len);
                for &item in items {
                    next.extend_from_slice(&tokens.get(item + 1..item + 1 + seq_len)?);
                }
                Targets::Tokens(next)
            }
            _ => Targets::Absent,
        })
    }

    fn has_targets(&self) -> bool {
        !matches!(self.targets, StoredTargets::Absent)
    }

    fn num_classes(&self) -> Option<usize> {
        match self.targets {
            StoredTargets::Classes { num_classes, .. } => Some(num_classes),
            _ => None,
        }
    }

    fn class(&self, item: usize) -> i32 {
        match &self.targets {
            StoredTargets::Classes { classes, .. } => classes[item],
            _ => 0,
        }
    }

    fn item_len(&self, item: usize) -> usize {
        match &self.inputs {
            StoredInputs::Images { .. } | StoredInputs::Rows { .. } => 1,
            StoredInputs::Sequences { ends, .. } => span(ends, item).len(),
            StoredInputs::Windows(series) => series.window + series.num_ahead,
            StoredInputs::Tokens { seq_len, .. } => *seq_len,
        }
    }

    fn place(&self, item: usize) -> String {
        self.place.of(item)
    }

    fn units(&self, item: usize) -> (f64, f64) {
        match (&self.targets, &self.inputs) {
            (StoredTargets::Values { scale, .. }, _) => (scale.mean, scale.sd),
            (_, StoredInputs::Windows(series)) => (series.target[item], series.units_of(item).1),
            _ => (0.0, 1.0),
        }
    }

    fn channel(&self, item: usize) -> (usize, f64) {
        match &self.inputs {
            StoredInputs::Windows(series) => {
                let channel = series.channels.get(series.series_of(item));
                channel.copied().unwrap_or((0, 1.0))
            }
            _ => (0, 1.0),
        }
    }
}

impl StoredInputs {
    fn of(&self, items: &[usize]) -> Result<Inputs, DataError> {
        Ok(match self {
            Self::Images {
                shape,
                pixels,
                levels,
            } => {
                let [channels, height, width] = *shape;
                let (plane, size) = (height * width, channels * height * width);
                let mut values = Vec::with_capacity(items.len() * size);
                for &item in items {
                    let image = pixels.get(item * size..(item + 1) * size)?;
                    for (pixels, levels) in image.chunks_exact(plane).zip(levels) {
                        values.extend(pixels.iter().map(|&pixel| levels[usize::from(pixel)]));
                    }
                }
                Inputs::Dense {
                    shape: vec![items.len(), channels, height, width],
                    values,
                }
            }
            Self::Rows { width, values } => {
                let mut rows = Vec::with_capacity(items.len() * width);
                for &item in items {
                    rows.extend_from_slice(&values.get(item * width..(item + 1) * width)?);
                }
                Inputs::Dense {
                    shape: vec![items.len(), *width],
                    values: rows,
                }
            }
            Self::Sequences {
                width,
                values,
                ends,
            } => {
                let spans: Vec<_> = items.iter().map(|&item| span(ends, item)).collect();
                let lengths: Vec<usize> = spans.iter().map(ExactSizeIterator::len).collect();
                let longest = lengths.iter().copied().max().unwrap_or(0);
                let mut padded = Vec::with_capacity(items.len() * longest * width);
                for (row, span) in spans.into_iter().enumerate() {
                    padded.extend_from_slice(&values.get(span.start * width..span.end * width)?);
                    padded.resize((row + 1) * longest * width, 0.0);
                }
                Inputs::Sequences {
                    shape: [items.len(), longest, *width],
                    values: padded,
                    lengths,
                }
            }
            Self::Windows(series) => Inputs::Sequences {
                shape: [
                    items.len(),
                    series.window + series.num_ahead,
                    series.width(),
                ],
                values: items.iter().flat_map(|&item| series.window(item)).collect(),
                lengths: vec![series.window + series.num_ahead; items.len()],
            },
            Self::Tokens { seq_len, tokens } => {
                let mut chars = Vec::with_capacity(items.len() * seq_len);
                for &item in items {
                    chars.extend_from_slice(&tokens.get(item..item + seq_len)?);
                }
                Inputs::Tokens {
                    shape: [items.len(), *seq_len],
                    tokens: chars,
                }
            }
        })
    }
}

fn span(ends: &[usize], item: usize) -> std::ops::Range<usize> {
    let start = if item == 0 { 0 } else { ends[item - 1] };
    start..ends[item]
}

impl SeriesStore {
    /// Channels of a step.
    fn width(&self) -> usize {
        1 + self.is_known.len() + usize::from(self.num_ahead > 0)
    }

    /// The series that a step belongs to.
    fn series_of(&self, step: usize) -> usize {
        self.units.partition_point(|&(end, ..)| end <= step)
    }

    /// The units of the windows and of the targets of the series that a step belongs to.
    fn units_of(&self, step: usize) -> (f64, f64) {
        let units = self.units.get(self.series_of(step));
        units
            .or(self.units.last())
            .map_or((1.0, 1.0), |&(_, window, target)| (window, target))
    }

    /// The scaled window whose last step is `last`, and what is known of the steps behind it,
    /// `[window + num_ahead, width]`.
    fn window(&self, last: usize) -> Vec<f32> {
        let (unit, _) = self.units_of(last);
        let num_others = self.is_known.len();
        let mut values = Vec::with_capacity((self.window + self.num_ahead) * self.width());
        for step in last + 1 - self.window..=last + self.num_ahead {
            let others = &self.others[step * num_others..(step + 1) * num_others];
            let is_ahead = step > last;
            if is_ahead {
                values.push(0.0);
                let known = others.iter().zip(&self.is_known);
                values.extend(known.map(|(&value, &is_known)| if is_known { value } else { 0.0 }));
            } else {
                values.push(self.scaled(step, last, unit));
                values.extend_from_slice(others);
            }
            if self.num_ahead > 0 {
                values.push(f32::from(u8::from(is_ahead)));
            }
        }
        values
    }

    /// The scaled steps after `last`.
    fn ahead(&self, last: usize, horizon: usize) -> impl Iterator<Item = f32> {
        let (_, unit) = self.units_of(last);
        (last + 1..=last + horizon).map(move |step| self.scaled(step, last, unit))
    }

    /// The value at `step` as its difference to the one at `anchor`.
    #[allow(clippy::cast_possible_truncation)] // Scaled values are small: f32 holds them well.
    fn scaled(&self, step: usize, anchor: usize, unit: f64) -> f32 {
        ((self.target[step] - self.target[anchor]) / unit) as f32
    }
}
