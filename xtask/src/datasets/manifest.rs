//! The manifests `datasets/<name>.toml`: what a dataset is, where its files come from, their sums.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::checksum::Check;

const TASKS: [&str; 4] = ["classification", "regression", "forecast", "text"];
const KINDS: [&str; 10] = [
    "idx",
    "table",
    "forecast",
    "ts",
    "text",
    "cifar",
    "wav",
    "images",
    "documents",
    "characters",
];

/// A known dataset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// What `--data` takes; the manifest's own file name.
    pub(crate) name: String,
    /// One line for people.
    pub(crate) title: String,
    /// One of [`TASKS`].
    pub(crate) task: String,
    /// Size and form, for people.
    #[serde(default)]
    pub(crate) shape: String,
    /// Under which it may be used.
    pub(crate) licence: String,
    /// Who made it, and where it is described.
    pub(crate) origin: String,
    /// Whether it lies in the repository.
    pub(crate) shipped: bool,
    /// The kind of source that reads it, one of [`KINDS`].
    pub(crate) kind: String,
    /// Defaults of the reader, whose business they are.
    #[serde(default, rename = "options")]
    pub(crate) _options: toml::Table,
    /// Not empty.
    pub(crate) files: Vec<ManifestFile>,
}

/// A file of a dataset.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ManifestFile {
    /// Its name in the dataset's folder.
    pub(crate) path: String,
    /// Where it is published; absent where only mirrors have it.
    pub(crate) url: Option<String>,
    /// The file's name inside the archive at `url`.
    pub(crate) member: Option<String>,
    /// Lines at the start of what `url` gives that are no data.
    pub(crate) skip_lines: usize,
    /// Where a mirror has it, if not at `<name>/<path>`.
    pub(crate) mirror: Option<String>,
    /// Its length; near it where the sum is not one of the bytes as they lie there.
    pub(crate) bytes: u64,
    /// Sum of the bytes as they lie there.
    pub(crate) sha256: Option<String>,
    /// Sum of the decompressed content, which is then what is checked.
    pub(crate) sha256_unpacked: Option<String>,
    /// Sum of the listing of an archive's members, which is then what is checked.
    pub(crate) sha256_members: Option<String>,
    /// How the names of the members end that the listing is about.
    pub(crate) members: String,
}

impl Manifest {
    /// Length of all files together.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn validate(&self) -> Result<()> {
        ensure!(
            !self.name.is_empty() && self.name.chars().all(is_name_char),
            "the name `{}` has other characters than a-z, 0-9 and -",
            self.name
        );
        for (key, text) in [
            ("title", &self.title),
            ("licence", &self.licence),
            ("origin", &self.origin),
        ] {
            ensure!(!text.trim().is_empty(), "`{key}` is empty");
        }
        ensure!(
            TASKS.contains(&&*self.task),
            "no such task: `{}`; choose from {TASKS:?}",
            self.task
        );
        ensure!(
            KINDS.contains(&&*self.kind),
            "no such kind: `{}`; choose from {KINDS:?}",
            self.kind
        );
        ensure!(!self.files.is_empty(), "there is no `[[files]]`");
        self.files.iter().try_for_each(|file| {
            file.validate()
                .with_context(|| format!("the file `{}`", file.path))
        })
    }
}

/// Datasets give their name to folders and runs.
fn is_name_char(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-')
}

impl ManifestFile {
    /// What must hold for the file to be the right one.
    pub(crate) fn check(&self) -> Check<'_> {
        match (&self.sha256_members, &self.sha256_unpacked, &self.sha256) {
            (Some(sha256), _, _) => Check::Members {
                suffix: &self.members,
                sha256,
            },
            (None, Some(sha256), _) => Check::Unpacked { sha256 },
            (None, None, sha256) => {
                let sha256 = sha256
                    .as_deref()
                    .expect("validated when the manifest was read");
                Check::Bytes { sha256 }
            }
        }
    }

    fn validate(&self) -> Result<()> {
        // A name alone: nothing is ever written outside of the dataset's folder.
        ensure!(is_plain(&self.path), "`path` is not a plain file name");
        let sums = [&self.sha256, &self.sha256_unpacked, &self.sha256_members];
        ensure!(sums.iter().any(|sum| sum.is_some()), "it has no checksum");
        for sum in sums.into_iter().flatten() {
            let hexadecimal = |c: char| matches!(c, '0'..='9' | 'a'..='f');
            ensure!(
                sum.len() == 64 && sum.chars().all(hexadecimal),
                "`{sum}` is not a sha256: 64 digits of 0-9 and a-f"
            );
        }
        ensure!(self.bytes > 0, "`bytes` is missing");
        if let Some(mirror) = &self.mirror {
            ensure!(
                mirror.split('/').all(is_plain),
                "`mirror` is not a relative path"
            );
        }
        if let Some(url) = &self.url {
            ensure!(
                url.starts_with("http://") || url.starts_with("https://"),
                "no address: `{url}`"
            );
            ensure!(
                is_plain(last_segment(url)),
                "`{url}` does not end in a file name"
            );
        } else {
            ensure!(
                self.member.is_none(),
                "`member` needs the `url` of an archive"
            );
        }
        Ok(())
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '?', '#'])
}

/// The file name in an address.
pub(crate) fn last_segment(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Reads one manifest.
///
/// # Errors
/// It cannot be read or parsed, or a value in it does not hold.
pub(crate) fn read(path: &Path) -> Result<Manifest> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    parse(&text, stem).with_context(|| format!("the manifest `{}`", path.display()))
}

fn parse(text: &str, stem: &str) -> Result<Manifest> {
    let manifest: Manifest = toml::from_str(text)?;
    ensure!(
        manifest.name == stem,
        "it calls itself `{}`, its file `{stem}`",
        manifest.name
    );
    manifest.validate()?;
    Ok(manifest)
}

/// All manifests, by name.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Manifest>> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list `{}`", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    let mut manifests: Vec<_> = paths.iter().map(|path| read(path)).collect::<Result<_>>()?;
    manifests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(manifests)
}

/// The manifests called `names`, in that order; all of them where no name is given.
pub(crate) fn choose(mut all: Vec<Manifest>, names: &[String]) -> Result<Vec<Manifest>> {
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen: Vec<Manifest> = Vec::new();
    for name in names {
        if let Some(index) = all.iter().position(|manifest| manifest.name == *name) {
            chosen.push(all.remove(index));
        } else if !chosen.iter().any(|manifest| manifest.name == *name) {
            bail!(
                "no known dataset is called `{name}`{}",
                suggestion(name, &all)
            );
        }
    }
    Ok(chosen)
}

fn suggestion(name: &str, all: &[Manifest]) -> String {
    let likeness =
        |manifest: &&Manifest| strsim::normalized_damerau_levenshtein(name, &manifest.name);
    let nearest = all
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|manifest| likeness(manifest) > 0.6) {
        Some(manifest) => format!("\nhelp: did you mean `{}`?", manifest.name),
        None => "\nhelp: `cargo xtask datasets list` names them all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "toy"
        title = "A toy"
        task = "text"
        licence = "CC0"
        origin = "ours"
        shipped = false
        kind = "text"
        [options]
        anything = 1
        [[files]]
        path = "toy.txt"
        url = "https://example.org/toy.txt"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
        bytes = 3
    "#;

    #[track_caller]
    fn check_refused(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from));
        let error = parse(&GOOD.replace(from, to), "toy").unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = parse(GOOD, "toy").unwrap();
        assert_eq!(manifest.size_bytes(), 3);
        assert!(matches!(manifest.files[0].check(), Check::Bytes { .. }));
    }

    #[test]
    fn bad_manifests_are_refused() {
        check_refused("name = \"toy\"", "name = \"Toy\"", "it calls itself `Toy`");
        check_refused(
            "task = \"text\"",
            "task = \"poetry\"",
            "no such task: `poetry`",
        );
        check_refused(
            "kind = \"text\"",
            "kind = \"scroll\"",
            "no such kind: `scroll`",
        );
        check_refused("\"CC0\"", "\"\"", "`licence` is empty");
        check_refused("shipped", "shiped", "unknown field `shiped`");
        check_refused(
            "\"toy.txt\"",
            "\"../toy.txt\"",
            "`path` is not a plain file name",
        );
        check_refused("\"toy.txt\"", "\"..\"", "`path` is not a plain file name");
        check_refused("sha256 = \"00", "sha256 = \"0", "is not a sha256");
        check_refused("sha256 = \"00", "mirror = \"00", "it has no checksum");
        check_refused("bytes = 3", "", "`bytes` is missing");
        check_refused(
            "bytes = 3",
            "bytes = 3\nmirror = \"../a\"",
            "`mirror` is not a relative",
        );
        check_refused("https://example.org", "file://", "no address: ");
        check_refused("org/toy.txt", "org/", "does not end in a file name");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        let all = || vec![parse(GOOD, "toy").unwrap()];
        let message = choose(all(), &["tyo".to_owned()]).unwrap_err().to_string();
        assert_eq!(
            message,
            "no known dataset is called `tyo`\nhelp: did you mean `toy`?"
        );
        let message = choose(all(), &["mnist".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(message.ends_with("help: `cargo xtask datasets list` names them all"));
    }

    #[test]
    fn a_name_given_twice_counts_once() {
        let all = vec![parse(GOOD, "toy").unwrap()];
        assert_eq!(
            choose(all, &["toy".to_owned(), "toy".to_owned()])
                .unwrap()
                .len(),
            1
        );
    }
}
