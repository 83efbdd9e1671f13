//! `fornax predict` on new items of each kind of data: of another shape or form they are read by the
//! rule of the training data, or refused in words that help.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::program::Folder;

const DATA: i32 = 3;

/// A trained network, and the folder that its new items are written to.
struct Trained(Folder);

impl Trained {
    fn on(folder: Folder, arguments: &str) -> Self {
        folder
            .run(&format!(
                "train {arguments} --no-report --doctor off --out run"
            ))
            .ok();
        Self(folder)
    }

    fn predictions(&self, input: &str) -> Vec<Value> {
        let result = self.0.run(&format!("predict run {input} --json")).json();
        result["predictions"].as_array().expect("a list").clone()
    }

    /// The classes that are named for the items of a file or folder.
    fn classes(&self, input: &str) -> Vec<String> {
        let class = |item: Value| item["class"].as_str().expect("a class").to_owned();
        self.predictions(input).into_iter().map(class).collect()
    }

    #[track_caller]
    fn refuses(&self, input: &str, words: &[&str]) {
        let finished = self.0.run(&format!("predict run {input}"));
        let said = finished.stderr();
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(finished.code(), Some(DATA), "{said}");
        for word in words {
            assert!(said.contains(word), "`{word}` is not in:\n{said}");
        }
    }
}

/// A picture of one colour, in the bytes of a BMP file of 24 bits a pixel.
fn picture(width: u32, height: u32, [red, green, blue]: [u8; 3]) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    let header = [
        54 + row * height,
        0,
        54,
        40,
        width,
        height,
        1 | 24 << 16,
        0,
        row * height,
        0,
        0,
        0,
        0,
    ];
    bytes.extend(header.iter().flat_map(|number| number.to_le_bytes()));
    for _ in 0..height {
        let pixels = [blue, green, red].repeat(width as usize);
        bytes.extend(pixels.into_iter().chain([0; 3]).take(row as usize));
    }
    bytes
}

/// A fifth of a second of a square wave, in the bytes of a WAV file of 16 bits a sample.
pub(crate) fn tone(hertz: u32, rate: u32, channels: u16) -> Vec<u8> {
    let frame = 2 * u32::from(channels);
    let size = rate / 5 * frame;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * frame).to_le_bytes());
    bytes.extend((2 * channels).to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(size.to_le_bytes());
    for n in 0..rate / 5 {
        let level: i16 = if (2 * n * hertz / rate).is_multiple_of(2) {
            9000
        } else {
            -9000
        };
        for _ in 0..channels {
            bytes.extend(level.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn pictures_of_another_size() {
    let folder = Folder::new();
    for (class, colour) in [("night", [10_u8, 20, 30]), ("day", [230, 220, 210])] {
        fs::create_dir_all(folder.path().join("sky").join(class)).unwrap();
        for shade in 0..16_u8 {
            let image = picture(12, 12, colour.map(|value| value + shade));
            folder.write(&format!("sky/{class}/{shade}.bmp"), image);
        }
    }
    let trained = Trained::on(
        folder,
        "cnn --data sky --epochs 12 --set model.widths=[4,4]",
    );
    trained.0.write("large.bmp", picture(40, 25, [225; 3]));
    trained.0.write("note.png", "no picture at all");
    fs::create_dir(trained.0.path().join("empty")).unwrap();
    assert_eq!(trained.classes("large.bmp"), ["day"]);
    assert_eq!(trained.classes("sky/night").len(), 16);
    trained.refuses("note.png", &["note.png"]);
    trained.refuses("empty", &["empty"]);
    trained.refuses("missing.bmp", &["missing.bmp"]);
}

#[test]
fn images_of_another_shape() {
    let trained = Trained::on(Folder::new(), "mlp --data digits --epochs 1");
    trained.0.write("row.csv", ["7"; 64].join(","));
    trained.0.write("short.csv", ["7"; 60].join(","));
    trained.0.write("black.bmp", picture(8, 8, [0; 3]));
    trained.0.write("large.bmp", picture(30, 30, [0; 3]));
    assert_eq!(trained.predictions("row.csv").len(), 1);
    assert_eq!(trained.predictions("black.bmp").len(), 1);
    trained.refuses("large.bmp", &["30x30", "8x8"]);
    trained.refuses("short.csv", &["65 columns", "60"]);
}

#[test]
fn rows_with_unknown_words_or_without_a_column() {
    let folder = Folder::new();
    let mut table = "colour,size,kind\n".to_owned();
    for row in 0..120 {
        let (colour, kind) = [("red", "apple"), ("blue", "plum")][row % 2];
        writeln!(table, "{colour},{},{kind}", row % 7).unwrap();
    }
    folder.write("fruit.csv", table);
    let trained = Trained::on(folder, "mlp --data fruit.csv --epochs 20");
    for (name, content) in [
        ("new.csv", "size,colour\n3,red\n1,blue\n2,violet\n,red\n"),
        ("lacking.csv", "colour\nred\n"),
        ("words.csv", "colour,size\nred,large\n"),
        ("empty.csv", ""),
    ] {
        trained.0.write(name, content);
    }
    let classes = trained.classes("new.csv");
    assert_eq!(
        [&classes[0], &classes[1], &classes[3]],
        ["apple", "plum", "apple"]
    );
    trained.refuses("lacking.csv", &["no column `size`"]);
    trained.refuses("words.csv", &["large", "size"]);
    trained.refuses("empty.csv", &["holds no data"]);
}

#[test]
fn series_that_are_short_or_lack_a_channel() {
    let folder = Folder::new();
    let rows = |count: usize| -> String {
        let row = |hour: usize| format!("{hour},{},{}\n", hour % 6, 1000 * (hour % 4));
        (0..count).map(row).collect()
    };
    folder.write("plant.csv", format!("hour,load,heat\n{}", rows(150)));
    let trained = Trained::on(
        folder,
        "mlp --data plant.csv --channel load --channel heat --window 12 --horizon 2 --epochs 2",
    );
    trained
        .0
        .write("new.csv", format!("hour,heat,load\n{}", rows(20)));
    trained
        .0
        .write("half.csv", format!("hour,load,cold\n{}", rows(20)));
    trained
        .0
        .write("short.csv", format!("hour,load,heat\n{}", rows(5)));
    let forecasts = trained.predictions("new.csv");
    let columns: Vec<_> = forecasts
        .iter()
        .map(|forecast| &forecast["target"])
        .collect();
    assert_eq!(columns, ["load", "heat"]);
    assert_eq!(forecasts[0]["values"].as_array().map(Vec::len), Some(2));
    let eval = trained.0.run("eval run").ok().stdout();
    assert!(
        eval.contains("standard deviations of each column"),
        "{eval}"
    );
    trained.refuses("half.csv", &["no column `heat`"]);
    trained.refuses("short.csv", &["5 rows are too few", "12 are needed"]);
}

#[test]
fn labelled_series_of_other_lengths_and_dimensions() {
    let trained = Trained::on(Folder::new(), "rnn --data japanese-vowels --epochs 1");
    let series = |dimensions: usize, steps: usize| {
        let dimension = vec!["0.5"; steps].join(",");
        let series = vec![dimension; dimensions].join(":");
        format!("@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n{series}:1\n")
    };
    trained.0.write("long.ts", series(12, 60));
    trained.0.write("flat.ts", series(3, 10));
    assert_eq!(trained.predictions("long.ts").len(), 1);
    trained.refuses("flat.ts", &["3 channels", "12"]);
}

#[test]
fn texts_with_unknown_words_or_without_any() {
    let folder = Folder::new();
    for (class, word) in [("calm", "sea"), ("wild", "storm")] {
        let line = |n: usize| format!("the {word} at {} in the morning\n", ["dawn", "dusk"][n % 2]);
        folder.write(
            &format!("tales.{class}"),
            (0..40).map(line).collect::<String>(),
        );
    }
    fs::create_dir(folder.path().join("tales")).unwrap();
    for class in ["calm", "wild"] {
        let name = format!("tales.{class}");
        fs::rename(
            folder.path().join(&name),
            folder.path().join("tales").join(&name),
        )
        .unwrap();
    }
    let trained = Trained::on(folder, "mlp --data tales --epochs 20");
    trained
        .0
        .write("new.txt", "a storm nobody had ever forecast");
    trained.0.write("empty.txt", " \n");
    assert_eq!(trained.classes("new.txt"), ["wild"]);
    trained.refuses("empty.txt", &["holds no data"]);
}

#[test]
fn recordings_at_another_rate() {
    let folder = Folder::new();
    for (class, hertz) in [("low", 200), ("high", 1500)] {
        fs::create_dir_all(folder.path().join("tones").join(class)).unwrap();
        for number in 0..16 {
            folder.write(
                &format!("tones/{class}/{number}.wav"),
                tone(hertz + 10 * number, 8000, 1),
            );
        }
    }
    let trained = Trained::on(folder, "mlp --data tones --epochs 20");
    trained.0.write("fast.wav", tone(1550, 22_050, 2));
    trained.0.write("silent.wav", tone(100, 0, 1));
    trained.0.write("note.wav", "no sound at all");
    assert_eq!(trained.classes("fast.wav"), ["high"]);
    trained.refuses("silent.wav", &["silent.wav"]);
    trained.refuses("note.wav", &["note.wav"]);
}

#[test]
fn characters_that_were_never_seen() {
    let trained = Trained::on(
        Folder::new(),
        "rnn --data moby-dick --epochs 1 --fraction 0.1 --set model.d_hidden=16",
    );
    trained.0.write("new.txt", "☃ and Ahab ".repeat(20));
    trained.0.write("short.txt", "Call me");
    assert!(!trained.predictions("new.txt").is_empty());
    trained.refuses("short.txt", &["7 characters are too few"]);
}
