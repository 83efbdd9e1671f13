//! Every fault of a source is a message that says what, where and what to do.

mod idx;
mod series;
mod tables;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use fornax_data::{DataConfig, DataFolders, open};
use miette::Diagnostic;

use crate::{folder, open_in};

/// Opens `name` in a folder of `files` and compares the message and a part of the help.
#[track_caller]
fn check(files: &[(&str, &[u8])], name: &str, config: DataConfig, message: &str, help: &str) {
    let folder = folder(files);
    let error = open_in(&folder, name, config).expect_err("the source is faulty");
    let place = format!("{}/", folder.path().display());
    let found = error
        .to_string()
        .replace(&place, "")
        .replace(place.trim_end_matches('/'), "DIR");
    assert_eq!(found, message);
    let found = error.help().expect("every error has a help").to_string();
    assert!(found.contains(help), "`{help}` is not in `{found}`");
}

fn default() -> DataConfig {
    DataConfig::default()
}

fn windowed(window: usize) -> DataConfig {
    DataConfig {
        window: Some(window),
        ..default()
    }
}

#[test]
fn a_source_that_cannot_be_found() {
    #[track_caller]
    fn check(source: &str, message: &str, help: &str) {
        let error = open(&DataConfig::new(source), 1, &DataFolders::default()).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.help().unwrap().to_string(), help);
    }
    let list = "`fornax data list` shows the names";
    check(
        "",
        "no data was named",
        &format!("name a dataset or a path; {list}"),
    );
    check(
        "pengiuns",
        "`pengiuns` is neither a known dataset nor a path that exists",
        &format!("did you mean `penguins`? {list}"),
    );
    check(
        "./qqq.csv",
        "`./qqq.csv` is neither a known dataset nor a path that exists",
        &format!("give a name or the path of a file; {list}"),
    );
    check(
        "mnist",
        "dataset `mnist` is not in any folder: none was named",
        "run `cargo xtask datasets fetch mnist`",
    );
    check(
        "cifar10",
        "dataset `cifar10` is not in any folder: none was named",
        "run `cargo xtask datasets fetch cifar10`",
    );
    let folders = DataFolders(vec!["a".into(), "b".into()]);
    let error = open(&DataConfig::new("mnist"), 1, &folders)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mnist` is not in a") && error.contains(", b"),
        "{error}"
    );
}

#[test]
fn values_of_the_experiment_that_do_not_fit() {
    #[track_caller]
    fn check(config: DataConfig, message: &str) {
        let config = DataConfig {
            source: "penguins".into(),
            ..config
        };
        let error = open(&config, 1, &DataFolders::default()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let valid = |valid_fraction| DataConfig {
        valid_fraction,
        ..default()
    };
    check(valid(0.0), "`data.valid_fraction = 0` does not fit");
    check(valid(f64::NAN), "`data.valid_fraction = NaN` does not fit");
    check(
        valid(0.9),
        "`data.valid_fraction + test_fraction = 0.9 + 0.15` does not fit",
    );
    check(
        DataConfig {
            test_fraction: -1.0,
            ..default()
        },
        "`data.test_fraction = -1` does not fit",
    );
    check(
        DataConfig {
            fraction: 1.5,
            ..default()
        },
        "`data.fraction = 1.5` does not fit",
    );
    check(windowed(0), "`data.window = 0` does not fit");
    check(
        DataConfig {
            horizon: 0,
            ..default()
        },
        "`data.horizon = 0` does not fit",
    );
    check(
        DataConfig {
            seq_len: 0,
            ..default()
        },
        "`data.seq_len = 0` does not fit",
    );
}

#[test]
fn files_that_are_no_source() {
    let unread =
        "a folder of folders of images, recordings (.wav) or texts, tables and series (.csv";
    check(
        &[("a.bin", b"x")],
        "a.bin",
        default(),
        "a.bin: this is no kind of source that can be read",
        unread,
    );
    check(
        &[("a.png", b"x")],
        "",
        default(),
        "DIR: images lie here without their classes",
        "put the files of each class into a folder",
    );
    check(
        &[("a.csv", b"")],
        "a.csv",
        default(),
        "a.csv: holds no data",
        "written to its end",
    );
    check(
        &[("a.csv", b"\xc3\xa4,\xff\n")],
        "a.csv",
        default(),
        "a.csv: byte 3 is not UTF-8",
        "parts of it are UTF-8: save all of it as UTF-8",
    );
    check(
        &[("a.csv", b"\xff\xfe\0\xd8")],
        "a.csv",
        default(),
        "a.csv: byte 0 is not UTF-8",
        "the file is UTF-16",
    );
    check(
        &[("a.csv", b"PK\x03\x04\xff")],
        "a.csv",
        default(),
        "a.csv: byte 0 is not UTF-8",
        "export its content",
    );
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"one,two\n1,2\n").unwrap();
    let packed = packed.finish().unwrap();
    let message = "a.csv.gz: the compressed data is damaged or cut off";
    check(
        &[("a.csv.gz", &packed[..15])],
        "a.csv.gz",
        default(),
        message,
        "gzip -t",
    );
}

#[test]
fn texts_that_are_too_short() {
    let text = |seq_len| DataConfig {
        seq_len,
        ..default()
    };
    let message = "a.txt: 100 characters are too few, 195 are needed";
    check(
        &[("a.txt", &[b'a'; 100])],
        "a.txt",
        text(64),
        message,
        "lower `data.seq_len` (64)",
    );
    check(
        &[("a.txt", b"")],
        "a.txt",
        text(1),
        "a.txt: 0 characters are too few, 6 are needed",
        "",
    );
    let message = format!(
        "a.txt: 100 characters are too few, {} are needed",
        usize::MAX
    );
    check(
        &[("a.txt", &[b'a'; 100])],
        "a.txt",
        text(usize::MAX),
        &message,
        "lower",
    );
}

/// A reader quotes the bytes that it cannot read, and nobody else could either.
#[test]
fn an_archive_of_noise_is_refused_without_its_bytes() {
    let noise: Vec<u8> = (0..4096_u32)
        .map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&noise).unwrap();
    let packed = packed.finish().unwrap();
    let message = "noise.tar.gz: the archive cannot be unpacked: it is no archive of that kind";
    check(
        &[("noise.tar.gz", &packed)],
        "noise.tar.gz",
        default(),
        message,
        "fetch or copy",
    );
}
