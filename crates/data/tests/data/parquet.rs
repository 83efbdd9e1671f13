//! Tables in Parquet become what the same table in CSV becomes. The files are of pyarrow 26.0.1.

use fornax_data::{DataConfig, DataError, Dataset};

use crate::{folder, indices, open_bytes};

const CSV: &[u8] = include_bytes!("parquet/sales.csv");
const SNAPPY: &[u8] = include_bytes!("parquet/snappy.parquet");
const ZSTD: &[u8] = include_bytes!("parquet/zstd-v2.parquet");

fn open_as(name: &str, bytes: &[u8]) -> Result<Dataset, DataError> {
    open_bytes(name, bytes, DataConfig::default())
}

#[test]
fn the_same_table_becomes_the_same_inputs() {
    let csv = open_as("sales.csv", CSV).unwrap();
    // Known by its first bytes too, whatever it is called.
    for (name, bytes) in [
        ("sales.parquet", SNAPPY),
        ("sales.parquet", ZSTD),
        ("sales", ZSTD),
    ] {
        let parquet = open_as(name, bytes).unwrap();
        assert_eq!(parquet.preprocess, csv.preprocess, "{name}");
        assert_eq!(parquet.task, csv.task);
        for (ours, theirs) in [(&parquet.train, &csv.train), (&parquet.test, &csv.test)] {
            assert_eq!(
                ours.batch(&indices(ours)).unwrap(),
                theirs.batch(&indices(theirs)).unwrap()
            );
        }
    }
}

#[test]
fn what_was_understood_is_said_and_lists_are_left_out() {
    let data = open_as("sales.parquet", SNAPPY).unwrap();
    assert!(data.reading[0].starts_with("`sales` has 60 rows of 9 columns, in Parquet: `when`"));
    assert_eq!(data.left_out[0].column, "list.list.element");
    assert_eq!(data.left_out[0].why, "it holds lists");
    assert!(data.train.place(0).starts_with("row "));
}

#[test]
fn a_model_predicts_from_either_form() {
    let data = open_as("sales.parquet", SNAPPY).unwrap();
    let folder = folder(&[("new.parquet", ZSTD), ("new.csv", CSV)]);
    let open = |name: &str| {
        data.preprocess
            .open_labelled(&folder.path().join(name))
            .unwrap()
    };
    let (parquet, csv) = (open("new.parquet"), open("new.csv"));
    assert_eq!(parquet.len(), 60);
    assert_eq!(
        parquet.batch(&indices(&parquet)).unwrap(),
        csv.batch(&indices(&csv)).unwrap()
    );
}

#[test]
fn a_damaged_file_is_refused() {
    for end in [4, 100, SNAPPY.len() / 2, SNAPPY.len() - 1] {
        let error = open_as("sales.parquet", &SNAPPY[..end]).unwrap_err();
        assert!(matches!(error, DataError::Parquet { .. }), "{error}");
    }
}
