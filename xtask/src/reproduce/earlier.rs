//! What `RESULTS.md` says already, of rows whose outcomes are not kept.

use std::fs;

use super::report::COLUMNS;
use crate::{sections, workspace};

/// The document as it was.
pub(crate) struct Earlier(String);

impl Earlier {
    /// Empty where there is none.
    pub(crate) fn read() -> Self {
        Self(fs::read_to_string(workspace::root().join("RESULTS.md")).unwrap_or_default())
    }

    /// The line of a row, by the title in its first cell.
    pub(crate) fn line(&self, title: &str) -> Option<[String; COLUMNS]> {
        let cells = |line: &str| -> Option<[String; COLUMNS]> {
            let line = line.strip_prefix('|')?.strip_suffix('|')?;
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            cells.try_into().ok()
        };
        let mut lines = self.0.lines().filter_map(cells);
        lines.find(|cells| cells[0] == title)
    }

    /// A section by its heading.
    pub(crate) fn section(&self, heading: &str) -> Option<String> {
        sections::section(&self.0, heading).map(|section| section.to_owned() + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_sections_are_found_again() {
        let cells = ["MNIST, MLP", "1.25", "", "", "1.28 % ± 0.01"];
        let mut line = cells.map(str::to_owned).to_vec();
        line.resize(COLUMNS, "-".to_owned());
        let text = format!("# Results\n\n|{}|\n\n## Depth\n\ntext\n", line.join(" | "));
        let earlier = Earlier(text);
        assert_eq!(earlier.line("MNIST, MLP").unwrap().to_vec(), line);
        assert_eq!(earlier.line("MNIST"), None);
        assert_eq!(earlier.section("Depth").unwrap(), "## Depth\n\ntext\n");
    }
}
