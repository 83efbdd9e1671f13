//! Input at the edges of what there is: read by a stated rule, or refused; never a panic.

use std::fs;

use fornax_data::{DataConfig, Inputs, open};

use crate::{folder, open_bytes, open_in};

fn table(cell: &str) -> Vec<u8> {
    let row = |row: usize| format!("{},{},{}\n", row % 9, row % 4, ["a", "b"][row % 2]);
    let rows: String = (0..40).map(row).collect();
    format!("one,two,kind\n{rows}{cell},1,a\n").into_bytes()
}

#[test]
fn numbers_at_the_edge() {
    #[track_caller]
    fn check(cell: &str, expected: Result<(), &str>) {
        match (
            open_bytes("t.csv", &table(cell), DataConfig::default()),
            expected,
        ) {
            (Ok(data), Ok(())) => {
                for split in [&data.train, &data.valid, &data.test] {
                    let all: Vec<usize> = (0..split.len()).collect();
                    let Inputs::Dense { values, .. } = split.batch(&all).unwrap().inputs else {
                        panic!("rows")
                    };
                    assert!(values.iter().all(|value| value.is_finite()), "{cell}");
                }
            }
            (Err(error), Err(message)) => {
                assert!(error.to_string().ends_with(message), "{error}");
            }
            (found, _) => panic!("{cell}: {found:?}"),
        }
    }
    check("NaN", Ok(())); // A missing value.
    check("1e30", Ok(()));
    check("-0", Ok(()));
    check("1e308", Err("column `one` holds numbers, but here `1e308`"));
    check("inf", Err("column `one` holds numbers, but here `inf`"));
    check("3,5", Err("expected 3 columns, found 4"));
    check("\"3,5\"", Err("column `one` holds numbers, but here `3,5`"));
}

#[test]
fn texts_at_the_edge() {
    #[track_caller]
    fn check(name: &str, bytes: &[u8], message: &str) {
        let error = open_bytes(name, bytes, DataConfig::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    check(
        "t.csv",
        b"a,b\n1,\"2\n3,4\n",
        "t.csv:2: a quote is opened here and never closed",
    );
    check("t.csv", b"a,b\n1,\x002\n", "byte 6 is not UTF-8");
    check("t.txt", b"", "0 characters are too few");
    let utf16: Vec<u8> = "a,b\n1,2\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    check("t.csv", &utf16, "byte 1 is not UTF-8");
    let many: String = (0..100_000)
        .map(|row| ["c", &row.to_string(), ",1\n"].concat())
        .collect();
    let config = DataConfig {
        target: Some("kind".into()),
        ..DataConfig::default()
    };
    let error = open_bytes("t.csv", format!("kind,n\n{many}").as_bytes(), config).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("100000 different values in 100000 rows"),
        "{error}"
    );
    let missing = "one,kind\n1,\n".to_owned() + &"2,\n".repeat(30);
    check("t.csv", missing.as_bytes(), "holds no data");
    check(
        "t.csv",
        ("one,kind\n".to_owned() + &"1,a\n".repeat(30)).as_bytes(),
        "everything is of the class `a`",
    );
}

#[test]
fn marks_of_an_encoding_are_no_part_of_a_name() {
    let config = || DataConfig {
        target: Some("one".into()),
        ..DataConfig::default()
    };
    let text = String::from_utf8(table("3")).unwrap();
    let utf8 = ["\u{feff}", &text].concat().into_bytes();
    let utf16: Vec<u8> = ["\u{feff}", &text]
        .concat()
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for bytes in [utf8, utf16] {
        let data = open_bytes("t.csv", &bytes, config()).unwrap();
        assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 41);
    }
}

#[test]
fn one_line_of_a_hundred_megabytes() {
    let mut line = "word ".repeat(20_000_000).into_bytes();
    line.push(b'\n');
    let lines = "a word and another\n".repeat(20);
    let folder = folder(&[("x.neg", lines.as_bytes()), ("x.pos", lines.as_bytes())]);
    fs::write(
        folder.path().join("x.pos"),
        [line.as_slice(), lines.as_bytes()].concat(),
    )
    .unwrap();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 41);
}

#[test]
fn names_with_spaces_quotes_newlines_and_emoji() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a b", "c\"'d", "e\nf", "🦀", "-g"];
    for name in names {
        fs::create_dir(folder.path().join(name)).unwrap();
        for number in 0..6 {
            let file = format!("{name}/{number} \"x\" 🦀.txt");
            fs::write(folder.path().join(file), format!("text of {name} and more")).unwrap();
        }
    }
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert_eq!(data.preprocess.classes().unwrap().len(), names.len());
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("t.csv", &table("1"))]);
    let path = folder.path().join("t.csv");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&path).is_ok() {
        return; // The superuser may read everything.
    }
    let error = open_in(&folder, "t.csv", DataConfig::default())
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("t.csv: cannot be read"), "{error}");
}

#[test]
fn files_that_change_while_training_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for number in 0..10 {
            fs::write(
                folder.path().join(format!("{class}/{number}.txt")),
                format!("{class} text"),
            )
            .unwrap();
        }
    }
    let data = open(
        &DataConfig::new(folder.path().to_str().unwrap()),
        1,
        &fornax_data::DataFolders::default(),
    )
    .unwrap();
    let all: Vec<usize> = (0..data.train.len()).collect();
    let before = data.train.batch(&all).unwrap();
    drop(folder);
    assert_eq!(data.train.batch(&all).unwrap(), before);
}
