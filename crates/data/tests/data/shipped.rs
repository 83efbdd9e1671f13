//! What ships with the program.

use fornax_data::{
    Baseline, DataConfig, DataFolders, InputShape, Inputs, Preprocess, Split, Targets, Task,
    Whereabouts, list, open,
};
use sha2::{Digest, Sha256};

use crate::{SHIPPED, classes, datasets_folder, indices, shipped};

#[test]
fn every_manifest_of_the_repository_is_known() {
    let known = list(&DataFolders::default());
    let mut names: Vec<&str> = known.iter().map(|dataset| dataset.name.as_str()).collect();
    names.sort_unstable();
    let mut stems: Vec<String> = std::fs::read_dir(datasets_folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    stems.sort_unstable();
    assert_eq!(names, stems);
    for dataset in &known {
        assert!(
            !dataset.title.is_empty() && !dataset.licence.is_empty(),
            "{}",
            dataset.name
        );
        let is_shipped = dataset.whereabouts == Whereabouts::Shipped;
        assert_eq!(
            is_shipped,
            SHIPPED.contains(&dataset.name.as_str()),
            "{}",
            dataset.name
        );
    }
}

#[test]
fn shipped_files_are_those_of_their_manifests() {
    for name in SHIPPED {
        let manifest = std::fs::read_to_string(datasets_folder().join(name).with_extension("toml"));
        let manifest: toml::Table = manifest.unwrap().parse().unwrap();
        let files = manifest["files"].as_array().unwrap();
        let in_folder = std::fs::read_dir(datasets_folder().join(name))
            .unwrap()
            .count();
        assert_eq!(files.len(), in_folder, "{name}");
        for file in files {
            let path = datasets_folder()
                .join(name)
                .join(file["path"].as_str().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            let sum = format!("{:02x?}", Sha256::digest(&bytes).as_slice()).replace(", ", "");
            assert_eq!(
                sum.trim_matches(['[', ']']),
                file["sha256"].as_str().unwrap(),
                "{}",
                path.display()
            );
            assert_eq!(
                i64::try_from(bytes.len()).unwrap(),
                file["bytes"].as_integer().unwrap()
            );
        }
    }
}

#[test]
fn every_shipped_dataset_gives_whole_finite_batches() {
    for name in SHIPPED {
        let data = shipped(name);
        assert_eq!(data.name, name);
        assert_eq!(data.sha256.len(), 64);
        assert_eq!(data.warnings, [""; 0], "{name}");
        for split in [&data.train, &data.valid, &data.test] {
            check_split(split, &data.input, &data.task);
        }
    }
}

#[track_caller]
fn check_split(split: &Split, input: &InputShape, task: &Task) {
    assert!(!split.is_empty());
    let batch = split.batch(&indices(split)).unwrap();
    assert_eq!(batch.len(), split.len());
    match (batch.inputs, input) {
        (Inputs::Dense { shape, values }, InputShape::Vector { width }) => {
            assert_eq!(shape, [split.len(), *width]);
            check_values(&values, &shape);
        }
        (
            Inputs::Dense { shape, values },
            &InputShape::Image {
                channels,
                height,
                width,
            },
        ) => {
            assert_eq!(shape, [split.len(), channels, height, width]);
            check_values(&values, &shape);
        }
        (
            Inputs::Sequences {
                shape,
                values,
                lengths,
            },
            InputShape::Sequence { width, max_len },
        ) => {
            assert_eq!((shape[0], shape[2]), (split.len(), *width));
            assert_eq!(lengths.iter().max(), Some(&shape[1]));
            assert!(shape[1] <= *max_len && lengths.iter().all(|&length| length > 0));
            assert_eq!(lengths[0], split.item_len(0));
            check_values(&values, &shape);
        }
        (
            Inputs::Tokens { shape, tokens },
            InputShape::Tokens {
                vocab_size,
                seq_len,
            },
        ) => {
            assert_eq!(shape, [split.len(), *seq_len]);
            assert_eq!(tokens.len(), split.len() * seq_len);
            let size = i32::try_from(*vocab_size).unwrap();
            assert!(tokens.iter().all(|token| (0..size).contains(token)));
        }
        (inputs, input) => panic!("{inputs:?} are not of the shape {input:?}"),
    }
    let num_outputs = i32::try_from(task.num_outputs()).unwrap();
    match batch.targets {
        Targets::Classes(targets) => {
            assert_eq!(targets.len(), split.len());
            assert!(targets.iter().all(|class| (0..num_outputs).contains(class)));
        }
        Targets::Values { width, values } => {
            assert_eq!(width, task.num_outputs());
            check_values(&values, &[split.len(), width]);
        }
        Targets::Tokens(tokens) => assert_eq!(tokens.len(), split.len() * split.item_len(0)),
        Targets::Absent => panic!("the targets are absent"),
    }
}

#[track_caller]
fn check_values(values: &[f32], shape: &[usize]) {
    assert_eq!(values.len(), shape.iter().product::<usize>());
    assert!(values.iter().all(|value| value.is_finite()));
}

#[test]
fn the_sizes_are_those_that_are_published() {
    #[track_caller]
    fn check(name: &str, splits: [usize; 3], input: &InputShape, num_outputs: usize) {
        let data = shipped(name);
        assert_eq!(
            [data.train.len(), data.valid.len(), data.test.len()],
            splits,
            "{name}"
        );
        assert_eq!(&data.input, input, "{name}");
        assert_eq!(data.task.num_outputs(), num_outputs, "{name}");
    }
    let image = |size| InputShape::Image {
        channels: 1,
        height: size,
        width: size,
    };
    let sequence = |width, max_len| InputShape::Sequence { width, max_len };
    check("digits", [1349, 179, 269], &image(8), 10);
    check("fashion-mini", [1800, 200, 500], &image(28), 10);
    check(
        "penguins",
        [258, 34, 52],
        &InputShape::Vector { width: 11 },
        3,
    );
    check("wine", [133, 18, 27], &InputShape::Vector { width: 13 }, 3);
    check("iris", [111, 15, 24], &InputShape::Vector { width: 4 }, 3);
    check(
        "breast-cancer",
        [426, 57, 86],
        &InputShape::Vector { width: 30 },
        2,
    );
    check("sunspots", [210, 31, 46], &sequence(1, 22), 1);
    check("co2", [1661, 228, 343], &sequence(1, 52), 1);
    check("airline", [84, 14, 22], &sequence(1, 24), 1);
    check("japanese-vowels", [243, 27, 370], &sequence(12, 29), 9);
    check(
        "moby-dick",
        [13_949, 1_859, 2_789],
        &InputShape::Tokens {
            vocab_size: 83,
            seq_len: 64,
        },
        83,
    );
}

#[test]
fn splits_are_stratified_and_follow_the_seed() {
    let data = shipped("fashion-mini");
    assert_eq!(data.train.class_counts(), Some(vec![180; 10]));
    assert_eq!(data.valid.class_counts(), Some(vec![20; 10]));
    assert_eq!(data.test.class_counts(), Some(vec![50; 10]));

    let config = DataConfig::new("penguins");
    let seeded = |seed| open(&config, seed, &DataFolders::default()).unwrap();
    let first = |seed| seeded(seed).valid.batch(&[0, 1, 2]).unwrap();
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn a_fraction_is_of_every_class() {
    let config = DataConfig {
        fraction: 0.1,
        ..DataConfig::new("fashion-mini")
    };
    let data = open(&config, 42, &DataFolders::default()).unwrap();
    assert_eq!(data.train.class_counts(), Some(vec![18; 10]));
    assert_eq!(data.valid.len(), 200);

    let config = DataConfig {
        fraction: 0.5,
        ..DataConfig::new("co2")
    };
    let half = open(&config, 42, &DataFolders::default()).unwrap();
    let whole = shipped("co2");
    assert_eq!(half.train.len(), 831); // of 1661
    assert_eq!(half.train.place(830), whole.train.place(1660)); // The newest half.
}

#[test]
fn pixels_are_standardised_or_left_between_zero_and_one() {
    let pixels = |normalize| {
        let config = DataConfig {
            normalize,
            ..DataConfig::new("digits")
        };
        let data = open(&config, 42, &DataFolders::default()).unwrap();
        match data.train.batch(&indices(&data.train)).unwrap().inputs {
            Inputs::Dense { values, .. } => values,
            other => panic!("expected images, found {other:?}"),
        }
    };
    let mean = |values: &[f32]| {
        values.iter().map(|&value| f64::from(value)).sum::<f64>() / f64::from(1349 * 64)
    };
    let standard = pixels(true);
    let squares: Vec<f32> = standard.iter().map(|value| value * value).collect();
    assert!(mean(&standard).abs() < 1e-6 && (mean(&squares) - 1.0).abs() < 1e-6);
    let raw = pixels(false);
    assert!(raw.iter().all(|value| (0.0..=1.0).contains(value)));
    assert!(raw.contains(&1.0) && raw.contains(&0.0));
}

#[test]
fn every_preprocessing_survives_json_to_the_bit() {
    for name in SHIPPED {
        let preprocess = shipped(name).preprocess;
        let text = serde_json::to_string(&preprocess).unwrap();
        assert_eq!(
            serde_json::from_str::<Preprocess>(&text).unwrap(),
            preprocess,
            "{name}"
        );
        preprocess.validate().unwrap();
    }
}

#[test]
fn the_baselines_are_those_of_the_field() {
    let Baseline::Naive {
        season,
        seasonal_rmse,
        persistence_rmse,
    } = shipped("co2").baseline
    else {
        panic!("a forecast has naive baselines");
    };
    assert_eq!(season, 52);
    assert!(persistence_rmse.test < seasonal_rmse.test && persistence_rmse.test < 1.0);

    let data = shipped("penguins");
    let adelie = classes(&data.test)
        .iter()
        .filter(|&&class| class == 0)
        .count();
    assert_eq!(adelie, 23);
    assert!((data.baseline.to_beat().test - 23.0 / 52.0).abs() < 1e-12);

    let bits = shipped("moby-dick").baseline.to_beat();
    assert!((4.3..4.7).contains(&bits.test)); // Single letters of English carry about 4.5 bits.
}

#[test]
fn what_was_understood_is_said() {
    let reading = shipped("penguins").reading.join("\n");
    assert!(
        reading.contains("344 rows of 8 columns, separated by commas"),
        "{reading}"
    );
    assert!(reading.contains("predicts `species`, 3 classes: `Adelie`, `Chinstrap`, `Gentoo`"));
    assert!(
        shipped("co2")
            .reading
            .iter()
            .any(|line| line.contains("59 missing values"))
    );
}

#[test]
fn the_checksum_is_that_of_the_file() {
    assert_eq!(
        shipped("digits").sha256,
        "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
    );
}

#[test]
fn shorter_sequences_are_zero_after_their_end() {
    let data = shipped("japanese-vowels");
    let Inputs::Sequences {
        shape,
        values,
        lengths,
    } = data.test.batch(&indices(&data.test)).unwrap().inputs
    else {
        panic!("series are sequences");
    };
    assert_eq!((lengths.iter().min(), shape[1]), (Some(&7), 29));
    for (item, length) in values.chunks_exact(shape[1] * shape[2]).zip(lengths) {
        assert!(item[length * shape[2]..].iter().all(|&value| value == 0.0));
        assert!(item[..length * shape[2]].iter().any(|&value| value != 0.0));
    }
}

#[test]
fn another_target_than_the_manifests_is_read_by_its_own_content() {
    let config = DataConfig {
        target: Some("alcohol".into()),
        ..DataConfig::new("wine")
    };
    let wine = open(&config, 42, &DataFolders::default()).expect("a shipped dataset");
    assert_eq!(
        wine.task,
        Task::Regression {
            target: "alcohol".into()
        }
    );
}
