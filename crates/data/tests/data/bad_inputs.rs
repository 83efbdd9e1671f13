//! Every fault of a source is a message that says what, where and what to do.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use fornax_data::{DataConfig, DataFolders, TableTask, open};
use miette::Diagnostic;

use crate::values::idx;
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

/// A table of 40 rows with one line replaced.
fn table_with(line: usize, replaced: &str) -> Vec<u8> {
    let row = |row: usize| format!("{},{},{}\n", row % 9, row % 4, ["a", "b"][row % 2]);
    let mut lines = vec!["one,two,kind\n".to_owned()];
    lines.extend((0..40).map(row));
    lines[line - 1] = format!("{replaced}\n");
    lines.concat().into_bytes()
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
fn faulty_idx_files() {
    #[track_caller]
    fn check_images(images: &[u8], message: &str, help: &str) {
        let (_, labels) = idx(20);
        let files: [(&str, &[u8]); 2] = [
            ("train-images-idx3-ubyte", images),
            ("train-labels-idx1-ubyte", &labels),
        ];
        check(
            &files,
            "",
            default(),
            &format!("train-images-idx3-ubyte{message}"),
            help,
        );
    }
    let (images, labels) = idx(20);
    let with = |place: usize, byte: u8| {
        let mut images = images.clone();
        images[place] = byte;
        images
    };
    check_images(
        b"",
        ": not an IDX file: it begins with [], not with 00 00",
        "as MNIST has them",
    );
    check_images(
        &with(0, 9),
        ": not an IDX file: it begins with [09, 00, 08, 03], not with 00 00",
        "",
    );
    check_images(
        &with(2, 13),
        ": the values are of the IDX type 0x0d, only 0x08 is read",
        "bytes",
    );
    check_images(
        &with(3, 2),
        ": the header speaks of 52 bytes, the file has 96",
        "again",
    );
    check_images(
        &labels,
        ": has 1 dimensions, but images have 3: count, height, width",
        "swapped",
    );
    check_images(
        &images[..95],
        ": the header speaks of 96 bytes, the file has 95",
        "again",
    );
    check_images(
        &[&images[..], &[0]].concat(),
        ": the header speaks of 96 bytes, the file has 97",
        "",
    );
    check_images(
        &[0, 0, 8, 255, 1],
        ": the header speaks of 1024 bytes, the file has 5",
        "",
    );
    let huge = [
        0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ];
    check_images(
        &huge,
        ": the header speaks of 79228162458924105385300197391 bytes, the file has 16",
        "",
    );
    check_images(
        &[0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2],
        ": holds no data",
        "",
    );
    let (few, _) = idx(12);
    check_images(
        &few,
        " has 12 images, but train-labels-idx1-ubyte has 20 labels",
        "same set",
    );
    let message = "train-labels-idx1-ubyte: the items have no targets to compare with";
    check(
        &[("train-images-idx3-ubyte", &images)],
        "",
        default(),
        message,
        "the class",
    );
    let (_, labels) = idx(20);
    let message = "DIR: this is no kind of source that can be read";
    check(
        &[("t10k-labels-idx1-ubyte", &labels)],
        "",
        default(),
        message,
        "train-images",
    );
}

#[test]
fn faulty_tables() {
    #[track_caller]
    fn check_table(bytes: &[u8], message: &str, help: &str) {
        check(&[("a.csv", bytes)], "a.csv", default(), message, help);
    }
    check_table(b"one,two\n", "a.csv: holds no data", "right file");
    check_table(
        &table_with(5, "1,2"),
        "a.csv:5: expected 3 columns, found 2",
        "quotes",
    );
    check_table(
        &table_with(7, "1,2,a,4"),
        "a.csv:7: expected 3 columns, found 4",
        "quotes",
    );
    check_table(
        &table_with(1, "one,one,kind"),
        "a.csv:1: two columns are called `one`",
        "own",
    );
    check_table(
        &table_with(6, "\n\n1"), // A blank line is no row, but it is a line.
        "a.csv:8: expected 3 columns, found 1",
        "quotes",
    );
    check_table(
        &table_with(9, "1,much,a"),
        "a.csv:9: column `two` holds numbers, but here `much`",
        "data.drop",
    );
    check_table(
        &table_with(9, "inf,1,a"),
        "a.csv:9: column `one` holds numbers, but here `inf`",
        "data.drop",
    );
    check_table(
        &table_with(9, "1,1,c"),
        "a.csv: there is one item of the class `c`, which cannot be split",
        "join",
    );
    check_table(
        b"one,kind\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n",
        "a.csv: 6 items are too few to split, 10 are needed",
        "gather",
    );

    let with = |config: DataConfig, message: &str, help: &str| {
        check(
            &[("a.csv", &table_with(2, "1,2,a"))],
            "a.csv",
            config,
            message,
            help,
        );
    };
    let target = |name: &str| DataConfig {
        target: Some(name.into()),
        ..default()
    };
    with(
        target("kinds"),
        "a.csv: there is no column `kinds`",
        "did you mean `kind`?",
    );
    with(
        target("zzz"),
        "a.csv: there is no column `zzz`",
        "the columns are `one`, `two`, `kind`",
    );
    let drop = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    with(
        DataConfig {
            drop: drop(&["thre"]),
            ..default()
        },
        "a.csv: there is no column `thre`",
        "the columns",
    );
    with(
        DataConfig {
            drop: drop(&["one", "two"]),
            ..default()
        },
        "a.csv: no column is left to predict `kind` from",
        "data.drop",
    );
    with(
        DataConfig {
            task: Some(TableTask::Regression),
            ..default()
        },
        "a.csv: column `kind` is not numeric, but `a` on line 2",
        "data.target",
    );
}

#[test]
fn targets_that_cannot_be_predicted() {
    let rows = |kind: &dyn Fn(usize) -> String| {
        let row = |row: usize| format!("{},{}\n", row % 7, kind(row));
        format!("one,kind\n{}", (0..30).map(row).collect::<String>()).into_bytes()
    };
    let same = rows(&|_| "a".into());
    check(
        &[("a.csv", &same)],
        "a.csv",
        default(),
        "a.csv: everything is of the class `a`",
        "two classes",
    );
    let all = rows(&|row| format!("name{row}"));
    let message = "a.csv: column `kind` has 30 different values in 30 rows, too many for classes";
    check(
        &[("a.csv", &all)],
        "a.csv",
        default(),
        message,
        "data.target",
    );
    let pairs = rows(&|row| format!("name{}", row / 2));
    let message = "a.csv: 30 items are too few to split, 45 are needed";
    check(
        &[("a.csv", &pairs)],
        "a.csv",
        default(),
        message,
        "gather more data",
    );
}

#[test]
fn faulty_series() {
    #[track_caller]
    fn check_series(row: impl Fn(usize) -> String, config: DataConfig, message: &str, help: &str) {
        let rows: String = (0..40).map(|time| row(time) + "\n").collect();
        let bytes = format!("date,level\n{rows}");
        check(
            &[("a.csv", bytes.as_bytes())],
            "a.csv",
            config,
            message,
            help,
        );
    }
    let day = |time: usize| format!("2020-{:02}-{:02}", 1 + time / 28, 1 + time % 28);
    check_series(
        |time| format!("{},{time}", day(if time == 9 { 3 } else { time })),
        windowed(3),
        "a.csv:11: `2020-01-04` in column `date` does not come after `2020-01-09`",
        "sort the rows by time",
    );
    check_series(
        |time| {
            format!(
                "{},{time}",
                20_200_101 + if time == 9 { 3 } else { time.min(30) }
            )
        },
        windowed(3),
        "a.csv:11: `20200104` in column `date` does not come after `20200109`",
        "one row a time",
    );
    check_series(
        |time| format!("{},{time}", 1990 - time),
        windowed(3),
        "a.csv:3: `1989` in column `date` does not come after `1990`",
        "sort",
    );
    check_series(
        |time| format!("{},{time}", day(time)),
        windowed(30),
        "a.csv: 40 rows are too few for this window and horizon, 42 are needed",
        "lower `data.window` (30) or `data.horizon` (1)",
    );
    check_series(
        |time| format!("{},{time}", day(time)),
        DataConfig {
            horizon: usize::MAX,
            ..windowed(usize::MAX)
        },
        &format!(
            "a.csv: 40 rows are too few for this window and horizon, {} are needed",
            usize::MAX
        ),
        "lower",
    );
    check_series(
        |time| format!("{},up{time}", day(time)),
        windowed(3),
        "a.csv: there is no column `any of numbers`",
        "a series has a numeric column to forecast",
    );
    check_series(
        |time| format!("{},up{time}", day(time)),
        DataConfig {
            target: Some("level".into()),
            ..windowed(3)
        },
        "a.csv: column `level` is not numeric, but `up0` on line 2",
        "name a numeric column",
    );
    check_series(
        |_| "1,".into(),
        windowed(3),
        "a.csv: holds no data",
        "right file",
    );
}

#[test]
fn faulty_ts_files() {
    #[track_caller]
    fn check_ts(text: &str, message: &str, help: &str) {
        check(
            &[("a.ts", text.as_bytes())],
            "a.ts",
            default(),
            message,
            help,
        );
    }
    let head = "@classLabel true up down\n@data\n";
    check_ts("", "a.ts:1: there is no line `@data`", "UCR/UEA archive");
    check_ts(
        "1,2:up\n",
        "a.ts:1: expected a line that begins with `@` or `#`",
        "@data",
    );
    check_ts(
        "@timestamps true\n@data\n",
        "a.ts:1: the series have timestamps",
        "evenly spaced",
    );
    check_ts(
        "@missing true\n@data\n",
        "a.ts:1: the series have missing values",
        "fill them in",
    );
    check_ts(
        "@targetlabel true\n@data\n",
        "a.ts:1: the series have a number as their target, not a class",
        "classes",
    );
    check_ts(head, "a.ts: holds no data", "right file");
    check_ts(
        &format!("{head}1,2\n"),
        "a.ts:3: the series has no class",
        "put `:` and the class",
    );
    check_ts(
        &format!("{head}1,?:up\n"),
        "a.ts:3: the series have missing values",
        "fill",
    );
    check_ts(
        &format!("{head}(0,1),(1,2):up\n"),
        "a.ts:3: the series have timestamps",
        "evenly",
    );
    check_ts(
        &format!("{head}1,x:up\n"),
        "a.ts:3: expected a number, found `x`",
        "separate steps by `,`",
    );
    check_ts(
        &format!("{head}:up\n"),
        "a.ts:3: expected a number, found ``",
        "",
    );
    check_ts(
        &format!("{head}1,2:3:up\n"),
        "a.ts:3: channels of 2 and of 1 steps",
        "each step",
    );
    check_ts(
        &format!("{head}1,2:up\n1:2:up\n"),
        "a.ts:4: found 2 channels, 1 before",
        "same channels",
    );
    check_ts(
        "@data\n1,2\n",
        "a.ts: the items have no targets to compare with",
        "the class",
    );
    check_ts(
        "@classLabel true up\n@data\n1:up\n",
        "a.ts: everything is of the class `up`",
        "two",
    );
    let sideways = format!("{head}{}", "1,2:sideways\n".repeat(20));
    check_ts(
        &sideways,
        "a.ts:3: class `sideways` did not occur in training",
        "`up`, `down`",
    );
    let message = "DIR: this is no kind of source that can be read";
    let files: [(&str, &[u8]); 2] = [("a.ts", b"1"), ("b.ts", b"1")];
    check(
        &files,
        "",
        default(),
        message,
        "none of them is called `…_TRAIN.ts`",
    );
    check(
        &[("a_TEST.ts", b"1")],
        "a_TEST.ts",
        default(),
        "a_TEST.ts: this is no kind of source that can be read",
        "_TRAIN.ts",
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
