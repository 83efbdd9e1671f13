//! Small series, forecast from windows whose numbers can be worked out by hand.

use fornax_data::{DataConfig, InputShape, Inputs, Split, Targets};

use crate::{indices, open_bytes};

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
