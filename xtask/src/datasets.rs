//! `cargo xtask datasets`: the known datasets, from their manifests to the files on disk.

mod archive;
pub(crate) mod checksum;
mod download;
mod fetch;
mod list;
mod manifest;
mod part_file;
mod place;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;

use crate::workspace;
pub(crate) use manifest::read as read_manifest;
pub(crate) use verify::{Verdict, verdicts};

/// Every verb reads the manifests; only `fetch` uses the network. What a verb does is said by its
/// options.
#[derive(Subcommand)]
pub(crate) enum Verb {
    List(list::Options),
    Fetch(fetch::Options),
    Verify(verify::Options),
}

pub(crate) fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::List(options) => list::run(options),
        Verb::Fetch(options) => fetch::run(options),
        Verb::Verify(options) => verify::run(options),
    }
}

/// Where the manifests and the shipped datasets lie.
fn manifest_folder() -> PathBuf {
    workspace::root().join("datasets")
}

/// Where fetched datasets lie, unless the user names another folder.
fn data_folder(chosen: Option<&Path>) -> PathBuf {
    chosen.map_or_else(|| workspace::root().join("data"), Path::to_owned)
}

/// `path` as a person in the current folder would type it.
fn readable(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// An I/O error with its path, and with the remedy where we know one.
fn io_failure(action: &str, path: &Path, error: &io::Error) -> anyhow::Error {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhelp: choose a folder that you may write to, with `--into DIR`"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhelp: free some space and run the same command again, or choose another disk with \
             `--into DIR`"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "\nhelp: a file is in the way of a folder; move it, or choose another folder with \
             `--into DIR`"
        }
        _ => "",
    };
    anyhow::anyhow!("cannot {action} `{}`: {error}{help}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: io::ErrorKind, expected: &str) {
        let message = io_failure("write", Path::new("data/a"), &kind.into()).to_string();
        assert!(message.starts_with("cannot write `data/a`: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn failures_of_the_disk_name_the_file_and_the_remedy() {
        check(
            io::ErrorKind::PermissionDenied,
            "help: choose a folder that you may write to",
        );
        check(
            io::ErrorKind::ReadOnlyFilesystem,
            "help: choose a folder that you may write to",
        );
        check(
            io::ErrorKind::StorageFull,
            "help: free some space and run the same command again",
        );
        check(io::ErrorKind::NotADirectory, "help: a file is in the way");
    }
}
