//! New items are turned into inputs as the training data was.

use fornax_data::{Batch, DataConfig, DataError, Dataset, Inputs, Split, Targets};

use crate::{datasets_folder, folder, open_bytes, shipped};

/// The item of `split` that came from `place`.
fn item_at(data: &Dataset, place: &str) -> Batch {
    let splits = [&data.train, &data.valid, &data.test];
    let find = |split: &&Split| (0..split.len()).find(|&index| split.place(index) == place);
    let split = splits
        .into_iter()
        .find(|split| find(split).is_some())
        .unwrap();
    split.batch(&[find(&split).unwrap()]).unwrap()
}

#[track_caller]
fn check(name: &str, file: &str, places: &[&str]) {
    let data = shipped(name);
    let split = data
        .preprocess
        .open_labelled(&datasets_folder().join(name).join(file))
        .unwrap();
    for place in places {
        let index = (0..split.len())
            .find(|&index| split.place(index) == *place)
            .unwrap();
        assert_eq!(
            split.batch(&[index]).unwrap(),
            item_at(&data, place),
            "{name}: {place}"
        );
    }
}

#[test]
fn the_same_bytes_give_the_same_inputs_at_training_and_later() {
    check(
        "penguins",
        "penguins.csv",
        &["line 2", "line 5", "line 200", "line 345"],
    );
    check("wine", "wine.csv", &["line 2", "line 100"]);
    check(
        "digits",
        "digits.csv.gz",
        &["image 0", "image 1000", "image 1796"],
    );
    check(
        "co2",
        "mauna-loa-co2.csv",
        &["window ending on line 60", "window ending on line 2000"],
    );
    check(
        "moby-dick",
        "moby-dick.txt.gz",
        &["character 0", "character 640"],
    );

    let data = shipped("fashion-mini");
    let path = datasets_folder().join("fashion-mini/t10k-images-idx3-ubyte.gz");
    let split = data.preprocess.open_inputs(&path).unwrap();
    assert_eq!(
        split.batch(&[0, 499]).unwrap(),
        data.test.batch(&[0, 499]).unwrap()
    );
    let data = shipped("japanese-vowels");
    let path = datasets_folder().join("japanese-vowels/JapaneseVowels_TEST.ts.gz");
    let split = data.preprocess.open_inputs(&path).unwrap();
    assert_eq!(
        split.batch(&[0, 369]).unwrap(),
        data.test.batch(&[0, 369]).unwrap()
    );
}

#[test]
fn columns_may_come_in_another_order_and_without_the_target() {
    let data = shipped("penguins");
    let folder = folder(&[(
        "new.csv",
        b"year,sex,island,remark,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n\
          2007,male,Torgersen,first,39.1,18.7,181,3750\n\
          2010,,Mallorca,new,,18.7,181,3750\n",
    )]);
    let split = data
        .preprocess
        .open_inputs(&folder.path().join("new.csv"))
        .unwrap();
    assert!(!split.has_targets());
    let batch = split.batch(&[0, 1]).unwrap();
    assert_eq!(batch.targets, Targets::Absent);
    let Inputs::Dense { values, .. } = batch.inputs else {
        panic!()
    };
    let Inputs::Dense { values: first, .. } = item_at(&data, "line 2").inputs else {
        panic!()
    };
    assert_eq!(values[..11], first);
    assert_eq!(values[11..14], [0.0; 3]); // An island that training did not have.
}

#[test]
fn a_headerless_file_is_read_by_the_order_of_its_columns() {
    let data = shipped("penguins");
    let folder = folder(&[("new.csv", b"Torgersen,39.1,18.7,181,3750,male,2007\n")]);
    let split = data
        .preprocess
        .open_inputs(&folder.path().join("new.csv"))
        .unwrap();
    assert_eq!(
        split.batch(&[0]).unwrap().inputs,
        item_at(&data, "line 2").inputs
    );
}

#[test]
fn a_single_image_may_be_a_row_of_pixels_with_or_without_its_class() {
    let data = shipped("digits");
    let pixels = "0,0,5,13,9,1,0,0,0,0,13,15,10,15,5,0,0,3,15,2,0,11,8,0,0,4,12,0,0,8,8,0,\
                  0,5,8,0,0,9,8,0,0,4,11,0,1,12,7,0,0,2,14,5,10,12,0,0,0,0,6,13,10,0,0,0";
    let labelled = format!("{pixels},0\n");
    let folder = folder(&[("a.csv", pixels.as_bytes()), ("b.csv", labelled.as_bytes())]);
    for (name, has_targets) in [("a.csv", false), ("b.csv", true)] {
        let split = data
            .preprocess
            .open_inputs(&folder.path().join(name))
            .unwrap();
        assert_eq!((split.len(), split.has_targets()), (1, has_targets));
        assert_eq!(
            split.batch(&[0]).unwrap().inputs,
            item_at(&data, "image 0").inputs
        );
    }
}

#[test]
fn the_future_follows_from_the_window_at_the_end() {
    let data = shipped("airline");
    let path = datasets_folder().join("airline/airline-passengers.csv");
    let split = data.preprocess.open_inputs(&path).unwrap();
    assert_eq!((split.len(), split.has_targets()), (1, false));
    assert_eq!(split.place(0), "window ending on line 145");
    assert_eq!(split.unscale(&[0], &[0.0]), [432.0]); // The last value of the file.
}

#[test]
fn what_does_not_fit_the_model_is_refused() {
    let penguins = shipped("penguins").preprocess;
    let co2 = shipped("co2").preprocess;
    let vowels = shipped("japanese-vowels").preprocess;
    let digits = shipped("digits").preprocess;
    let book = shipped("moby-dick").preprocess;
    let folder = folder(&[
        ("few.csv", b"species,island\nAdelie,Dream\n"),
        ("class.csv", b"species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\nEmperor,Dream,1,1,1,1,male,2007\n"),
        ("short.csv", b"date,co2\n19580329,316.1\n"),
        ("late.csv", b"date,co2\n19580329,316.1\n19580322,316.2\n"),
        ("one.ts", b"@classLabel true 1 2 3\n@data\n1,2,3:1\n"),
        ("small.csv", b"1,2,3\n4,5,6\n"),
        ("short.txt", b"Call me"),
        ("empty.csv", b""),
    ]);
    let message = |preprocess: &fornax_data::Preprocess, name: &str| {
        let error = preprocess
            .open_inputs(&folder.path().join(name))
            .unwrap_err()
            .to_string();
        error.replace(folder.path().to_str().unwrap(), "")
    };
    assert_eq!(
        message(&penguins, "few.csv"),
        "/few.csv: there is no column `bill_length_mm`"
    );
    assert_eq!(
        message(&penguins, "class.csv"),
        "/class.csv:2: class `Emperor` did not occur in training"
    );
    assert_eq!(
        message(&co2, "short.csv"),
        "/short.csv: 1 rows are too few for this window and horizon, 52 are needed"
    );
    assert_eq!(
        message(&co2, "late.csv"),
        "/late.csv:3: `19580322` in column `date` does not come after `19580329`"
    );
    assert_eq!(
        message(&vowels, "one.ts"),
        "/one.ts:3: found 1 channels, but the training data has 12"
    );
    assert_eq!(
        message(&digits, "small.csv"),
        "/small.csv:1: expected 65 columns, found 3"
    );
    assert_eq!(
        message(&book, "short.txt"),
        "/short.txt: 7 characters are too few, 65 are needed"
    );
    assert_eq!(message(&penguins, "empty.csv"), "/empty.csv: holds no data");
    assert!(matches!(
        penguins.encode_text("a"),
        Err(DataError::NotText { .. })
    ));
    let unlabelled = penguins.open_labelled(&folder.path().join("nothing.csv"));
    assert!(matches!(unlabelled, Err(DataError::Read { .. })));
}

#[test]
fn a_damaged_model_is_refused() {
    let data = open_bytes("a.txt", "abc".repeat(200).as_bytes(), DataConfig::default()).unwrap();
    let text = serde_json::to_string(&data.preprocess).unwrap();
    let text = text.replace("\"seq_len\":64", "\"seq_len\":0");
    let damaged: fornax_data::Preprocess = serde_json::from_str(&text).unwrap();
    let error = damaged
        .open_inputs(std::path::Path::new("a.txt"))
        .unwrap_err();
    assert!(matches!(error, DataError::Preprocess { .. }));
}
