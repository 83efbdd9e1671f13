//! What `check` finds, and that augmentation is chance that can be repeated.

use fornax_data::check::check;
use fornax_data::{AugmentConfig, DataConfig, Inputs, sheet};

use crate::{open_bytes, shipped};

fn table(rows: &[&str]) -> Vec<u8> {
    let filler = |row: usize| {
        format!(
            "{row},{},{},same,{}\n",
            row * 7 % 41,
            row * 5 % 37,
            ["a", "b"][row % 2]
        )
    };
    let filler: String = (0..40).map(filler).collect();
    format!("id,one,two,constant,kind\n{filler}{}", rows.join("\n")).into_bytes()
}

#[test]
fn duplicates_conflicts_and_useless_columns_are_found() {
    let rows = [
        "40,900,5,same,a",
        "41,900,5,same,a",
        "42,900,6,same,a",
        "43,900,6,same,b",
        "44,0.001,1,same,b",
    ];
    let data = open_bytes("t.csv", &table(&rows), DataConfig::default()).unwrap();
    let report = check(&data).unwrap();
    let total = report.exact_duplicates.count + report.shared_by_splits.count;
    assert!(total >= 1, "{:?}", report.lines());
    assert_eq!(report.conflicting.count, 1, "{:?}", report.lines());
    let left_out: Vec<&str> = report
        .left_out
        .iter()
        .map(|left| left.column.as_str())
        .collect();
    assert_eq!(left_out, ["id", "constant"]);
    assert_eq!(report.fingerprint, data.sha256);
    let num_items: usize = report.splits.iter().map(|split| split.num_items).sum();
    assert_eq!(num_items, 45);
}

#[test]
fn a_row_with_other_last_digits_is_a_near_duplicate() {
    let number = |row: usize, column: usize| {
        1.37 * f64::from(u8::try_from(row * (7 + column * 5) % 101).unwrap())
    };
    let cells = |row: usize, slip: f64| {
        let numbers: Vec<String> = (0..5)
            .map(|c| format!("{:.6}", number(row, c) + slip))
            .collect();
        format!("{},{}\n", numbers.join(","), ["a", "b"][row % 2])
    };
    let mut text = "p,q,r,s,t,kind\n".to_owned();
    for row in 0..80 {
        text.push_str(&cells(row, 0.0));
    }
    for row in [3, 40] {
        text.push_str(&cells(row, 0.0005));
    }
    let data = open_bytes("t.csv", text.as_bytes(), DataConfig::default()).unwrap();
    let near = check(&data).unwrap().near_duplicates;
    assert_eq!(near.count, 2, "{near:?}");
    let lines: Vec<[&str; 2]> = near
        .examples
        .iter()
        .map(|pair| [pair.first.place.as_str(), pair.second.place.as_str()])
        .collect();
    assert!(
        lines
            .iter()
            .any(|pair| pair.contains(&"line 5") && pair.contains(&"line 82")),
        "{lines:?}"
    );
}

#[test]
fn a_text_with_a_word_changed_is_a_near_duplicate() {
    // Words by a generator of pseudo-random numbers, so that no two texts are alike by chance.
    let mut state = 1_u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = (state >> 16) % 97;
        ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st"]
            .into_iter()
            .cycle()
            .skip(usize::try_from(number).unwrap() % 10)
            .step_by(1 + usize::try_from(number).unwrap() / 10)
            .take(2)
            .collect::<String>()
    };
    let mut lines: Vec<Vec<String>> = (0..40).map(|_| (0..60).map(|_| word()).collect()).collect();
    let mut changed = lines[7].clone();
    changed[0] = "snow".into();
    lines.push(changed);
    for text_form in [fornax_data::TextForm::Bag, fornax_data::TextForm::Tokens] {
        let half = |class: usize| -> String {
            let own = lines
                .iter()
                .enumerate()
                .filter(|(row, _)| (row + row / 40) % 2 == class);
            own.map(|(_, words)| words.join(" ") + "\n").collect()
        };
        let (good, bad) = (half(0), half(1));
        let folder = crate::folder(&[("a.pos", good.as_bytes()), ("a.neg", bad.as_bytes())]);
        let config = DataConfig {
            text_form,
            ..DataConfig::default()
        };
        let data = crate::open_in(&folder, "", config).unwrap();
        let near = check(&data).unwrap().near_duplicates;
        assert_eq!(near.count, 1, "{near:?}");
    }
}

#[test]
fn a_slip_of_the_pen_is_odd() {
    let mut rows: Vec<String> = (40..400)
        .map(|row| format!("{row},{},{},same,a", row % 41, row % 37))
        .collect();
    rows.push("400,90000,3,same,b".into());
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let data = open_bytes("t.csv", &table(&rows), DataConfig::default()).unwrap();
    let report = check(&data).unwrap();
    assert!(
        report.odd.examples.iter().any(|odd| {
            odd.item.place == "line 402"
                && odd.why.contains("`one`")
                && odd.why.contains("deviations")
        }),
        "{:?}",
        report.odd
    );
}

#[test]
fn every_shipped_dataset_can_be_checked() {
    for name in crate::SHIPPED {
        let data = shipped(name);
        let report = check(&data).unwrap();
        assert_eq!(report.values.num_not_finite, 0, "{name}");
        assert!(report.lines().len() >= 5, "{name}");
        serde_json::to_string(&report).unwrap();
    }
}

#[test]
fn a_sheet_is_a_picture_or_says_that_there_is_none() {
    let strong = AugmentConfig {
        rotate: 20.0,
        jitter: 0.5,
        ..AugmentConfig::default()
    };
    for (name, draws) in [
        ("fashion-mini", true),
        ("japanese-vowels", true),
        ("co2", true),
        ("penguins", false),
        ("moby-dick", false),
    ] {
        let plain = sheet(&shipped(name), None, 1);
        assert_eq!(plain.is_ok(), draws, "{name}");
        if let Ok(plain) = plain {
            let picture = image::load_from_memory(&plain).unwrap();
            assert!(picture.width() > 600 && picture.height() > 60, "{name}");
            assert_ne!(sheet(&shipped(name), Some(&strong), 1).unwrap(), plain);
        }
    }
}

#[test]
fn augmentation_is_the_same_bits_for_the_same_seed_epoch_and_item() {
    let images = AugmentConfig {
        shift: 0.1,
        rotate: 10.0,
        scale: 0.1,
        shear: 5.0,
        flip: true,
        crop: 0.2,
        elastic: 1.0,
        cutout: 0.2,
        ..AugmentConfig::default()
    };
    let series = AugmentConfig {
        jitter: 0.1,
        time_warp: 0.4,
        time_mask: 0.3,
        band_mask: 0.3,
        ..AugmentConfig::default()
    };
    for (name, config) in [("fashion-mini", images), ("japanese-vowels", series)] {
        config.validate().unwrap();
        let data = shipped(name);
        let changed = |indices: &[usize], seed, epoch| {
            let mut batch = data.train.batch(indices).unwrap();
            config.apply(&mut batch, indices, seed, epoch);
            batch
        };
        assert_eq!(
            changed(&[3, 1, 2], 1, 0),
            changed(&[3, 1, 2], 1, 0),
            "{name}"
        );
        assert_ne!(
            changed(&[3, 1, 2], 1, 0),
            changed(&[3, 1, 2], 1, 1),
            "{name}"
        );
        assert_ne!(
            changed(&[3, 1, 2], 1, 0),
            changed(&[3, 1, 2], 2, 0),
            "{name}"
        );
        // An item's change does not depend on the items beside it.
        let (alone, together) = (changed(&[1], 1, 5).inputs, changed(&[1, 7, 9], 1, 5).inputs);
        let (
            Inputs::Dense { values: a, .. } | Inputs::Sequences { values: a, .. },
            Inputs::Dense { values: b, .. } | Inputs::Sequences { values: b, .. },
        ) = (alone, together)
        else {
            panic!("images and series have values");
        };
        assert_eq!(a, b[..a.len()], "{name}");
        assert_eq!(
            changed(&[4], 1, 0).targets,
            data.train.batch(&[4]).unwrap().targets
        );
    }
}

#[test]
fn augmentation_that_is_off_changes_nothing_and_ranges_are_held() {
    let data = shipped("fashion-mini");
    let mut batch = data.train.batch(&[0]).unwrap();
    AugmentConfig::default().apply(&mut batch, &[0], 1, 0);
    assert_eq!(batch, data.train.batch(&[0]).unwrap());
    for config in [
        AugmentConfig {
            shift: 0.6,
            ..AugmentConfig::default()
        },
        AugmentConfig {
            rotate: f64::NAN,
            ..AugmentConfig::default()
        },
        AugmentConfig {
            time_mask: -0.1,
            ..AugmentConfig::default()
        },
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(
            error.starts_with("`augment.") && error.ends_with("does not fit"),
            "{error}"
        );
    }
}
