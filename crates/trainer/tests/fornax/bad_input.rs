//! Whatever a user gets wrong: no panic, nothing lost, the right exit code, a message that helps.

use std::fs;
use std::path::Path;

use crate::program::{Finished, Folder};

const USAGE: i32 = 2;
const DATA: i32 = 3;
const TRAINING: i32 = 4;
const DEVICE: i32 = 6;

/// Demands an error with this exit code, whose message and help say all of `words`.
#[track_caller]
fn refused(finished: &Finished, code: i32, words: &[&str]) {
    let stderr = finished.stderr();
    assert!(
        !stderr.contains("panicked"),
        "a panic reached the user:\n{stderr}"
    );
    assert_eq!(
        finished.code(),
        Some(code),
        "exit code; the program said:\n{stderr}"
    );
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in:\n{stderr}");
    }
}

#[track_caller]
fn check(arguments: &str, code: i32, words: &[&str]) {
    let folder = Folder::new();
    refused(&folder.run(arguments), code, words);
    assert!(
        !folder.path().join("runs").exists(),
        "a refused command leaves no run"
    );
}

#[test]
fn wrong_flags_are_refused() {
    check("trian", USAGE, &["trian", "train"]);
    check("train transformer", USAGE, &["transformer", "mlp"]);
    check("train mlp --epoch 3", USAGE, &["--epoch", "--epochs"]);
    check(
        "train mlp --data digits --epochs 0",
        USAGE,
        &["train.epochs", "at least 1"],
    );
    check("train mlp --data digits --epochs -3", USAGE, &["-3"]);
    check(
        "train mlp --data digits --lr 0",
        USAGE,
        &["train.learning_rate", "above 0"],
    );
    check(
        "train mlp --data digits --lr nan",
        USAGE,
        &["nan", "--learning-rate"],
    );
    check(
        "train mlp --data digits --fraction 1.5",
        USAGE,
        &["fraction"],
    );
    check(
        "train mlp --data digits --batch-size 0",
        USAGE,
        &["train.batch_size"],
    );
    check(
        "train mlp --data digits --time soon",
        USAGE,
        &["soon", "10m"],
    );
    check("predict", USAGE, &["RUN"]);
}

#[test]
fn wrong_settings_are_refused() {
    let set = |setting: &str, words: &[&str]| {
        check(
            &format!("train mlp --data digits --set {setting}"),
            USAGE,
            words,
        );
    };
    set(
        "train.epcohs=3",
        &["train.epcohs", "did you mean `train.epochs`"],
    );
    set(
        "model.widhts=[3]",
        &["model.widhts", "did you mean `model.widths`"],
    );
    set("train.epochs=many", &["train.epochs", "a whole number"]);
    set("train.epochs", &["KEY=VALUE"]);
    set("train.optimizer=adamm", &["train.optimizer", "adamw"]);
    set("train.precision=bf61", &["train.precision", "bf16"]);
    set("train.precison=bf16", &["did you mean `train.precision`"]);
    check("train mlp --precision bf61", USAGE, &["bf61", "bf16"]);
    set("model.activation=rulu", &["model.activation", "relu"]);
    set("model.dropout=1", &["dropout", "below 1"]);
    set("model.widths=[0]", &["widths", "at least 1"]);
    set("model.widths=[99999999999,99999999999]", &["widths"]);
    set("model.d_input=3", &["model.d_input"]);
    set("train.momentum=1", &["train.momentum"]);
    set("data.valid_fraction=2", &["valid_fraction"]);
    set(
        "data.labels=2",
        &["data.labels", "at least one for each class"],
    );
    check("train cnn --set model.pools=[64]", USAGE, &["pool", "28"]);
    check("train dbn --set pretrain.cd_steps=0", USAGE, &["cd_steps"]);
    check(
        "train dbn --set pretrain.up_down_learning_rate=0",
        USAGE,
        &["up_down_learning_rate"],
    );
}

#[test]
fn wrong_experiment_files_are_refused() {
    let folder = Folder::new();
    folder.write("no.toml", "seed = = 1\n");
    refused(
        &folder.run("train mlp --config no.toml"),
        USAGE,
        &["no.toml", "line 1"],
    );
    folder.write("bytes.toml", [0xff, 0xfe, 0x00]);
    refused(
        &folder.run("train mlp --config bytes.toml"),
        USAGE,
        &["bytes.toml"],
    );
    folder.write("typo.toml", "[train]\nlerning_rate = 1.0\n");
    let words = ["train.lerning_rate", "did you mean `train.learning_rate`"];
    refused(&folder.run("train mlp --config typo.toml"), USAGE, &words);
    folder.write("kind.toml", "train = 3\n");
    refused(
        &folder.run("train mlp --config kind.toml"),
        USAGE,
        &["train", "table"],
    );
    refused(
        &folder.run("train mlp --config gone.toml"),
        USAGE,
        &["gone.toml"],
    );
}

#[test]
fn data_that_cannot_be_used_is_refused() {
    check(
        "train mlp --data digit",
        DATA,
        &["digit", "did you mean", "digits"],
    );
    check("train mlp --data ./nowhere.csv", DATA, &["nowhere.csv"]);
    check(
        "train mlp --data mnist",
        DATA,
        &["mnist", "cargo xtask datasets fetch mnist"],
    );
    check("train cnn --data penguins", USAGE, &["cnn", "table", "mlp"]);
    check("train mlp --data moby-dick", USAGE, &["mlp", "text", "rnn"]);
    check(
        "train mlp --data penguins --target wings",
        DATA,
        &["wings", "island"],
    );
    let folder = Folder::new();
    for (name, content) in [
        ("empty.csv", &b""[..]),
        ("header.csv", b"a,b\n"),
        ("nul.csv", b"a,b\n1,\0\n2,3\n"),
        ("ragged.csv", b"a,b\n1,2\n3\n4,5\n"),
        ("lone.csv", b"a,b\n1,x\n"),
        ("short.txt", b"ab"),
        ("bad.txt", b"abc\xff\xfe"),
        ("zip.csv", b"PK\x03\x04\x00\x00"),
    ] {
        folder.write(name, content);
        let finished = folder.run(&format!("train --data {name} --epochs 1"));
        refused(&finished, DATA, &[name, "help"]);
    }
}

#[test]
fn devices_that_do_not_answer_are_refused() {
    check(
        "train mlp --data digits --device fex",
        USAGE,
        &["fex", "flex"],
    );
    #[cfg(not(feature = "cuda"))]
    check(
        "train mlp --data digits --device cuda",
        DEVICE,
        &["cuda", "--features cuda"],
    );
    #[cfg(not(feature = "cuda"))]
    check("train mlp --data digits --device cuda:1", DEVICE, &["cuda"]);
    check(
        "train mlp --data digits --device flex:x",
        USAGE,
        &["flex:x"],
    );
}

/// A small finished run, named `run`.
fn small_run() -> Folder {
    let folder = Folder::new();
    folder
        .run("train mlp --data digits --epochs 1 --set model.widths=[8] --out run --quiet")
        .ok();
    folder
}

#[test]
fn folders_that_are_no_runs_are_refused() {
    let folder = small_run();
    refused(&folder.run("eval nowhere"), USAGE, &["nowhere"]);
    refused(&folder.run("resume ."), USAGE, &["run"]);
    refused(&folder.run("eval run/model"), USAGE, &["run/model"]);
    refused(
        &folder.run("generate run"),
        USAGE,
        &["mlp", "cannot generate"],
    );
    let words = ["run", "not an empty folder"];
    refused(
        &folder.run("train mlp --data digits --epochs 1 --out run"),
        USAGE,
        &words,
    );
    folder.write("file", "");
    refused(&folder.run("eval file"), USAGE, &["file"]);
    refused(
        &folder.run("predict run nowhere.csv"),
        DATA,
        &["nowhere.csv"],
    );
}

/// Changes a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file of the run");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("a file of the run");
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).expect("a file of the run");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("a file of the run");
}

/// Makes a run look unfinished, so that it can be resumed.
fn reopen(run: &Path) {
    let events = run.join("events.jsonl");
    let text = fs::read_to_string(&events).expect("events");
    let kept: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("\"finished\""))
        .collect();
    fs::write(events, kept.join("\n") + "\n").expect("events");
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let folder = small_run();
    let run = folder.path().join("run");
    reopen(&run);
    let checkpoint = run.join("checkpoints/last.ckpt");
    let whole = fs::read(&checkpoint).expect("a checkpoint");
    for damage in [flip as fn(&Path), truncate] {
        damage(&checkpoint);
        refused(&folder.run("resume run"), DATA, &["last.ckpt", "help"]);
        fs::write(&checkpoint, &whole).expect("a checkpoint");
    }
    fs::write(&checkpoint, b"not a checkpoint").expect("a checkpoint");
    refused(
        &folder.run("resume run"),
        DATA,
        &["last.ckpt", "not a checkpoint"],
    );

    folder
        .run("train mlp --data digits --epochs 1 --set model.widths=[9] --out other -q")
        .ok();
    fs::copy(
        folder.path().join("other/checkpoints/last.ckpt"),
        &checkpoint,
    )
    .expect("a copy");
    refused(
        &folder.run("resume run"),
        DATA,
        &["last.ckpt", "another network"],
    );

    fs::write(&checkpoint, &whole).expect("a checkpoint");
    folder.run("resume run --quiet").ok();
}

#[test]
fn damaged_models_are_refused() {
    let folder = small_run();
    let weights = folder.path().join("run/model/weights.safetensors");
    let whole = fs::read(&weights).expect("weights");
    truncate(&weights);
    refused(
        &folder.run("eval run"),
        DATA,
        &["weights.safetensors", "help"],
    );
    fs::write(&weights, &whole).expect("weights");
    let manifest = folder.path().join("run/model/manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(
        &manifest,
        text.replace("\"d_input\": 64", "\"d_input\": 63"),
    )
    .expect("a manifest");
    refused(&folder.run("eval run"), DATA, &["manifest.json"]);
    fs::write(&manifest, "{").expect("a manifest");
    refused(&folder.run("eval run"), DATA, &["manifest.json"]);
    fs::remove_file(&weights).expect("weights");
    fs::write(&manifest, &text).expect("a manifest");
    refused(
        &folder.run("eval run"),
        DATA,
        &["weights.safetensors", "resume"],
    );
}

#[test]
fn wrong_wishes_for_what_to_generate_are_refused() {
    let folder = Folder::new();
    folder.write(
        "a.txt",
        "to be or not to be, that is the question. ".repeat(40),
    );
    folder
        .run("train rnn --data a.txt --epochs 1 --set model.d_hidden=8 --out text --no-report")
        .ok();
    for (arguments, words) in [
        ("--temperature=-1", ["temperature", "-1"]),
        ("--temperature nan", ["temperature", "NaN"]),
        ("--top-k 0", ["top", "1"]),
        ("--length=-1", ["-1", "--length"]),
    ] {
        let finished = folder.run(&format!("generate text {arguments}"));
        refused(&finished, USAGE, &words);
    }
    let mut empty = folder.command("generate text --prompt");
    let output = empty.arg("").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(USAGE));
    folder
        .run(
            "train dbn --data digits --epochs 1 --set pretrain.epochs=1 --set model.widths=[16] \
             --out dreams --no-report",
        )
        .ok();
    let none = folder.run("generate dreams --samples 0");
    refused(&none, USAGE, &["samples", "at least 1"]);
    let classifier = "train mlp --data digits --epochs 1 --out classes --no-report";
    folder.run(classifier).ok();
    refused(&folder.run("generate classes"), USAGE, &["cannot generate"]);
}

#[test]
fn a_window_without_steps_and_a_horizon_of_none_are_refused() {
    check(
        "train rnn --data co2 --window 0",
        USAGE,
        &["window", "at least 1"],
    );
    check(
        "train rnn --data co2 --horizon 0",
        USAGE,
        &["horizon", "at least 1"],
    );
}

#[test]
fn a_pretraining_that_diverges_names_its_own_learning_rate() {
    let folder = Folder::new();
    let finished = folder
        .run("train dbn --data digits --epochs 1 --set pretrain.learning_rate=1e38 --out run");
    refused(
        &finished,
        TRAINING,
        &["diverged", "`pretrain.learning_rate`"],
    );
    let diagnosis = folder.run("doctor run").ok().stdout();
    assert!(diagnosis.contains("[pretraining_rate]"), "{diagnosis}");
    assert!(folder.path().join("run/model/weights.safetensors").exists());
}

#[test]
fn diverging_training_ends_with_its_own_code_and_keeps_the_run() {
    let folder = Folder::new();
    let finished = folder.run(
        "train mlp --data digits --epochs 3 --lr 1e30 --set train.optimizer=sgd \
         --set train.schedule=constant --set train.warmup=0 --out run",
    );
    refused(&finished, TRAINING, &["diverged", "learning_rate"]);
    assert!(folder.path().join("run/experiment.toml").exists());
}

#[test]
#[cfg(unix)]
fn a_file_that_cannot_grow_is_said_and_loses_nothing() {
    let folder = small_run();
    let run = folder.path().join("run");
    reopen(&run);
    let before = fs::read(run.join("checkpoints/last.ckpt")).expect("a checkpoint");
    // A limit on the size of files stands in for a full disk, which needs a file system to fill.
    let program = folder
        .command("")
        .get_program()
        .to_string_lossy()
        .into_owned();
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec {program} train mlp --data digits --epochs 1 --out small"
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write small/"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(before == fs::read(run.join("checkpoints/last.ckpt")).expect("a checkpoint"));
    folder.run("resume small --quiet").ok();
}

#[test]
#[cfg(unix)]
fn a_folder_without_permission_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("permissions");
    if fs::write(closed.join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let finished = folder.run("train mlp --data digits --epochs 1 --out closed/run");
    refused(&finished, USAGE, &["closed", "permission"]);
}
