//! The report of a run: each architecture and each task has one, and a browser opens it.
//!
//! Where no Chromium is installed, that the pages open is not tested, and the tests say so.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::new_items::tone;
use crate::program::Folder;

/// The most that a report may weigh: it has to fit a mail.
const MOST_BYTES: u64 = 5_000_000;

/// Trains, checks the page, and gives its numbers.
#[track_caller]
fn report(folder: &Folder, arguments: &str, sections: &[&str]) -> Value {
    folder.run(&format!("train {arguments} --out run")).ok();
    let page = folder.path().join("run/report.html");
    check_page(&page, sections);
    let numbers = fs::read(folder.path().join("run/report.json")).expect("numbers");
    serde_json::from_slice(&numbers).expect("JSON")
}

#[track_caller]
fn check_page(page: &Path, sections: &[&str]) {
    let html = fs::read_to_string(page).expect("a page");
    let size = fs::metadata(page).expect("a page").len();
    assert!(size < MOST_BYTES, "{size} bytes");
    for section in sections {
        let anchor = format!("<section id=\"{section}\"");
        assert!(html.contains(&anchor), "no section {section}");
    }
    // The bytes of a picture may spell anything.
    let words = html
        .split("base64,")
        .map(|part| part.split_once('"').map_or(part, |split| split.1));
    let words: String = words.collect();
    for forbidden in [
        "<script",
        "src=\"http",
        "href=\"http",
        "@import",
        "NaN",
        "infinity",
    ] {
        assert!(
            !words.contains(forbidden),
            "{forbidden} in {}",
            page.display()
        );
    }
    open_in_browser(page);
}

/// Lets Chromium open the page, and demands that it has nothing to complain of.
#[track_caller]
fn open_in_browser(page: &Path) {
    let Some(browser) = browser() else {
        println!("skipped: no chromium to open {}", page.display());
        return;
    };
    let profile = tempfile::TempDir::new().expect("a temporary folder");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args(["--disable-sync", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = errors
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(
        dom.contains("</html>"),
        "the browser shows nothing: {errors}"
    );
}

fn browser() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(runs)
}

/// What every report of classes has.
const OF_CLASSES: &[&str] = &[
    "verdict",
    "learning",
    "hierarchy",
    "layers",
    "mistakes",
    "trust",
    "again",
];

#[test]
fn every_architecture_reports_on_images() {
    let data = "--data digits --fraction 0.3 --epochs 2";
    report(
        &Folder::new(),
        &format!("mlp {data} --set model.widths=[16]"),
        OF_CLASSES,
    );
    report(
        &Folder::new(),
        &format!("rnn {data} --set model.d_hidden=8"),
        OF_CLASSES,
    );
    let cnn = report(
        &Folder::new(),
        &format!("cnn {data} --set model.widths=[4] --set model.dense=[8]"),
        OF_CLASSES,
    );
    let layers = cnn["hierarchy"]["layers"].as_array().expect("layers");
    let names: Vec<_> = layers.iter().map(|layer| layer["name"].as_str()).collect();
    let expected = ["input", "block1", "dense1", "logits"].map(Some);
    assert_eq!(names, expected);
    let method = &cnn["mistakes"]["method"]["name"];
    assert!(method.is_null() || method == "Grad-CAM", "{method}");
    let dbn = report(
        &Folder::new(),
        &format!("dbn {data} --set model.widths=[12,8] --set pretrain.epochs=1"),
        &[OF_CLASSES, &["dreams"]].concat(),
    );
    assert_eq!(dbn["dreams"]["free"].as_array().map(Vec::len), Some(4));
    assert_eq!(dbn["dreams"]["of_class"].as_array().map(Vec::len), Some(10));
}

#[test]
fn every_task_has_a_report_of_its_own() {
    report(&Folder::new(), "mlp --data penguins --epochs 3", OF_CLASSES);
    report(
        &Folder::new(),
        "rnn --data japanese-vowels --epochs 1",
        OF_CLASSES,
    );
    let of_numbers = &[
        "verdict",
        "learning",
        "hierarchy",
        "layers",
        "errors",
        "again",
    ];
    let forecast = report(&Folder::new(), "rnn --data airline --epochs 2", of_numbers);
    let steps = forecast["errors"]["rmse_by_step"].as_array().map(Vec::len);
    assert_eq!(
        steps,
        forecast["errors"]["naive_by_step"].as_array().map(Vec::len)
    );
    let folder = Folder::new();
    let rows = (0..200).map(|i| format!("{},{},{}\n", i % 7, i % 5, 3 * (i % 7) - i % 5));
    folder.write(
        "numbers.csv",
        "a,b,y\n".to_owned() + &rows.collect::<String>(),
    );
    let arguments = "mlp --data numbers.csv --target y --epochs 5 --set data.task=regression";
    report(&folder, arguments, of_numbers);
    let text = report(
        &Folder::new(),
        "rnn --data moby-dick --fraction 0.02 --epochs 1 --set model.d_hidden=16",
        &["verdict", "learning", "hierarchy", "text", "again"],
    );
    assert_eq!(
        text["text"]["memory"][0]["points"][0],
        serde_json::json!([0, 1.0])
    );
}

#[test]
fn recordings_are_shown_as_spectra_and_series_by_the_stretch_that_excites() {
    let folder = Folder::new();
    for (class, hertz) in [("low", 200), ("high", 1500)] {
        fs::create_dir_all(folder.path().join("tones").join(class)).expect("a folder");
        for number in 0..16 {
            let tone = tone(hertz + 10 * number, 8000, 1);
            folder.write(&format!("tones/{class}/{number}.wav"), tone);
        }
    }
    let exhibits = |report: &Value| -> Vec<Value> {
        let layers = report["layers"].as_array().expect("layers").iter();
        let units = layers.flat_map(|layer| layer["units"].as_array().cloned().unwrap_or_default());
        units
            .flat_map(|unit| unit["exhibits"].as_array().cloned().unwrap_or_default())
            .collect()
    };
    let sound = report(
        &folder,
        "cnn --data tones --epochs 2 --set model.widths=[4,4]",
        OF_CLASSES,
    );
    let spectra = exhibits(&sound);
    assert!(!spectra.is_empty() && spectra.iter().all(|item| item["kind"] == "image"));
    let series = report(
        &Folder::new(),
        "rnn --data japanese-vowels --epochs 1 --set model.d_hidden=8",
        OF_CLASSES,
    );
    let stretches = exhibits(&series);
    let is_marked = |item: &Value| {
        let weights = item["weights"].as_array().expect("weights");
        let marked = weights.iter().filter(|weight| weight.as_f64() > Some(0.0));
        (1..weights.len()).contains(&marked.count())
    };
    assert!(!stretches.is_empty() && stretches.iter().all(is_marked));
}

#[test]
fn labels_of_the_user_are_words_and_never_code() {
    let folder = Folder::new();
    let classes = [
        "<script>alert(1)</script>",
        "'\"><img src=x onerror=alert(2)>",
        "a&b",
    ];
    let row = |i: usize| {
        let class = classes[i % 3].replace('"', "\"\"");
        format!("{},{},\"{class}\"\n", i % 3, i % 11)
    };
    let rows = (0..150).map(row).collect::<Vec<_>>().concat();
    folder.write("hostile.csv", "<b>x</b>,y,kind\n".to_owned() + &rows);
    let arguments = "mlp --data hostile.csv --target kind --epochs 1 --set model.widths=[4]";
    report(&folder, arguments, OF_CLASSES);
    let html = fs::read_to_string(folder.path().join("run/report.html")).expect("a page");
    assert!(
        !html.contains("<img src=x") && !html.contains("<b>x"),
        "unescaped"
    );
    assert!(
        html.contains("&lt;script&gt;"),
        "the class has its own name"
    );
}

/// A table of so many classes and rows a class, to be split as it is.
fn table(num_classes: usize, rows_each: usize) -> String {
    let row = |i: usize| {
        format!(
            "{},{},c{}\n",
            i % num_classes,
            (i * 7) % 13,
            i % num_classes
        )
    };
    let rows: String = (0..num_classes * rows_each).map(row).collect();
    "x,z,kind\n".to_owned() + &rows
}

#[test]
fn odd_splits_still_report() {
    let few = "mlp --data odd.csv --target kind --epochs 1 --set model.widths=[4]";
    for (content, settings) in [
        (table(3, 40), "--set data.valid_fraction=0.001"),
        (
            table(3, 40),
            "--set data.valid_fraction=0.001 --set data.test_fraction=0.001",
        ),
        (table(40, 3), ""), // classes that are in no other split than the training
        (table(1000, 4), "--batch-size 128"),
    ] {
        let folder = Folder::new();
        folder.write("odd.csv", content);
        report(
            &folder,
            &format!("{few} {settings}"),
            &["verdict", "learning", "again"],
        );
    }
    // As few samples a class as can be split: one to hold out.
    let folder = Folder::new();
    images(&folder, "single", 8, |at| at % 12, [36, 12]);
    let small = "--epochs 1 --set model.widths=[4]";
    report(
        &folder,
        &format!("mlp --data single {small}"),
        &["verdict", "learning", "again"],
    );
}

/// A folder of square IDX images with these labels, so many to train on and to test with.
fn images(folder: &Folder, name: &str, side: usize, label: fn(usize) -> usize, counts: [usize; 2]) {
    fs::create_dir(folder.path().join(name)).expect("a folder");
    let sized = |number: usize| u32::try_from(number).expect("a small number").to_be_bytes();
    let byte = |number: usize| u8::try_from(number % 251).expect("below 256");
    for (part, count) in ["train", "t10k"].into_iter().zip(counts) {
        let mut pixels = vec![0, 0, 8, 3];
        for number in [count, side, side] {
            pixels.extend(sized(number));
        }
        pixels.extend((0..count * side * side).map(|at| byte(at * 37)));
        folder.write(&format!("{name}/{part}-images-idx3-ubyte"), pixels);
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(sized(count));
        labels.extend((0..count).map(|at| byte(label(at))));
        folder.write(&format!("{name}/{part}-labels-idx1-ubyte"), labels);
    }
}

#[test]
fn images_too_large_to_show_are_shown_smaller() {
    let folder = Folder::new();
    images(&folder, "big", 160, |at| at % 3, [36, 12]);
    let small = "--set model.widths=[2] --set model.dense=[4] --set model.pools=[4]";
    report(
        &folder,
        &format!("cnn --data big --epochs 1 {small}"),
        OF_CLASSES,
    );
}

#[test]
fn a_report_is_drawn_again_and_runs_are_inspected_and_compared() {
    let folder = Folder::new();
    let small = "train mlp --data penguins --set model.widths=[8]";
    folder
        .run(&format!(
            "{small} --epochs 8 --no-report --tensorboard --out one"
        ))
        .ok();
    folder
        .run(&format!("{small} --epochs 9 --no-report --out two"))
        .ok();
    assert!(
        !folder.path().join("one/report.html").exists(),
        "it was left out"
    );
    let drawn = folder.run("report one --json").json();
    assert_eq!(drawn["report"], "one/report.html");
    check_page(&folder.path().join("one/report.html"), OF_CLASSES);

    let seen = folder.run("inspect one --json").json();
    assert_eq!(seen["view"]["layers"][0]["name"], "input");
    for view in ["units", "mistakes", "trust"] {
        let lines = folder
            .run(&format!("inspect one --view {view}"))
            .ok()
            .stdout();
        assert!(lines.lines().count() > 1, "{view}: {lines}");
    }
    let refused = folder.run("inspect one --view dreams");
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
    let new = "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n\
               Biscoe,47,14,218,5100,female,2008\n";
    folder.write("new.csv", new);
    let why = folder.run("inspect one --input new.csv --json").json();
    let methods = why["inspections"].as_array().expect("inspections");
    assert_eq!(methods.len(), 3, "Grad-CAM needs maps: {methods:?}");
    let near = methods[0]["cases"][0]["neighbours"]
        .as_array()
        .map(Vec::len);
    assert_eq!(near, Some(3));
    open_in_browser(&folder.path().join("one/inspect.html"));

    let compared = folder.run("compare one two --json").json();
    let differences = &compared["comparison"]["differences"];
    assert_eq!(
        *differences,
        serde_json::json!([["train.epochs", ["8", "9"]]])
    );
    let counts = &compared["comparison"]["answers"][0]["counts"];
    let sum: u64 = counts
        .as_array()
        .expect("counts")
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(
        Some(sum),
        compared["comparison"]["runs"][0]["num_samples"].as_u64()
    );
    check_page(&folder.path().join("compare.html"), &[]);

    let files = fs::read_dir(folder.path().join("one/tensorboard")).expect("a folder");
    let names: Vec<_> = files.flatten().map(|file| file.file_name()).collect();
    assert!(
        names.len() == 1
            && names[0]
                .to_string_lossy()
                .starts_with("events.out.tfevents.")
    );
    assert!(!folder.path().join("two/tensorboard").exists());
}

#[test]
fn the_words_that_speak_for_an_answer_are_named_by_gradients_and_by_leaving_them_out() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("tales")).expect("a folder");
    for (class, word) in [("calm", "sea"), ("wild", "storm")] {
        let times = ["dawn", "noon", "dusk"];
        let line = |n: usize| format!("the {word} at {} in the morning\n", times[n % 3]);
        let lines: String = (0..60).map(line).collect();
        folder.write(&format!("tales/tales.{class}"), lines);
    }
    folder
        .run(
            "train rnn --data tales --set data.text_form=tokens --epochs 12 --set model.d_hidden=16 \
             --doctor off --no-report --out run",
        )
        .ok();
    folder.write("new.txt", "the storm at dawn in the morning");
    let why = folder.run("inspect run --input new.txt --json").json();
    let methods = why["inspections"].as_array().expect("inspections");
    assert_eq!(methods.len(), 3);
    for method in methods {
        let map: Vec<f64> = method["maps"][0]
            .as_array()
            .expect("a number for each word")
            .iter()
            .filter_map(Value::as_f64)
            .collect();
        assert_eq!(map.len(), 7, "{method}");
        let storm = map[1];
        assert!(map.iter().all(|&other| other <= storm), "{map:?}");
        let residual = method["method"]["residual"].as_f64();
        assert!(
            residual.is_none_or(|residual| residual < 0.05),
            "{residual:?}"
        );
    }
}

#[test]
fn a_report_costs_little_beside_its_training() {
    let folder = Folder::new();
    let trained = folder
        .run("train mlp --data digits --no-report --out run --json")
        .json();
    let seconds = folder.run("report run --json").json()["seconds"].as_f64();
    let trained = trained["seconds"].as_f64();
    // A bound for tests on a busy machine; the promise is a tenth of a training of a minute.
    let allowed = trained.map(|trained| 0.5 * trained + Duration::from_secs(3).as_secs_f64());
    assert!(seconds < allowed, "{seconds:?} s after {trained:?} s");
}
