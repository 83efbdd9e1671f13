//! No file names a folder of the machine it was written on.

use super::rust_source::RustSource;
use super::{Finding, has_extension};

/// Folders at the root of somebody's machine.
const FOLDERS: [&str; 6] = ["work", "root", "home", "tmp", "Users", "mnt"];

pub(crate) fn check_text(file: &str, text: &str) -> Vec<Finding> {
    // The content of a dataset is not ours to write.
    if file.starts_with("datasets/") && !has_extension(file, "toml") {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(index, line)| check_line(file, index + 1, line))
        .collect()
}

/// As [`check_text`], but a test may name what it likes.
pub(crate) fn check_source(source: &RustSource<'_>) -> Vec<Finding> {
    let mut findings = check_text(source.file, source.text);
    findings.retain(|finding| !source.is_test(finding.line));
    findings
}

fn check_line(file: &str, number: usize, line: &str) -> Option<Finding> {
    let folder = FOLDERS.into_iter().find(|folder| {
        line.match_indices(&format!("/{folder}/"))
            .any(|(start, _)| {
                // After one of these the slash is in the middle of an address or a relative path.
                !line[..start].ends_with(|c: char| c.is_alphanumeric() || "._-~*}>)".contains(c))
            })
    })?;
    let message = format!(
        "a path below /{folder} is of one machine only; make it relative, or let the user give it"
    );
    Some(Finding::new(file, number, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_finding(line: &str, expected: bool) {
        assert_eq!(!check_text("a.md", line).is_empty(), expected, "{line}");
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        check_finding("see /home/me/a.txt", true);
        check_finding("open(\"/tmp/a\")", true);
        check_finding("`/Users/me`", true);
        check_finding(
            "https://example.org/home/a and ./tmp/a and $HOME/tmp/a",
            false,
        );
        check_finding("a homework", false);
    }

    #[test]
    fn tests_and_the_content_of_datasets_may_name_any_path() {
        let text = "#[cfg(test)]\nmod tests {\n const A: &str = \"/tmp/a\";\n}\n";
        assert_eq!(
            check_source(&RustSource::new("crates/x/src/a.rs", text)),
            []
        );
        assert_eq!(check_text("datasets/a/a.csv", "/tmp/a"), []);
        assert!(!check_text("datasets/a.toml", "/tmp/a").is_empty());
    }
}
