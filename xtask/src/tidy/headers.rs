//! Every Rust file begins by saying its job.

use super::Finding;
use super::rust_source::RustSource;

pub(crate) fn check(source: &RustSource<'_>) -> Option<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first
        .strip_prefix("//!")
        .is_some_and(|job| !job.trim().is_empty());
    if says || first.starts_with("#![doc") {
        return None;
    }
    let message = "the file does not say its job; begin it with `//! ` and one sentence";
    Some(Finding::new(source.file, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_finding(text: &str, expected: bool) {
        assert_eq!(
            check(&RustSource::new("a.rs", text)).is_some(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        check_finding("//! The job.\n", false);
        check_finding("#![doc = include_str!(\"../README.md\")]\n", false);
        check_finding("use std::fs;\n", true);
        check_finding("\n//! Too late.\n", true);
        check_finding("//!\n", true);
        check_finding("", true);
    }
}
