//! One WAV file as samples of one channel at a stated rate.

use std::f64::consts::PI;
use std::io::Cursor;
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::DataError;

/// How the names of recordings end.
pub(super) const ENDINGS: [&str; 2] = [".wav", ".wave"];
/// Zero crossings of the interpolating function to each side: what is lost lies above nine tenths
/// of the lower rate's half.
const CROSSINGS: f64 = 16.0;

type Reader<'a> = WavReader<Cursor<&'a [u8]>>;

/// The rate that the head of a file names.
pub(super) fn rate(bytes: &[u8], path: &Path) -> Result<u32, DataError> {
    Ok(open(bytes, path)?.1.sample_rate)
}

/// Reads the first seconds: the mean of all channels, in `[-1, 1]`, resampled to `rate`.
pub(super) fn samples(
    bytes: &[u8],
    path: &Path,
    rate: u32,
    max_seconds: f64,
) -> Result<Vec<f32>, DataError> {
    let (reader, spec) = open(bytes, path)?;
    let failed = |error: hound::Error| damaged(path, &error.to_string());
    let channels = usize::from(spec.channels);
    let wanted = length(max_seconds, spec.sample_rate).saturating_mul(channels);
    let all: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader
            .into_samples::<f32>()
            .take(wanted)
            .collect::<Result<_, _>>()
            .map_err(failed)?,
        SampleFormat::Int => {
            let full = f64::from(spec.bits_per_sample - 1).exp2();
            let scaled = |sample: i32| as_f32(f64::from(sample) / full);
            let samples = reader.into_samples::<i32>().take(wanted);
            let samples = samples.map(|sample| sample.map(scaled));
            samples.collect::<Result<_, _>>().map_err(failed)?
        }
    };
    if all.iter().any(|sample| !sample.is_finite()) {
        return Err(damaged(path, "a sample is no number"));
    }
    let mono: Vec<f32> = all
        .chunks_exact(channels)
        .map(|frame| frame.iter().sum::<f32>() / f32::from(spec.channels))
        .collect();
    if mono.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(resample(&mono, spec.sample_rate, rate))
}

/// Samples of so many seconds, at least one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // At most an hour.
pub(super) fn length(seconds: f64, rate: u32) -> usize {
    ((seconds * f64::from(rate)).round() as usize).max(1)
}

fn open<'a>(bytes: &'a [u8], path: &Path) -> Result<(Reader<'a>, WavSpec), DataError> {
    if bytes.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    let reader =
        WavReader::new(Cursor::new(bytes)).map_err(|error| damaged(path, &error.to_string()))?;
    let spec = reader.spec();
    if spec.channels == 0 || spec.bits_per_sample == 0 || spec.bits_per_sample > 32 {
        return Err(damaged(
            path,
            "it has no channels, or samples of no known width",
        ));
    }
    if !(1000..=768_000).contains(&spec.sample_rate) {
        let problem = format!("it says that it has {} samples a second", spec.sample_rate);
        return Err(damaged(path, &problem));
    }
    Ok((reader, spec))
}

/// Interpolates with a sinc function under a Hann window, which also removes what the new rate
/// cannot hold.
///
/// Smith 1984, <https://ccrma.stanford.edu/~jos/resample/>
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Places in a recording.
#[allow(clippy::cast_precision_loss)]
pub(super) fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let ratio = f64::from(to) / f64::from(from);
    let cutoff = ratio.min(1.0);
    let reach = CROSSINGS / cutoff;
    let length = ((samples.len() as f64 * ratio).round() as usize).max(1);
    let at = |place: usize| {
        let centre = place as f64 / ratio;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(samples.len() - 1);
        let near = samples.get(first..=last).unwrap_or_default();
        let terms = near.iter().zip(first..).map(|(&sample, n)| {
            let distance = n as f64 - centre;
            let window = (0.5 * PI * distance / reach).cos().powi(2);
            f64::from(sample) * cutoff * sinc(cutoff * distance) * window
        });
        as_f32(terms.sum())
    };
    (0..length).map(at).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

#[allow(clippy::cast_possible_truncation)] // Networks compute in f32.
fn as_f32(value: f64) -> f32 {
    value as f32
}

fn damaged(path: &Path, problem: &str) -> DataError {
    DataError::Sound {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate: u32) -> Vec<f32> {
        let at = |n: u32| as_f32((2.0 * PI * hertz * f64::from(n) / f64::from(rate)).sin());
        (0..rate / 2).map(at).collect()
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_another_rate() {
        for (from, to) in [(8000, 16000), (44100, 16000), (16000, 11025)] {
            let resampled = resample(&tone(440.0, from), from, to);
            let expected = tone(440.0, to);
            let middle = expected.len() / 4..expected.len() / 2;
            for (a, b) in resampled[middle.clone()].iter().zip(&expected[middle]) {
                assert!((a - b).abs() < 0.01, "{from} to {to}: {a} and {b}");
            }
        }
    }

    #[test]
    fn what_a_lower_rate_cannot_hold_is_removed() {
        let resampled = resample(&tone(7000.0, 16000), 16000, 8000);
        let middle = &resampled[resampled.len() / 4..resampled.len() / 2];
        assert!(middle.iter().all(|sample| sample.abs() < 0.05));
    }
}
