//! `cargo xtask tidy`: holds the sources to the rules that no compiler checks.

mod arrows;
mod headers;
mod links;
mod machine_paths;
mod manifests;
mod module_names;
mod public_files;
mod rust_source;
mod unsafe_code;
mod words;

use std::fmt;

use anyhow::{Context, Result, bail};

use crate::workspace;
use rust_source::RustSource;

/// A rule that does not hold at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the root.
    file: String,
    /// From 1.
    line: usize,
    /// What is wrong; what to do.
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

pub(crate) fn run() -> Result<()> {
    let mut findings = check_workspace()?;
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("tidy: one rule does not hold"),
        count => bail!("tidy: rules do not hold at {count} places"),
    }
}

fn check_workspace() -> Result<Vec<Finding>> {
    let files = workspace::files()?;
    let mut findings = public_files::check(&files);
    findings.extend(module_names::check(&files));
    findings.extend(arrows::check(&workspace::metadata()?));
    findings.extend(manifests::check(&workspace::root().join("datasets"))?);
    for file in &files {
        let bytes = std::fs::read(workspace::root().join(file))
            .with_context(|| format!("cannot read `{file}`"))?;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            findings.extend(check_text(file, text));
        }
    }
    let exists = |path: &str| workspace::root().join(path).exists();
    for file in files.iter().filter(|file| has_extension(file, "md")) {
        let text = std::fs::read_to_string(workspace::root().join(file))
            .with_context(|| format!("cannot read `{file}`"))?;
        findings.extend(links::check(file, &text, exists));
    }
    Ok(findings)
}

/// The rules about one file and nothing else.
fn check_text(file: &str, text: &str) -> Vec<Finding> {
    if !has_extension(file, "rs") {
        return machine_paths::check_text(file, text);
    }
    let source = RustSource::new(file, text);
    let mut findings = Vec::from_iter(headers::check(&source));
    findings.extend(words::check(&source));
    findings.extend(unsafe_code::check(&source));
    findings.extend(machine_paths::check_source(&source));
    findings
}

fn has_extension(file: &str, extension: &str) -> bool {
    file.rsplit_once('.')
        .is_some_and(|(_, found)| found == extension)
}
