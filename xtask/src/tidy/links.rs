//! Relative links in the documents point at files that are there.

use super::Finding;

/// `exists` answers for paths relative to the root.
pub(crate) fn check(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            for target in targets(line) {
                let reason = match resolve(file, target) {
                    None => continue,
                    Some(Err(reason)) => reason,
                    Some(Ok(path)) if exists(&path) => continue,
                    Some(Ok(_)) => "points at nothing",
                };
                let message = format!("the link `{target}` {reason}; correct it");
                findings.push(Finding::new(file, index + 1, message));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and of `[name]: target`, outside of inline code.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    if let Some((name, target)) = line
        .strip_prefix('[')
        .and_then(|line| line.split_once("]: "))
        && !name.contains(']')
    {
        targets.push(first_word(target));
    }
    for (start, _) in line.match_indices("](") {
        let in_code = line[..start].matches('`').count() % 2 == 1;
        let rest = &line[start + 2..];
        if let Some(end) = rest.find(')').filter(|_| !in_code) {
            targets.push(first_word(&rest[..end]));
        }
    }
    targets
}

/// The target without its title and its angle brackets.
fn first_word(target: &str) -> &str {
    let word = target.split_whitespace().next().unwrap_or_default();
    word.trim_start_matches('<').trim_end_matches('>')
}

/// The path that a target in `file` means; nothing where it is no path.
fn resolve(file: &str, target: &str) -> Option<Result<String, &'static str>> {
    let path = target.split('#').next().unwrap_or_default();
    // Addresses, places in the same document, and names of Rust items in a crate's document.
    if path.is_empty() || path.contains(':') {
        return None;
    }
    if path.starts_with('/') {
        return Some(Err("is absolute"));
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." if parts.pop().is_none() => return Some(Err("leads out of the repository")),
            "" | "." | ".." => {}
            _ => parts.push(part),
        }
    }
    Some(Ok(parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_messages(text: &str, expected: &[&str]) {
        let exists = |path: &str| ["README.md", "crates/a/src", "crates/a/b.md"].contains(&path);
        let findings = check("crates/a/README.md", text, exists);
        let found: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        check_messages(
            "[a](b.md) and [c](../../README.md#d \"title\") and [e](src/)",
            &[],
        );
        check_messages(
            "[a](https://example.org) [b](#c) [d](crate::E) <https://f.org>",
            &[],
        );
        check_messages("`[a](gone.md)`\n```\n[a](gone.md)\n```\n[a]: b.md", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let nowhere = "crates/a/README.md:2: the link `gone.md` points at nothing; correct it";
        check_messages("# A\nsee [a](b.md) or [b](gone.md)\n", &[nowhere]);
        check_messages("\n[a]: gone.md", &[nowhere]);
        let out = "the link `../../../x` leads out of the repository; correct it";
        check_messages(
            "[a](../../../x)",
            &[&format!("crates/a/README.md:1: {out}")],
        );
        let absolute = "crates/a/README.md:1: the link `/x` is absolute; correct it";
        check_messages("[a](/x)", &[absolute]);
    }
}
