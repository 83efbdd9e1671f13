//! The bytes of a source: from the program itself or from disk, plain or gzipped.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::text_file::Text;
use crate::DataError;

/// What a file may unpack to: 4 GiB, more than any dataset that fits in memory with its network.
pub(super) const MAX_UNPACKED: u64 = 4 << 30;

/// One file of a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// As messages name it.
    pub(crate) path: PathBuf,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In the program itself.
    Shipped(&'static [u8]),
    /// Read when it is asked for.
    OnDisk,
}

impl SourceFile {
    pub(crate) fn on_disk(path: PathBuf) -> Self {
        Self {
            path,
            content: Content::OnDisk,
        }
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> String {
        super::file_name(&self.path)
    }

    /// The first bytes as they lie there.
    pub(crate) fn head(&self) -> std::io::Result<Vec<u8>> {
        const LENGTH: u64 = 1 << 16;
        let mut bytes = Vec::new();
        self.stream()?.take(LENGTH).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Adds the bytes to a checksum.
    pub(crate) fn digest(&self, digest: &mut Sha256) -> Result<(), DataError> {
        let failed = |source| DataError::Read {
            path: self.path.clone(),
            source,
        };
        let mut bytes = Hashing::new(self.stream().map_err(failed)?, digest);
        std::io::copy(&mut bytes, &mut std::io::sink()).map_err(failed)?;
        Ok(())
    }

    /// The bytes as they lie there, one after another.
    pub(crate) fn stream(&self) -> std::io::Result<Box<dyn Read>> {
        Ok(match self.content {
            Content::Shipped(bytes) => Box::new(bytes),
            Content::OnDisk => Box::new(std::fs::File::open(&self.path)?),
        })
    }

    /// `None` where there are too many bytes.
    fn read_from_disk(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&self.path)?;
        let length = file.take(MAX_UNPACKED + 1).read_to_end(&mut bytes)?;
        Ok((length as u64 <= MAX_UNPACKED).then_some(bytes))
    }

    /// The bytes as they lie there.
    pub(crate) fn read(&self) -> Result<Cow<'static, [u8]>, DataError> {
        match self.content {
            Content::Shipped(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::OnDisk => match self.read_from_disk() {
                Ok(Some(bytes)) => Ok(Cow::Owned(bytes)),
                Ok(None) => Err(DataError::TooLarge {
                    path: self.path.clone(),
                    limit: MAX_UNPACKED,
                }),
                Err(source) => Err(DataError::Read {
                    path: self.path.clone(),
                    source,
                }),
            },
        }
    }
}

/// Adds all bytes that pass to a checksum.
pub(super) struct Hashing<'a, R> {
    inner: R,
    digest: &'a mut Sha256,
    /// How many have passed.
    pub(super) len: u64,
}

impl<'a, R: Read> Hashing<'a, R> {
    pub(super) fn new(inner: R, digest: &'a mut Sha256) -> Self {
        let len = 0;
        Self { inner, digest, len }
    }
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.digest.update(&buffer[..length]);
        self.len += length as u64;
        Ok(length)
    }
}

/// Reads one of many files whole: an image, a recording.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    const MAX_BYTES: u64 = 512 << 20;
    let failed = |source| DataError::Read {
        path: path.to_owned(),
        source,
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_BYTES {
        return Err(DataError::TooLarge {
            path: path.to_owned(),
            limit: MAX_BYTES,
        });
    }
    std::fs::read(path).map_err(failed)
}

/// Reads a file from disk, unpacked.
pub(crate) fn read_unpacked(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = SourceFile::on_disk(path.to_owned()).read()?;
    unpack(bytes.into_owned(), path)
}

/// The content of a gzip file; other bytes as they are.
pub(crate) fn unpack(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let decoder = MultiGzDecoder::new(bytes.as_slice());
    match decoder.take(MAX_UNPACKED + 1).read_to_end(&mut unpacked) {
        Ok(length) if length as u64 > MAX_UNPACKED => Err(DataError::TooLarge {
            path: path.to_owned(),
            limit: MAX_UNPACKED,
        }),
        Ok(_) => Ok(unpacked),
        Err(source) => Err(DataError::Gzip {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, DataError> {
    let file = SourceFile::on_disk(path.to_owned());
    Text::of(&file, &mut Sha256::default())?.read()
}

/// The files of a folder by name; subfolders and hidden files are not among them.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<SourceFile>, DataError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let failed = |source| DataError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = super::file_name(&path).starts_with('.');
        if !hidden && path.is_file() {
            files.push(SourceFile::on_disk(path));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
