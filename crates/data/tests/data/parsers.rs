//! No bytes, however damaged, cause a panic: each source gives arrays or a message.

use std::path::Path;

use fornax_data::{DataConfig, Preprocess, open};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::pairs::idx;
use crate::{SHIPPED, datasets_folder, folder, indices, shipped};
use crate::{archives, images, sound};

/// Seeded, so that every run tries the same cases. With `FORNAX_FUZZ=N` so many times as many, other
/// ones each time: the long run of a compiler without fuzzing.
fn config(cases: u32) -> ProptestConfig {
    let times = std::env::var("FORNAX_FUZZ")
        .ok()
        .and_then(|times| times.parse::<u32>().ok());
    ProptestConfig {
        cases: cases.saturating_mul(times.unwrap_or(1)),
        rng_seed: times.map_or(RngSeed::Fixed(1), |_| RngSeed::Random),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Opens a file in every way, and makes a batch of what comes out.
fn use_up(name: &str, files: &[(&str, &[u8])]) {
    let folder = folder(files);
    let source = folder.path().join(name).to_str().unwrap().to_owned();
    for window in [None, Some(2)] {
        let config = DataConfig {
            source: source.clone(),
            window,
            seq_len: 3,
            ..DataConfig::default()
        };
        let Ok(data) = open(&config, 1, &fornax_data::DataFolders::default()) else {
            continue;
        };
        for split in [&data.train, &data.valid, &data.test] {
            assert!(!split.is_empty());
            assert_eq!(split.batch(&indices(split)).unwrap().len(), split.len());
        }
        reopen(&data.preprocess, Path::new(&source));
    }
}

fn reopen(preprocess: &Preprocess, path: &Path) {
    for split in [preprocess.open_inputs(path), preprocess.open_labelled(path)]
        .into_iter()
        .flatten()
    {
        assert_eq!(split.batch(&indices(&split)).unwrap().len(), split.len());
        let _ = split.place(0);
    }
}

/// Bytes of a valid file, some of them changed, cut out or doubled.
fn damaged(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = valid.len();
    let change = (0..length, any::<u8>(), 0..4_u8);
    (prop::collection::vec(change, 1..6), 0..=length).prop_map(move |(changes, end)| {
        let mut bytes = valid.clone();
        for (place, byte, how) in changes {
            let place = place.min(bytes.len().saturating_sub(1));
            match how {
                0 if place < bytes.len() => drop(bytes.remove(place)),
                1 => bytes.insert(place, byte),
                2 if place < bytes.len() => bytes[place] ^= 1 << (byte % 8),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => {}
            }
        }
        // Half of the cases keep their end.
        if end % 2 == 0 {
            bytes.truncate(end);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        ending in prop::sample::select(vec!["a.csv", "a.ts", "a.txt", "train-images-idx3-ubyte", "a.csv.gz"]),
    ) {
        use_up(ending, &[(ending, &bytes), ("train-labels-idx1-ubyte", &bytes)]);
    }

    #[test]
    fn any_cells_are_read_or_refused(text in "([0-9a?.,;\t\" -]{0,12}\n){0,40}") {
        use_up("a.csv", &[("a.csv", text.as_bytes())]);
    }

    #[test]
    fn any_table_of_numbers_is_read_or_refused(text in "[abc],[abc],[abc]\n([0-9]{1,4},[0-9.]{0,3},[01]\n){0,60}") {
        use_up("a.csv", &[("a.csv", text.as_bytes())]);
    }

    #[test]
    fn any_series_are_read_or_refused(text in "@classLabel true a b\n@data\n(([0-9.?-]{1,3},?){1,4}:[ab]\n){0,30}") {
        use_up("a.ts", &[("a.ts", text.as_bytes())]);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        use_up("a.txt", &[("a.txt", text.as_bytes())]);
    }

    #[test]
    fn damaged_images_are_read_or_refused(images in damaged(idx(30).0), labels in damaged(idx(30).1)) {
        use_up("", &[("train-images-idx3-ubyte", &images), ("train-labels-idx1-ubyte", &idx(30).1)]);
        use_up("", &[("train-images-idx3-ubyte", &idx(30).0), ("train-labels-idx1-ubyte", &labels)]);
    }

    #[test]
    fn a_damaged_picture_recording_or_archive_is_read_or_refused(
        png in damaged(images::file(image::ImageFormat::Png, 9, 7, [1, 2, 3])),
        jpeg in damaged(images::file(image::ImageFormat::Jpeg, 9, 7, [1, 2, 3])),
        gif in damaged(images::file(image::ImageFormat::Gif, 9, 7, [1, 2, 3])),
        webp in damaged(images::file(image::ImageFormat::WebP, 9, 7, [1, 2, 3])),
        bmp in damaged(images::file(image::ImageFormat::Bmp, 9, 7, [1, 2, 3])),
        wav in damaged(sound::short()),
        zip in damaged(archives::zipped(&[("a.csv", b"one,two\n1,2\n3,4\n")])),
        tar in damaged(archives::tarred(&[("a.csv", b"one,two\n1,2\n3,4\n")])),
    ) {
        let whole = images::file(image::ImageFormat::Png, 9, 7, [1, 2, 3]);
        for (name, bytes) in [("a.png", &png), ("a.jpg", &jpeg), ("a.gif", &gif), ("a.webp", &webp), ("a.bmp", &bmp)] {
            let images: Vec<String> = (0..11).map(|n| format!("{}_{n}.png", ["x", "y"][n % 2])).collect();
            let mut files: Vec<(&str, &[u8])> = images.iter().map(|n| (n.as_str(), whole.as_slice())).collect();
            files.push((name, bytes));
            let name = format!("x_{name}");
            files.last_mut().unwrap().0 = &name;
            use_up("", &files);
        }
        let whole = sound::short();
        let sounds: Vec<String> = (0..11).map(|n| format!("{}_{n}.wav", ["x", "y"][n % 2])).collect();
        let mut files: Vec<(&str, &[u8])> = sounds.iter().map(|n| (n.as_str(), whole.as_slice())).collect();
        files.push(("x_a.wav", &wav));
        use_up("", &files);
        use_up("a.zip", &[("a.zip", &zip)]);
        use_up("a.tar.gz", &[("a.tar.gz", &tar)]);
    }

    #[test]
    fn any_lines_with_classes_are_read_or_refused(
        good in "(\\PC{0,20}\n){0,12}", bad in "([a-c ]{0,9}\n){0,12}", bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        use_up("", &[("a.pos", good.as_bytes()), ("a.neg", bad.as_bytes())]);
        use_up("", &[("pos.txt", bad.as_bytes()), ("neg.txt", &bytes)]);
        use_up("Rows", &[("Rows", bad.replace(' ', "\t").as_bytes())]);
    }

    #[test]
    fn a_damaged_parquet_file_is_read_or_refused(
        snappy in damaged(include_bytes!("parquet/snappy.parquet").to_vec()),
        zstd in damaged(include_bytes!("parquet/zstd-v2.parquet").to_vec()),
    ) {
        use_up("a.parquet", &[("a.parquet", &snappy)]);
        use_up("a.parquet", &[("a.parquet", &zstd)]);
    }

    #[test]
    fn a_damaged_table_is_read_or_refused(bytes in damaged(start_of("penguins/penguins.csv", 4000))) {
        use_up("a.csv", &[("a.csv", &bytes)]);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn every_model_reads_or_refuses_any_file(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "([0-9a-z?.,:\n-]{0,20}\n){0,20}",
        ending in prop::sample::select(vec!["a.csv", "a.ts", "a.txt", "a-images-idx3-ubyte"]),
    ) {
        let models: Vec<Preprocess> =
            SHIPPED.iter().filter(|name| **name != "moby-dick").map(|name| shipped(name).preprocess).collect();
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let folder = folder(&[(ending, bytes)]);
            for model in &models {
                reopen(model, &folder.path().join(ending));
            }
        }
    }
}

/// The first bytes of a shipped file.
fn start_of(path: &str, length: usize) -> Vec<u8> {
    let mut bytes = std::fs::read(datasets_folder().join(path)).unwrap();
    bytes.truncate(length);
    bytes
}
