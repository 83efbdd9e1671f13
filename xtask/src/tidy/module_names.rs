//! A name says what, not how: no module, crate or folder is a drawer for everything.

use super::{Finding, has_extension};

const DRAWERS: [&str; 6] = ["utils", "util", "common", "core", "helpers", "helper"];

pub(crate) fn check(files: &[String]) -> Vec<Finding> {
    let rust = files
        .iter()
        .filter(|file| has_extension(file, "rs") || file.ends_with("Cargo.toml"));
    rust.filter_map(|file| {
        let mut names = file.split('/').map(|part| part.trim_end_matches(".rs"));
        let drawer = names.find(|name| {
            let last = name.rsplit(['-', '_']).next().unwrap_or(name);
            DRAWERS.contains(&last)
        })?;
        let message = format!("`{drawer}` says nothing; name it after what is in it");
        Some(Finding::new(file, 1, message))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_are_found_among_files_folders_and_crates() {
        let files = [
            "crates/x/src/utils.rs",
            "crates/x/tests/common/server.rs",
            "crates/fornax-core/Cargo.toml",
            "crates/x/src/string_helpers.rs",
            "crates/x/src/score.rs",
            "datasets/common.toml",
        ];
        let findings = check(&files.map(str::to_owned));
        let found: Vec<_> = findings
            .iter()
            .map(|finding| finding.file.as_str())
            .collect();
        assert_eq!(found, files[..4]);
    }
}
