//! Texts to classify: where they are found, what they become, and what is refused.

use std::fs;

use fornax_data::{DataConfig, InputShape, Inputs, Split, TextForm, TextLevel};
use tempfile::TempDir;

use crate::{classes, open_bytes, open_in, path_in};

const GOOD: [&str; 4] = [
    "a fine film",
    "great fun to watch",
    "a great film",
    "fine and fun",
];
const BAD: [&str; 4] = [
    "a dull film",
    "boring to watch",
    "a boring film",
    "dull and flat",
];

/// Sixteen texts in files, eight in each folder.
fn files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, texts) in [("good", GOOD), ("bad", BAD)] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for (number, text) in texts.iter().chain(&texts).enumerate() {
            fs::write(folder.path().join(format!("{class}/{number}.txt")), text).unwrap();
        }
    }
    folder
}

fn table(separator: &str, header: &str) -> String {
    let row = |number: usize| {
        let (class, texts) = [("good", GOOD), ("bad", BAD)][number % 2];
        format!(
            "{class}{separator}{} {number}{separator}{number}\n",
            texts[number / 2 % 4]
        )
    };
    format!("{header}{}", (0..40).map(row).collect::<String>())
}

fn tokens() -> DataConfig {
    DataConfig {
        text_form: TextForm::Tokens,
        ..DataConfig::default()
    }
}

fn width(split: &Split) -> usize {
    match split.batch(&[0]).unwrap().inputs {
        Inputs::Dense { shape, .. } => shape[1],
        other => panic!("expected bags, found {other:?}"),
    }
}

#[test]
fn a_folder_of_texts_is_read_as_bags_or_as_tokens() {
    let folder = files();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert_eq!(data.preprocess.classes().unwrap(), ["bad", "good"]);
    assert_eq!(
        data.input,
        InputShape::Vector {
            width: width(&data.train)
        }
    );
    for (index, class) in classes(&data.train).into_iter().enumerate() {
        assert_eq!(data.train.place(index).starts_with("good"), class == 1);
    }
    let data = open_in(&folder, "", tokens()).unwrap();
    let InputShape::Documents { max_len: 4, .. } = data.input else {
        panic!("{:?}", data.input);
    };
    let all: Vec<usize> = (0..data.train.len()).collect();
    let Inputs::Documents {
        shape,
        tokens,
        lengths,
    } = data.train.batch(&all).unwrap().inputs
    else {
        panic!("expected tokens");
    };
    assert_eq!(tokens.len(), shape[0] * shape[1]);
    assert!(lengths.iter().all(|length| (3..=4).contains(length)));
}

#[test]
fn files_of_lines_are_told_apart_by_name_or_ending() {
    for names in [["p.neg", "p.pos"], ["neg.txt", "pos.txt"]] {
        let folder = tempfile::tempdir().unwrap();
        let lines = |texts: [&str; 4]| format!("{}\n\n", texts.join("\n")).repeat(3);
        fs::write(folder.path().join(names[0]), lines(BAD)).unwrap();
        fs::write(folder.path().join(names[1]), lines(GOOD)).unwrap();
        fs::write(folder.path().join("README"), "about").unwrap();
        let data = open_in(&folder, "", DataConfig::default()).unwrap();
        assert_eq!(data.preprocess.classes().unwrap(), ["neg", "pos"]);
        assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 24);
    }
}

#[test]
fn a_table_of_class_text_and_number_is_read_by_its_text() {
    for (name, text) in [
        ("t.csv", table(",", "kind,what,id\n")),
        ("t.tsv", table("\t", "")),
        ("Messages", table("\t", "")),
    ] {
        let data = open_bytes(
            name,
            text.as_bytes(),
            DataConfig {
                target: Some(if name == "t.csv" { "kind" } else { "column1" }.into()),
                ..DataConfig::default()
            },
        )
        .unwrap();
        assert_eq!(
            data.preprocess.classes().unwrap(),
            ["bad", "good"],
            "{name}"
        );
        assert!(
            data.reading.iter().any(|line| line.contains("bag of")),
            "{:?}",
            data.reading
        );
    }
}

#[test]
fn the_text_is_not_taken_for_the_target() {
    let table = table("\t", "");
    let lines = table.lines().map(|line| line.rsplit_once('\t').unwrap().0);
    let text = lines.collect::<Vec<_>>().join("\n");
    let data = open_bytes("t.tsv", text.as_bytes(), DataConfig::default()).unwrap();
    assert!(
        data.reading
            .iter()
            .any(|line| line.contains("the last column that is no text"))
    );
    assert_eq!(data.preprocess.classes().unwrap(), ["bad", "good"]);
}

#[test]
fn quotes_between_tabs_are_text() {
    let mut text = table("\t", "");
    text.push_str("good\t\"a fine\" film of fun\t41\nbad\t\"dull and flat it is\t42\n");
    let config = DataConfig {
        target: Some("column1".into()),
        ..DataConfig::default()
    };
    let data = open_bytes("t.tsv", text.as_bytes(), config).unwrap();
    assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 42);
}

#[test]
fn single_words_are_read_by_their_characters() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("Italian.txt"),
        "Rossi\nBianchi\nVerdi\nRusso\n".repeat(4),
    )
    .unwrap();
    fs::write(
        folder.path().join("German.txt"),
        "Müller\nSchmidt\nWeber\nFischer\n".repeat(4),
    )
    .unwrap();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert!(
        data.reading
            .iter()
            .any(|line| line.contains("runs of one to 3 characters"))
    );
    let config = DataConfig {
        level: Some(TextLevel::Words),
        ..DataConfig::default()
    };
    let data = open_in(&folder, "", config).unwrap();
    assert!(
        data.reading
            .iter()
            .any(|line| line.contains("frequent words"))
    );
}

#[test]
fn new_texts_become_what_those_of_training_became() {
    let folder = files();
    for config in [DataConfig::default(), tokens()] {
        let data = open_in(&folder, "", config).unwrap();
        let split = data.preprocess.open_labelled(folder.path()).unwrap();
        for index in 0..data.train.len() {
            let place = data.train.place(index);
            let same = (0..split.len())
                .find(|&other| split.place(other) == place)
                .unwrap();
            let (old, new) = (
                data.train.batch(&[index]).unwrap(),
                split.batch(&[same]).unwrap(),
            );
            assert_eq!(old.inputs, new.inputs);
        }
        let one = data
            .preprocess
            .open_inputs(&path_in(&folder, "good/0.txt"))
            .unwrap();
        assert!(!one.has_targets() && one.len() == 1);
    }
    let text = table(",", "kind,what,id\n");
    let config = DataConfig {
        target: Some("kind".into()),
        ..DataConfig::default()
    };
    let data = open_bytes("t.csv", text.as_bytes(), config).unwrap();
    fs::write(folder.path().join("new.csv"), "what\na fine film\n").unwrap();
    let split = data
        .preprocess
        .open_inputs(&path_in(&folder, "new.csv"))
        .unwrap();
    assert!(!split.has_targets() && split.len() == 1);
    fs::write(
        folder.path().join("new.csv"),
        "other,more,id\na fine film,b,3\n",
    )
    .unwrap();
    let error = data
        .preprocess
        .open_inputs(&path_in(&folder, "new.csv"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no column `what`") || error.contains("columns"),
        "{error}"
    );
}

#[test]
fn texts_in_other_encodings_are_read_and_said() {
    let folder = files();
    fs::write(folder.path().join("good/8.txt"), b"caf\xe9 film").unwrap();
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain("dull film".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(folder.path().join("bad/8.txt"), utf16).unwrap();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert!(
        data.warnings
            .iter()
            .any(|w| w == "`8.txt` is not UTF-8: it is read as Windows-1252")
    );
    assert!(
        data.warnings
            .iter()
            .any(|w| w == "`8.txt` is not UTF-8: it is read as UTF-16LE")
    );
}

#[test]
fn faulty_texts_are_refused_or_left_out() {
    let folder = files();
    fs::write(folder.path().join("good/empty.txt"), " \n").unwrap();
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    assert!(
        data.warnings
            .iter()
            .any(|w| w == "1 empty files are left out: `good/empty.txt`")
    );
    fs::write(folder.path().join("good/nul.txt"), b"a\0b").unwrap();
    let error = open_in(&folder, "", DataConfig::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("good/nul.txt: byte 1 is not UTF-8"),
        "{error}"
    );
}
