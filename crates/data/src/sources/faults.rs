//! Files among many that cannot be used: refused together, or left out as told.

use super::Opening;
use crate::DataError;

/// Faulty files that a message names.
const NAMED: usize = 5;

/// Files that cannot be used.
#[derive(Default)]
pub(super) struct Faults {
    first: Vec<DataError>,
    count: usize,
}

impl Faults {
    pub(super) fn push(&mut self, fault: DataError) -> Result<(), DataError> {
        if matches!(fault, DataError::Cache { .. }) {
            return Err(fault);
        }
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(fault);
        }
        Ok(())
    }

    /// One fault speaks for itself; of several, how many there are is said too.
    pub(super) fn refuse_unless_allowed(&mut self, opening: &Opening) -> Result<(), DataError> {
        if self.count == 0 || opening.config.skip_faulty {
            return Ok(());
        }
        if self.count == 1 {
            return Err(self.first.remove(0));
        }
        Err(DataError::FaultyFiles {
            path: opening.path.clone(),
            count: self.count,
            list: self.list(),
        })
    }

    pub(super) fn warn(&self, warnings: &mut Vec<String>) {
        if self.count > 0 {
            warnings.push(format!(
                "{} faulty files are left out, as told: {}",
                self.count,
                self.list()
            ));
        }
    }

    fn list(&self) -> String {
        let named: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = self.count - named.len();
        let more = if more > 0 {
            format!("; and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", named.join("; "))
    }
}
