//! A row that is an example: run as a user would, its numbers and its picture kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{machine, workspace};

/// An example that leaves `results.json` and a picture in `runs/<row>`.
pub(crate) struct Example {
    /// Of the row.
    pub(crate) name: &'static str,
    /// Of the program, and of the folder of its sources, where the picture is kept.
    pub(crate) program: &'static str,
    pub(crate) picture: &'static str,
}

impl Example {
    /// Runs it, and keeps what it leaves together with the commit.
    pub(crate) fn run(&self) -> Result<()> {
        let mut command = workspace::cargo();
        command.args(["run", "--release", "--example", self.program]);
        let status = command.status().context("cannot start `cargo run`")?;
        if !status.success() {
            bail!(
                "the example `{}` failed; its reason stands above",
                self.program
            );
        }
        let left = workspace::root().join("runs").join(self.name);
        let mut results: Value = read(&left.join("results.json"))?;
        results["commit"] = machine::commit().into();
        let kept = self.kept();
        fs::create_dir_all(kept.parent().context("a file lies in a folder")?)?;
        fs::write(&kept, serde_json::to_string_pretty(&results)? + "\n")?;
        let picture = workspace::root().join(self.picture_path());
        fs::copy(left.join(self.picture), &picture)
            .with_context(|| format!("cannot write `{}`", picture.display()))?;
        Ok(())
    }

    /// What the last run came to, if there was one.
    pub(crate) fn results<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let kept = self.kept();
        if !kept.exists() {
            return Ok(None);
        }
        read(&kept).map(Some).context("delete it")
    }

    /// Where the picture lies, from the root of the project.
    pub(crate) fn picture_path(&self) -> String {
        format!("examples/{}/{}", self.program, self.picture)
    }

    fn kept(&self) -> PathBuf {
        workspace::root().join(format!("experiments/outcomes/{}.json", self.name))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
}
