//! The folder of a run: where each of its files lies, and how a new one comes to be.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::write_atomic::PART_PREFIX;
use crate::{CheckpointKind, RunError, RunLock};

/// The file that makes a folder a run: it is written first and says everything.
const EXPERIMENT: &str = "experiment.toml";

/// Most file systems allow 255 bytes in a name; the number and a margin have to fit too.
const MAX_STEM: usize = 200;

/// A message that names more runs than this helps nobody.
const MAX_HINTS: usize = 5;

/// The folder of one run, `runs/<data>-<architecture>-<N>/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the folder `<stem>-<N>` in `parent`, with the number after the highest in use.
    ///
    /// Two processes that ask at once get two folders. Characters of `stem` that a shell or a file
    /// system could stumble over become `-`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(parent: &Path, stem: &str) -> Result<Self, RunError> {
        fs::create_dir_all(parent).map_err(RunError::io("create", parent))?;
        let stem = plain_name(stem);
        let mut number = highest_number(parent, &stem)? + 1;
        loop {
            let path = parent.join(format!("{stem}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::furnish(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(RunError::io("create", &path)(error)),
            }
        }
    }

    /// Makes a run at exactly `path`, which must not exist or be an empty folder.
    ///
    /// # Errors
    /// [`RunError::Occupied`] when something lies there; or when the folder cannot be made.
    pub fn create_at(path: &Path) -> Result<Self, RunError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(RunError::io("create", parent))?;
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let is_empty = path.is_dir()
                    && fs::read_dir(path)
                        .map_err(RunError::io("read", path))?
                        .next()
                        .is_none();
                if !is_empty {
                    return Err(RunError::Occupied {
                        path: path.to_owned(),
                    });
                }
            }
            result => result.map_err(RunError::io("create", path))?,
        }
        Self::furnish(path.to_owned())
    }

    /// The run that lies at `path`.
    ///
    /// # Errors
    /// [`RunError::NotARun`], which says what is missing and which runs lie near.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let run = Self {
            path: path.to_owned(),
        };
        if run.experiment().is_file() {
            return Ok(run);
        }
        let missing = if path.is_dir() {
            format!("it has no {EXPERIMENT}")
        } else if path.exists() {
            "it is no folder".to_owned()
        } else {
            "there is no such folder".to_owned()
        };
        Err(RunError::NotARun {
            path: path.to_owned(),
            missing,
            hint: Some(hint(path)),
        })
    }

    /// The runs in the folder `parent`, the newest first; none where there is no such folder.
    #[must_use]
    pub fn list(parent: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(parent) else {
            return Vec::new();
        };
        let runs = entries
            .flatten()
            .filter_map(|entry| Self::open_quietly(entry.path()));
        let mut runs: Vec<_> = runs.collect();
        runs.sort();
        runs.reverse();
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// Keeps every other process from training this run until the lock is dropped, and sweeps away
    /// the half-written files that a killed process left behind.
    ///
    /// # Errors
    /// [`RunError::Locked`] when another process holds the lock.
    pub fn lock(&self) -> Result<RunLock, RunError> {
        let lock = RunLock::acquire(&self.path)?;
        for folder in [
            &self.path,
            &self.path.join("checkpoints"),
            &self.path.join("model"),
        ] {
            sweep(folder);
        }
        Ok(lock)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved experiment: every key, and the seed.
    #[must_use]
    pub fn experiment(&self) -> PathBuf {
        self.path.join(EXPERIMENT)
    }

    /// Versions, device, and checksum of the data.
    #[must_use]
    pub fn environment(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    /// Everything that happened, one event a line.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// One row an epoch, drawn from the events.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// The page that shows what the run learned.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The numbers of that page.
    #[must_use]
    pub fn report_json(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// What the doctor found.
    #[must_use]
    pub fn doctor(&self) -> PathBuf {
        self.path.join("doctor.json")
    }

    /// Where the files for TensorBoard lie, in a run that was asked for them.
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// How to build the trained network and prepare its input.
    #[must_use]
    pub fn model_manifest(&self) -> PathBuf {
        self.path.join("model").join("manifest.json")
    }

    /// The weights of the trained network.
    #[must_use]
    pub fn weights(&self) -> PathBuf {
        self.path.join("model").join("weights.safetensors")
    }

    /// The state of the training: the newest, or that of the best epoch.
    #[must_use]
    pub fn checkpoint(&self, kind: CheckpointKind) -> PathBuf {
        let name = match kind {
            CheckpointKind::Last => "last.ckpt",
            CheckpointKind::Best => "best.ckpt",
        };
        self.path.join("checkpoints").join(name)
    }

    fn furnish(path: PathBuf) -> Result<Self, RunError> {
        for name in ["checkpoints", "model"] {
            let folder = path.join(name);
            match fs::create_dir(&folder) {
                // Another process took the same empty folder a moment ago.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return Err(RunError::Occupied { path });
                }
                result => result.map_err(RunError::io("create", &folder))?,
            }
        }
        Ok(Self { path })
    }

    /// The run at `path` and when it was made, if it is one.
    fn open_quietly(path: PathBuf) -> Option<(SystemTime, Self)> {
        let run = Self { path };
        let metadata = fs::metadata(run.experiment()).ok()?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        metadata.is_file().then_some((modified, run))
    }
}

/// `stem` without anything that a shell or a file system could stumble over.
fn plain_name(stem: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = stem
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    let name = name.trim_start_matches(['-', '.']).trim_end_matches('-');
    match &name[..name.floor_char_boundary(MAX_STEM)] {
        "" => "run".to_owned(),
        name => name.to_owned(),
    }
}

/// The highest `N` of the entries `<stem>-<N>` in `parent`, 0 where there are none.
fn highest_number(parent: &Path, stem: &str) -> Result<u64, RunError> {
    let entries = fs::read_dir(parent).map_err(RunError::io("read", parent))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let number = |name: String| {
        // As `u32`, so that no name there is can make the next number overflow.
        name.strip_prefix(stem)?
            .strip_prefix('-')?
            .parse::<u32>()
            .ok()
    };
    Ok(names.filter_map(number).max().unwrap_or(0).into())
}

/// Which run was perhaps meant by `path`: the one around it, or one inside it, beside it, or in
/// `runs/`.
fn hint(path: &Path) -> String {
    let beside = path.parent().filter(|parent| *parent != Path::new(""));
    let beside = beside.unwrap_or(Path::new("."));
    if RunDir::open_quietly(beside.to_owned()).is_some() {
        return format!("did you mean {}?", beside.display());
    }
    let mut near = [path, beside, Path::new("runs")]
        .into_iter()
        .map(RunDir::list);
    let mut runs = near.find(|runs| !runs.is_empty()).unwrap_or_default();
    if runs.is_empty() {
        return "make a run with `fornax train`".to_owned();
    }
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    let likeness = |run: &RunDir| {
        let name = run.path.file_name().unwrap_or_default().to_string_lossy();
        strsim::jaro_winkler(&name, &wanted)
    };
    runs.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let names: Vec<_> = runs
        .iter()
        .map(|run| run.path.display().to_string())
        .collect();
    format!(
        "did you mean {}?",
        names[..names.len().min(MAX_HINTS)].join(", ")
    )
}

/// Removes the half-written files in `folder`. What cannot be removed does no harm.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PART_PREFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
