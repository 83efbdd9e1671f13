//! `cargo xtask datasets verify`: are the files that are here the ones we know?

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::checksum::Check;
use super::manifest::{self, Manifest, ManifestFile};
use super::{data_folder, manifest_folder, readable};

/// Checks the files that are here against their manifests
#[derive(Args)]
pub(crate) struct Options {
    /// Datasets to verify; all that are here where no name is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Folder of the fetched datasets, where it is not `data`
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = manifest::choose(manifest::read_all(&manifest_folder())?, &options.names)?;
    let fetched = data_folder(options.from.as_deref());
    let mut wrong = 0;
    for manifest in &chosen {
        let folder = if manifest.shipped {
            manifest_folder()
        } else {
            fetched.clone()
        };
        let folder = folder.join(&manifest.name);
        let verdicts = verdicts(manifest, &folder);
        let absent = verdicts
            .iter()
            .all(|(_, verdict)| *verdict == Verdict::Missing);
        if absent && !manifest.shipped && options.names.is_empty() {
            println!("not fetched  {}", manifest.name);
            continue;
        }
        for (path, verdict) in verdicts {
            println!("{:<11}  {}", verdict.label(), readable(&path));
            if verdict != Verdict::Right {
                eprintln!("error: `{}` {}", readable(&path), verdict.explain(manifest));
                wrong += 1;
            }
        }
    }
    match wrong {
        0 => Ok(()),
        1 => bail!("one file is not right"),
        _ => bail!("{wrong} files are not right"),
    }
}

/// What is to say about a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Right,
    Missing,
    /// The reason.
    Wrong(String),
}

impl Verdict {
    fn label(&self) -> &'static str {
        match self {
            Self::Right => "ok",
            Self::Missing => "missing",
            Self::Wrong(_) => "wrong",
        }
    }

    /// What is wrong, and what to do.
    pub(crate) fn explain(&self, manifest: &Manifest) -> String {
        let remedy = if manifest.shipped {
            "restore it with git, or correct the manifest".to_owned()
        } else {
            format!("run `cargo xtask datasets fetch {}`", manifest.name)
        };
        match self {
            Self::Right => "is right".to_owned(),
            Self::Missing => format!("is missing; {remedy}"),
            Self::Wrong(reason) => format!("is not the file we know: {reason}; {remedy}"),
        }
    }
}

/// Looks at every file of a dataset in `folder`.
pub(crate) fn verdicts(manifest: &Manifest, folder: &Path) -> Vec<(PathBuf, Verdict)> {
    let verdict = |file: &ManifestFile| {
        let path = folder.join(&file.path);
        let verdict = look(&path, file);
        (path, verdict)
    };
    manifest.files.iter().map(verdict).collect()
}

fn look(path: &Path, file: &ManifestFile) -> Verdict {
    let Ok(metadata) = path.metadata() else {
        return Verdict::Missing;
    };
    let check = file.check();
    if matches!(check, Check::Bytes { .. }) && metadata.len() != file.bytes {
        return Verdict::Wrong(format!("{} bytes, {} expected", metadata.len(), file.bytes));
    }
    match check.found(path, &file.path) {
        Ok(found) if found == check.expected() => Verdict::Right,
        Ok(found) => Verdict::Wrong(format!(
            "its sha256 is {found}, {} is expected",
            check.expected()
        )),
        Err(error) => Verdict::Wrong(format!("{:#}", error.root_cause())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[track_caller]
    fn check(content: Option<&str>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let file = ManifestFile {
            sha256: Some(ABC.into()),
            bytes: 3,
            ..ManifestFile::default()
        };
        let verdict = look(&path, &file);
        assert!(format!("{verdict:?}").contains(expected), "{verdict:?}");
    }

    #[test]
    fn right_missing_short_and_altered_files_are_told_apart() {
        check(Some("abc"), "Right");
        check(None, "Missing");
        check(Some("ab"), "2 bytes, 3 expected");
        check(Some("abd"), "its sha256 is a52d159f");
    }
}
