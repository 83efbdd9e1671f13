//! Data that is larger than the memory of the process is read and handed out all the same.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;

use fornax_data::{DataConfig, Inputs, Preprocess, Split, Targets, TextEncoding, epoch_order};

use crate::{images, open_in};

/// Names the process that has little memory.
const CHILD: &str = "FORNAX_TEST_CHILD";

/// Runs this test again in a process that may have half a gigabyte; `true` in that process.
#[cfg(target_os = "linux")]
fn has_little_memory(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let script = format!("ulimit -v 524288 && exec \"$0\" --exact --ignored memory::{test}");
    let child = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    false
}

/// A disk that takes half a megabyte of a file, as far as this process can tell.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_in_words_that_help() {
    const TEST: &str = "memory::a_full_disk_is_said_in_words_that_help";
    if std::env::var_os(CHILD).is_none() {
        let script = format!("trap '' XFSZ; ulimit -f 1024; exec \"$0\" --exact {TEST}");
        let child = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let row = |row: usize| format!("{row}.5,{},{}\n", row % 7, ["a", "b"][row % 2]);
    let text = format!("one,two,kind\n{}", (0..30_000).map(row).collect::<String>());
    let folder = crate::folder(&[("a.csv", text.as_bytes())]);
    let open = |memory_mb| {
        let config = DataConfig {
            memory_mb,
            ..DataConfig::default()
        };
        open_in(&folder, "a.csv", config)
    };
    assert_eq!(open(64).unwrap().task.num_outputs(), 2);
    let error = open(0).unwrap_err();
    assert!(
        matches!(error, fornax_data::DataError::Cache { .. }),
        "{error}"
    );
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(
        help.contains("make room") && help.contains("TMPDIR"),
        "{help}"
    );
}

/// 4,000,000 rows of 800 MB, which become 270 MB of inputs.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 1.5 GB to the folder of temporary files"]
fn a_table_larger_than_memory_is_read_and_shuffled() {
    const NUM_ROWS: usize = 4_000_000;
    if !has_little_memory("a_table_larger_than_memory_is_read_and_shuffled") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut file = BufWriter::new(File::create(folder.path().join("big.csv")).unwrap());
    let names: Vec<String> = (0..14).map(|n| format!("x{n}")).collect();
    writeln!(file, "when,note,{},kind", names.join(",")).unwrap();
    for row in 0..NUM_ROWS {
        let cells: Vec<String> = (0..14).map(|n| format!("{row}.{n:06}")).collect();
        let (day, class) = (1 + row % 28, row % 2);
        let note = ["a long remark on nothing", "another remark, as long"][row / 7 % 2];
        writeln!(
            file,
            "2024-01-{day:02},\"{note}\",{},{class}",
            cells.join(",")
        )
        .unwrap();
    }
    drop(file);
    let config = DataConfig {
        memory_mb: 64,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "big.csv", config).unwrap();
    assert_eq!(
        data.train.len() + data.valid.len() + data.test.len(),
        NUM_ROWS
    );
    let order = epoch_order(data.train.len(), 1, 0);
    for indices in order.chunks(4096) {
        let batch = data.train.batch(indices).unwrap();
        let Targets::Classes(classes) = batch.targets else {
            panic!("classes")
        };
        for (&index, class) in indices.iter().zip(classes) {
            let line: usize = data.train.place(index)[5..].parse().unwrap();
            assert_eq!(i32::try_from((line - 2) % 2).unwrap(), class);
        }
    }
}

/// 300 million characters are 1.2 GB of tokens.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 1.5 GB to the folder of temporary files"]
fn a_text_larger_than_memory_is_read() {
    const LINE: &str = "the same line again, with an é in it\n";
    if !has_little_memory("a_text_larger_than_memory_is_read") {
        return;
    }
    let num_lines = 300_000_000 / LINE.chars().count();
    let folder = tempfile::tempdir().unwrap();
    let mut file = BufWriter::new(File::create(folder.path().join("big.txt")).unwrap());
    for _ in 0..num_lines {
        file.write_all(LINE.as_bytes()).unwrap();
    }
    drop(file);
    let config = DataConfig {
        memory_mb: 64,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "big.txt", config).unwrap();
    let last = data.test.batch(&[data.test.len() - 1]).unwrap();
    let Targets::Tokens(tokens) = last.targets else {
        panic!("characters")
    };
    let place = data.test.place(data.test.len() - 1);
    let start: usize = place.rsplit(' ').next().unwrap().parse().unwrap();
    let expected: String = LINE
        .chars()
        .cycle()
        .skip((start + 1) % LINE.chars().count())
        .take(64)
        .collect();
    assert_eq!(data.preprocess.decode(&tokens), expected);
}

/// Two files of 300 MB, whose lines are the texts; what becomes of them are 200 MB.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 1.5 GB to the folder of temporary files"]
fn texts_larger_than_memory_are_read_and_told_apart() {
    const NUM_TEXTS: usize = 240_000;
    if !has_little_memory("texts_larger_than_memory_are_read_and_told_apart") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (class, word) in [("calm", "sea"), ("wild", "storm")] {
        let path = folder.path().join("tales").with_extension(class);
        let mut file = BufWriter::new(File::create(path).unwrap());
        for number in 0..NUM_TEXTS / 2 {
            // A hundred words, some of them never seen again.
            let rare = format!("w{}x{}", "abcdefghij".repeat(number % 7), number % 997);
            let filler = ["and on it went for long years"; 80][..60 + number % 20].join(" ");
            writeln!(file, "the {word} {filler} {rare} {rare}").unwrap();
        }
    }
    let config = DataConfig {
        memory_mb: 64,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "", config).unwrap();
    let splits = [&data.train, &data.valid, &data.test];
    assert_eq!(splits.map(Split::len).iter().sum::<usize>(), NUM_TEXTS);
    let Preprocess::Documents(documents) = &data.preprocess else {
        panic!("texts")
    };
    let TextEncoding::Bag { terms, .. } = &documents.encoding else {
        panic!("a bag")
    };
    let [sea, storm] = ["sea", "storm"].map(|word| terms.iter().position(|t| t == word).unwrap());
    let order = epoch_order(data.train.len(), 1, 0);
    for indices in order.chunks(512).take(100) {
        let batch = data.train.batch(indices).unwrap();
        let (Inputs::Dense { values, .. }, Targets::Classes(classes)) =
            (batch.inputs, batch.targets)
        else {
            panic!("bags and classes")
        };
        for (bag, class) in values.chunks_exact(terms.len()).zip(classes) {
            assert_eq!([bag[sea] > 0.0, bag[storm] > 0.0], [class == 0, class == 1]);
        }
    }
    assert!(data.train.place(0).starts_with("tales.calm: line "));
}

/// 120,000 images of 64x64 pixels in colour are 1.4 GB. The files are links to a few.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 1.4 GB to the folder of temporary files"]
fn more_images_than_memory_are_read_and_shuffled() {
    const NUM_IMAGES: usize = 120_000;
    if !has_little_memory("more_images_than_memory_are_read_and_shuffled") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for class in 0..2_usize {
        let below = folder.path().join(class.to_string());
        std::fs::create_dir(&below).unwrap();
        let colour = [u8::try_from(200 * class).unwrap(); 3];
        let original = folder.path().join(format!(".original{class}"));
        std::fs::write(
            &original,
            images::file(image::ImageFormat::Png, 64, 64, colour),
        )
        .unwrap();
        for number in 0..NUM_IMAGES / 2 {
            std::os::unix::fs::symlink(&original, below.join(format!("{number}.png"))).unwrap();
        }
    }
    let config = DataConfig {
        memory_mb: 64,
        normalize: false,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "", config).unwrap();
    assert_eq!(
        data.train.len() + data.valid.len() + data.test.len(),
        NUM_IMAGES
    );
    for epoch in 0..2 {
        let order = epoch_order(data.train.len(), 1, epoch);
        for indices in order.chunks(128) {
            let batch = data.train.batch(indices).unwrap();
            let Inputs::Dense { values, .. } = batch.inputs else {
                panic!("images")
            };
            let Targets::Classes(classes) = batch.targets else {
                panic!("classes")
            };
            for (image, class) in values.chunks_exact(3 * 64 * 64).zip(classes) {
                assert_eq!(image[0] > 0.5, class == 1);
            }
        }
    }
}
