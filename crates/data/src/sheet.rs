//! A sheet of items as one picture: a row a class, for people who want to see their data.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use crate::{AugmentConfig, DataError, Dataset, Inputs, Preprocess};

/// Items of a class, side by side.
const COLUMNS: usize = 10;
/// Classes, one below the other.
const ROWS: usize = 16;
/// The side of a cell is at least this: small images are enlarged by a whole factor.
const CELL: usize = 64;
/// Pixels between cells.
const GAP: usize = 4;
/// Colours of the lines of a series.
const LINES: [[u8; 3]; 6] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
];

/// Draws training items as a PNG file: a row for each of the first classes. With `augment`, a row
/// shows one item, first as it is and then as nine epochs see it.
///
/// Images are shown as they are, series as lines, and those of eight channels or more, such as
/// spectrograms, as time from left to right and channels from bottom to top.
///
/// # Errors
/// [`DataError::NoPicture`] for tables and texts.
///
/// # Panics
/// Never: a picture in memory can always be encoded.
pub fn sheet(
    dataset: &Dataset,
    augment: Option<&AugmentConfig>,
    seed: u64,
) -> Result<Vec<u8>, DataError> {
    let mut cells = Vec::new();
    for row in rows(dataset) {
        let mut drawn = Vec::new();
        for column in 0..COLUMNS {
            let index = match augment {
                Some(_) => row.first(),
                None => row.get(column),
            };
            let Some(&index) = index else { break };
            let mut batch = dataset.train.batch(&[index])?;
            if let (Some(augment), Some(epoch)) = (augment, column.checked_sub(1)) {
                augment.apply(&mut batch, &[index], seed, epoch);
            }
            drawn.push(draw(&batch.inputs, &dataset.preprocess)?);
        }
        cells.push(drawn);
    }
    let sides = || cells.iter().flatten();
    let width = sides().map(RgbImage::width).max().unwrap_or(1);
    let height = sides().map(RgbImage::height).max().unwrap_or(1);
    let gap = u32::try_from(GAP).unwrap_or(0);
    let length = |cells: usize, side: u32| {
        gap + u32::try_from(cells).unwrap_or(0).saturating_mul(side + gap)
    };
    let white = Rgb([255; 3]);
    let mut page = RgbImage::from_pixel(length(COLUMNS, width), length(cells.len(), height), white);
    for (row, drawn) in cells.iter().enumerate() {
        for (column, cell) in drawn.iter().enumerate() {
            let (x, y) = (length(column, width), length(row, height));
            image::imageops::replace(&mut page, cell, i64::from(x), i64::from(y));
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    page.write_to(&mut bytes, ImageFormat::Png)
        .expect("a picture in memory can be encoded");
    Ok(bytes.into_inner())
}

/// The first items of each of the first classes; without classes, the first items.
fn rows(dataset: &Dataset) -> Vec<Vec<usize>> {
    let train = &dataset.train;
    let Some(counts) = train.class_counts() else {
        let all: Vec<usize> = (0..train.len().min(4 * COLUMNS)).collect();
        return all.chunks(COLUMNS).map(<[usize]>::to_vec).collect();
    };
    let mut rows = vec![Vec::new(); counts.len().min(ROWS)];
    for index in 0..train.len() {
        let class = usize::try_from(train.class(index)).unwrap_or(0);
        if let Some(row) = rows.get_mut(class).filter(|row| row.len() < COLUMNS) {
            row.push(index);
        }
    }
    rows
}

fn draw(inputs: &Inputs, preprocess: &Preprocess) -> Result<RgbImage, DataError> {
    let none = || DataError::NoPicture {
        kind: preprocess.kind(),
    };
    match inputs {
        Inputs::Dense { shape, values } => {
            let &[_, channels, height, width] = shape.as_slice() else {
                return Err(none());
            };
            let level = |channel: usize, y: usize, x: usize| {
                let channel = if channel < channels { channel } else { 0 };
                let value = values[(channel * height + y) * width + x];
                byte(match preprocess {
                    Preprocess::Images(images) => {
                        f64::from(value) * images.sd[channel] + images.mean[channel]
                    }
                    _ => f64::from(value),
                })
            };
            let pixel = |y, x| [0, 1, 2].map(|channel| level(channel, y, x));
            Ok(enlarged(height, width, pixel))
        }
        Inputs::Sequences {
            shape: [_, steps, width],
            values,
            ..
        } => {
            let (steps, width) = (*steps, *width);
            if width < 8 {
                return Ok(lines(values, steps, width));
            }
            let pixel = |y: usize, x: usize| {
                let value = values[x * width + (width - 1 - y)];
                [byte(f64::from(value) / 4.0 + 0.5); 3]
            };
            Ok(enlarged(width, steps, pixel))
        }
        Inputs::Tokens { .. } | Inputs::Documents { .. } => Err(none()),
    }
}

fn enlarged(height: usize, width: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> RgbImage {
    let factor = CELL.div_ceil(height.max(width).max(1)).max(1);
    let side = |length: usize| u32::try_from(length * factor).unwrap_or(1);
    RgbImage::from_fn(side(width), side(height), |x, y| {
        Rgb(pixel(y as usize / factor, x as usize / factor))
    })
}

/// The channels of a series as lines, from -3 to 3 deviations.
#[allow(clippy::cast_precision_loss)] // Steps of a series.
fn lines(values: &[f32], steps: usize, width: usize) -> RgbImage {
    let side = u32::try_from(2 * CELL).unwrap_or(1);
    let mut picture = RgbImage::from_pixel(side, side, Rgb([245; 3]));
    let last = f64::from(side - 1);
    for channel in 0..width {
        let at = |step: usize| {
            let value = f64::from(values[step * width + channel]).clamp(-3.0, 3.0);
            let x = step as f64 / (steps.max(2) - 1) as f64;
            (x * last, (0.5 - value / 6.0) * last)
        };
        for step in 1..steps {
            let ((from_x, from_y), (to_x, to_y)) = (at(step - 1), at(step));
            let points = (to_x - from_x)
                .abs()
                .max((to_y - from_y).abs())
                .ceil()
                .max(1.0);
            for point in 0..=whole(points) {
                let share = f64::from(point) / points;
                let x = whole(from_x + share * (to_x - from_x)).min(side - 1);
                let y = whole(from_y + share * (to_y - from_y)).min(side - 1);
                picture.put_pixel(x, y, Rgb(LINES[channel % LINES.len()]));
            }
        }
    }
    picture
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Clamped.
fn byte(level: f64) -> u8 {
    (255.0 * level.clamp(0.0, 1.0)).round() as u8
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Places in a small picture.
fn whole(place: f64) -> u32 {
    place.round().max(0.0) as u32
}
