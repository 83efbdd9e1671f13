//! `cargo xtask datasets list`: what is known, and what of it is here.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;

use super::manifest::{self, Manifest};
use super::{data_folder, manifest_folder};

/// Lists the known datasets and where each one is
#[derive(Args)]
pub(crate) struct Options {
    /// Folder of the fetched datasets, where it is not `data`
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut manifests = manifest::read_all(&manifest_folder())?;
    manifests.sort_by_key(|manifest| !manifest.shipped);
    let folder = data_folder(options.from.as_deref());
    println!(
        "{:<20} {:<14} {:>10}  {:<12} description",
        "name", "task", "size", "state"
    );
    for manifest in &manifests {
        println!("{}", line(manifest, state(manifest, &folder)));
    }
    Ok(())
}

fn line(manifest: &Manifest, state: &str) -> String {
    let Manifest {
        name,
        title,
        task,
        shape,
        licence,
        ..
    } = manifest;
    let size = HumanBytes(manifest.size_bytes()).to_string();
    let shape = if shape.is_empty() {
        String::new()
    } else {
        format!(": {shape}")
    };
    format!("{name:<20} {task:<14} {size:>10}  {state:<12} {title}{shape} ({licence})")
}

fn state(manifest: &Manifest, folder: &Path) -> &'static str {
    if manifest.shipped {
        return "shipped";
    }
    let here =
        |file: &&manifest::ManifestFile| folder.join(&manifest.name).join(&file.path).is_file();
    match manifest.files.iter().filter(here).count() {
        0 => "not fetched",
        count if count == manifest.files.len() => "fetched",
        _ => "incomplete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_name_state_and_licence() {
        let manifest = manifest::read(&manifest_folder().join("mnist.toml")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(&manifest, folder.path()), "not fetched");
        let mine = folder.path().join("mnist");
        std::fs::create_dir(&mine).unwrap();
        std::fs::write(mine.join("train-images-idx3-ubyte.gz"), "").unwrap();
        assert_eq!(state(&manifest, folder.path()), "incomplete");
        let line = line(&manifest, "incomplete");
        assert!(
            line.starts_with("mnist ") && line.contains("  incomplete "),
            "{line}"
        );
        assert!(line.contains("11.06 MiB") && line.ends_with(&format!("({})", manifest.licence)));
    }
}
