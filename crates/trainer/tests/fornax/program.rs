//! Runs the program `fornax` in a folder of its own.

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder in which the program runs; it is removed at the end.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path
    }

    /// The program with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(cargo_bin("fornax"));
        command
            .current_dir(self.path())
            .args(arguments.split_whitespace())
            .env("NO_COLOR", "1");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &str) -> Finished {
        let output = self
            .command(arguments)
            .output()
            .expect("the program starts");
        Finished {
            output,
            arguments: arguments.to_owned(),
        }
    }
}

/// What a finished program left.
pub(crate) struct Finished {
    output: Output,
    arguments: String,
}

impl Finished {
    pub(crate) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Demands success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(
            self.code(),
            Some(0),
            "fornax {}\n{}",
            self.arguments,
            self.stderr()
        );
        self
    }

    /// Demands success, and gives the result of the JSON envelope.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let envelope: Value =
            serde_json::from_str(&self.ok().stdout()).expect("one JSON envelope on stdout");
        assert_eq!(envelope["ok"], true);
        envelope["result"].clone()
    }

    /// The last line of stdout: where the result lies.
    pub(crate) fn last_line(&self) -> String {
        self.stdout()
            .lines()
            .next_back()
            .unwrap_or_default()
            .to_owned()
    }
}
