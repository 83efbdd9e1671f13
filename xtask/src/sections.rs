//! Sections of the documents that commands write: each command replaces its own.

use std::ops::Range;

/// Where a section lies, from its heading, which is given without the marks before it, to the next one.
fn place(document: &str, heading: &str) -> Option<Range<usize>> {
    let begin = document.find(&format!("\n## {heading}\n"))? + 1;
    let next = document[begin..].find("\n## ");
    Some(begin..next.map_or(document.len(), |next| begin + next + 1))
}

/// The section with its heading, without the empty lines behind it.
pub(crate) fn section<'a>(document: &'a str, heading: &str) -> Option<&'a str> {
    place(document, heading).map(|place| document[place].trim_end())
}

/// The document with this section in place of the one with its heading, or at its end.
pub(crate) fn with_section(document: &str, heading: &str, body: &str) -> String {
    let section = format!("## {heading}\n\n{}\n", body.trim());
    let (before, after) = match place(document, heading) {
        Some(place) => (&document[..place.start], &document[place.end..]),
        None => (document, ""),
    };
    let parts = [before.trim(), section.trim(), after.trim()];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_replaced_and_added() {
        let document = "# Results\n\n## Depth\n\ntext\n\n## Last\n\nmore\n";
        assert_eq!(section(document, "Depth"), Some("## Depth\n\ntext"));
        assert_eq!(section(document, "Last"), Some("## Last\n\nmore"));
        assert_eq!(section(document, "Width"), None);
        let replaced = with_section(document, "Depth", "other\n");
        assert_eq!(replaced, document.replace("text", "other"));
        let added = with_section(document, "Width", "new");
        assert_eq!(added, format!("{document}\n## Width\n\nnew\n"));
    }
}
