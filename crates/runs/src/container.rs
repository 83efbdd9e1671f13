//! The file format of a checkpoint: a header and named sections of bytes under one checksum.
//!
//! | bytes | content, numbers in little-endian order |
//! |---|---|
//! | 8 | `FORNAXCK` |
//! | 4 | version of the format |
//! | 8 | size of the index |
//! | 8 | size of the whole file |
//! | … | the index, JSON: the header, and the name and size of each section |
//! | … | the sections |
//! | 32 | SHA-256 of everything before |

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::RunError;
use crate::write_atomic::write_atomic_with;

const MAGIC: &[u8; 8] = b"FORNAXCK";
const VERSION: u32 = 1;
const PRELUDE: usize = 28;
const CHECKSUM: usize = 32;

/// The content of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What describes the sections, and everything that is small. Finite numbers come back to the
    /// bit; NaN and infinities become `null`.
    pub header: Value,
    /// Name and bytes of each section, in the order of the file.
    pub sections: Vec<(String, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct Index<Header> {
    header: Header,
    sections: Vec<(String, u64)>,
}

impl Container {
    /// The bytes of the first section called `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        let (_, bytes) = self.sections.iter().find(|(each, _)| each == name)?;
        Some(bytes)
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; a file that was there before is then untouched.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_atomic_with(path, |out| self.encode(out))
    }

    /// Reads a file back, and checks every byte of it.
    ///
    /// # Errors
    /// When it cannot be read, is no checkpoint, or is not as it was written.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let mut file = File::open(path).map_err(RunError::io("read", path))?;
        let size = file.metadata().map_err(RunError::io("read", path))?.len();
        Self::decode(&mut file, size, path)
    }

    fn encode(&self, out: &mut dyn Write) -> io::Result<()> {
        let sections = self
            .sections
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.len() as u64));
        let index = Index {
            header: &self.header,
            sections: sections.collect(),
        };
        let content: u64 = index.sections.iter().map(|(_, size)| size).sum();
        let index = serde_json::to_vec(&index)?;
        let size = (PRELUDE + index.len() + CHECKSUM) as u64 + content;

        let mut prelude = MAGIC.to_vec();
        prelude.extend(VERSION.to_le_bytes());
        prelude.extend((index.len() as u64).to_le_bytes());
        prelude.extend(size.to_le_bytes());

        let mut checksum = Sha256::new();
        let sections = self.sections.iter().map(|(_, bytes)| bytes);
        for part in [&prelude, &index].into_iter().chain(sections) {
            checksum.update(part);
            out.write_all(part)?;
        }
        out.write_all(&checksum.finalize())
    }

    /// Reads a file of `size` bytes. No size that the file claims is believed before it fits the
    /// file, so no damage can ask for more memory than that.
    fn decode(file: &mut dyn Read, size: u64, path: &Path) -> Result<Self, RunError> {
        let damaged = |reason| RunError::DamagedCheckpoint {
            path: path.to_owned(),
            reason,
        };
        let cut_off = |expected| RunError::TruncatedCheckpoint {
            path: path.to_owned(),
            found: size,
            expected,
        };
        let mut checksum = Sha256::new();
        let mut take = |size: usize| -> Result<Vec<u8>, RunError> {
            let mut bytes = vec![0; size];
            file.read_exact(&mut bytes)
                .map_err(RunError::io("read", path))?;
            checksum.update(&bytes);
            Ok(bytes)
        };

        let prelude = take(usize::try_from(size).unwrap_or(PRELUDE).min(PRELUDE))?;
        let magic_size = prelude.len().min(MAGIC.len());
        if prelude[..magic_size] != MAGIC[..magic_size] {
            return Err(RunError::NotACheckpoint {
                path: path.to_owned(),
            });
        }
        if prelude.len() < PRELUDE {
            return Err(cut_off((PRELUDE + CHECKSUM) as u64));
        }
        let version = u32::from_le_bytes(array(&prelude[8..12]));
        if version > VERSION {
            let path = path.to_owned();
            return Err(RunError::NewerCheckpoint {
                path,
                found: version,
                newest: VERSION,
            });
        }
        if version < VERSION {
            return Err(damaged("it names a version that never was"));
        }
        let index_size = u64::from_le_bytes(array(&prelude[12..20]));
        let written = u64::from_le_bytes(array(&prelude[20..28]));
        if size < written {
            return Err(cut_off(written));
        }
        if size > written {
            return Err(damaged("it is longer than what was written"));
        }

        let mut left = size.checked_sub((PRELUDE + CHECKSUM) as u64);
        let mut claim = |wanted: u64| {
            left = left.and_then(|left| left.checked_sub(wanted));
            let wanted = left.and_then(|_| usize::try_from(wanted).ok());
            wanted.ok_or_else(|| damaged("the sizes of its parts do not add up"))
        };
        let index = take(claim(index_size)?)?;
        let Ok(index) = serde_json::from_slice::<Index<Value>>(&index) else {
            return Err(damaged("its index cannot be read"));
        };
        let mut sections = Vec::new();
        for (name, size) in index.sections {
            sections.push((name, take(claim(size)?)?));
        }
        if left != Some(0) {
            return Err(damaged("the sizes of its parts do not add up"));
        }

        let mut expected = [0; CHECKSUM];
        file.read_exact(&mut expected)
            .map_err(RunError::io("read", path))?;
        if checksum.finalize()[..] != expected {
            return Err(damaged("its checksum does not match its bytes"));
        }
        Ok(Self {
            header: index.header,
            sections,
        })
    }
}

/// The same bytes as an array of the size that the caller cut.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this size")
}

#[cfg(test)]
mod tests;
