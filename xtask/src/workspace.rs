//! The workspace: its folder, its files, and what cargo knows of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The folder of the root manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// The cargo that runs us, else the one on the path.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What `cargo metadata` says of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

/// One of our packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package asks for, for building or for its tests.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
}

/// Asks cargo; without the network.
pub(crate) fn metadata() -> Result<Metadata> {
    let mut command = cargo();
    command.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = command.output().context("cannot start `cargo metadata`")?;
    if !output.status.success() {
        bail!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")
}

/// Builds `fornax`, and says where it is; cargo tells its progress itself.
pub(crate) fn build_program() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "--package", "fornax-trainer"]);
    command.args(["--bin", "fornax"]);
    let status = command.status().context("cannot start `cargo build`")?;
    if !status.success() {
        bail!("the program does not build; cargo's reason stands above");
    }
    let name = format!("fornax{}", std::env::consts::EXE_SUFFIX);
    Ok(metadata()?.target_directory.join("release").join(name))
}

/// The files that git tracks or would track, relative to the root, sorted; in a copy without git
/// all files but those in `target` and in hidden folders.
pub(crate) fn files() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root());
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let mut files = match git.output() {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .context("a file name is not UTF-8; rename it")?
            .split_terminator('\0')
            .map(str::to_owned)
            .collect(),
        _ => walk(root())?,
    };
    // A file that is deleted but not yet committed is still listed by git.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = folder
            .read_dir()
            .with_context(|| format!("cannot list `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                let built = folder == root && ["target", "data", "runs"].contains(&&*name);
                let hidden =
                    name.starts_with('.') && ![".cargo", ".ci", ".github"].contains(&&*name);
                if !built && !hidden {
                    folders.push(path);
                }
            } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                files.push(relative.replace('\\', "/"));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{files, metadata, root, walk};

    #[test]
    fn cargo_knows_our_packages() {
        assert!(
            metadata()
                .unwrap()
                .packages
                .iter()
                .any(|package| package.name == "xtask")
        );
    }

    #[test]
    fn a_walk_finds_what_git_finds_and_nothing_built() {
        let walked = walk(root()).unwrap();
        assert!(walked.iter().any(|file| file == "xtask/src/workspace.rs"));
        assert!(!walked.iter().any(|file| file.starts_with("target/")));
        assert!(
            files()
                .unwrap()
                .iter()
                .any(|file| file == "xtask/src/workspace.rs")
        );
    }
}
