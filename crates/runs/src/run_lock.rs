//! The lock that lets one process at a time train a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::RunError;

/// Held while a process trains a run; the system releases it when the process ends, however it
/// ends.
#[derive(Debug)]
#[must_use = "the run is locked only while this lives"]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    pub(crate) fn acquire(run: &Path) -> Result<Self, RunError> {
        let path = run.join(".lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(RunError::io("lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(RunError::Locked {
                    path: run.to_owned(),
                });
            }
            // Some network file systems have no locks; that is no reason not to train there.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(RunError::io("lock", &path)(error)),
        }
        Ok(Self { _file: file })
    }
}
