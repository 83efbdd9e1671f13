//! Small sources whose arrays can be worked out by hand.

use fornax_data::{DataConfig, InputShape, Inputs, Split, TableTask, Targets, Task};

use crate::{folder, indices, open_bytes, open_in};

fn dense(split: &Split, index: usize) -> Vec<f32> {
    match split.batch(&[index]).unwrap().inputs {
        Inputs::Dense { values, .. } => values,
        other => panic!("expected vectors, found {other:?}"),
    }
}

/// A table of `rows`, of a number, a word and a target.
fn table(rows: usize, cells: impl Fn(usize) -> String) -> Vec<u8> {
    let rows: String = (0..rows).map(|row| cells(row) + "\n").collect();
    format!("size,colour,target\n{rows}").into_bytes()
}

#[test]
fn numbers_are_standardised_and_words_get_a_place_each() {
    let bytes = table(40, |row| {
        let colour = ["red", "green"][row / 2 % 2];
        format!("{},{colour},{}", row % 2, ["yes", "no"][row % 2])
    });
    let data = open_bytes("a.csv", &bytes, DataConfig::default()).unwrap();
    assert_eq!(data.input, InputShape::Vector { width: 3 });
    assert_eq!(
        data.task,
        Task::Classification {
            classes: vec!["no".into(), "yes".into()]
        }
    );
    // Half of the numbers are 0 and half are 1: mean 1/2, deviation 1/2. Words by the alphabet.
    assert_eq!(dense(&data.train, 0)[0].abs(), 1.0);
    for index in 0..data.train.len() {
        assert_eq!(dense(&data.train, index)[1..].iter().sum::<f32>(), 1.0);
    }
}

#[test]
fn missing_cells_are_marked_where_training_lacks_them() {
    let bytes = table(60, |row| {
        let size = if row % 3 == 0 {
            "NA".to_owned()
        } else {
            (row % 3).to_string()
        };
        let colour = if row % 3 == 0 {
            "?"
        } else {
            ["red", "blue"][row % 2]
        };
        format!("{size},{colour},{}", row % 2)
    });
    let data = open_bytes("a.csv", &bytes, DataConfig::default()).unwrap();
    // size, size missing, colour = blue, colour = red, colour other
    assert_eq!(data.input, InputShape::Vector { width: 5 });
    let rows: Vec<Vec<f32>> = indices(&data.train)
        .iter()
        .map(|&i| dense(&data.train, i))
        .collect();
    assert!(rows.iter().all(|row| row[1] == row[4])); // Both are missing in the same rows.
    let marked = rows.iter().filter(|row| row[1] == 1.0).count();
    assert!(marked > 0 && marked < rows.len());
    assert!(rows.iter().all(|row| row[2] + row[3] + row[4] == 1.0));
}

#[test]
fn a_number_is_predicted_and_comes_back_in_its_units() {
    let bytes = table(50, |row| {
        format!("{},{},{}", row % 7, ["a", "b"][row % 2], 100 + 3 * row)
    });
    let data = open_bytes("prices.csv", &bytes, DataConfig::default()).unwrap();
    assert_eq!(
        data.task,
        Task::Regression {
            target: "target".into()
        }
    );
    let batch = data.test.batch(&indices(&data.test)).unwrap();
    let Targets::Values { width: 1, values } = batch.targets else {
        panic!("one number an item")
    };
    let prices = data.test.unscale(&indices(&data.test), &values);
    for (index, price) in prices.iter().enumerate() {
        let line: f64 = data
            .test
            .place(index)
            .strip_prefix("line ")
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            (price - (100.0 + 3.0 * (line - 2.0))).abs() < 1e-3,
            "{line} {price}"
        );
    }
}

#[test]
fn separators_decimal_commas_byte_order_marks_and_quotes_are_understood() {
    let rows = |row: usize| format!("{},5;\"a;b{}\";{}\n", row % 9, row % 2, ["x", "y"][row % 2]);
    let bytes = format!(
        "\u{feff}length;name;kind\n{}",
        (0..40).map(rows).collect::<String>()
    );
    let data = open_bytes("a.csv", bytes.as_bytes(), DataConfig::default()).unwrap();
    assert!(
        data.reading[0].contains("separated by semicolons"),
        "{}",
        data.reading[0]
    );
    assert_eq!(data.input, InputShape::Vector { width: 3 }); // The length is one number.
}

#[test]
fn a_missing_header_is_noticed() {
    let row = |row: usize| format!("{},{},{}\n", row % 5, row % 3, row % 2);
    let bytes = (0..40).map(row).collect::<Vec<_>>().concat();
    let data = open_bytes("a.csv", bytes.as_bytes(), DataConfig::default()).unwrap();
    assert!(data.reading[0].contains("without a header: `column1`, `column2`, `column3`"));
    assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 40);
}

#[test]
fn useless_columns_are_left_out_and_said() {
    let row = |row: usize| format!("{row},name{row},7,{},{}\n", row % 4, row % 2);
    let bytes = format!(
        "id,name,same,useful,y\n{}",
        (0..40).map(row).collect::<String>()
    );
    let config = || DataConfig {
        task: Some(TableTask::Classification),
        ..DataConfig::default()
    };
    let data = open_bytes("a.csv", bytes.as_bytes(), config()).unwrap();
    let line = data
        .reading
        .iter()
        .find(|line| line.starts_with("left out"))
        .unwrap();
    assert_eq!(
        line,
        "left out: `id` (it counts the rows), `name` (every cell differs), \
         `same` (it holds one value)"
    );
    let config = DataConfig {
        drop: vec!["id".into()],
        ..config()
    };
    let data = open_bytes("a.csv", bytes.as_bytes(), config).unwrap();
    assert!(
        data.reading
            .iter()
            .any(|line| line.contains("`id` as told"))
    );
}

#[test]
fn rows_without_a_target_are_left_out_with_a_warning() {
    let bytes = table(40, |row| {
        format!(
            "{},a{},{}",
            row % 5,
            row % 2,
            if row < 3 { "" } else { ["x", "y"][row % 2] }
        )
    });
    let data = open_bytes("a.csv", &bytes, DataConfig::default()).unwrap();
    assert_eq!(data.warnings, ["3 rows without `target` are left out"]);
}

#[test]
fn a_class_of_two_is_trained_on_with_a_warning() {
    let bytes = table(40, |row| {
        format!(
            "{},a{},{}",
            row % 5,
            row % 2,
            if row < 2 { "rare" } else { ["x", "y"][row % 2] }
        )
    });
    let data = open_bytes("a.csv", &bytes, DataConfig::default()).unwrap();
    assert_eq!(
        data.warnings,
        ["class `rare` has 2 items: they are trained on, but not validated"]
    );
    assert_eq!(data.train.class_counts().unwrap()[0], 2);
}

#[test]
fn whole_numbers_of_few_values_are_classes_unless_told_otherwise() {
    let bytes = table(80, |row| {
        format!("{},a{},{}", row % 5, row % 2, 3 + row % 4)
    });
    let with = |task| DataConfig {
        task,
        ..DataConfig::default()
    };
    let data = open_bytes("a.csv", &bytes, with(None)).unwrap();
    assert_eq!(data.task.num_outputs(), 4);
    let data = open_bytes("a.csv", &bytes, with(Some(TableTask::Regression))).unwrap();
    assert_eq!(
        data.task,
        Task::Regression {
            target: "target".into()
        }
    );
}

fn series(values: impl Iterator<Item = f64>) -> Vec<u8> {
    let rows = values
        .enumerate()
        .map(|(time, value)| format!("{},{value}\n", 1000 + time));
    format!("year,level\n{}", rows.collect::<String>()).into_bytes()
}

#[test]
fn windows_are_differences_to_their_last_value() {
    let config = DataConfig {
        window: Some(3),
        horizon: 2,
        ..DataConfig::default()
    };
    let bytes = series((0..100).map(|time| f64::from(time * time)));
    let data = open_bytes("squares.csv", &bytes, config).unwrap();
    assert_eq!(
        data.input,
        InputShape::Sequence {
            width: 1,
            max_len: 3
        }
    );
    let batch = data.train.batch(&[0]).unwrap(); // 0, 1, 4, then 9 and 16
    let Inputs::Sequences {
        shape,
        values,
        lengths,
    } = batch.inputs
    else {
        panic!()
    };
    assert_eq!((shape, lengths), ([1, 3, 1], vec![3]));
    assert_eq!(values[2], 0.0);
    assert!((values[0] / values[1] - 4.0 / 3.0).abs() < 1e-5);
    let Targets::Values { width: 2, values } = batch.targets else {
        panic!()
    };
    let ahead = data.train.unscale(&[0], &values);
    assert!(
        (ahead[0] - 9.0).abs() < 1e-3 && (ahead[1] - 16.0).abs() < 1e-3,
        "{ahead:?}"
    );
}

#[test]
fn the_splits_of_a_series_are_in_time_order_and_share_no_target() {
    let config = DataConfig {
        window: Some(5),
        horizon: 3,
        ..DataConfig::default()
    };
    let bytes = series((0..200).map(|time| f64::from(time) + 0.5));
    let data = open_bytes("a.csv", &bytes, config).unwrap();
    let targets = |split: &Split| {
        let all = indices(split);
        let Targets::Values { values, .. } = split.batch(&all).unwrap().targets else {
            panic!()
        };
        let mut steps = split.unscale(&all, &values);
        steps.sort_by(f64::total_cmp);
        [steps[0], steps[steps.len() - 1]]
    };
    let [train, valid, test] = [&data.train, &data.valid, &data.test].map(targets);
    assert!(train[1] < valid[0] && valid[1] < test[0]);
    // 200 steps: 30 to test, 20 to validate; the first target follows the first window.
    for (found, expected) in [
        (train, [5.5, 149.5]),
        (valid, [150.5, 169.5]),
        (test, [170.5, 199.5]),
    ] {
        assert!((found[0] - expected[0]).abs() < 1e-2, "{found:?}");
        assert!((found[1] - expected[1]).abs() < 1e-2, "{found:?}");
    }
}

#[test]
fn gaps_of_a_series_are_filled_along_a_line() {
    let row = |time: usize| match time % 10 {
        3 | 4 => format!("{time},,{}\n", time % 3),
        _ => format!("{time},{},{}\n", 2 * time, time % 3),
    };
    let bytes = format!("t,level,other\n{}", (0..100).map(row).collect::<String>());
    let config = DataConfig {
        window: Some(2),
        target: Some("level".into()),
        ..DataConfig::default()
    };
    let data = open_bytes("a.csv", bytes.as_bytes(), config).unwrap();
    assert!(
        data.reading
            .contains(&"20 missing values of `level` are interpolated".to_owned())
    );
    assert_eq!(
        data.input,
        InputShape::Sequence {
            width: 2,
            max_len: 2
        }
    );
    // On a straight line each next value is 2 more.
    let all = indices(&data.train);
    let Targets::Values { values, .. } = data.train.batch(&all).unwrap().targets else {
        panic!()
    };
    assert!(values.iter().all(|value| (value - values[0]).abs() < 1e-6));
}

#[test]
fn the_next_character_is_the_target_and_each_is_predicted_once() {
    let text: String = ('a'..='z').cycle().take(400).collect();
    let config = DataConfig {
        seq_len: 5,
        ..DataConfig::default()
    };
    let data = open_bytes("a.txt", text.as_bytes(), config).unwrap();
    let batch = data.train.batch(&[0, 1]).unwrap();
    let Inputs::Tokens {
        shape: [2, 5],
        tokens,
    } = batch.inputs
    else {
        panic!()
    };
    assert_eq!(tokens, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(
        batch.targets,
        Targets::Tokens(vec![2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    );
    assert_eq!(data.train.len(), 59); // 300 characters: 59 samples of 5 and the one after them
}

#[test]
fn each_epoch_cuts_a_text_at_other_places_and_never_into_what_is_held_out() {
    let letter = |place: u32| char::from_u32(u32::from('a') + place / 20);
    let text: String = (0..400).filter_map(letter).collect();
    let open = |name, text: &str| {
        let config = DataConfig {
            seq_len: 40,
            ..DataConfig::default()
        };
        open_bytes(name, text.as_bytes(), config).unwrap().train
    };
    let train = open("a.txt", &text);
    let all = indices(&train);
    let tokens = |split: &Split| match split.batch(&all).unwrap().inputs {
        Inputs::Tokens { tokens, .. } => tokens,
        _ => panic!(),
    };
    let whole = tokens(&train);
    let epochs: Vec<_> = (0..9)
        .map(|epoch| tokens(&train.in_epoch(3, epoch)))
        .collect();
    assert_eq!(epochs[4], tokens(&train.in_epoch(3, 4)));
    assert!(epochs.iter().any(|epoch| *epoch != epochs[0]));
    let last = whole.len() - 40;
    for epoch in &epochs {
        assert!((0..40).any(|later| epoch[..last] == whole[later..later + last]));
        assert_eq!(epoch[last..], whole[last..]);
    }

    let rows = open(
        "a.csv",
        &format!("x,y\n{}", "1,a\n2,b\n3,a\n4,b\n".repeat(20)),
    );
    let all = indices(&rows);
    assert_eq!(
        rows.batch(&all).unwrap(),
        rows.in_epoch(3, 4).batch(&all).unwrap()
    );
}

#[test]
fn characters_that_training_lacks_are_unknown() {
    let text: String = ('a'..='d')
        .cycle()
        .take(300)
        .chain("éa".chars().cycle().take(100))
        .collect();
    let data = open_bytes(
        "a.txt",
        text.as_bytes(),
        DataConfig {
            seq_len: 8,
            ..DataConfig::default()
        },
    );
    let data = data.unwrap();
    let Task::NextToken { vocabulary } = &data.task else {
        panic!()
    };
    assert_eq!(vocabulary, &['\u{fffd}', 'a', 'b', 'c', 'd']);
    let tokens = data.preprocess.encode_text("abé").unwrap();
    assert_eq!(tokens, [1, 2, 0]);
    assert_eq!(
        data.preprocess.decode(&[1, 2, 0, -1, 99]),
        "ab\u{fffd}\u{fffd}\u{fffd}"
    );
}

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
