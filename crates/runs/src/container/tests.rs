//! Tests of the file format of a checkpoint.

use proptest::prelude::*;
use serde_json::json;
use tempfile::tempdir;

use super::*;

fn example() -> Container {
    Container {
        header: json!({ "step": 12, "best": 0.1 + 0.2, "seed": u64::MAX }),
        sections: vec![
            ("model".to_owned(), (0..=255).collect()),
            ("optimizer".to_owned(), Vec::new()),
            ("metrics".to_owned(), b"abc".to_vec()),
        ],
    }
}

fn encode(container: &Container) -> Vec<u8> {
    let mut bytes = Vec::new();
    container.encode(&mut bytes).unwrap();
    bytes
}

fn decode(bytes: &[u8]) -> Result<Container, RunError> {
    Container::decode(&mut &*bytes, bytes.len() as u64, Path::new("last.ckpt"))
}

#[test]
fn checkpoint_is_read_as_it_was_written() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("last.ckpt");
    example().write(&path).unwrap();
    let read = Container::read(&path).unwrap();
    assert_eq!(read, example());
    assert_eq!(read.section("metrics"), Some(&b"abc"[..]));
    assert_eq!(read.section("nothing"), None);
}

#[test]
fn empty_checkpoint_is_one_too() {
    let empty = Container {
        header: Value::Null,
        sections: Vec::new(),
    };
    assert_eq!(decode(&encode(&empty)).unwrap(), empty);
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = encode(&example());
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_is_called_a_cut() {
    let bytes = encode(&example());
    for size in 0..bytes.len() {
        let error = decode(&bytes[..size]).unwrap_err();
        assert!(
            matches!(error, RunError::TruncatedCheckpoint { .. }),
            "{size}: {error}"
        );
    }
    let error = decode(&bytes[..bytes.len() - 1]).unwrap_err().to_string();
    let sizes = format!("it has {} of {} bytes", bytes.len() - 1, bytes.len());
    assert!(
        error.contains("last.ckpt") && error.contains(&sizes),
        "{error}"
    );
}

#[test]
fn foreign_newer_and_longer_files_are_told_apart() {
    let bytes = encode(&example());
    let changed = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        decode(&bytes).unwrap_err()
    };
    let foreign = decode(b"[package]\nname = \"fornax\"").unwrap_err();
    assert!(
        matches!(foreign, RunError::NotACheckpoint { .. }),
        "{foreign}"
    );
    let newer = changed(8, 2);
    assert!(
        matches!(
            newer,
            RunError::NewerCheckpoint {
                found: 2,
                newest: 1,
                ..
            }
        ),
        "{newer}"
    );
    let older = changed(8, 0);
    assert!(older.to_string().contains("version"), "{older}");
    let longer = decode(&[&bytes[..], b"x"].concat()).unwrap_err();
    assert!(longer.to_string().contains("longer"), "{longer}");
    let checksum = changed(bytes.len() - 1, !bytes[bytes.len() - 1]);
    assert!(checksum.to_string().contains("checksum"), "{checksum}");
}

#[test]
fn claimed_sizes_are_checked_before_they_are_believed() {
    let index = serde_json::to_vec(&json!({ "header": null, "sections": [["x", u64::MAX]] }));
    let index = index.unwrap();
    for index_size in [index.len() as u64, u64::MAX, 1 << 40] {
        let size = (PRELUDE + index.len() + CHECKSUM) as u64;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(index_size.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(&index);
        bytes.extend([0; CHECKSUM]);
        let error = decode(&bytes).unwrap_err();
        assert!(error.to_string().contains("add up"), "{error}");
    }
}

#[test]
fn missing_file_and_folder_are_errors_with_their_path() {
    let folder = tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("gone.ckpt")] {
        let error = Container::read(path).unwrap_err();
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        like_ours in any::<bool>(),
    ) {
        let start: &[u8] = if like_ours { &encode(&example())[..20] } else { &[] };
        prop_assert!(decode(&[start, &bytes].concat()).is_err());
    }

    #[test]
    fn numbers_come_back_to_the_bit(number in any::<f64>()) {
        let container = Container { header: json!(number), sections: Vec::new() };
        let read = decode(&encode(&container)).unwrap().header;
        prop_assert_eq!(read.as_f64().map(f64::to_bits), json!(number).as_f64().map(f64::to_bits));
    }
}
