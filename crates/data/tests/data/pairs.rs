//! Formats in which training and test items lie in files of their own: series with labels, and IDX.

use fornax_data::{DataConfig, InputShape, Inputs};

use crate::{dense, folder, open_bytes, open_in};

#[test]
fn channels_of_a_series_become_vectors_of_steps() {
    let line = |item: usize| format!("{},2:10,30:{}\n", item % 2, ["up", "down"][item % 2]);
    let head = "@problemName p\n@univariate false\n@classLabel true up down\n@data\n";
    let bytes = format!("{head}{}", (0..20).map(line).collect::<String>());
    let data = open_bytes("a.ts", bytes.as_bytes(), DataConfig::default()).unwrap();
    assert_eq!(
        data.input,
        InputShape::Sequence {
            width: 2,
            max_len: 2
        }
    );
    let Inputs::Sequences { values, .. } = data.train.batch(&[0]).unwrap().inputs else {
        panic!()
    };
    // Channel 2 is 10, then 30 in every series: mean 20, deviation 10.
    assert_eq!([values[1], values[3]], [-1.0, 1.0]);
}

#[test]
fn training_and_test_files_are_found_from_either_and_from_the_folder() {
    let file = |count: usize| {
        let line = |item: usize| format!("{},2,3:{}\n", item % 5, item % 2);
        format!(
            "@classLabel true 0 1\n@data\n{}",
            (0..count).map(line).collect::<String>()
        )
    };
    let (train, test) = (file(30), file(12));
    let folder = folder(&[
        ("Run_TRAIN.ts", train.as_bytes()),
        ("Run_TEST.ts", test.as_bytes()),
    ]);
    for name in ["Run_TRAIN.ts", "Run_TEST.ts", ""] {
        let data = open_in(&folder, name, DataConfig::default()).unwrap();
        assert_eq!(
            [data.train.len() + data.valid.len(), data.test.len()],
            [30, 12]
        );
    }
}

/// An IDX file of images of 2x2 pixels, each image of one grey, and its labels.
pub(crate) fn idx(count: u8) -> (Vec<u8>, Vec<u8>) {
    let mut images = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2];
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, count];
    for item in 0..count {
        images.extend([item * 5; 4]);
        labels.push(item % 2);
    }
    (images, labels)
}

#[test]
fn idx_files_are_found_from_each_other_with_or_without_a_test_set() {
    let (images, labels) = idx(40);
    let (test_images, test_labels) = idx(10);
    let alone: [(&str, &[u8]); 2] = [
        ("train-images-idx3-ubyte", &images),
        ("train-labels-idx1-ubyte", &labels),
    ];
    let folder = folder(&alone);
    let data = open_in(&folder, "train-labels-idx1-ubyte", DataConfig::default()).unwrap();
    assert_eq!(
        [data.train.len(), data.valid.len(), data.test.len()],
        [30, 4, 6]
    );
    assert_eq!(
        data.input,
        InputShape::Image {
            channels: 1,
            height: 2,
            width: 2
        }
    );

    std::fs::write(folder.path().join("t10k-images-idx3-ubyte"), test_images).unwrap();
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte"), test_labels).unwrap();
    for name in ["", "t10k-images-idx3-ubyte"] {
        let config = DataConfig {
            normalize: false,
            ..DataConfig::default()
        };
        let data = open_in(&folder, name, config).unwrap();
        assert_eq!(
            [data.train.len(), data.valid.len(), data.test.len()],
            [36, 4, 10]
        );
        assert_eq!(dense(&data.test, 3), [15.0 / 255.0; 4]);
    }
}
