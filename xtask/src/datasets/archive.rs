//! Archives: reading the files inside, by name, without ever trusting a path in them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

/// Calls `visit` with the name and the content of every regular file in the archive at `path`,
/// whose kind `name` tells.
///
/// # Errors
/// It is no archive that we read, it is damaged, or `visit` fails.
pub(crate) fn for_each_file(
    path: &Path,
    name: &str,
    mut visit: impl FnMut(&str, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let file = BufReader::new(file);
    let damaged = || format!("`{name}` is damaged");
    if has_ending(name, ".zip") {
        let mut archive = ZipArchive::new(file).with_context(damaged)?;
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).with_context(damaged)?;
            if member.is_file() {
                let name = member.name().with_context(damaged)?.into_owned();
                visit(&name, &mut member)?;
            }
        }
    } else if has_ending(name, ".tar.gz") || has_ending(name, ".tgz") {
        let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
        for member in archive.entries().with_context(damaged)? {
            let mut member = member.with_context(damaged)?;
            if member.header().entry_type().is_file() {
                let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
                visit(&name, &mut member)?;
            }
        }
    } else {
        bail!("`{name}` is no archive that we can open: it ends in neither .zip, .tar.gz nor .tgz");
    }
    Ok(())
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.to_ascii_lowercase().ends_with(ending)
}

/// Calls `take` with the content of the one file called `member`, in whatever folder.
///
/// # Errors
/// As [`for_each_file`]; and where the archive has no such file.
pub(crate) fn take_member(
    path: &Path,
    name: &str,
    member: &str,
    mut take: impl FnMut(&mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut taken = false;
    for_each_file(path, name, |found, content| {
        let same = found
            .strip_suffix(member)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'));
        if same && !taken {
            taken = true;
            take(content)?;
        }
        Ok(())
    })?;
    if !taken {
        bail!("`{name}` holds no file called `{member}`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn zip(members: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in members {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn take(bytes: &[u8], name: &str, member: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let mut text = String::new();
        take_member(&path, name, member, |content| {
            content.read_to_string(&mut text)?;
            Ok(())
        })?;
        Ok(text)
    }

    #[test]
    fn a_member_is_found_in_any_folder() {
        let bytes = zip(&[("a/xb.ts", "wrong"), ("../../a/b.ts", "right"), ("c", "")]);
        assert_eq!(take(&bytes, "a.zip", "b.ts").unwrap(), "right");
    }

    #[test]
    fn a_missing_member_and_a_damaged_archive_are_said() {
        let bytes = zip(&[("a", "a")]);
        let message = take(&bytes, "a.zip", "b").unwrap_err().to_string();
        assert_eq!(message, "`a.zip` holds no file called `b`");
        let message = take(&bytes[..bytes.len() / 2], "a.zip", "b")
            .unwrap_err()
            .to_string();
        assert_eq!(message, "`a.zip` is damaged");
        let message = take(b"not gzip", "a.tar.gz", "b").unwrap_err().to_string();
        assert_eq!(message, "`a.tar.gz` is damaged");
        assert!(
            take(b"", "a.rar", "b")
                .unwrap_err()
                .to_string()
                .contains("no archive")
        );
    }
}
