//! Small tables whose arrays can be worked out by hand.

use fornax_data::{DataConfig, InputShape, TableTask, Targets, Task};

use crate::{dense, indices, open_bytes};

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
