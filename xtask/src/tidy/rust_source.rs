//! A Rust file as the rules see it: its code without comments and literals, and which lines are tests.

/// One `.rs` file.
pub(crate) struct RustSource<'a> {
    /// Relative to the root, with `/`.
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    /// The text line by line, with blanks for comments and the content of literals.
    code: Vec<String>,
    /// For each line, whether it belongs to a test.
    in_test: Vec<bool>,
}

impl<'a> RustSource<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let code = blank_out(text);
        let in_test = if is_test_file(file) {
            vec![true; text.lines().count()]
        } else {
            test_lines(&code)
        };
        Self {
            file,
            text,
            code: code.lines().map(str::to_owned).collect(),
            in_test,
        }
    }

    /// Line number (from 1) and code of every line.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line.as_str()))
    }

    /// Whether the line with this number (from 1) belongs to a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.in_test.get(line - 1).copied().unwrap_or(false)
    }
}

/// Test files are known by where they lie or by their name.
fn is_test_file(file: &str) -> bool {
    file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("/tests.rs")
}

/// Whether `word` stands in `code`, not as a part of a longer one.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(start, _)| {
        !code[..start].ends_with(is_part) && !code[start + word.len()..].starts_with(is_part)
    })
}

/// Replaces comments, strings and characters by blanks; keeps the lines.
fn blank_out(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_identifier = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hidden = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment_length(rest),
            '"' => string_length(rest),
            'r' | 'b' | 'c' if !after_identifier => prefixed_literal_length(rest),
            '\'' => char_length(rest),
            _ => 0,
        };
        let shown = if hidden == 0 { first.len_utf8() } else { 0 };
        code.push_str(&rest[..shown]);
        code.extend(
            rest[shown..hidden.max(shown)]
                .chars()
                .map(|c| if c == '\n' { c } else { ' ' }),
        );
        rest = &rest[hidden.max(shown)..];
    }
    code
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the literal that opens with a quote, up to the same quote unescaped.
fn string_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if Some(c) == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Length of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`, `b'…'`; 0 where none begins here.
fn prefixed_literal_length(text: &str) -> usize {
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let raw = text[..prefix].ends_with('r');
    let opening = &text[prefix..];
    let hashes = opening.len() - opening.trim_start_matches('#').len();
    let quoted = &opening[hashes..];
    if prefix > 2
        || !quoted.starts_with(['"', '\''])
        || (quoted.starts_with('\'') && text[..prefix] != *"b")
    {
        return 0;
    }
    if !raw {
        return if hashes == 0 {
            prefix + string_length(quoted)
        } else {
            0
        };
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let body = prefix + hashes + 1;
    text[body..]
        .find(&closing)
        .map_or(text.len(), |at| body + at + closing.len())
}

/// Length of a character literal; 0 where the quote begins a lifetime.
fn char_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => string_length(text),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// For each line of blanked code, whether it belongs to an item under `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<bool> {
    const MARK: &str = "#[cfg(test)]";
    let mut in_test = vec![false; code.lines().count()];
    let line_of = |at: usize| code[..at].matches('\n').count();
    for (start, _) in code.match_indices(MARK) {
        let end = item_end(code, start + MARK.len());
        for line in line_of(start)..=line_of(end) {
            if let Some(line) = in_test.get_mut(line) {
                *line = true;
            }
        }
    }
    in_test
}

/// Where the item that begins at `start` ends: at its `;`, or at the brace that closes its first.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            ';' if depth == 0 => return start + at,
            '{' | '(' | '[' => depth += 1,
            '}' if depth <= 1 => return start + at,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_code(text: &str, expected: &str) {
        assert_eq!(
            blank_out(text)
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            expected
        );
        assert_eq!(blank_out(text).lines().count(), text.lines().count());
    }

    #[test]
    fn comments_and_literals_are_blanked_out() {
        check_code("a // b\nc", "a c");
        check_code("a /* b /* c */\n d */ e", "a e");
        check_code(r#"f("b \" c", 'd', '\'', b'e') g"#, "f( , , , ) g");
        check_code("f(r#\"b \" c\"#, br\"\\\", c\"x\") g", "f( , , ) g");
        check_code("fn f<'a>(x: &'a str) -> bar", "fn f<'a>(x: &'a str) -> bar");
        check_code("r#type b crb + \"ü\" d", "r#type b crb + d");
        check_code("\"never closed", "");
    }

    #[test]
    fn tests_are_known_by_attribute_and_by_file() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n";
        let source = RustSource::new("crates/x/src/a.rs", text);
        let tests: Vec<_> = (1..=6).filter(|&line| source.is_test(line)).collect();
        assert_eq!(tests, [2, 3, 4, 5]);
        let source = RustSource::new("a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n");
        assert!(source.is_test(2) && !source.is_test(3));
        let text = "#[cfg(test)]\nfn a(b: [u8; 3])\n{ (c) }\nfn d() {}\n";
        let source = RustSource::new("a.rs", text);
        assert!(source.is_test(3) && !source.is_test(4));
        assert!(RustSource::new("crates/x/src/a/tests.rs", "fn a() {}").is_test(1));
        assert!(RustSource::new("crates/x/tests/a.rs", "fn a() {}").is_test(1));
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("(unsafe {", "unsafe"));
        assert!(!has_word("unsafe_code, an_unsafe", "unsafe"));
    }
}
