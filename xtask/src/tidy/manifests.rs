//! Every manifest of a dataset is whole, and every shipped file is the one it names.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Finding, has_extension};
use crate::datasets::{Verdict, read_manifest, verdicts};

/// Looks at all of `folder`, the `datasets` of the workspace.
pub(crate) fn check(folder: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = format!("datasets/{name}");
        if path.is_dir() {
            if !folder.join(format!("{name}.toml")).is_file() {
                let message = "the dataset has no manifest; write one beside its folder";
                findings.push(Finding::new(&file, 1, message));
            }
            continue;
        }
        if !has_extension(&name, "toml") {
            continue;
        }
        match read_manifest(&path) {
            Err(error) => {
                let reason = error.root_cause().to_string().replace('\n', " ");
                findings.push(Finding::new(
                    &file,
                    1,
                    format!("{reason}; correct the manifest"),
                ));
            }
            Ok(manifest) if manifest.shipped => {
                for (path, verdict) in verdicts(&manifest, &folder.join(&manifest.name)) {
                    if verdict != Verdict::Right {
                        let path = path.file_name().unwrap_or_default().display().to_string();
                        let message = format!("`{path}` {}", verdict.explain(&manifest));
                        findings.push(Finding::new(&file, 1, message));
                    }
                }
            }
            Ok(_) => {}
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOY: &str = r#"
        name = "toy"
        title = "A toy"
        task = "text"
        licence = "CC0"
        origin = "ours"
        shipped = true
        kind = "text"
        [[files]]
        path = "toy.txt"
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        bytes = 3
    "#;

    #[track_caller]
    fn check_messages(manifest: &str, content: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("toy.toml"), manifest).unwrap();
        std::fs::create_dir(folder.path().join("toy")).unwrap();
        std::fs::write(folder.path().join("toy/toy.txt"), content).unwrap();
        let findings = check(folder.path()).unwrap();
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.to_string().contains(expected), "{finding}");
        }
    }

    #[test]
    fn altered_files_and_bad_manifests_are_found() {
        check_messages(TOY, "abc", &[]);
        check_messages(
            TOY,
            "abd",
            &["datasets/toy.toml:1: `toy.txt` is not the file we know"],
        );
        check_messages(
            &TOY.replace("toy.txt", "b.txt"),
            "abc",
            &["`b.txt` is missing"],
        );
        check_messages(
            &TOY.replace("\"CC0\"", "CC0"),
            "abc",
            &["correct the manifest"],
        );
        check_messages(
            &TOY.replace("\"toy\"", "\"top\""),
            "abc",
            &["calls itself `top`"],
        );
    }

    #[test]
    fn a_folder_without_a_manifest_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("toy")).unwrap();
        let finding = check(folder.path()).unwrap().remove(0).to_string();
        assert!(
            finding.starts_with("datasets/toy:1: the dataset has no manifest"),
            "{finding}"
        );
    }
}
