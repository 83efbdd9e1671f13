//! A file on its way: written beside its place, checked, synced, and only then given its name.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::checksum::Check;
use super::{io_failure, readable};

/// `<target>.part`, locked against a second fetch while it is open.
pub(crate) struct PartFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl PartFile {
    /// Opens what an earlier fetch left, or an empty file.
    pub(crate) fn open(target: &Path) -> Result<Self> {
        let folder = target.parent().expect("a target lies in a folder");
        std::fs::create_dir_all(folder)
            .map_err(|error| io_failure("make the folder", folder, &error))?;
        let mut path = OsString::from(target);
        path.push(".part");
        let path = PathBuf::from(path);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| io_failure("write", &path, &error))?;
        // A file system without locks is no reason to stop.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            bail!(
                "another fetch is writing `{}`; wait for it",
                readable(&path)
            );
        }
        Ok(Self {
            file,
            path,
            target: target.to_owned(),
        })
    }

    /// Bytes that are there.
    pub(crate) fn len(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| self.failure("read", &error))
    }

    /// Forgets all bytes that are there.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file
            .set_len(0)
            .map_err(|error| self.failure("write", &error))
    }

    /// Appends what is left to read; tells `progress` of each piece. The two inner results keep
    /// the faults of the reader apart from ours.
    pub(crate) fn append(
        &mut self,
        content: &mut dyn Read,
        mut progress: impl FnMut(u64),
    ) -> Result<io::Result<()>> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => {
                    self.file
                        .write_all(&buffer[..count])
                        .map_err(|error| self.failure("write", &error))?;
                    progress(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Gives the file its name if it is the right one.
    ///
    /// # Errors
    /// A wrong file is removed, so that the next attempt starts afresh; `origin` is where it came
    /// from.
    pub(crate) fn finish(self, check: Check<'_>, origin: &str) -> Result<()> {
        let name = self
            .target
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let found = match check.found(&self.path, &name) {
            Ok(found) if found == check.expected() => return self.rename(),
            Ok(found) => format!("its sha256 is {found}"),
            Err(error) => format!("{:#}", error.root_cause()),
        };
        let length = self.len()?;
        self.discard()?;
        bail!(
            "`{name}` from {origin} is not the file we know: {found} ({length} bytes), but {} is \
             expected\nhelp: try again; if it stays so, the file there was changed: take another \
             copy with `--mirror DIR_OR_URL`",
            check.expected()
        )
    }

    /// Gives the file its name unchecked: an archive, whose members are checked.
    pub(crate) fn rename(self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| self.failure("write", &error))?;
        std::fs::rename(&self.path, &self.target)
            .map_err(|error| io_failure("write", &self.target, &error))?;
        sync_folder(&self.target);
        Ok(())
    }

    /// Removes what is there.
    pub(crate) fn discard(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| self.failure("remove", &error))
    }

    fn failure(&self, action: &str, error: &io::Error) -> anyhow::Error {
        io_failure(action, &self.path, error)
    }
}

/// A file without a byte in it is no start of anything.
impl Drop for PartFile {
    fn drop(&mut self) {
        if self.len().is_ok_and(|length| length == 0) {
            // Where it is gone already, or cannot be removed, nothing is lost.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the new name last through a power cut, where the system can.
fn sync_folder(target: &Path) {
    if let Some(folder) = target.parent().and_then(|folder| File::open(folder).ok()) {
        // Not every file system can, and the file itself is safe.
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_right_file_gets_its_name_and_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/abc");
        let mut part = PartFile::open(&target).unwrap();
        part.append(&mut &b"abc"[..], |_| ()).unwrap().unwrap();
        part.finish(Check::Bytes { sha256: ABC }, "a test").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"abc");
        assert!(!folder.path().join("new/abc.part").exists());
    }

    #[test]
    fn a_wrong_file_is_removed_and_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("abc");
        let mut part = PartFile::open(&target).unwrap();
        part.append(&mut &b"abd"[..], |_| ()).unwrap().unwrap();
        let error = part
            .finish(Check::Bytes { sha256: ABC }, "a test")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`abc` from a test is not the file we know"),
            "{error}"
        );
        assert!(
            error.contains(ABC) && error.contains("(3 bytes)"),
            "{error}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_second_fetch_of_the_same_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("abc");
        let _first = PartFile::open(&target).unwrap();
        let error = PartFile::open(&target).err().unwrap().to_string();
        assert!(error.contains("another fetch is writing"), "{error}");
    }

    #[test]
    fn a_file_in_the_way_of_the_folder_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mnist"), "").unwrap();
        let error = PartFile::open(&folder.path().join("mnist/images"))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("cannot make the folder") && error.contains("in the way"),
            "{error}"
        );
    }
}
