//! Wide features made narrow enough to measure many layers in little time.

use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor, TensorData};
use fornax_layers::Feature;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Features of one sample that are measured at most.
pub const MAX_WIDTH: usize = 1024;

/// The features of one layer, `[B, D]` with D at most `max_width`.
///
/// Maps `[C, H, W]` and sequences `[T, D]` are averaged over neighbouring places, which keeps what
/// was found and roughly where. Any other row is projected on random directions, which keeps
/// distances (Johnson and Lindenstrauss 1984); those are the same for every batch.
#[must_use]
pub fn condense(feature: &Feature, max_width: usize) -> Tensor<2> {
    let [batch, width] = feature.values.dims();
    if width <= max_width {
        return feature.values.clone();
    }
    let values = feature.values.clone();
    match *feature.shape.as_slice() {
        [channels, height, width] if channels <= max_width => {
            let maps = values.reshape([batch, channels, height, width]);
            let side = largest_side(channels, height.max(width), max_width);
            let grid = [side.min(height), side.min(width)];
            adaptive_avg_pool2d(maps, grid).flatten(1, 3) // [B, C * side * side]
        }
        [steps, channels] if channels <= max_width => {
            let steps_last: Tensor<4> = values
                .reshape([batch, steps, channels])
                .swap_dims(1, 2)
                .unsqueeze_dim(2); // [B, D, 1, T]
            let kept = (max_width / channels).clamp(1, steps);
            adaptive_avg_pool2d(steps_last, [1, kept]).flatten(1, 3) // [B, D * kept]
        }
        _ => {
            let directions = random_directions(width, max_width, &values.device());
            values.matmul(directions) // [B, max_width]
        }
    }
}

/// The side of the largest square grid of `channels` that has at most `max_width` numbers.
fn largest_side(channels: usize, side: usize, max_width: usize) -> usize {
    (1..=side)
        .rev()
        .find(|side| channels * side * side <= max_width)
        .unwrap_or(1)
}

/// `[width, kept]`, random signs, scaled so that lengths survive on average (Achlioptas 2003).
#[allow(clippy::cast_precision_loss)] // a width
fn random_directions(width: usize, kept: usize, device: &Device) -> Tensor<2> {
    let mut rng = ChaCha8Rng::seed_from_u64(width as u64);
    let scale = 1.0 / (kept as f32).sqrt();
    let signs = (0..width * kept).map(|_| if rng.random::<bool>() { scale } else { -scale });
    Tensor::from_data(TensorData::new(signs.collect(), [width, kept]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shape: &[usize], expected: usize) {
        let width = shape.iter().product();
        let feature = Feature {
            name: "layer".into(),
            shape: shape.to_vec(),
            values: Tensor::ones([2, width], &Device::flex()),
        };
        let condensed = condense(&feature, 100);
        assert_eq!(condensed.dims(), [2, expected], "{shape:?}");
    }

    #[test]
    fn features_become_as_narrow_as_asked() {
        check(&[7], 7);
        check(&[4, 14, 14], 100); // a grid of 5 x 5
        check(&[4, 1, 200], 20); // a signal is averaged along time alone
        check(&[30, 8], 96); // twelve stretches
        check(&[2000], 100);
        check(&[200, 9, 9], 100);
    }
}
