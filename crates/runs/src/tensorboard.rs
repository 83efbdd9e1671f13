//! The events of a run as TensorBoard reads them: scalars in a TFRecord file.
//!
//! Two kinds of message with five fields between them do not need a protobuf library; the checksum
//! is a crate's, as processors have an instruction for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Event, EventKind, RunDir, RunError, write_atomic};

/// How the name of every such file begins: by it TensorBoard finds them.
const PREFIX: &str = "events.out.tfevents.";

/// The first record of every such file.
const VERSION: &str = "brain.Event:2";

/// Makes the folder that asks for TensorBoard files in a run; [`redraw`] fills it.
///
/// # Errors
/// When it cannot be made.
pub fn begin(run: &RunDir) -> Result<(), RunError> {
    let folder = run.tensorboard();
    std::fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
    redraw(run, &[])
}

/// Draws the file anew from the events of a run, where the run has a folder for it.
///
/// A longer run's file begins with the bytes of a shorter one's, so a TensorBoard that is reading
/// goes on where it was.
///
/// # Errors
/// When a file cannot be read or written.
pub fn redraw(run: &RunDir, events: &[Event]) -> Result<(), RunError> {
    let folder = run.tensorboard();
    if !folder.is_dir() {
        return Ok(());
    }
    let (path, started) = file(&folder)?;
    write_atomic(&path, &tensorboard(events, started))
}

/// The file in the folder, or the name of a new one, and the time at which it was begun.
fn file(folder: &Path) -> Result<(PathBuf, Duration), RunError> {
    let entries = std::fs::read_dir(folder).map_err(RunError::io("read", folder))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let seconds = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('.').next()?.parse().ok());
        if let Some(seconds) = seconds {
            return Ok((entry.path(), Duration::from_secs(seconds)));
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = now.as_secs();
    let path = folder.join(format!("{PREFIX}{seconds}.fornax"));
    Ok((path, Duration::from_secs(seconds)))
}

/// All scalars of the events, as the bytes of one file; `started` counts from 1970.
#[must_use]
pub fn tensorboard(events: &[Event], started: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, &version(started.as_secs_f64()));
    for event in events {
        let time = (started + Duration::from_millis(event.elapsed_ms)).as_secs_f64();
        let step = event.at.step;
        for (tag, value) in scalars(event) {
            record(&mut bytes, &scalar(time, step, &tag, value));
        }
    }
    bytes
}

/// Name and value of everything in an event that is a curve.
fn scalars(event: &Event) -> Vec<(String, f64)> {
    match &event.kind {
        EventKind::Step {
            loss,
            learning_rate,
            ..
        } => vec![
            ("step/loss".to_owned(), *loss),
            ("step/learning_rate".to_owned(), *learning_rate),
        ],
        EventKind::Epoch {
            train,
            valid,
            samples_per_s,
            ..
        } => {
            let of = |split: &'static str| {
                move |(name, value): (&String, &f64)| (format!("{name}/{split}"), *value)
            };
            let mut scalars: Vec<_> = train.iter().map(of("train")).collect();
            scalars.extend(valid.iter().map(of("valid")));
            scalars.push(("speed/samples_per_s".to_owned(), *samples_per_s));
            scalars
        }
        EventKind::PretrainEpoch {
            reconstruction_error,
            free_energy_train,
            free_energy_valid,
            ..
        } => {
            let layer = event.at.layer.unwrap_or(0) + 1;
            let name = |what: &str| format!("pretrain_layer{layer}/{what}");
            let mut scalars = vec![
                (name("reconstruction_error"), *reconstruction_error),
                (name("free_energy_train"), *free_energy_train),
            ];
            scalars.extend(free_energy_valid.map(|energy| (name("free_energy_valid"), energy)));
            scalars
        }
        EventKind::UpDownEpoch {
            reconstruction_error,
            ..
        } => vec![(
            "pretrain_up_down/reconstruction_error".to_owned(),
            *reconstruction_error,
        )],
        EventKind::Evaluated { split, metrics } => metrics
            .iter()
            .map(|(name, value)| (format!("{name}/final_{split}"), *value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Length, its checksum, the message, its checksum.
fn record(bytes: &mut Vec<u8>, message: &[u8]) {
    let length = (message.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(message);
    bytes.extend(masked_crc(message).to_le_bytes());
}

/// The checksum as TFRecord keeps it: turned and shifted, so that a checksum of checksums is no
/// trivial one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// `Event { wall_time = 1, file_version = 3 }`
fn version(time: f64) -> Vec<u8> {
    let mut message = double(1, time);
    message.extend(nested(3, VERSION.as_bytes()));
    message
}

/// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }`
#[allow(clippy::cast_possible_truncation)] // TensorBoard keeps single precision
fn scalar(time: f64, step: usize, tag: &str, value: f64) -> Vec<u8> {
    let mut entry = nested(1, tag.as_bytes());
    entry.push(2 << 3 | 5);
    entry.extend((value as f32).to_le_bytes());
    let mut message = double(1, time);
    message.push(2 << 3);
    varint(&mut message, step as u64);
    message.extend(nested(5, &nested(1, &entry)));
    message
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 1];
    bytes.extend(value.to_le_bytes());
    bytes
}

fn nested(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    varint(&mut bytes, content.len() as u64);
    bytes.extend(content);
    bytes
}

/// Seven bits a byte, lowest first; the eighth says that more follow.
fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    #[test]
    fn the_file_is_what_tensorboard_writes_itself() {
        let kind = EventKind::Step {
            epoch: 1,
            loss: 0.5,
            learning_rate: 0.25,
        };
        let event = Event {
            kind,
            at: Position::train(300),
            elapsed_ms: 1500,
        };
        let bytes = tensorboard(&[event], Duration::from_secs(1_700_000_000));
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Made by tests/fixtures/make_tensorboard.py with tensorboard's own writer.
        assert_eq!(
            hex.concat(),
            include_str!("../tests/fixtures/tensorboard.hex").trim()
        );
    }

    #[test]
    fn a_longer_file_begins_with_the_shorter_one() {
        let event = |step| Event {
            kind: EventKind::Step {
                epoch: 1,
                loss: 1.0,
                learning_rate: 0.1,
            },
            at: Position::train(step),
            elapsed_ms: 0,
        };
        let short = tensorboard(&[event(1)], Duration::ZERO);
        let long = tensorboard(&[event(1), event(2)], Duration::ZERO);
        assert!(long.starts_with(&short) && long.len() > short.len());
    }
}
