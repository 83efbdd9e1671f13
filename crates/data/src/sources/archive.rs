//! Zip and tar archives, unpacked into a temporary folder: nothing leaves it, nothing fills the disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use super::{file_name, tree::Tree};
use crate::DataError;

/// What an archive may always unpack to.
const FREE_BYTES: u64 = 256 << 20;
/// Beyond that, how many times its own size. Text shrinks to a twentieth, a bomb to a thousandth.
const MAX_RATIO: u64 = 100;
/// Entries of an archive.
const MAX_ENTRIES: usize = 20_000_000;

/// The content of an archive; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The folder of the content, or its only file; of several archives, a folder for each.
    pub(crate) content: PathBuf,
    _folder: TempDir,
}

/// Whether a file is called as an archive.
pub(crate) fn is_archive(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Unpacks archives. Links are left out; a name that leads out of the folder, and more bytes than
/// such an archive can honestly hold, are refused.
pub(crate) fn unpack(paths: &[&Path]) -> Result<Unpacked, DataError> {
    let folder = tempfile::Builder::new()
        .prefix("fornax-")
        .tempdir()
        .map_err(|source| DataError::Cache { source })?;
    let mut content = folder.path().to_owned();
    for path in paths {
        let unpacked = unpack_into(folder.path(), path)?;
        if paths.len() == 1 {
            content = unpacked;
        }
    }
    Ok(Unpacked {
        content,
        _folder: folder,
    })
}

/// Unpacks an archive into a folder of its name; where its content lies.
fn unpack_into(folder: &Path, path: &Path) -> Result<PathBuf, DataError> {
    let failed = |source| DataError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    // Messages name files by the archive in which they lie.
    let root = folder.join(file_name(path));
    fs::create_dir(&root).map_err(|source| DataError::Cache { source })?;
    let mut target = Target {
        archive: path,
        root,
        left: size.saturating_mul(MAX_RATIO).max(FREE_BYTES),
        num_entries: 0,
    };
    match magic.get(..read).unwrap_or_default() {
        [b'P', b'K', ..] => unzip(file, &mut target)?,
        [0x1f, 0x8b, ..] => untar(MultiGzDecoder::new(file), &mut target)?,
        _ => untar(file, &mut target)?,
    }
    content(&target.root, path)
}

struct Target<'a> {
    archive: &'a Path,
    root: PathBuf,
    /// Bytes that may still come.
    left: u64,
    num_entries: usize,
}

impl Target<'_> {
    fn fault(&self, problem: impl Into<String>, advice: &'static str) -> DataError {
        DataError::Archive {
            path: self.archive.to_owned(),
            problem: problem.into(),
            advice,
        }
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> DataError {
        let advice =
            "fetch or copy the archive again; one with a password has to be unpacked first";
        let reason = error.to_string();
        // Of noise, a reader quotes bytes that no one can read.
        let is_readable = |sign: char| !sign.is_control() && sign != char::REPLACEMENT_CHARACTER;
        if reason.chars().all(is_readable) {
            self.fault(reason, advice)
        } else {
            self.fault("it is no archive of that kind", advice)
        }
    }

    /// Writes one file of the archive.
    fn put(&mut self, name: &Path, content: &mut dyn Read) -> Result<(), DataError> {
        self.num_entries += 1;
        if self.num_entries > MAX_ENTRIES {
            return Err(self.fault(
                format!("it holds more than {MAX_ENTRIES} files"),
                "unpack it yourself, and give the folder",
            ));
        }
        let is_inside = name
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_inside {
            return Err(self.fault(
                format!("the name `{}` leads out of it", name.display()),
                "do not trust the archive; get it elsewhere",
            ));
        }
        let path = self.root.join(name);
        let cache = |source| DataError::Cache { source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(cache)?;
        }
        let mut file = File::create(&path).map_err(cache)?;
        let mut content = content.take(self.left + 1);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => return Err(self.damaged(&error)),
            };
            if count as u64 > self.left {
                return Err(self.fault(
                    "it unpacks to far more than an archive of its size holds",
                    "if you trust it, unpack it yourself, and give the folder",
                ));
            }
            self.left -= count as u64;
            io::Write::write_all(&mut file, buffer.get(..count).unwrap_or_default())
                .map_err(cache)?;
        }
    }
}

fn unzip(file: File, target: &mut Target) -> Result<(), DataError> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| target.damaged(&error))?;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| target.damaged(&error))?;
        if !entry.is_dir() && !entry.is_symlink() {
            let name = entry.name().map_err(|error| target.damaged(&error))?;
            let name = PathBuf::from(name.into_owned());
            target.put(&name, &mut entry)?;
        }
    }
    Ok(())
}

fn untar(file: impl Read, target: &mut Target) -> Result<(), DataError> {
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().map_err(|error| target.damaged(&error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| target.damaged(&error))?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(|error| target.damaged(&error))?;
            let name = name.into_owned();
            target.put(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// The only file, if there is one apart from what speaks about the data, else the folder below
/// which all files lie.
fn content(root: &Path, archive: &Path) -> Result<PathBuf, DataError> {
    let tree = Tree::walk(root)?;
    let data: Vec<&PathBuf> = tree
        .files
        .iter()
        .filter(|file| !super::tree::is_about(file))
        .collect();
    if let [file] = data.as_slice() {
        return Ok(root.join(file));
    }
    let Some((first, rest)) = data.split_first() else {
        return Err(DataError::Empty {
            path: archive.to_owned(),
        });
    };
    let shared = first
        .ancestors()
        .skip(1)
        .find(|folder| rest.iter().all(|file| file.starts_with(folder)));
    Ok(shared.map_or_else(|| root.to_owned(), |folder| tree.full(folder)))
}
