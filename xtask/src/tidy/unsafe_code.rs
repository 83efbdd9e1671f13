//! `unsafe` lives in the kernels crate alone.

use super::Finding;
use super::rust_source::{RustSource, has_word};

const HOME: &str = "crates/kernels/";

pub(crate) fn check(source: &RustSource<'_>) -> Vec<Finding> {
    if source.file.starts_with(HOME) {
        return Vec::new();
    }
    let message = format!("`unsafe` outside of {HOME}; write it safely, or move it there");
    let is_unsafe = |(_, code): &(usize, &str)| has_word(code, "unsafe");
    let findings = source.code_lines().filter(is_unsafe);
    findings
        .map(|(line, _)| Finding::new(source.file, line, message.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(file: &str, text: &str, expected: &[usize]) {
        let findings = check(&RustSource::new(file, text));
        assert_eq!(
            findings
                .iter()
                .map(|finding| finding.line)
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn unsafe_code_is_found_outside_of_the_kernels() {
        check_lines(
            "crates/cnn/src/a.rs",
            "fn a() {\n    unsafe { b() }\n}\n",
            &[2],
        );
        check_lines("crates/kernels/src/a.rs", "unsafe { b() }", &[]);
        check_lines(
            "crates/cnn/src/a.rs",
            "// unsafe\n#![forbid(unsafe_code)]",
            &[],
        );
    }
}
