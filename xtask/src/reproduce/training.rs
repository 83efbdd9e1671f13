//! One seed of one experiment: trained, taken up where it stopped, or found done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::outcome::Outcome;
use crate::datasets::checksum::sha256;
use crate::precision::Precision;
use crate::{machine, workspace};

/// Between two looks at how much memory a training holds.
const WATCH: Duration = Duration::from_millis(200);

/// One seed of one experiment.
pub(crate) struct Training {
    /// The experiment file, without its ending.
    name: String,
    seed: u64,
    precision: Precision,
    /// The text of the experiment file.
    settings: String,
}

impl Training {
    /// Reads `experiments/<name>.toml`.
    pub(crate) fn new(name: &str, seed: u64, precision: Precision) -> Result<Self> {
        let path = Self::file(name);
        let settings = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            seed,
            precision,
            settings,
        })
    }

    fn file(name: &str) -> PathBuf {
        workspace::root().join(format!("experiments/{name}.toml"))
    }

    /// Unlike that of any other.
    fn title(&self) -> String {
        let precision = match self.precision {
            Precision::F32 => String::new(),
            other => format!("-{}", other.name()),
        };
        format!("{}{precision}-seed{}", self.name, self.seed)
    }

    /// Where the outcome is kept, in the repository: trainings are long and machines come and go.
    fn kept(&self) -> PathBuf {
        let name = format!("experiments/outcomes/{}.json", self.title());
        workspace::root().join(name)
    }

    /// What all that a training leaves here shares a beginning of.
    fn path(&self, ending: &str) -> PathBuf {
        workspace::root().join(format!("runs/reproduce/{}{ending}", self.title()))
    }

    /// What this came to, if it is done and its experiment file is still the same.
    pub(crate) fn outcome(&self) -> Result<Option<Outcome>> {
        let path = self.kept();
        let Ok(bytes) = std::fs::read(&path) else {
            return Ok(None);
        };
        let outcome: Outcome = serde_json::from_slice(&bytes)
            .with_context(|| format!("cannot read `{}`; delete it", path.display()))?;
        Ok((outcome.experiment == self.settings).then_some(outcome))
    }

    /// Whether a training of just these settings was begun.
    fn is_begun(&self) -> bool {
        let begun = std::fs::read_to_string(self.path(".toml"));
        begun.is_ok_and(|settings| settings == self.settings)
    }

    /// The outcome; trains for it where there is none.
    pub(crate) fn outcome_or_train(&self, program: &Path) -> Result<Outcome> {
        if let Some(outcome) = self.outcome()? {
            return Ok(outcome);
        }
        let run = self.path("");
        // One that came to its end is only read: what it held in memory is no longer known.
        let is_done = self.is_begun() && Outcome::of_run(&run).is_ok();
        let memory_mb = if is_done {
            None
        } else {
            self.train(program, &run)?
        };
        let outcome = Outcome {
            experiment: self.settings.clone(),
            machine: machine::processor(),
            memory_mb,
            ..Outcome::of_run(&run)?
        };
        let kept = self.kept();
        std::fs::create_dir_all(kept.parent().context("a file lies in a folder")?)?;
        std::fs::write(kept, serde_json::to_string_pretty(&outcome)? + "\n")?;
        Ok(outcome)
    }

    /// Trains, or goes on with it; the most memory that it held.
    fn train(&self, program: &Path, run: &Path) -> Result<Option<f64>> {
        let mut command = Command::new(program);
        if self.is_begun() && run.join("checkpoints").is_dir() {
            command.arg("resume").arg(run);
        } else {
            self.clear()?;
            let settings = self.path(".toml");
            let folder = settings.parent().context("a file lies in a folder")?;
            std::fs::create_dir_all(folder)?;
            std::fs::write(&settings, &self.settings)?;
            self.arguments(&mut command, run);
        }
        watched(command, &self.title())
    }

    /// Trains from the start beside the first one, which stays; the checksum of the weights.
    pub(crate) fn train_again(&self, program: &Path) -> Result<String> {
        let run = self.path("-again");
        remove(&run)?;
        let mut command = Command::new(program);
        self.arguments(&mut command, &run);
        watched(command, &self.title())?;
        let sum = weights_sha256(&run)?;
        remove(&run)?;
        Ok(sum)
    }

    fn arguments(&self, command: &mut Command, run: &Path) {
        command.args(["train", "--quiet", "--config"]);
        command.arg(Self::file(&self.name));
        command.args(["--seed", &self.seed.to_string()]);
        if self.precision != Precision::F32 {
            command.args(["--precision", self.precision.name()]);
        }
        command.arg("--out").arg(run);
    }

    /// Removes what other settings left.
    fn clear(&self) -> Result<()> {
        remove(&self.path(""))?;
        for path in [self.path(".toml"), self.kept()] {
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    Ok(())
}

/// Runs a training to its end; the most memory that it held, in megabytes.
fn watched(mut command: Command, title: &str) -> Result<Option<f64>> {
    command.current_dir(workspace::root());
    command.stdout(Stdio::null());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut most = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        most = memory_mb(&child).or(most);
        std::thread::sleep(WATCH);
    };
    if !status.success() {
        bail!("{title}: the training failed; its reason stands above");
    }
    Ok(most)
}

/// The peak so far, in the words of Linux; elsewhere nothing is known.
fn memory_mb(child: &Child) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// The checksum of a run's weights.
pub(super) fn weights_sha256(run: &Path) -> Result<String> {
    let path = run.join("model/weights.safetensors");
    let mut file =
        File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    sha256(&mut file).with_context(|| format!("cannot read `{}`", path.display()))
}
