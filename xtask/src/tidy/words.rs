//! Nothing unfinished is left in the code, and no crate unwraps outside of its tests.

use super::Finding;
use super::rust_source::{RustSource, has_word};

/// Macros of work in progress.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(crate) fn check(source: &RustSource<'_>) -> Vec<Finding> {
    let in_crate = source.file.starts_with("crates/") && source.file.contains("/src/");
    let mut findings = Vec::new();
    for (line, code) in source.code_lines() {
        for word in UNFINISHED {
            if code.contains(&format!("{word}!")) && has_word(code, word) {
                let message = format!("`{word}!` is left here; finish it or take it out");
                findings.push(Finding::new(source.file, line, message));
            }
        }
        if in_crate && !source.is_test(line) && code.contains(".unwrap()") {
            let message = "`.unwrap()` outside of tests; return an error, or `expect` with the \
                           reason why it holds";
            findings.push(Finding::new(source.file, line, message));
        }
    }
    findings
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
    fn unfinished_code_is_found_everywhere() {
        check_lines("xtask/src/a.rs", "fn a() {\n    todo!()\n}\n", &[2]);
        check_lines(
            "crates/x/tests/a.rs",
            "fn a() { unimplemented!(\"b\") }",
            &[1],
        );
        check_lines("examples/a.rs", "let x = dbg!(x);", &[1]);
        check_lines("a.rs", "// todo!()\nlet x = \"todo!\"; my_todo!();", &[]);
    }

    #[test]
    fn unwrap_is_found_in_crates_but_not_in_their_tests() {
        let text = "fn a() { b.unwrap() }\n#[cfg(test)]\nmod tests {\n fn c() { d.unwrap() }\n}\n";
        check_lines("crates/x/src/a.rs", text, &[1]);
        check_lines("crates/x/tests/a.rs", text, &[]);
        check_lines(
            "crates/x/src/a.rs",
            "/// `a.unwrap()`\nb.unwrap_or(1);",
            &[],
        );
    }
}
