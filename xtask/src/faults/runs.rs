//! Trains and asks the doctor, by running `fornax`; what was trained once is not trained again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::damage;
use super::suite::{Source, Suite, Training};
use crate::workspace;

/// What is kept of one training.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trained {
    name: String,
    key: String,
    /// The result on the test split, at least [`FLOOR`]: macro F1, R², of a forecast the share of the
    /// naive one's error that is gone, or bits per character below zero; the floor where the
    /// training broke off.
    pub(crate) score: f64,
    /// Share of the time of the steps that collecting signals took.
    pub(crate) overhead: Option<f64>,
    pub(crate) seconds: f64,
    /// Why it broke off.
    pub(crate) error: Option<String>,
}

/// No answer is worse than one of these: chance for shares and R², and for text.
const FLOOR: [f64; 2] = [0.0, -8.0];

/// The program, and the folder of all runs.
pub(crate) struct Runs<'a> {
    suite: &'a Suite,
    program: PathBuf,
    folder: PathBuf,
    done: Mutex<Done>,
}

struct Done {
    file: File,
    known: HashMap<String, Trained>,
}

/// One finding, as `fornax doctor --json` gives it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    severity: String,
    pub(crate) patch: Vec<String>,
}

impl Finding {
    /// Whether it is more than advice.
    pub(crate) fn is_alarm(&self) -> bool {
        self.severity != "advice"
    }
}

impl<'a> Runs<'a> {
    /// Opens the folder, with what an earlier call left in it.
    pub(crate) fn open(suite: &'a Suite, program: PathBuf, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(folder.join("data"))
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let path = folder.join("results.jsonl");
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A line that a kill left torn is trained again.
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let known = lines
            .map(|trained: Trained| (trained.key.clone(), trained))
            .collect();
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self {
            suite,
            program,
            folder,
            done: Mutex::new(Done { file, known }),
        })
    }

    /// Trains, unless that was done before.
    pub(crate) fn train(&self, training: &Training) -> Result<Trained> {
        let key = key(training);
        let known = |done: &Done| done.known.get(&key).cloned();
        if let Some(trained) = known(&self.lock()) {
            return Ok(trained);
        }
        let run = self.run(training);
        if run.exists() {
            fs::remove_dir_all(&run)?; // what an interrupted call left
        }
        let started = std::time::Instant::now();
        let output = self.command(&self.arguments(training, &run)?).output()?;
        let envelope: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("`{}` gave no envelope: {stderr}", training.name)
        })?;
        let diverged = output.status.code() == Some(4);
        if !output.status.success() && !diverged {
            bail!("`{}` does not train: {}", training.name, envelope["error"]);
        }
        let result = &envelope["result"];
        let trained = Trained {
            name: training.name.clone(),
            score: Yardstick::of(&run).score(&result["test"]),
            overhead: overhead(&result["step_times"]),
            seconds: started.elapsed().as_secs_f64(),
            error: diverged.then(|| envelope["error"].to_string()),
            key: key.clone(),
        };
        for heavy in ["checkpoints", "model"] {
            let _ = fs::remove_dir_all(run.join(heavy));
        }
        let mut done = self.lock();
        let line = serde_json::to_string(&trained)? + "\n";
        done.file.write_all(line.as_bytes())?;
        done.known.insert(key, trained.clone());
        Ok(trained)
    }

    /// Where a training lies.
    pub(crate) fn run(&self, training: &Training) -> PathBuf {
        self.folder.join("runs").join(key(training))
    }

    /// What the doctor says of a run, what matters first coming first.
    pub(crate) fn diagnose(&self, run: &Path) -> Result<Vec<Finding>> {
        let arguments = ["doctor".to_owned(), run.display().to_string()];
        let output = self.command(&arguments).output()?;
        let envelope: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            format!(
                "`fornax doctor {}` gave no envelope: {stderr}",
                run.display()
            )
        })?;
        let findings = &envelope["result"]["diagnosis"]["findings"];
        serde_json::from_value(findings.clone())
            .with_context(|| format!("no findings in {envelope}"))
    }

    /// What the doctor says of the first `num_epochs` epochs of a run.
    pub(crate) fn diagnose_start(&self, run: &Path, num_epochs: usize) -> Result<Vec<Finding>> {
        let start = run.join("start");
        fs::create_dir_all(&start)?;
        for file in ["experiment.toml", "environment.json"] {
            fs::copy(run.join(file), start.join(file))?;
        }
        let events = fs::read_to_string(run.join("events.jsonl"))?;
        let mut left = num_epochs;
        let mut kept = String::new();
        for line in events.lines() {
            let event: Value = serde_json::from_str(line)?;
            let kind = event["event"].as_str().unwrap_or_default();
            if left == 0 && ["step", "epoch", "evaluated", "finished"].contains(&kind) {
                break;
            }
            kept += line;
            kept.push('\n');
            left -= usize::from(kind == "epoch");
        }
        fs::write(start.join("events.jsonl"), kept)?;
        let findings = self.diagnose(&start);
        fs::remove_dir_all(&start)?;
        findings
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done
            .lock()
            .expect("no thread panics while it holds the results")
    }

    /// One thread each: as many run at once as there are processors.
    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(workspace::root()).args(arguments);
        command.args(["--json", "--quiet"]);
        command.env("RAYON_NUM_THREADS", "1");
        command
    }

    fn arguments(&self, training: &Training, run: &Path) -> Result<Vec<String>> {
        let mut arguments = vec!["train".to_owned(), training.architecture.clone()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        match &training.source {
            Source::Named(name) => add("--data", name.clone()),
            Source::Copy { table, damage } => {
                let copy = self.copy(table, damage)?;
                add("--data", copy.display().to_string());
                add("--target", self.suite.tables[table].target.clone());
            }
        }
        add("--seed", training.seed.to_string());
        add("--out", run.display().to_string());
        for setting in &training.settings {
            add("--set", setting.clone());
        }
        arguments.push("--no-report".to_owned());
        Ok(arguments)
    }

    /// The copy of a table, made when it is first asked for.
    fn copy(&self, table: &str, kind: &str) -> Result<PathBuf> {
        let path = self
            .folder
            .join("data")
            .join(format!("{table}-{}.csv", kind.replace(' ', "-")));
        let _alone = self.lock();
        if !path.is_file() {
            let part = path.with_extension("part");
            damage::write_copy(&self.suite.tables[table], kind, &part)?;
            fs::rename(&part, &path)?;
        }
        Ok(path)
    }
}

/// A name that changes with whatever changes the training.
fn key(training: &Training) -> String {
    let all = format!("{training:?}");
    let name = training.name.replace('/', "-");
    format!("{name}-{}", &super::sha256(all.as_bytes())[..8])
}

/// What a result is measured by.
#[derive(Debug, Clone, Copy, Default)]
struct Yardstick {
    is_text: bool,
    /// The error of the naive forecast, of a series: next to its trend, R² sees no difference.
    naive_error: Option<f64>,
}

impl Yardstick {
    fn of(run: &Path) -> Self {
        let events = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
        let mut events = events
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut next = |kind| events.find(|event| event["event"] == kind);
        let task = next("started").unwrap_or_default()["task"].clone();
        let data = next("data").unwrap_or_default();
        Self {
            is_text: task == "next_token",
            naive_error: (task == "forecast")
                .then(|| data["baseline"].as_f64())
                .flatten(),
        }
    }

    fn score(self, test: &Value) -> f64 {
        let number = |name: &str| test[name].as_f64();
        let floor = FLOOR[usize::from(self.is_text)];
        let bits = number("bits_per_character").map(|bits| -bits);
        let gain = number("rmse").zip(self.naive_error);
        let gain = gain.map(|(error, naive)| 1.0 - error / naive);
        let score = number("macro_f1").or(bits).or(gain).or(number("r2"));
        score.unwrap_or(floor).max(floor)
    }
}

fn overhead(times: &Value) -> Option<f64> {
    let parts = times
        .as_object()?
        .iter()
        .filter(|(name, _)| name.ends_with("_ms"));
    let total: f64 = parts.filter_map(|(_, ms)| ms.as_f64()).sum();
    (total > 0.0).then(|| Some(times["doctor_ms"].as_f64()? / total))?
}
