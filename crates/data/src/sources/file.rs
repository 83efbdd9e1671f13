//! The bytes of a source: from the program itself or from disk, plain or gzipped.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::DataError;

/// What a file may unpack to: 4 GiB, more than any dataset that fits in memory with its network.
const MAX_UNPACKED: u64 = 4 << 30;

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
        match self.content {
            Content::Shipped(content) => content.take(LENGTH).read_to_end(&mut bytes)?,
            Content::OnDisk => std::fs::File::open(&self.path)?
                .take(LENGTH)
                .read_to_end(&mut bytes)?,
        };
        Ok(bytes)
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
pub(crate) fn utf8(bytes: Vec<u8>, path: &Path) -> Result<String, DataError> {
    decode(bytes, path).map(|(text, _)| text)
}

/// The text of a file, without a byte order mark, and its encoding where it is not UTF-8.
///
/// UTF-16 is known by its mark. Bytes that are no UTF-8, and in which no character of several bytes
/// is, are Windows-1252, which has Latin-1 in it.
pub(crate) fn decode(
    bytes: Vec<u8>,
    path: &Path,
) -> Result<(String, Option<&'static str>), DataError> {
    let refuse = |offset, advice: &str| {
        Err(DataError::NotUtf8 {
            path: path.to_owned(),
            offset,
            advice: advice.to_owned(),
        })
    };
    if bytes.starts_with(b"PK\x03\x04") {
        let advice = "the file is an archive or a workbook: export its content as CSV or text";
        return refuse(0, advice);
    }
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(&bytes)
        && encoding != encoding_rs::UTF_8
    {
        let (text, _, is_faulty) = encoding.decode(&bytes);
        if is_faulty {
            return refuse(0, "the file is UTF-16 but damaged: save it as UTF-8");
        }
        return Ok((text.into_owned(), Some(encoding.name())));
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        let advice = "there is a NUL byte: the file is no text, or UTF-16 without its mark; \
                      save it as UTF-8";
        return refuse(offset, advice);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => (rest.to_owned(), None),
            None => (text, None),
        }),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            if holds_utf8(&bytes) {
                return refuse(offset, "parts of it are UTF-8: save all of it as UTF-8");
            }
            let (text, _, _) = encoding_rs::WINDOWS_1252.decode(&bytes);
            Ok((text.into_owned(), Some("Windows-1252")))
        }
    }
}

/// Whether a character of several bytes is among them.
fn holds_utf8(bytes: &[u8]) -> bool {
    bytes
        .utf8_chunks()
        .any(|chunk| chunk.valid().bytes().any(|byte| !byte.is_ascii()))
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
