//! The kill test: a run killed at any instant and resumed ends with the bits of an unbroken one.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::Folder;

/// How often each run is killed.
const KILLS: u32 = 10;

#[test]
fn killed_and_resumed_perceptron_ends_with_the_same_bits_on_flex() {
    check("mlp --data digits --epochs 12 --device flex");
}

#[test]
fn killed_and_resumed_belief_network_ends_with_the_same_bits() {
    check(
        "dbn --data digits --epochs 3 --set pretrain.epochs=3 --set model.widths=[48,32] \
         --set pretrain.persistent=true --set model.up_down=true --set pretrain.up_down_epochs=3",
    );
}

#[test]
fn killed_and_resumed_convolutions_end_with_the_same_bits() {
    check("cnn --data digits --epochs 4 --set model.widths=[4,4] --set model.dense=[16]");
}

#[test]
fn killed_and_resumed_recurrent_network_ends_with_the_same_bits() {
    check("rnn --data japanese-vowels --epochs 3 --set model.d_hidden=24");
}

#[cfg(feature = "ndarray")]
#[test]
fn killed_and_resumed_perceptron_ends_with_the_same_bits_on_ndarray() {
    check("mlp --data digits --epochs 12 --device ndarray");
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_the_state_and_says_how_to_go_on() {
    let folder = Folder::new();
    let mut command = folder.command("train mlp --data digits --epochs 100000 --out run");
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let events = folder.path().join("run/events.jsonl");
    while !fs::read_to_string(&events).is_ok_and(|text| text.contains("\"step\"")) {
        sleep(Duration::from_millis(10));
    }
    let pid = child.id().to_string();
    let status = Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("a signal");
    assert!(status.success());
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().expect("a pipe");
    pipe.read_to_string(&mut stderr)
        .expect("what the program says");
    assert_eq!(
        child.wait().expect("the program ends").code(),
        Some(130),
        "{stderr}"
    );
    assert!(stderr.contains("fornax resume run"), "{stderr}");
    assert!(folder.path().join("run/checkpoints/last.ckpt").is_file());
}

/// Trains once unbroken and once killed ten times, and compares what is left.
#[track_caller]
fn check(arguments: &str) {
    let folder = Folder::new();
    // A checkpoint every few steps, so that kills fall between and into checkpoints.
    let arguments = format!("{arguments} --seed 3 --set train.checkpoint_minutes=0.0005 --quiet");
    let started = Instant::now();
    folder.run(&format!("train {arguments} --out whole")).ok();
    let whole = started.elapsed();

    // A machine that has become faster since ends the run too early: then once more, in haste.
    let killed = [1.2, 0.5, 0.2, 0.1]
        .into_iter()
        .map(|haste| kill_often(&folder, &arguments, whole.mul_f64(haste)))
        .find(|&killed| killed == KILLS);
    assert!(
        killed.is_some(),
        "the run always ended before it was killed {KILLS} times"
    );
    folder.run("resume broken --quiet").ok();
    for file in [
        "model/weights.safetensors",
        "model/manifest.json",
        "metrics.csv",
    ] {
        let read = |run: &str| fs::read(folder.path().join(run).join(file)).expect(file);
        if file == "metrics.csv" {
            let columns = |run| without_times(&String::from_utf8_lossy(&read(run)));
            assert_eq!(columns("whole"), columns("broken"), "{file}");
        } else {
            assert!(
                read("whole") == read("broken"),
                "{file} differs after {KILLS} kills"
            );
        }
    }
}

/// Starts the run anew and kills it again and again, at random instants of about `time` in all;
/// says how often it could be killed.
fn kill_often(folder: &Folder, arguments: &str, time: Duration) -> u32 {
    let _ = fs::remove_dir_all(folder.path().join("broken"));
    let mut chance: u32 = 12345;
    let mut killed = 0;
    while killed < KILLS {
        let begun = folder.path().join("broken/experiment.toml").exists();
        if begun && is_finished(&folder.path().join("broken")) {
            break;
        }
        let command = if begun {
            "resume broken --quiet".to_owned()
        } else {
            format!("train {arguments} --out broken")
        };
        let mut child = folder
            .command(&command)
            .spawn()
            .expect("the program starts");
        let experiment = folder.path().join("broken/experiment.toml");
        while !experiment.exists() && child.try_wait().is_ok_and(|status| status.is_none()) {
            // Only a run can be resumed: a kill before it is one would count for nothing.
            sleep(Duration::from_millis(1));
        }
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let share = f64::from(chance >> 8) / f64::from(1 << 24);
        sleep(time.mul_f64(share / f64::from(KILLS)));
        child.kill().expect("the program can be killed");
        if !child.wait().expect("the program ends").success() {
            killed += 1;
        }
    }
    killed
}

fn is_finished(run: &Path) -> bool {
    fs::read_to_string(run.join("events.jsonl")).is_ok_and(|text| text.contains("\"finished\""))
}

/// The table of epochs without the columns that measure time.
fn without_times(table: &str) -> Vec<Vec<String>> {
    let mut lines = table
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect());
    let header: Vec<String> = lines.next().unwrap_or_default();
    let kept = |row: &Vec<String>| {
        let cells = header.iter().zip(row);
        let timeless = cells.filter(|(name, _)| !name.contains("_ms") && !name.contains("per_s"));
        timeless.map(|(_, cell)| cell.clone()).collect()
    };
    lines.map(|row| kept(&row)).collect()
}
