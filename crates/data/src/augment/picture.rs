//! Images: moved, turned, scaled, slanted, mirrored, cut and bent in one interpolation.

use rand_chacha::ChaCha8Rng;

use super::{AugmentConfig, signed, unit};

/// Knots along a side of the grid by which an image is bent.
const KNOTS: usize = 5;

/// One image, `[C, H, W]`. Beyond its border it goes on as it ends there.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Places in an image.
#[allow(clippy::cast_precision_loss)]
pub(super) fn change(
    image: &[f32],
    [channels, height, width]: [usize; 3],
    config: &AugmentConfig,
    rng: &mut ChaCha8Rng,
) -> Vec<f32> {
    // Every number is drawn whether it is used or not: one setting never changes another's.
    let (down, right) = (config.shift * signed(rng), config.shift * signed(rng));
    let angle = (config.rotate * signed(rng)).to_radians();
    let zoom = 1.0 / (1.0 + config.scale * signed(rng));
    let slant = (config.shear * signed(rng)).to_radians().tan();
    let mirror = if config.flip && unit(rng) < 0.5 {
        -1.0
    } else {
        1.0
    };
    let kept = 1.0 - config.crop * unit(rng);
    let (cut_down, cut_right) = ((1.0 - kept) * signed(rng), (1.0 - kept) * signed(rng));
    let knots: Vec<[f64; 2]> = (0..KNOTS * KNOTS)
        .map(|_| [signed(rng), signed(rng)].map(|bend| config.elastic * bend))
        .collect();

    let (high, wide) = (height as f64, width as f64);
    let (middle_y, middle_x) = ((high - 1.0) / 2.0, (wide - 1.0) / 2.0);
    let (sin, cos) = angle.sin_cos();
    let mut changed = vec![0.0; image.len()];
    for y in 0..height {
        for x in 0..width {
            let (from_y, from_x) = (y as f64 - middle_y, mirror * (x as f64 - middle_x));
            let from_x = from_x + slant * from_y;
            let turned_y = zoom * kept * (cos * from_y - sin * from_x);
            let turned_x = zoom * kept * (sin * from_y + cos * from_x);
            let [bend_y, bend_x] = bend(&knots, y as f64 / high, x as f64 / wide);
            let source_y = middle_y + turned_y + (down + cut_down / 2.0) * high + bend_y;
            let source_x = middle_x + turned_x + (right + cut_right / 2.0) * wide + bend_x;
            let (source_y, source_x) = (
                source_y.clamp(0.0, high - 1.0),
                source_x.clamp(0.0, wide - 1.0),
            );
            let (top, left) = (source_y.floor() as usize, source_x.floor() as usize);
            let (bottom, next) = ((top + 1).min(height - 1), (left + 1).min(width - 1));
            let (below, beside) = (source_y.fract() as f32, source_x.fract() as f32);
            for channel in 0..channels {
                let plane = channel * height * width;
                let at = |y: usize, x: usize| image[plane + y * width + x];
                let upper = at(top, left) * (1.0 - beside) + at(top, next) * beside;
                let lower = at(bottom, left) * (1.0 - beside) + at(bottom, next) * beside;
                changed[plane + y * width + x] = upper * (1.0 - below) + lower * below;
            }
        }
    }
    if config.cutout > 0.0 {
        let hole = |length: usize, at: f64| {
            let size = config.cutout * length as f64;
            let start = at * (length as f64) - size / 2.0;
            start.max(0.0) as usize..((start + size).round().max(0.0) as usize).min(length)
        };
        let (rows, columns) = (hole(height, unit(rng)), hole(width, unit(rng)));
        for channel in 0..channels {
            for y in rows.clone() {
                for x in columns.clone() {
                    changed[(channel * height + y) * width + x] = 0.0;
                }
            }
        }
    }
    changed
}

/// The bend at a place of the image, both in `[0, 1)`, smoothly between the knots.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Places among few knots.
#[allow(clippy::cast_precision_loss)]
fn bend(knots: &[[f64; 2]], y: f64, x: f64) -> [f64; 2] {
    let cells = (KNOTS - 1) as f64;
    let smooth = |share: f64| share * share * (3.0 - 2.0 * share);
    let (row, column) = ((y * cells) as usize, (x * cells) as usize);
    let (below, beside) = (smooth((y * cells).fract()), smooth((x * cells).fract()));
    let knot =
        |row: usize, column: usize| knots[row.min(KNOTS - 1) * KNOTS + column.min(KNOTS - 1)];
    [0, 1].map(|axis| {
        let upper = knot(row, column)[axis] * (1.0 - beside) + knot(row, column + 1)[axis] * beside;
        let lower =
            knot(row + 1, column)[axis] * (1.0 - beside) + knot(row + 1, column + 1)[axis] * beside;
        upper * (1.0 - below) + lower * below
    })
}
