//! What can go wrong with a run on disk, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

/// A run, or a file of it, cannot be read or written.
#[derive(Debug, Error, Diagnostic)]
pub enum RunError {
    /// The path leads to no run.
    #[error("{} is not a run: {missing}", path.display())]
    NotARun {
        /// Where a run was looked for.
        path: PathBuf,
        /// What is not there.
        missing: String,
        /// The runs that lie near.
        #[help]
        hint: Option<String>,
    },

    /// A new run is to lie where something else lies.
    #[error("{} exists and is not an empty folder", path.display())]
    #[diagnostic(help("choose another folder with `--out`, or go on with `fornax resume {}`", path.display()))]
    Occupied {
        /// The path that is taken.
        path: PathBuf,
    },

    /// Another process trains this run.
    #[error("{} is being trained by another process", path.display())]
    #[diagnostic(help("wait for it to end, or start a run of its own with `fornax train`"))]
    Locked {
        /// Folder of the run.
        path: PathBuf,
    },

    /// A line of the events cannot be read.
    #[error("{}:{line}: {reason}", path.display())]
    #[diagnostic(help("the line was changed after it was written; delete it to go on without it"))]
    EventLine {
        /// The file of events.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },

    /// The file was never a checkpoint.
    #[error("{} is not a checkpoint of Fornax", path.display())]
    #[diagnostic(help("name a run's folder, such as `runs/digits-mlp-1`"))]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
    },

    /// The file is of a version that came later than this program.
    #[error("{} is a checkpoint of version {found}; this program reads up to {newest}", path.display())]
    #[diagnostic(help("update Fornax to the version that wrote it"))]
    NewerCheckpoint {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: u32,
        /// The newest version this program knows.
        newest: u32,
    },

    /// The file ends too early.
    #[error("{} is cut off: it has {found} of {expected} bytes", path.display())]
    #[diagnostic(help(
        "copy it again; or put `best.ckpt` in the place of `last.ckpt`; or train again"
    ))]
    TruncatedCheckpoint {
        /// The file.
        path: PathBuf,
        /// Bytes that are there.
        found: u64,
        /// Bytes that were written.
        expected: u64,
    },

    /// The file's bytes are not those that were written.
    #[error("{} is damaged: {reason}", path.display())]
    #[diagnostic(help(
        "copy it again; or put `best.ckpt` in the place of `last.ckpt`; or train again"
    ))]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: &'static str,
    },

    /// Nothing more can be written to the disk.
    #[error("cannot write {}: the disk is full", path.display())]
    #[diagnostic(help(
        "free some space, then go on with `fornax resume`; the files before are whole"
    ))]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },

    /// The user may not do this here.
    #[error("cannot {action} {}: permission denied", path.display())]
    #[diagnostic(help(
        "choose another folder with `--out`, or change the permissions of this one"
    ))]
    PermissionDenied {
        /// Such as `write`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },

    /// Any other failure to read or write.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// Such as `write`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Where the fault of a [`RunError`] lies: what an exit code is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunErrorKind {
    /// The command named a path that it cannot use.
    Usage,
    /// A file of the run does not hold what it should.
    Data,
    /// The disk, or the system, failed.
    Storage,
}

impl RunError {
    /// Where the fault lies.
    #[must_use]
    pub fn kind(&self) -> RunErrorKind {
        match self {
            Self::NotARun { .. }
            | Self::Occupied { .. }
            | Self::Locked { .. }
            | Self::PermissionDenied { .. } => RunErrorKind::Usage,
            Self::EventLine { .. }
            | Self::NotACheckpoint { .. }
            | Self::NewerCheckpoint { .. }
            | Self::TruncatedCheckpoint { .. }
            | Self::DamagedCheckpoint { .. } => RunErrorKind::Data,
            Self::DiskFull { .. } | Self::Io { .. } => RunErrorKind::Storage,
        }
    }

    /// Turns the system's error into ours; to be handed to `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied {
                    action,
                    path,
                    source,
                }
            }
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}
