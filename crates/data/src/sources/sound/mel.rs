//! The spectrogram of a recording: the logarithm of the energy in bands of the mel scale, which are
//! as wide as people hear them.
//!
//! Davis and Mermelstein 1980, <https://doi.org/10.1109/TASSP.1980.1163420>

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

/// Seconds of a frame, and from one to the next, as is usual for speech.
const FRAME: f64 = 0.025;
const HOP: f64 = 0.010;
/// Below this, energy is silence: 100 dB under the loudest sine.
const SILENCE: f32 = 1e-7;

/// Turns samples of one rate into frames of bands.
pub(super) struct MelBands {
    frame: usize,
    hop: usize,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    /// For each band, its first bin and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
}

impl MelBands {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Below 192000.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn new(rate: u32, num_mels: usize) -> Self {
        let rate = f64::from(rate);
        let frame = ((FRAME * rate).round() as usize).max(16);
        let hop = ((HOP * rate).round() as usize).max(1);
        // Bins narrow enough for the lowest bands.
        let fft_len = (2 * frame).next_power_of_two().max(256);
        let hann = |n: usize| (PI * (n as f64 + 0.5) / frame as f64).sin().powi(2) as f32;
        let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
        let top = mel(rate / 2.0);
        let edge = |number: usize| {
            let mel = top * number as f64 / (num_mels + 1) as f64;
            700.0 * (10_f64.powf(mel / 2595.0) - 1.0) / rate * fft_len as f64
        };
        let band = |number: usize| {
            let (low, middle, high) = (edge(number), edge(number + 1), edge(number + 2));
            let first = low.floor() as usize;
            let last = (high.ceil() as usize).min(fft_len / 2);
            let weight = |bin: usize| {
                let bin = bin as f64;
                let rising = (bin - low) / (middle - low);
                let falling = (high - bin) / (high - middle);
                rising.min(falling).max(0.0) as f32
            };
            (first, (first..=last).map(weight).collect())
        };
        Self {
            frame,
            hop,
            window: (0..frame).map(hann).collect(),
            fft: RealFftPlanner::new().plan_fft_forward(fft_len),
            bands: (0..num_mels).map(band).collect(),
        }
    }

    /// `[T, num_mels]`, row by row; one frame at least, the last ones filled up with silence.
    pub(super) fn of(&self, samples: &[f32]) -> Vec<f32> {
        let num_frames = samples.len().saturating_sub(self.frame).div_ceil(self.hop) + 1;
        let mut input = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut features = Vec::with_capacity(num_frames * self.bands.len());
        for number in 0..num_frames {
            let start = number * self.hop;
            let end = (start + self.frame).min(samples.len());
            input.fill(0.0);
            let frame = samples.get(start..end).unwrap_or_default();
            for ((value, sample), weight) in input.iter_mut().zip(frame).zip(&self.window) {
                *value = sample * weight;
            }
            self.fft
                .process_with_scratch(&mut input, &mut spectrum, &mut scratch)
                .expect("the buffers were made by the transform itself");
            features.extend(self.bands.iter().map(|(first, weights)| {
                let bins = spectrum.iter().skip(*first).zip(weights);
                let energy: f32 = bins.map(|(bin, weight)| bin.norm_sqr() * weight).sum();
                (energy + SILENCE).ln()
            }));
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // A short tone.
    fn a_higher_tone_is_in_a_higher_band() {
        let mel = MelBands::new(8000, 40);
        let loudest = |hertz: f64| {
            let tone = |n: usize| (2.0 * PI * hertz * n as f64 / 8000.0).sin() as f32;
            let samples: Vec<f32> = (0..4000).map(tone).collect();
            let features = mel.of(&samples);
            assert_eq!(features.len() % 40, 0);
            let frame = &features[400..440];
            (0..40)
                .max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
                .unwrap()
        };
        let bands = [200.0, 500.0, 1000.0, 2000.0, 3500.0].map(loudest);
        assert!(bands.is_sorted_by(|a, b| a < b), "{bands:?}");
    }

    #[test]
    fn a_single_sample_is_one_frame() {
        assert_eq!(MelBands::new(16000, 40).of(&[0.5]).len(), 40);
    }
}
