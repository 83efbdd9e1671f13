//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use tempfile::Builder;

use crate::RunError;

/// How the name of a half-written file begins.
pub(crate) const PART_PREFIX: &str = ".part-";

/// Puts `bytes` into the file at `path`: a reader sees the old content or the new, never a part,
/// even when the process is killed or the disk is full.
///
/// # Errors
/// When the file cannot be written; the old one is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    write_atomic_with(path, |out| out.write_all(bytes))
}

/// The same for content that `fill` writes piece by piece.
pub(crate) fn write_atomic_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), RunError> {
    replace(path, fill).map_err(RunError::io("write", path))
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        None => return Err(io::ErrorKind::IsADirectory.into()),
        Some(parent) if parent == Path::new("") => Path::new("."),
        Some(parent) => parent,
    };
    // Beside its goal, since a rename is whole within one file system only. Whoever returns early
    // from here drops the file, which removes it.
    let mut builder = Builder::new();
    builder.prefix(PART_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let mut part = builder.tempfile_in(folder)?;
    fill(&mut part)?;
    part.as_file().sync_all()?; // else a power failure may leave the new name on an empty file
    part.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Waits until the names in a folder have reached the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match std::fs::File::open(folder)?.sync_all() {
        // Some network file systems cannot sync a folder; the file itself is safe.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn new_content_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        write_atomic(&path, b"old, and longer").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["manifest.json"]);
    }

    #[test]
    fn full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.ckpt");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic_with(&path, |out| {
            out.write_all(b"half of the new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(matches!(error, Err(RunError::DiskFull { .. })), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["last.ckpt"]);
    }

    #[test]
    fn missing_folder_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomic(&folder.path().join("gone").join("x"), b"").unwrap_err();
        assert!(matches!(error, RunError::Io { .. }), "{error}");
        assert!(error.to_string().contains("gone"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn others_may_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write_atomic(&ours, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(plain));
    }
}
