//! Items of a dataset as people look at them.

use std::ops::Range;

use fornax_data::{
    Dataset, InputShape, Inputs, Preprocess, SoundForm, Split, TextEncoding, TextLevel,
};
use fornax_runs::report::{Exhibit, Picture};

/// Pixels along the longer side of a picture: more would make the page too large to send.
const SIDE: usize = 56;
/// The same of a spectrum, which is long and low.
const SPECTRUM_SIDE: usize = 112;
/// Steps of a spectrum that are shown at least.
const NARROWEST: usize = 20;
/// Steps of a series that are drawn.
const STEPS: usize = 200;
/// Channels of a series that are drawn.
const CHANNELS: usize = 4;
/// Tokens of a text that are shown.
const TOKENS: usize = 200;
/// Cells of a row that are shown.
const CELLS: usize = 7;

/// Draws items of one dataset.
pub(super) struct Exhibits<'a> {
    preprocess: &'a Preprocess,
    input: &'a InputShape,
}

/// The shape of images, and mean and deviation of each channel in `[0, 1]`.
type Levels = ([usize; 3], Vec<f64>, Vec<f64>);

impl<'a> Exhibits<'a> {
    pub(super) fn new(dataset: &'a Dataset) -> Self {
        Self {
            preprocess: &dataset.preprocess,
            input: &dataset.input,
        }
    }

    /// An item, with how much each of its inputs counts where that is known.
    pub(super) fn item(&self, split: &Split, index: usize, weights: Option<&[f32]>) -> Exhibit {
        let Ok(batch) = split.batch(&[index]) else {
            return Exhibit::Omitted {
                what: format!("{} can no longer be read", split.place(index)),
            };
        };
        match (self.preprocess, &batch.inputs) {
            (_, Inputs::Dense { shape, values }) if shape.len() == 4 => Exhibit::Image {
                picture: self.picture(values),
            },
            (Preprocess::Documents(texts), Inputs::Documents { tokens, .. }) => {
                document(&texts.encoding, tokens, weights)
            }
            (Preprocess::Documents(texts), Inputs::Dense { values, .. }) => {
                bag(&texts.encoding, values, weights)
            }
            (Preprocess::Table(_), Inputs::Dense { values, .. }) => self.row(values, weights),
            (_, Inputs::Sequences { shape, values, .. }) => self.steps(values, shape[2], weights),
            (_, Inputs::Tokens { tokens, .. }) => Exhibit::Text {
                characters: self
                    .preprocess
                    .decode(tokens)
                    .chars()
                    .map(|character| (character.to_string(), 0.0))
                    .collect(),
            },
            _ => Exhibit::Omitted {
                what: split.place(index),
            },
        }
    }

    /// An item, and a map of how much each of its inputs counts where that is a picture too.
    pub(super) fn explained(
        &self,
        split: &Split,
        index: usize,
        weights: Option<&[f32]>,
    ) -> (Exhibit, Option<Picture>) {
        let Some(weights) = weights else {
            return (self.item(split, index, None), None);
        };
        match *self.input {
            InputShape::Image {
                channels,
                height,
                width,
            } => {
                let plane = height * width;
                let sum = |at: usize| {
                    let of_channels = weights.iter().skip(at).step_by(plane).take(channels);
                    of_channels.sum::<f32>()
                };
                let sums: Vec<f32> = (0..plane).map(sum).collect();
                let map = heat(&sums, [height, width], SIDE);
                (self.item(split, index, None), Some(map))
            }
            InputShape::Sequence { width, .. } if self.is_spectrum() => {
                let exhibit = self.item(split, index, None);
                // What fills an item up to the longest one is not shown.
                let num_steps = match split.batch(&[index]).map(|batch| batch.inputs) {
                    Ok(Inputs::Sequences { shape, .. }) => shape[1],
                    _ => return (exhibit, None),
                };
                let upright: Vec<f32> = (0..width)
                    .rev()
                    .flat_map(|band| weights.iter().skip(band).step_by(width).take(num_steps))
                    .copied()
                    .collect();
                let map = heat(&upright, [width, num_steps], SPECTRUM_SIDE);
                (exhibit, Some(map))
            }
            _ => (self.item(split, index, Some(weights)), None),
        }
    }

    /// Some steps of an item: marked in a series or a text, cut out of a spectrum.
    pub(super) fn stretch(&self, split: &Split, index: usize, steps: Range<usize>) -> Exhibit {
        let (width, max_len) = match *self.input {
            InputShape::Sequence { width, max_len } => (width, max_len),
            InputShape::Documents { max_len, .. } => (1, max_len),
            _ => return self.item(split, index, None),
        };
        if !self.is_spectrum() {
            let mark = |step: usize| f32::from(u8::from(steps.contains(&step)));
            let weights: Vec<f32> = (0..max_len * width).map(|at| mark(at / width)).collect();
            return self.item(split, index, Some(&weights));
        }
        match split.batch(&[index]).map(|batch| batch.inputs) {
            Ok(Inputs::Sequences { shape, values, .. }) => {
                let end = steps.end.clamp(1, shape[1]);
                let start = steps.start.min(end.saturating_sub(NARROWEST));
                self.steps(&values[start * width..end * width], width, None)
            }
            _ => self.item(split, index, None),
        }
    }

    /// Whether items are the loudness of bands of pitch over time, which people see as a picture.
    fn is_spectrum(&self) -> bool {
        matches!(self.preprocess, Preprocess::Sound(sound) if sound.form == SoundForm::LogMel)
    }

    /// Steps of a series, `[T, width]`: its first channels as lines; a spectrum as a picture, time to
    /// the right and low bands below, in two deviations to each side of the middle.
    pub(super) fn steps(&self, values: &[f32], width: usize, weights: Option<&[f32]>) -> Exhibit {
        if !self.is_spectrum() {
            return series(values, width, weights);
        }
        let shape = [1, width, values.len() / width.max(1)];
        let pixel = |_, row: usize, column: usize| {
            0.5 + 0.25 * f64::from(values[column * width + width - 1 - row])
        };
        Exhibit::Image {
            picture: draw(shape, SPECTRUM_SIDE, pixel),
        }
    }

    /// How inputs become pixels. What was no picture before it was standardised gets a grey of its
    /// own: two deviations to each side of the middle.
    fn levels(&self) -> Levels {
        if let Preprocess::Images(images) = self.preprocess {
            return (images.shape, images.mean.clone(), images.sd.clone());
        }
        match *self.input {
            InputShape::Image {
                channels,
                height,
                width,
            } => (
                [channels, height, width],
                vec![0.5; channels],
                vec![0.25; channels],
            ),
            _ => ([0; 3], Vec::new(), Vec::new()),
        }
    }

    /// Inputs of an image model, `[C, H, W]`, as a picture in the colours of the data.
    pub(super) fn picture(&self, values: &[f32]) -> Picture {
        let ([channels, height, width], mean, sd) = self.levels();
        let shown = if channels == 3 { 3 } else { 1 };
        let pixel = |channel: usize, row: usize, column: usize| {
            let value = f64::from(values[(channel * height + row) * width + column]);
            value * sd[channel] + mean[channel]
        };
        draw([shown, height, width], SIDE, pixel)
    }

    /// The part of an image around a place, `side` pixels wide, filled with the mean beyond its
    /// border.
    pub(super) fn patch(&self, values: &[f32], centre: [usize; 2], side: usize) -> Picture {
        let ([channels, height, width], mean, sd) = self.levels();
        let shown = if channels == 3 { 3 } else { 1 };
        let pixel = |channel: usize, row: usize, column: usize| {
            let row = (row + centre[0])
                .checked_sub(side / 2)
                .filter(|&row| row < height);
            let column = (column + centre[1])
                .checked_sub(side / 2)
                .filter(|&column| column < width);
            let value = match (row, column) {
                (Some(row), Some(column)) => {
                    f64::from(values[(channel * height + row) * width + column])
                }
                _ => -mean[channel] / sd[channel],
            };
            value * sd[channel] + mean[channel]
        };
        draw([shown, side, side], SIDE, pixel)
    }

    /// Inputs of a table's model, or of a model like it, as a row.
    pub(super) fn values(&self, values: &[f32]) -> Exhibit {
        self.row(values, None)
    }

    /// What rows of a table have in common: their mean, the most unusual cells first.
    pub(super) fn typical(&self, split: &Split, places: &[usize]) -> Exhibit {
        let Ok(Inputs::Dense { values, .. }) = split.batch(places).map(|batch| batch.inputs) else {
            return self.row(&[], None);
        };
        let width = values.len() / places.len().max(1);
        #[allow(clippy::cast_precision_loss)] // a handful of rows
        let share = 1.0 / places.len().max(1) as f32;
        let mean: Vec<f32> = (0..width)
            .map(|input| share * values.iter().skip(input).step_by(width).sum::<f32>())
            .collect();
        // Inputs are standardised: the mean itself is the distance to what is usual.
        match self.preprocess {
            Preprocess::Documents(texts) => bag(&texts.encoding, &mean, Some(&mean)),
            _ => self.row(&mean, Some(&mean)),
        }
    }

    /// The cells that count most, or the first ones where nothing is known of that.
    fn row(&self, values: &[f32], weights: Option<&[f32]>) -> Exhibit {
        let Preprocess::Table(table) = self.preprocess else {
            return Exhibit::Row { cells: Vec::new() };
        };
        let mut cells = Vec::new();
        let mut at = 0;
        for column in &table.columns {
            let width = column.width();
            let inputs = &values[at..at + width];
            let weight = weights.map_or(0.0, |weights| weights[at..at + width].iter().sum());
            let value = column.cell_of(inputs);
            cells.push((column.name.clone(), value, weight));
            at += width;
        }
        if weights.is_some() {
            cells.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
        }
        cells.truncate(CELLS);
        Exhibit::Row { cells }
    }
}

/// A text that was read token by token, coloured by how much each counts.
fn document(encoding: &TextEncoding, tokens: &[i32], weights: Option<&[f32]>) -> Exhibit {
    let TextEncoding::Tokens {
        level, vocabulary, ..
    } = encoding
    else {
        return Exhibit::Text {
            characters: Vec::new(),
        };
    };
    let strongest = weights.map_or(1e-12, |weights| {
        weights
            .iter()
            .fold(1e-12_f32, |most, weight| most.max(weight.abs()))
    });
    let space = if *level == TextLevel::Words { " " } else { "" };
    let shown = tokens.iter().enumerate().take(TOKENS).map(|(at, &token)| {
        let place = usize::try_from(token - 1).ok();
        let word = place.and_then(|place| vocabulary.get(place));
        let weight = weights
            .and_then(|weights| weights.get(at))
            .copied()
            .unwrap_or(0.0);
        let share = (weight / strongest).abs().sqrt().copysign(weight);
        (
            format!("{}{space}", word.map_or("·", String::as_str)),
            share,
        )
    });
    Exhibit::Text {
        characters: shown.collect(),
    }
}

/// A text as the terms in it that count most.
fn bag(encoding: &TextEncoding, values: &[f32], weights: Option<&[f32]>) -> Exhibit {
    let TextEncoding::Bag { terms, .. } = encoding else {
        return Exhibit::Row { cells: Vec::new() };
    };
    let present = terms
        .iter()
        .zip(values)
        .enumerate()
        .filter(|(_, (_, value))| **value != 0.0);
    let mut cells: Vec<(String, String, f32)> = present
        .map(|(at, (term, value))| {
            let weight = weights
                .and_then(|weights| weights.get(at))
                .copied()
                .unwrap_or(0.0);
            (term.clone(), format!("{value:.2}"), weight)
        })
        .collect();
    cells.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then_with(|| b.1.cmp(&a.1)));
    cells.truncate(CELLS);
    Exhibit::Row { cells }
}

/// A series, thinned and its weights summed over channels.
fn series(values: &[f32], width: usize, weights: Option<&[f32]>) -> Exhibit {
    let steps = values.len() / width.max(1);
    let every = steps.div_ceil(STEPS).max(1);
    let channel = |channel: usize| -> Vec<f32> {
        (0..steps)
            .step_by(every)
            .map(|step| values[step * width + channel])
            .collect()
    };
    let weights = weights.map_or(Vec::new(), |weights| {
        let sums: Vec<f32> = weights
            .chunks_exact(width.max(1))
            .map(|step| step.iter().sum())
            .collect();
        sums.chunks(every).map(|part| part.iter().sum()).collect()
    });
    Exhibit::Series {
        channels: (0..width.min(CHANNELS)).map(channel).collect(),
        weights,
        truth: Vec::new(),
        forecast: Vec::new(),
    }
}

/// Pixels in `[0, 1]` as a picture, averaged down where it is large.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn draw(
    [channels, height, width]: [usize; 3],
    side: usize,
    pixel: impl Fn(usize, usize, usize) -> f64,
) -> Picture {
    let step = height.max(width).div_ceil(side).max(1);
    let (rows, columns) = (height.div_ceil(step), width.div_ceil(step));
    let mut bytes = Vec::with_capacity(rows * columns * channels);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..channels {
                let (mut sum, mut count) = (0.0, 0.0);
                for y in row * step..((row + 1) * step).min(height) {
                    for x in column * step..((column + 1) * step).min(width) {
                        sum += pixel(channel, y, x);
                        count += 1.0;
                    }
                }
                bytes.push(
                    (255.0 * sum / f64::max(count, 1.0))
                        .round()
                        .clamp(0.0, 255.0) as u8,
                );
            }
        }
    }
    Picture::new(columns, rows, channels, &bytes)
}

/// A map of numbers as a picture: blue for, orange against, transparent for nothing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn heat(values: &[f32], [height, width]: [usize; 2], side: usize) -> Picture {
    let strongest = values
        .iter()
        .fold(1e-12_f32, |most, value| most.max(value.abs()));
    let step = height.max(width).div_ceil(side).max(1);
    let (rows, columns) = (height.div_ceil(step), width.div_ceil(step));
    let mut bytes = Vec::with_capacity(rows * columns * 4);
    for row in 0..rows {
        for column in 0..columns {
            let value = values[(row * step) * width + column * step] / strongest;
            let colour = if value > 0.0 {
                [0, 114, 178]
            } else {
                [213, 94, 0]
            };
            bytes.extend(colour);
            bytes.push((255.0 * value.abs().sqrt()).round().clamp(0.0, 255.0) as u8);
        }
    }
    Picture::new(columns, rows, 4, &bytes)
}

/// Weights of a unit as a picture: mid-grey is zero.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn filter(values: &[f32], [channels, height, width]: [usize; 3]) -> Picture {
    let strongest = values
        .iter()
        .fold(1e-12_f32, |most, value| most.max(value.abs()));
    let shown = if channels == 3 { 3 } else { 1 };
    draw([shown, height, width], SIDE, |channel, row, column| {
        0.5 + 0.5 * f64::from(values[(channel * height + row) * width + column] / strongest)
    })
}
