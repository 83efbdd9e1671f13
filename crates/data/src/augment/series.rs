//! Series and spectrograms: warped along time, with noise, with runs of steps and bands masked.

use rand_chacha::ChaCha8Rng;

use super::{AugmentConfig, normal, run, signed};

/// One series, `[T, D]`. A mask is 0, the mean of what is standardised.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Places in a series.
#[allow(clippy::cast_precision_loss)]
pub(super) fn change(
    series: &mut [f32],
    width: usize,
    config: &AugmentConfig,
    rng: &mut ChaCha8Rng,
) {
    let num_steps = series.len() / width.max(1);
    if num_steps == 0 {
        return;
    }
    // A sine along time: it keeps both ends, and rises everywhere.
    let warp = config.time_warp * signed(rng) / std::f64::consts::TAU;
    let (steps, bands) = (
        run(num_steps, config.time_mask, rng),
        run(width, config.band_mask, rng),
    );
    if config.time_warp > 0.0 {
        let original = series.to_vec();
        let last = (num_steps - 1) as f64;
        for (step, values) in series.chunks_exact_mut(width).enumerate() {
            let share = step as f64 / last.max(1.0);
            let share = share + warp * (std::f64::consts::TAU * share).sin();
            let source = (share * last).clamp(0.0, last);
            let (before, part) = (source.floor() as usize, source.fract() as f32);
            let after = (before + 1).min(num_steps - 1);
            for (column, value) in values.iter_mut().enumerate() {
                let at = |step: usize| original[step * width + column];
                *value = at(before) * (1.0 - part) + at(after) * part;
            }
        }
    }
    if config.jitter > 0.0 {
        for value in &mut *series {
            *value += (config.jitter * normal(rng)) as f32;
        }
    }
    for (step, values) in series.chunks_exact_mut(width).enumerate() {
        if steps.contains(&step) {
            values.fill(0.0);
        }
        if let Some(masked) = values.get_mut(bands.clone()) {
            masked.fill(0.0);
        }
    }
}
