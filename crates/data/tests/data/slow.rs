//! The full datasets, from a mirror: `FORNAX_MIRROR=DIR cargo test -p fornax-data -- --ignored slow`

use std::path::{Path, PathBuf};

use fornax_data::{DataConfig, DataFolders, Dataset, InputShape, open};
use tempfile::TempDir;

use crate::{datasets_folder, indices};

/// The mirror, if the environment names one.
fn mirror() -> Option<PathBuf> {
    std::env::var_os("FORNAX_MIRROR")
        .map(PathBuf::from)
        .filter(|mirror| mirror.is_dir())
}

/// Opens a dataset whose files are copied from the mirror to where `cargo xtask datasets fetch`
/// puts them; `None`, and a word about it, where the mirror lacks one.
fn fetched(name: &str) -> Option<Dataset> {
    fetched_as(&DataConfig::new(name))
}

/// The same, read as the configuration says.
fn fetched_as(config: &DataConfig) -> Option<Dataset> {
    let name = config.source.as_str();
    let folder = TempDir::new().unwrap();
    let manifest = std::fs::read_to_string(datasets_folder().join(name).with_extension("toml"));
    let manifest: toml::Table = manifest.unwrap().parse().unwrap();
    std::fs::create_dir(folder.path().join(name)).unwrap();
    for file in manifest["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let place = match file.get("mirror") {
            Some(place) => PathBuf::from(place.as_str().unwrap()),
            None => Path::new(name).join(path),
        };
        let Some(source) = mirror()
            .map(|mirror| mirror.join(place))
            .filter(|file| file.is_file())
        else {
            eprintln!("skipped: `{name}` is not in FORNAX_MIRROR");
            return None;
        };
        std::fs::copy(source, folder.path().join(name).join(path)).unwrap();
    }
    let folders = DataFolders(vec![folder.path().to_owned()]);
    Some(open(config, 42, &folders).unwrap())
}

#[track_caller]
fn check(name: &str, splits: [usize; 3], input: &InputShape, num_outputs: usize) {
    let Some(data) = fetched(name) else { return };
    assert_eq!(
        [data.train.len(), data.valid.len(), data.test.len()],
        splits,
        "{name}"
    );
    assert_eq!(&data.input, input, "{name}");
    assert_eq!(data.task.num_outputs(), num_outputs, "{name}");
    for split in [&data.train, &data.valid, &data.test] {
        for indices in indices(split).chunks(1000) {
            assert_eq!(split.batch(indices).unwrap().len(), indices.len());
        }
    }
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn full_image_sets() {
    let image = InputShape::Image {
        channels: 1,
        height: 28,
        width: 28,
    };
    check("mnist", [54_000, 6_000, 10_000], &image, 10);
    check("fashion-mnist", [54_000, 6_000, 10_000], &image, 10);
    if let Some(mnist) = fetched("mnist") {
        let published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];
        assert_eq!(mnist.test.class_counts(), Some(published.to_vec()));
    }
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn full_tables() {
    check(
        "adult",
        [29_305, 3_256, 16_281],
        &InputShape::Vector { width: 108 },
        2,
    );
    check(
        "california-housing",
        [15_480, 2_064, 3_096],
        &InputShape::Vector { width: 14 },
        1,
    );
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn full_series() {
    let mut config = DataConfig::new("etth1");
    config.channels = vec!["*".into()];
    if let Some(data) = fetched_as(&config) {
        let columns = "7 columns from HUFL to OT".to_owned();
        assert_eq!(data.task.column(7), Some(columns.as_str()));
        assert_eq!(data.test.len(), 7 * 2_880);
    }
    let sequence = |width, max_len| InputShape::Sequence { width, max_len };
    check("etth1", [8_544, 2_880, 2_880], &sequence(7, 96), 1);
    check("basic-motions", [36, 4, 40], &sequence(6, 100), 4);
    check("gun-point", [45, 5, 150], &sequence(1, 150), 2);
    check("italy-power-demand", [61, 6, 1029], &sequence(1, 24), 2);
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn full_text() {
    let input = InputShape::Tokens {
        vocab_size: 66,
        seq_len: 64,
    };
    check("tiny-shakespeare", [13_071, 1_742, 2_614], &input, 66);
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn the_standard_test_set_of_spoken_digits_is_kept() {
    let Some(data) = fetched("fsdd") else { return };
    let sizes = [data.train.len(), data.valid.len(), data.test.len()];
    assert_eq!(sizes, [2430, 270, 300]);
    // The first five recordings of each of six speakers and ten digits.
    assert_eq!(data.test.class_counts().unwrap(), [30; 10]);
    let is_first = |index: usize| {
        let name = data.test.place(index);
        (0..5).any(|number| name.ends_with(&format!("_{number}.wav")))
    };
    assert!(indices(&data.test).into_iter().all(is_first));
}

#[test]
#[ignore = "reads full datasets from FORNAX_MIRROR"]
fn a_character_of_omniglot_is_told_by_its_alphabet_too() {
    let Some(data) = fetched("omniglot-small") else {
        return;
    };
    let classes = data.preprocess.classes().unwrap();
    // Greek and Latin, 50 characters and 1000 drawings, lie in both sets.
    assert_eq!(classes.len(), 136 + 156 - 50);
    assert_eq!(classes[0], "Balinese/character01");
    let counts = data.train.class_counts().unwrap();
    assert!(counts.iter().all(|&count| count == counts[0]));
    assert_eq!(
        data.train.len() + data.valid.len() + data.test.len(),
        5840 - 1000
    );
}
