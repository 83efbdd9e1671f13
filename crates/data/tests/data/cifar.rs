//! The binary batches of CIFAR-10 and CIFAR-100.

use fornax_data::{DataConfig, DataError, Dataset, InputShape, Inputs};

use crate::{classes, folder, indices, open_in};

/// Records of a class and an image of one colour: red, green and blue follow from the class.
fn records(labels: &[u8], label_bytes: usize) -> Vec<u8> {
    let record = |&label: &u8| {
        let mut record = vec![9; label_bytes - 1];
        record.push(label);
        for channel in 0..3_u8 {
            record.extend([10 * label + channel; 32 * 32]);
        }
        record
    };
    labels.iter().flat_map(record).collect()
}

fn labels(count: u8) -> Vec<u8> {
    (0..count).map(|item| item % 3).collect()
}

fn open_files(files: &[(&str, &[u8])]) -> Result<Dataset, DataError> {
    let config = DataConfig {
        normalize: false,
        ..DataConfig::default()
    };
    open_in(&folder(files), "", config)
}

#[track_caller]
fn check(data: &Dataset) {
    let InputShape::Image {
        channels: 3,
        height: 32,
        width: 32,
    } = data.input
    else {
        panic!("{:?}", data.input)
    };
    for split in [&data.train, &data.valid, &data.test] {
        let Inputs::Dense { values, .. } = split.batch(&indices(split)).unwrap().inputs else {
            panic!("images")
        };
        for (image, class) in values.chunks_exact(3 * 1024).zip(classes(split)) {
            for (channel, plane) in (0..).zip(image.chunks_exact(1024)) {
                let expected = f32::from(u8::try_from(10 * class).unwrap() + channel);
                assert!(
                    plane
                        .iter()
                        .all(|pixel| (pixel * 255.0 - expected).abs() < 1e-3)
                );
            }
        }
    }
}

#[test]
fn batches_are_read_one_after_another_and_the_test_batch_is_kept() {
    let data = open_files(&[
        ("batches.meta.txt", b"plane\ncar\nbird\n\n"),
        ("data_batch_1.bin", &records(&labels(30), 1)),
        ("data_batch_2.bin", &records(&labels(30), 1)),
        ("test_batch.bin", &records(&labels(12), 1)),
    ])
    .unwrap();
    assert_eq!(
        [data.train.len(), data.valid.len(), data.test.len()],
        [54, 6, 12]
    );
    assert_eq!(data.preprocess.classes().unwrap(), ["plane", "car", "bird"]);
    check(&data);
}

#[test]
fn the_fine_label_of_a_hundred_classes_counts() {
    let data = open_files(&[
        ("fine_label_names.txt", b"apple\nfish\nbaby\n"),
        ("train.bin", &records(&labels(60), 2)),
        ("test.bin", &records(&labels(9), 2)),
    ])
    .unwrap();
    assert_eq!(
        data.preprocess.classes().unwrap(),
        ["apple", "fish", "baby"]
    );
    check(&data);
}

#[test]
fn classes_without_names_are_called_by_their_numbers() {
    let data = open_files(&[("data_batch_1.bin", &records(&labels(60), 1))]).unwrap();
    assert_eq!(data.preprocess.classes().unwrap(), ["0", "1", "2"]);
}

#[test]
fn a_batch_that_is_cut_off_is_refused() {
    let whole = records(&labels(30), 1);
    for length in [0, 3072, whole.len() - 1] {
        let error = open_files(&[("data_batch_1.bin", &whole[..length])]).unwrap_err();
        assert!(
            matches!(error, DataError::Records { record: 3073, .. }),
            "{error}"
        );
    }
}
