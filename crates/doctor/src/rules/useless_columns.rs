//! Columns that tell nothing: those of a single value, and those that name their row.

use super::{Needs, Rule};
use crate::{Finding, Record, Severity};

/// Any (Deepchecks, `is_single_value`; cleanlab, identifier columns). They are left out before
/// training, so this is no fault of the run: whoever made the table may have meant something else.
pub(crate) const RULE: Rule = Rule {
    name: "useless_columns",
    needs: Needs::Data,
    explains: &[],
    check,
};

fn check(record: &Record) -> Option<Finding> {
    let data = record.data?;
    let quoted = |columns: &[String]| {
        let columns = columns.iter().map(|column| format!("`{column}`"));
        columns.collect::<Vec<_>>().join(", ")
    };
    let mut words = Vec::new();
    if !data.constant_columns.is_empty() {
        words.push(format!("one value in {}", quoted(&data.constant_columns)));
    }
    if !data.identifier_columns.is_empty() {
        words.push(format!(
            "another value in each row in {}",
            quoted(&data.identifier_columns)
        ));
    }
    if words.is_empty() {
        return None;
    }
    Some(
        Finding::new(RULE.name, Severity::Advice, "columns that tell nothing were left out")
            .measured(words.join("; "))
            .remedy("nothing, unless such a column should have told something")
            .confidence(0.9),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn constant_and_identifier_columns_are_named() {
        let story = Story::classification().data(|data| {
            data.constant_columns = vec!["unit".to_owned()];
            data.identifier_columns = vec!["id".to_owned()];
        });
        let found = story.fires(&RULE);
        assert!(found.measured.contains("`unit`") && found.measured.contains("`id`"));
        assert_eq!(found.severity, Severity::Advice, "the run is none the worse");
    }

    #[test]
    fn a_table_without_them_is_left_alone() {
        Story::classification().silent(&RULE);
    }
}
