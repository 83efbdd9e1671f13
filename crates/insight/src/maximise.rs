//! Activation maximisation: the image that would excite something most.

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Distribution, Tensor};

/// How far an image is moved about between two steps, in pixels, so that no single pixel counts.
const JITTER: usize = 2;

/// Pull towards the mean image in each step.
const DECAY: f64 = 0.02;

/// How an image is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Ascent {
    /// Steps of the search.
    pub steps: usize,
    /// Size of a step, in units of a pixel's deviation.
    pub rate: f64,
    /// The darkest and the brightest value of a pixel.
    pub range: (f32, f32),
}

/// Climbs from faint noise towards images that make `score` large: one image for each sample of
/// the batch, whose scores are added up. Jitter, a slight blur and decay keep it from cheating with
/// patterns that no image has.
///
/// # Shapes
/// - `start`: `[B, C, H, W]`, filled with the first images; its device draws the noise
/// - `score`: `[B, C, H, W]` to `[B, 1]`, and keeps gradients
/// - returns: `[B, C, H, W]`
///
/// Olah, Mordvintsev and Schubert 2017, <https://doi.org/10.23915/distill.00007>
#[must_use]
pub fn maximise(
    start: &Tensor<4>,
    ascent: Ascent,
    score: impl Fn(Tensor<4>) -> Tensor<2>,
) -> Tensor<4> {
    let noise = start.random_like(Distribution::Normal(0.0, 0.1));
    let mut x = start.clone() + noise;
    let [_, _, height, width] = x.dims();
    let blur = AvgPoolOptions::new([3, 3])
        .with_stride([1, 1])
        .with_padding([1, 1])
        .with_count_include_pad(false);
    for step in 0..ascent.steps {
        // The same walk for every run: a circle of shifts.
        let shift = [step % (2 * JITTER + 1), (step / 2) % (2 * JITTER + 1)];
        let moved = roll(x, [shift[0] % height, shift[1] % width]);
        let input = moved.clone().autodiff().require_grad();
        let gradients = score(input.clone()).sum().backward();
        let gradient = input.grad(&gradients).unwrap_or_else(|| moved.zeros_like());
        let size = root_mean_square(&gradient);
        let moved = moved * (1.0 - DECAY) + gradient / size.clamp_min(1e-8) * ascent.rate;
        x = roll(
            moved,
            [
                (height - shift[0] % height) % height,
                (width - shift[1] % width) % width,
            ],
        );
        // The last steps are left to the details.
        if step % 2 == 0 && step + ascent.steps / 8 < ascent.steps && height > 2 && width > 2 {
            let blurred = avg_pool2d(x.clone(), blur.clone());
            x = x * 0.5 + blurred * 0.5;
        }
        x = x.clamp(ascent.range.0, ascent.range.1);
    }
    x
}

/// `[B, C, H, W]` to `[B, 1, 1, 1]`
fn root_mean_square(x: &Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let flat = x.clone().reshape([batch, channels * height * width]);
    let mean = (flat.clone() * flat).mean_dim(1).sqrt(); // [B, 1]
    mean.reshape([batch, 1, 1, 1])
}

/// Moves an image down and to the right; what leaves it comes in at the other side.
fn roll(x: Tensor<4>, shift: [usize; 2]) -> Tensor<4> {
    let mut x = x;
    for (axis, by) in [(2, shift[0]), (3, shift[1])] {
        let length = x.dims()[axis];
        if by == 0 || by >= length {
            continue;
        }
        let end = x.clone().narrow(axis, length - by, by);
        let start = x.narrow(axis, 0, length - by);
        x = Tensor::cat(vec![end, start], axis);
    }
    x
}
