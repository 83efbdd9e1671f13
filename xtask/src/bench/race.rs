//! The race to 99 %: how soon a convolutional network gets 99 of 100 digits of a validation split right,
//! by the program that people use and by PyTorch, which trains the same network in the same way.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::statistics::median;
use crate::table::{markdown, optional};
use crate::{machine, workspace};

/// What has to be reached.
const GOAL: f64 = 0.99;

/// Epochs of a training: with one less, some seeds of either side stay just below the goal.
const EPOCHS: u32 = 4;

/// One training of each side, from the same seed.
#[derive(Debug, Serialize)]
pub(crate) struct Heat {
    seed: u16,
    /// Seconds from the first step; absent where the goal was not reached.
    ours: Option<f64>,
    peer: Option<f64>,
}

/// The state after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Epoch {
    seconds: f64,
    /// Of the validation split.
    accuracy: f64,
}

/// Where MNIST lies.
///
/// # Errors
/// When it has not been fetched.
pub(crate) fn digits() -> Result<PathBuf> {
    let digits = workspace::root().join("data/mnist");
    if !digits.is_dir() {
        bail!("MNIST is not here\nhelp: `cargo xtask datasets fetch mnist`");
    }
    Ok(digits)
}

/// Runs `rounds` heats.
pub(crate) fn run(python: &Path, digits: &Path, folder: &Path, rounds: u16) -> Result<Vec<Heat>> {
    let program = workspace::build_program()?;
    let heat = |seed| {
        let ours = soonest(&ours(&program, folder, seed)?);
        let peer = soonest(&theirs(python, digits, seed)?);
        let shown = |seconds| optional(seconds, |seconds| format!("{seconds:.1} s"));
        eprintln!("race, seed {seed}: {} against {}", shown(ours), shown(peer));
        Ok(Heat { seed, ours, peer })
    };
    (1..=rounds).map(heat).collect()
}

fn ours(program: &Path, folder: &Path, seed: u16) -> Result<Vec<Epoch>> {
    let run: PathBuf = folder.join("race");
    if run.exists() {
        fs::remove_dir_all(&run).with_context(|| format!("cannot remove `{}`", run.display()))?;
    }
    let mut command = Command::new(program);
    command.args("train cnn --data mnist --doctor off --no-report --quiet".split(' '));
    command.args(["--set", "data.valid_fraction=0.1"]);
    command.args(["--epochs", &EPOCHS.to_string(), "--seed", &seed.to_string()]);
    command
        .arg("--out")
        .arg(&run)
        .current_dir(workspace::root());
    output(command)?;
    let path = run.join("events.jsonl");
    let events = fs::read_to_string(&path);
    of_events(&events.with_context(|| format!("cannot read `{}`", path.display()))?)
}

fn of_events(events: &str) -> Result<Vec<Epoch>> {
    let mut epochs = Vec::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line)?;
        let (time, accuracy) = (&event["elapsed_ms"], &event["valid"]["accuracy"]);
        if event["event"] == "epoch" {
            epochs.push(Epoch {
                seconds: time.as_f64().context("an epoch without its time")? / 1000.0,
                accuracy: accuracy.as_f64().context("an epoch without accuracy")?,
            });
        }
    }
    Ok(epochs)
}

fn theirs(python: &Path, digits: &Path, seed: u16) -> Result<Vec<Epoch>> {
    let mut command = Command::new(python);
    command.arg("-B"); // no compiled files among the sources
    command.arg(workspace::root().join("xtask/peers/race_torch.py"));
    let threads = machine::num_processors().to_string();
    command.args([&seed.to_string(), &EPOCHS.to_string(), &threads]);
    command.arg(digits);
    let lines = output(command)?;
    let epochs = lines.lines().map(serde_json::from_str);
    Ok(epochs.collect::<Result<_, _>>()?)
}

/// What a program prints.
fn output(mut command: Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// When the goal was first reached.
fn soonest(epochs: &[Epoch]) -> Option<f64> {
    let mut epochs = epochs.iter();
    let epoch = epochs.find(|epoch| epoch.accuracy >= GOAL)?;
    Some(epoch.seconds)
}

/// The heats in Markdown.
pub(crate) fn section(heats: &[Heat]) -> String {
    let shown = |seconds| optional(seconds, |seconds| format!("{seconds:.1}"));
    let ratio = |heat: &Heat| heat.ours.zip(heat.peer).map(|(ours, peer)| peer / ours);
    let line = |heat: &Heat| {
        [
            heat.seed.to_string(),
            shown(heat.ours),
            shown(heat.peer),
            optional(ratio(heat), |ratio| format!("{ratio:.2}")),
        ]
    };
    let lines: Vec<_> = heats.iter().map(line).collect();
    let header = ["seed", "Fornax s", "PyTorch tuned s", "ratio"];
    let mut text = format!(
        "Seconds from the first step until 99 % of a validation split of MNIST are right, looked at after \
         each of {EPOCHS} epochs: `fornax train cnn --data mnist`, and the same network trained by PyTorch in the \
         same way ([xtask/peers/race_torch.py](xtask/peers/race_torch.py)):\n\n{}",
        markdown(header, &lines)
    );
    if heats.iter().any(|heat| ratio(heat).is_some()) {
        let middle = median(heats.iter().filter_map(ratio));
        let _ = writeln!(text, "\nThe middle ratio is {middle:.2}.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_epoch_that_reaches_the_goal_counts() {
        let events = "{\"event\":\"started\",\"elapsed_ms\":0}\n\
            {\"event\":\"epoch\",\"elapsed_ms\":4000,\"valid\":{\"accuracy\":0.98}}\n\
            {\"event\":\"epoch\",\"elapsed_ms\":8000,\"valid\":{\"accuracy\":0.99}}\n\
            {\"event\":\"epoch\",\"elapsed_ms\":12000,\"valid\":{\"accuracy\":0.995}}\n";
        let epochs = of_events(events).unwrap();
        assert_eq!(epochs.len(), 3);
        assert_eq!(soonest(&epochs), Some(8.0));
        assert_eq!(soonest(&epochs[..1]), None);
        let heats = [Heat {
            seed: 1,
            ours: Some(8.0),
            peer: Some(12.0),
        }];
        assert!(section(&heats).contains("The middle ratio is 1.50."));
        let lost = [Heat {
            seed: 1,
            ours: None,
            peer: Some(12.0),
        }];
        assert!(!section(&lost).contains("middle"));
    }
}
