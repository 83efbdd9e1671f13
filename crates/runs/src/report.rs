//! The report of a run: what it holds, and the page that a person looks at.
//!
//! Whoever can look inside a network fills a [`Report`]; from there on all is plain data. The page
//! is one file: it needs no network, no script, and no other file.

mod learning;
mod model;
mod picture;

mod page;
mod plot;
mod words;

mod exhibit;
mod figure;

mod compare;
mod dreams;
mod errors;
mod findings;
mod hierarchy;
mod layers;
mod learning_section;
mod mistakes;
mod reproduce;
mod text;
mod trust;
mod verdict;

pub use compare::{AnswerComparison, ComparedRun, Comparison, Similarity};
pub use learning::{Curve, Learning};
pub use model::*;
pub use page::cases_page;
pub use picture::Picture;

use crate::{RunDir, RunError, write_atomic};

impl Report {
    /// The whole page.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::page(self).into_string()
    }

    /// Writes `report.html` and `report.json` into the run.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, run: &RunDir) -> Result<(), RunError> {
        let json = serde_json::to_vec(self).map_err(|error| {
            RunError::io("write", &run.report_json())(std::io::Error::other(error))
        })?;
        write_atomic(&run.report_json(), &json)?;
        write_atomic(&run.report(), self.to_html().as_bytes())
    }
}
