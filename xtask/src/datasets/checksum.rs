//! Checksums: is this file, its content or its members what the manifest says?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::archive;

/// What must hold for a file to be the right one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check<'a> {
    /// The sum of its bytes.
    Bytes { sha256: &'a str },
    /// The sum of what the gzip file holds: copies of it differ in header and compression.
    Unpacked { sha256: &'a str },
    /// The sum of the listing `sha256  name` of the members whose names end in `suffix`, sorted
    /// by name, a line each: for archives that are packed anew on request.
    Members { suffix: &'a str, sha256: &'a str },
}

impl Check<'_> {
    /// The sum that the file should have.
    pub(crate) fn expected(&self) -> &str {
        match self {
            Self::Bytes { sha256 } | Self::Unpacked { sha256 } | Self::Members { sha256, .. } => {
                sha256
            }
        }
    }

    /// The sum that the file called `name` (which tells the kind of an archive) has.
    ///
    /// # Errors
    /// It cannot be read or decompressed.
    pub(crate) fn found(&self, path: &Path, name: &str) -> Result<String> {
        let open = || {
            File::open(path)
                .map(BufReader::new)
                .with_context(|| format!("cannot read `{}`", path.display()))
        };
        let found = match self {
            Self::Bytes { .. } => sha256(&mut open()?).map_err(anyhow::Error::from),
            Self::Unpacked { .. } => {
                sha256(&mut MultiGzDecoder::new(open()?)).context("it does not decompress")
            }
            Self::Members { suffix, .. } => listing(path, name, suffix)
                .and_then(|listing| sha256(&mut listing.as_bytes()).context("a slice can be read")),
        };
        found.with_context(|| format!("cannot read `{}`", path.display()))
    }
}

/// The listing that `LC_ALL=C sha256sum *SUFFIX` prints in the folder of the members.
fn listing(path: &Path, name: &str, suffix: &str) -> Result<String> {
    let mut members = BTreeMap::new();
    archive::for_each_file(path, name, |member, content| {
        if member.ends_with(suffix) {
            let name = member.rsplit('/').next().unwrap_or(member).to_owned();
            members.insert(name, sha256(content)?);
        }
        Ok(())
    })?;
    Ok(members
        .iter()
        .fold(String::new(), |mut listing, (name, sum)| {
            let _ = writeln!(listing, "{sum}  {name}"); // writing to a String cannot fail
            listing
        }))
}

/// The sum of all that is left to read, as 64 hexadecimal digits.
pub(crate) fn sha256(content: &mut dyn Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .fold(String::new(), |mut sum, byte| {
            let _ = write!(sum, "{byte:02x}"); // writing to a String cannot fail
            sum
        }))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// `printf abc | sha256sum`
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn gz(content: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_sum_is_that_of_sha256sum() {
        assert_eq!(sha256(&mut &b"abc"[..]).unwrap(), ABC);
    }

    #[test]
    fn compression_does_not_change_the_sum_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.gz");
        for level in [0, 9] {
            std::fs::write(&path, gz(b"abc", level)).unwrap();
            assert_eq!(
                Check::Unpacked { sha256: ABC }
                    .found(&path, "abc.gz")
                    .unwrap(),
                ABC
            );
        }
        std::fs::write(&path, &gz(b"abc", 9)[..12]).unwrap();
        let error = Check::Unpacked { sha256: ABC }
            .found(&path, "abc.gz")
            .unwrap_err();
        assert!(
            format!("{error:#}").contains("it does not decompress"),
            "{error:#}"
        );
    }

    #[test]
    fn order_and_folders_of_members_do_not_change_the_sum_of_the_listing() {
        let folder = tempfile::tempdir().unwrap();
        let tar = |names: &[&str]| {
            let mut builder = tar::Builder::new(Vec::new());
            for name in names {
                let mut header = tar::Header::new_gnu();
                header.set_size(3);
                builder.append_data(&mut header, name, &b"abc"[..]).unwrap();
            }
            gz(&builder.into_inner().unwrap(), 6)
        };
        let path = folder.path().join("part");
        std::fs::write(&path, tar(&["x/b.wav", "x/a.wav", "readme"])).unwrap();
        let listed = listing(&path, "x.tar.gz", ".wav").unwrap();
        assert_eq!(listed, format!("{ABC}  a.wav\n{ABC}  b.wav\n"));
        std::fs::write(&path, tar(&["a.wav", "y/b.wav"])).unwrap();
        assert_eq!(listing(&path, "x.tar.gz", ".wav").unwrap(), listed);
    }
}
