//! What a visitor looks for first is there.

use super::Finding;

const PUBLIC: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

pub(crate) fn check(files: &[String]) -> Vec<Finding> {
    let missing = PUBLIC
        .iter()
        .filter(|name| !files.iter().any(|file| file == *name));
    missing
        .map(|name| Finding::new(name, 1, "the file is missing; write it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_found() {
        let mut files = PUBLIC.map(str::to_owned).to_vec();
        assert_eq!(check(&files), []);
        files.remove(3);
        assert_eq!(
            check(&files)[0].to_string(),
            "CHANGELOG.md:1: the file is missing; write it"
        );
    }
}
