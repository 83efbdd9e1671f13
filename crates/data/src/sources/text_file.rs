//! The text of a file as a stream: a first reading finds its encoding, a second gives its
//! characters, so that it may be larger than memory.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use sha2::Sha256;

use super::SourceFile;
use super::file::{Hashing, MAX_UNPACKED};
use crate::DataError;

/// A packed file larger than [`MAX_UNPACKED`] may unpack to so many times its size: tables shrink to
/// a hundredth at best.
const MAX_RATIO: u64 = 200;
const BUFFER: usize = 1 << 18;

/// A file of text whose encoding is known.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    file: &'a SourceFile,
    is_gzip: bool,
    encoding: &'static Encoding,
}

impl<'a> Text<'a> {
    /// Reads the file once, adds its bytes to `digest` and finds its encoding.
    ///
    /// UTF-16 is known by its mark. Bytes that are no UTF-8, and in which no character of several
    /// bytes is, are Windows-1252, which has Latin-1 in it.
    pub(crate) fn of(file: &'a SourceFile, digest: &mut Sha256) -> Result<Self, DataError> {
        let mut text = Self {
            file,
            is_gzip: false,
            encoding: UTF_8,
        };
        let read = |source| DataError::Read {
            path: file.path.clone(),
            source,
        };
        let mut bytes =
            BufReader::with_capacity(BUFFER, Hashing::new(file.stream().map_err(read)?, digest));
        text.is_gzip = bytes.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
        let mut survey = Survey::default();
        if text.is_gzip {
            let mut unpacked = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(bytes));
            survey.read(
                &mut unpacked,
                &file.path,
                |error| text.failed(error),
                |unpacked, len| {
                    let packed = unpacked.get_ref().get_ref().get_ref().len;
                    len > MAX_UNPACKED.max(packed.saturating_mul(MAX_RATIO))
                },
            )?;
            let mut rest = unpacked.into_inner().into_inner();
            io::copy(&mut rest, &mut io::sink()).map_err(read)?;
        } else {
            survey.read(
                &mut bytes,
                &file.path,
                |error| text.failed(error),
                |_, _| false,
            )?;
        }
        text.encoding = survey.verdict(&file.path)?;
        Ok(text)
    }

    /// As messages name the file.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The encoding, where it is not UTF-8.
    pub(crate) fn guessed(&self) -> Option<&'static str> {
        match self.encoding {
            encoding if encoding == UTF_8 => None,
            encoding if encoding == WINDOWS_1252 => Some("Windows-1252"),
            encoding => Some(encoding.name()),
        }
    }

    /// The text as UTF-8, without a byte order mark.
    pub(crate) fn reader(&self) -> Result<impl BufRead + use<>, DataError> {
        let bytes = self.file.stream().map_err(|error| self.failed(error))?;
        let bytes: Box<dyn Read> = if self.is_gzip {
            let bytes = BufReader::with_capacity(BUFFER, bytes);
            Box::new(MultiGzDecoder::new(bytes))
        } else {
            bytes
        };
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(Some(self.encoding))
            .utf8_passthru(true)
            .strip_bom(true)
            .build(bytes);
        Ok(BufReader::with_capacity(BUFFER, decoded))
    }

    /// Shows the text part by part, from its beginning to its end.
    pub(crate) fn each_part(
        &self,
        mut show: impl FnMut(&str) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut reader = self.reader()?;
        let mut cut = Vec::new();
        loop {
            let bytes = reader.fill_buf().map_err(|error| self.failed(error))?;
            if bytes.is_empty() && cut.is_empty() {
                return Ok(());
            }
            let length = bytes.len();
            let mut part = std::mem::take(&mut cut);
            part.extend_from_slice(bytes);
            reader.consume(length);
            let end = match std::str::from_utf8(&part) {
                Err(error) if error.error_len().is_none() && length > 0 => error.valid_up_to(),
                _ => part.len(),
            };
            cut = part.split_off(end);
            let text = String::from_utf8(part).map_err(|_| {
                let changed = "it changed while it was read";
                self.failed(io::Error::new(io::ErrorKind::InvalidData, changed))
            })?;
            show(&text)?;
        }
    }

    /// The whole of it.
    pub(crate) fn read(&self) -> Result<String, DataError> {
        let mut text = String::new();
        let length = self
            .reader()?
            .take(MAX_UNPACKED + 1)
            .read_to_string(&mut text)
            .map_err(|error| self.failed(error))?;
        if length as u64 > MAX_UNPACKED {
            return Err(DataError::TooLarge {
                path: self.file.path.clone(),
                limit: MAX_UNPACKED,
            });
        }
        Ok(text)
    }

    /// The error of reading it.
    pub(crate) fn failed(&self, source: io::Error) -> DataError {
        let path = self.file.path.clone();
        if self.is_gzip {
            DataError::Gzip { path, source }
        } else {
            DataError::Read { path, source }
        }
    }
}

/// What a first reading finds out.
#[derive(Default)]
struct Survey {
    len: u64,
    start: Vec<u8>,
    /// The beginning of a character whose end is in the next bytes.
    cut: Vec<u8>,
    first_fault: Option<u64>,
    first_nul: Option<u64>,
    /// Whether a character of several bytes is among them.
    holds_utf8: bool,
    decoder: Option<encoding_rs::Decoder>,
    is_damaged: bool,
}

impl Survey {
    fn read<R: BufRead>(
        &mut self,
        bytes: &mut R,
        path: &Path,
        failed: impl Fn(io::Error) -> DataError,
        is_too_large: impl Fn(&R, u64) -> bool,
    ) -> Result<(), DataError> {
        loop {
            let part = match bytes.fill_buf() {
                Ok(part) => part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            if part.is_empty() {
                return Ok(());
            }
            let length = part.len();
            self.take_in(part);
            bytes.consume(length);
            if is_too_large(bytes, self.len) {
                return Err(DataError::TooLarge {
                    path: path.to_owned(),
                    limit: self.len,
                });
            }
        }
    }

    fn take_in(&mut self, part: &[u8]) {
        if self.len == 0 {
            self.start = part.iter().take(4).copied().collect();
            let marked = Encoding::for_bom(part).map(|(encoding, _)| encoding);
            self.decoder = marked
                .filter(|&encoding| encoding != UTF_8)
                .map(Encoding::new_decoder_with_bom_removal);
        }
        if let Some(decoder) = &mut self.decoder {
            self.is_damaged |= is_damaged(decoder, part, false);
        } else {
            if self.first_nul.is_none() {
                let nul = part.iter().position(|&byte| byte == 0);
                self.first_nul = nul.map(|place| self.len + place as u64);
            }
            if self.cut.is_empty() {
                self.take_in_utf8(part, self.len);
            } else {
                let start = self.len - self.cut.len() as u64;
                let joined = [std::mem::take(&mut self.cut).as_slice(), part].concat();
                self.take_in_utf8(&joined, start);
            }
        }
        self.len += part.len() as u64;
    }

    /// `start` is the place of the first byte in the file.
    fn take_in_utf8(&mut self, bytes: &[u8], start: u64) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (valid, fault) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), None),
                Err(error) => (error.valid_up_to(), Some(error.error_len())),
            };
            self.holds_utf8 |= !rest[..valid].is_ascii();
            at += valid;
            match fault {
                None => return,
                Some(None) => {
                    self.cut = bytes[at..].to_vec();
                    return;
                }
                Some(Some(length)) => {
                    self.first_fault = self.first_fault.or(Some(start + at as u64));
                    at += length;
                }
            }
        }
    }

    fn verdict(mut self, path: &Path) -> Result<&'static Encoding, DataError> {
        let refuse = |offset, advice: &str| {
            Err(DataError::NotUtf8 {
                path: path.to_owned(),
                offset,
                advice: advice.to_owned(),
            })
        };
        if self.start == b"PK\x03\x04" {
            let advice = "the file is an archive or a workbook: export its content as CSV or text";
            return refuse(0, advice);
        }
        if let Some(decoder) = &mut self.decoder {
            if self.is_damaged | is_damaged(decoder, &[], true) {
                return refuse(0, "the file is UTF-16 but damaged: save it as UTF-8");
            }
            return Ok(decoder.encoding());
        }
        if let Some(offset) = self.first_nul {
            let advice = "there is a NUL byte: the file is no text, or UTF-16 without its mark; \
                          save it as UTF-8";
            return refuse(offset, advice);
        }
        let cut = (!self.cut.is_empty()).then(|| self.len - self.cut.len() as u64);
        match self.first_fault.or(cut) {
            None => Ok(UTF_8),
            Some(offset) if self.holds_utf8 => {
                refuse(offset, "parts of it are UTF-8: save all of it as UTF-8")
            }
            Some(_) => Ok(WINDOWS_1252),
        }
    }
}

fn is_damaged(decoder: &mut encoding_rs::Decoder, mut bytes: &[u8], is_last: bool) -> bool {
    let mut characters = [0; 4096];
    loop {
        let (result, read, _, is_faulty) = decoder.decode_to_utf8(bytes, &mut characters, is_last);
        if is_faulty {
            return true;
        }
        if result == encoding_rs::CoderResult::InputEmpty {
            return false;
        }
        bytes = &bytes[read..];
    }
}
