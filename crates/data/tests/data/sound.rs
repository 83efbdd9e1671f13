//! Folders of recordings: what is read, in which form, and what is refused.

use std::fs;
use std::io::Cursor;

use fornax_data::{DataConfig, InputShape, Inputs, SoundForm, Split};
use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::TempDir;

use crate::{open_in, path_in};

const SPEC: WavSpec = WavSpec {
    channels: 1,
    sample_rate: 8000,
    bits_per_sample: 16,
    sample_format: SampleFormat::Int,
};

/// A tone of a quarter of a second in some form.
#[allow(clippy::cast_possible_truncation)] // Samples of a short tone.
fn tone(hertz: f64, spec: WavSpec) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for n in 0..spec.sample_rate / 4 {
        let angle = 2.0 * std::f64::consts::PI * hertz * f64::from(n) / f64::from(spec.sample_rate);
        let level = 0.5 * angle.sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(level as f32).unwrap(),
                SampleFormat::Int => {
                    let full = f64::from(spec.bits_per_sample - 1).exp2();
                    writer.write_sample((level * full) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A few samples.
pub(crate) fn short() -> Vec<u8> {
    let mut wav = tone(300.0, SPEC);
    let length = 44 + 200;
    wav.truncate(length);
    wav[4..8].copy_from_slice(&(u32::try_from(length).unwrap() - 8).to_le_bytes());
    wav[40..44].copy_from_slice(&200_u32.to_le_bytes());
    wav
}

/// Twelve low and twelve high tones.
fn tones() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, hertz) in [("low", 300.0), ("high", 1500.0)] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for number in 0..12 {
            let wav = tone(hertz + 10.0 * f64::from(number), SPEC);
            fs::write(folder.path().join(format!("{class}/{number}.wav")), wav).unwrap();
        }
    }
    folder
}

fn values(split: &Split, index: usize) -> Vec<f32> {
    match split.batch(&[index]).unwrap().inputs {
        Inputs::Sequences { values, .. } => values,
        other => panic!("expected sequences, found {other:?}"),
    }
}

#[test]
fn recordings_become_bands_or_stay_waves() {
    let folder = tones();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert_eq!(data.preprocess.classes().unwrap(), ["high", "low"]);
    // A quarter of a second: a frame each 10 ms, 25 ms long.
    assert_eq!(
        data.input,
        InputShape::Sequence {
            width: 40,
            max_len: 24
        }
    );
    let config = DataConfig {
        sound_form: SoundForm::Wave,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "", config).unwrap();
    assert_eq!(
        data.input,
        InputShape::Sequence {
            width: 1,
            max_len: 2000
        }
    );
}

#[test]
fn the_same_sound_in_another_form_gives_the_same_numbers() {
    let folder = tones();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    let read = |wav: Vec<u8>| {
        fs::write(folder.path().join("new.wav"), wav).unwrap();
        let split = data
            .preprocess
            .open_inputs(&path_in(&folder, "new.wav"))
            .unwrap();
        assert_eq!(split.place(0), "new.wav");
        values(&split, 0)
    };
    let plain = read(tone(500.0, SPEC));
    let float = SampleFormat::Float;
    for (name, spec) in [
        (
            "24 bits",
            WavSpec {
                bits_per_sample: 24,
                ..SPEC
            },
        ),
        (
            "8 bits",
            WavSpec {
                bits_per_sample: 8,
                ..SPEC
            },
        ),
        (
            "float",
            WavSpec {
                bits_per_sample: 32,
                sample_format: float,
                ..SPEC
            },
        ),
        (
            "5 channels",
            WavSpec {
                channels: 5,
                ..SPEC
            },
        ),
        (
            "44.1 kHz",
            WavSpec {
                sample_rate: 44_100,
                ..SPEC
            },
        ),
    ] {
        let other = read(tone(500.0, spec));
        assert_eq!(other.len(), plain.len(), "{name}");
        // The loudest numbers are those of the tone; silence depends on the width of a sample.
        let (place, loudest) = plain
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        assert!(
            (other[place] - loudest).abs() < 0.05,
            "{name}: {} and {loudest}",
            other[place]
        );
    }
}

#[test]
fn disk_and_memory_give_the_same_bits() {
    let folder = tones();
    let memory = open_in(&folder, "", DataConfig::default()).unwrap();
    let config = DataConfig {
        memory_mb: 0,
        ..DataConfig::default()
    };
    let disk = open_in(&folder, "", config).unwrap();
    let all: Vec<usize> = (0..memory.train.len()).collect();
    assert_eq!(
        memory.train.batch(&all).unwrap(),
        disk.train.batch(&all).unwrap()
    );
}

#[test]
fn a_folder_of_recordings_to_predict_may_name_their_classes() {
    let folder = tones();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    let split = data.preprocess.open_labelled(folder.path()).unwrap();
    assert_eq!(split.len(), 24);
    let split = data
        .preprocess
        .open_inputs(&path_in(&folder, "low"))
        .unwrap();
    assert!(!split.has_targets());
}

#[test]
fn faulty_recordings_are_named_or_left_out_as_told() {
    #[track_caller]
    fn check(bytes: &[u8], message: &str) {
        let folder = tones();
        fs::write(folder.path().join("low/faulty.wav"), bytes).unwrap();
        let error = open_in(&folder, "", DataConfig::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("low/faulty.wav") && error.contains(message),
            "{error}"
        );
        let config = DataConfig {
            skip_faulty: true,
            ..DataConfig::default()
        };
        let data = open_in(&folder, "", config).unwrap();
        assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 24);
    }
    check(b"", "holds no data");
    check(b"no recording at all", "cannot be read as a recording");
    let wav = tone(300.0, SPEC);
    check(&wav[..44], "cannot be read as a recording"); // the head speaks of more
    check(&wav[..wav.len() - 100], "cannot be read as a recording");
    let mut silent = wav[..44].to_vec();
    silent[40..44].fill(0);
    check(&silent, "holds no data");
    let mut lying = wav.clone();
    lying[40..44].fill(0xf0);
    check(&lying, "cannot be read as a recording");
    let mut no_channels = wav.clone();
    no_channels[22] = 0;
    check(&no_channels, "cannot be read as a recording");
    let mut fast = wav;
    fast[24..28].fill(0xff);
    check(&fast, "cannot be read as a recording");
}
