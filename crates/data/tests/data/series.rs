//! Several series in one table, and what is known of the future.

use std::fmt::Write;

use fornax_data::{DataConfig, Dataset, Inputs, Preprocess, Split, Targets};

use crate::{folder, indices, open_bytes};

/// 40 days of three shops, one row after another day by day; `b` sells a hundred times as much as
/// `a`, and `c` opens late.
fn sales() -> String {
    let mut text = "day,shop,price,sold\n".to_owned();
    for day in 0..40 {
        for (shop, factor, since) in [("a", 1, 0), ("b", 100, 0), ("c", 7, 36)] {
            if day >= since {
                let date = jiff::civil::date(2024, 1, 1) + jiff::Span::new().days(day);
                let sold = factor * (day % 7 + day / 10);
                writeln!(text, "{date},{shop},{},{sold}", day % 5).unwrap();
            }
        }
    }
    text
}

fn config() -> DataConfig {
    DataConfig {
        window: Some(4),
        horizon: 2,
        ..DataConfig::default()
    }
}

fn open_series(text: &str, config: DataConfig) -> Dataset {
    open_bytes("sales.csv", text.as_bytes(), config).unwrap()
}

fn windows(split: &Split, items: &[usize]) -> ([usize; 3], Vec<f32>) {
    match split.batch(items).unwrap().inputs {
        Inputs::Sequences { shape, values, .. } => (shape, values),
        other => panic!("expected sequences, found {other:?}"),
    }
}

fn targets(split: &Split) -> Vec<f32> {
    match split.batch(&indices(split)).unwrap().targets {
        Targets::Values { values, .. } => values,
        other => panic!("expected values, found {other:?}"),
    }
}

#[test]
fn series_are_told_apart_by_name_or_by_their_times() {
    let named = DataConfig {
        series: vec!["shop".into()],
        ..config()
    };
    let found = open_series(&sales(), config());
    assert!(
        found.reading[1].starts_with("`shop` tells several series apart"),
        "{:?}",
        found.reading
    );
    let told = open_series(&sales(), named);
    assert_eq!(found.preprocess, told.preprocess);
    assert!(
        told.warnings[0].starts_with("1 series are too short for this window and horizon")
            && told.warnings[0].ends_with("`c`"),
        "{:?}",
        told.warnings
    );
    let Preprocess::Series(series) = &told.preprocess else {
        panic!("series")
    };
    assert_eq!(series.keys, ["shop"]);
    assert_eq!(series.units.len(), 2);
}

#[test]
fn no_window_crosses_from_one_series_to_the_next() {
    let data = open_series(&sales(), config());
    // The same shape a hundred times larger is the same to a network that sees it in its own units.
    for split in [&data.train, &data.valid, &data.test] {
        let half: Vec<usize> = (0..split.len() / 2).collect();
        let other: Vec<usize> = (split.len() / 2..split.len()).collect();
        let ((shape, a), (_, b)) = (windows(split, &half), windows(split, &other));
        assert_eq!(shape[1..], [4, 2]);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5));
        let targets = targets(split);
        let (a, b) = targets.split_at(targets.len() / 2);
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5));
        // The last value of a window is its anchor.
        let (_, values) = windows(split, &indices(split));
        assert!(values.chunks_exact(8).all(|window| window[6] == 0.0));
        let back = split.unscale(&indices(split), &targets);
        assert!(
            back[back.len() / 2..]
                .iter()
                .all(|value| value % 100.0 < 1e-3 || value % 100.0 > 99.99)
        );
    }
    assert!(data.train.place(0).starts_with("a: window ending on line "));
}

#[test]
fn each_series_is_split_in_the_order_of_time() {
    let data = open_series(&sales(), config());
    let day = |split: &Split, index: usize| -> usize {
        let place = split.place(index);
        let line: usize = place.rsplit(' ').next().unwrap().parse().unwrap();
        (line - 2) / 2
    };
    for shop in ["a", "b"] {
        let days = |split: &Split| -> Vec<usize> {
            indices(split)
                .into_iter()
                .filter(|&index| split.place(index).starts_with(shop))
                .map(|index| day(split, index))
                .collect()
        };
        let (train, valid, test) = (days(&data.train), days(&data.valid), days(&data.test));
        // The targets are the two days behind a window.
        assert!(
            train.iter().max().unwrap() + 2 <= *valid.iter().min().unwrap() + 1,
            "{train:?} {valid:?}"
        );
        assert!(valid.iter().max().unwrap() + 2 <= *test.iter().min().unwrap() + 1);
    }
}

#[test]
fn what_is_known_ahead_is_seen_behind_the_window() {
    let config = DataConfig {
        known_future: vec!["price".into(), "day".into()],
        ..config()
    };
    let data = open_series(&sales(), config);
    // Sold, price, day of month and of week in two each, the month is one; and the mark.
    let (shape, values) = windows(&data.train, &[0]);
    let width = shape[2];
    assert_eq!(shape, [1, 4 + 2, width]);
    let steps: Vec<&[f32]> = values.chunks_exact(width).collect();
    for (step, values) in steps.iter().enumerate() {
        let is_ahead = step >= 4;
        assert_eq!(values[width - 1], f32::from(u8::from(is_ahead)));
        assert!(!is_ahead || values[0] == 0.0);
    }
    // Prices repeat after five days, ahead too.
    assert_eq!(steps[5][1], steps[0][1]);
    assert_ne!(steps[4][1], steps[5][1]);
    assert!(
        data.reading.contains(&"known ahead: `price`".to_owned()),
        "{:?}",
        data.reading
    );
    assert!(
        data.reading
            .contains(&"known ahead: the calendar of `day`".to_owned())
    );

    let known = "2024-02-10,a,1,\n2024-02-11,a,2,\n2024-02-10,b,1,\n2024-02-11,b,2,\n";
    let without_late_shop: String = sales()
        .lines()
        .filter(|line| !line.contains(",c,"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let [with, without] = [without_late_shop.clone() + known, without_late_shop];
    let folder = folder(&[
        ("with.csv", with.as_bytes()),
        ("without.csv", without.as_bytes()),
    ]);
    let split = data
        .preprocess
        .open_inputs(&folder.path().join("with.csv"))
        .unwrap();
    assert_eq!(split.len(), 2);
    assert_eq!(split.place(1), "b: window ending on line 81");
    assert_eq!(split.unscale(&[0, 1], &[0.0; 4]), [7.0, 7.0, 700.0, 700.0]);
    let error = data
        .preprocess
        .open_inputs(&folder.path().join("without.csv"))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("0 rows follow the last `sold`, 2 are needed"),
        "{error}"
    );
}

#[test]
fn what_is_not_there_or_no_number_cannot_be_known_ahead() {
    let config = |name: &str| DataConfig {
        known_future: vec![name.into()],
        ..config()
    };
    for (name, message) in [
        ("prise", "there is no column `prise`"),
        ("shop", "`data.known_future = shop` does not fit"),
        ("sold", "`data.known_future = sold` does not fit"),
    ] {
        let config = DataConfig {
            target: Some("sold".into()),
            ..config(name)
        };
        let error = open_bytes("a.csv", sales().as_bytes(), config).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
    }
}

/// 60 hours of a load, of a temperature far above it, and of a price.
fn plant() -> String {
    let mut text = "hour,load,heat,price\n".to_owned();
    for hour in 0..60 {
        let load = hour % 6 + hour / 20;
        writeln!(text, "{hour},{load},{},{}", 1000 * load, hour % 5).unwrap();
    }
    text
}

#[test]
fn several_columns_are_forecast_each_from_its_own_past() {
    let channels = |names: &[&str]| DataConfig {
        channels: names.iter().map(|&name| name.into()).collect(),
        known_future: vec!["price".into()],
        ..config()
    };
    let data = open_series(&plant(), channels(&["load", "heat"]));
    let all = open_series(&plant(), channels(&["*"]));
    assert_eq!(data.preprocess, all.preprocess);
    let fornax_data::Task::Forecast {
        channels, target, ..
    } = &data.task
    else {
        panic!("a forecast")
    };
    assert_eq!(
        (channels.join(","), target.as_str()),
        ("load,heat".into(), "load, heat")
    );

    let split = &data.test;
    let half = split.len() / 2;
    assert_eq!((split.channel(0), split.channel(half)), (0, 1));
    assert!(
        split
            .place(half)
            .starts_with("heat: window ending on line ")
    );
    let (shape, values) = windows(split, &indices(split));
    assert_eq!(shape, [2 * half, 6, 3]); // itself, the price, and a mark for what is ahead
    let (load, heat) = values.split_at(values.len() / 2);
    assert!(load.iter().zip(heat).all(|(a, b)| (a - b).abs() < 1e-5));

    // Numbers are told in their own units, and errors in deviations: those of both columns alike.
    let (indices, targets) = (indices(split), targets(split));
    let numbers = split.unscale(&indices, &targets);
    let (load, heat) = numbers.split_at(numbers.len() / 2);
    assert!(
        load.iter()
            .zip(heat)
            .all(|(a, b)| (1000.0 * a - b).abs() < 1e-2)
    );
    let comparable = split.comparable(&indices, &targets);
    let (load, heat) = comparable.split_at(comparable.len() / 2);
    assert!(load.iter().zip(heat).all(|(a, b)| (a - b).abs() < 1e-5));
    let trained: Vec<f64> = (0..60 - 6 - 9)
        .map(|hour| f64::from(hour % 6 + hour / 20))
        .collect();
    let mean = trained.iter().sum::<f64>() / 45.0;
    let variance = trained.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 45.0;
    assert!((comparable[0] - numbers[0] / variance.sqrt()).abs() < 1e-6);

    // New data has to hold them all.
    let folder = folder(&[
        ("new.csv", plant().as_bytes()),
        ("half.csv", plant().replace("heat", "cold").as_bytes()),
    ]);
    let open = |name| data.preprocess.open_labelled(&folder.path().join(name));
    assert_eq!(open("new.csv").unwrap().len(), 2 * (60 - 4 - 2 + 1));
    let error = open("half.csv").unwrap_err().to_string();
    assert!(error.ends_with("there is no column `heat`"), "{error}");
}

#[test]
fn channels_that_cannot_be_forecast_are_refused() {
    let config = |names: &[&str], target: Option<&str>, window| DataConfig {
        channels: names.iter().map(|&name| name.into()).collect(),
        target: target.map(str::to_owned),
        window,
        ..config()
    };
    for (config, message) in [
        (
            config(&["load", "load"], None, Some(4)),
            "`data.channels = load` does not fit",
        ),
        (
            config(&["load", "heet"], None, Some(4)),
            "there is no column `heet`",
        ),
        (
            config(&["load"], Some("heat"), Some(4)),
            "`data.target = heat beside data.channels` does not fit",
        ),
        (
            config(&["load", "heat"], None, None),
            "`data.channels = load, heat` does not fit",
        ),
    ] {
        let error = open_bytes("a.csv", plant().as_bytes(), config).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
    }
    let words = plant().replace(",1000,", ",hot,");
    let error = open_bytes(
        "a.csv",
        words.as_bytes(),
        config(&["load", "heat"], None, Some(4)),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("column `heat` is not numeric, but `hot`"),
        "{error}"
    );
}
