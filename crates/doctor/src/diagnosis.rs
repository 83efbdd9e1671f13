//! From a record to what a person reads: all rules asked, what follows from a cause laid under it,
//! and the most worthwhile first.

use serde::Serialize;

use crate::rules::{Needs, RULES, Rule};
use crate::{Finding, Outcome, Record, Severity};

/// What is said of a run: the form of `doctor.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Whether the result is worse than it has to be; `None` before there is one.
    pub poor: Option<bool>,
    /// How good it is, and what a quick model reaches.
    pub outcome: Outcome,
    /// The most worthwhile first; what follows from one of them stands in it.
    pub findings: Vec<Finding>,
    /// Rules that could not be asked, since the run has not recorded what they read.
    pub not_checked: Vec<NotChecked>,
}

/// Rules that read what a run has not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotChecked {
    /// What is missing, in words.
    pub missing: &'static str,
    /// The rules.
    pub rules: Vec<&'static str>,
}

/// Asks every rule.
#[must_use]
pub fn diagnose(record: &Record) -> Diagnosis {
    let mut found: Vec<Finding> = RULES
        .iter()
        .filter(|rule| rule.needs.met(record))
        .filter_map(|rule| (rule.check)(record))
        .collect();
    found.sort_by(|a, b| b.worth().total_cmp(&a.worth()));
    Diagnosis {
        poor: record
            .best_epoch()
            .is_some()
            .then(|| record.outcome.is_poor())
            .or(record.outcome.diverged.then_some(true)),
        outcome: record.outcome,
        findings: folded(&found),
        not_checked: not_checked(record),
    }
}

impl Diagnosis {
    /// The highest severity of all findings.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The findings that are more than advice: those that a healthy run has none of.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        let is_alarm = |finding: &&Finding| finding.severity > Severity::Advice;
        self.findings.iter().filter(is_alarm)
    }
}

/// Lays each finding under the first one that explains it. What is surer than its explanation by
/// far stays on its own.
fn folded(found: &[Finding]) -> Vec<Finding> {
    /// How much surer a consequence may be than its cause.
    const SURER: f64 = 0.35;
    let explains = |cause: &Finding, other: &Finding| {
        let rule = RULES.iter().find(|rule| rule.name == cause.rule);
        rule.is_some_and(|rule| rule.explains.contains(&other.rule))
            && cause.severity >= other.severity.min(Severity::Warning)
            && other.confidence <= cause.confidence + SURER
    };
    let causes: Vec<Option<usize>> = (0..found.len())
        .map(|other| {
            (0..found.len()).find(|&cause| cause != other && explains(&found[cause], &found[other]))
        })
        .collect();
    // What explains itself by way of others is its own cause: the first of such a ring stays.
    let root = |mut at: usize| {
        let mut seen = vec![at];
        while let Some(cause) = causes[at] {
            if seen.contains(&cause) {
                return seen.into_iter().min().unwrap_or(at);
            }
            seen.push(cause);
            at = cause;
        }
        at
    };
    let mut roots: Vec<Option<Finding>> = found.iter().cloned().map(Some).collect();
    for index in 0..found.len() {
        let root = root(index);
        if root != index
            && let Some(consequence) = roots[index].take()
            && let Some(cause) = &mut roots[root]
        {
            cause.consequences.push(consequence);
        }
    }
    roots.into_iter().flatten().collect()
}

fn not_checked(record: &Record) -> Vec<NotChecked> {
    let mut missing: Vec<NotChecked> = Vec::new();
    let unmet = |rule: &&&Rule| rule.needs.applies(record) && !rule.needs.met(record);
    for rule in RULES.iter().filter(unmet) {
        let words = rule.needs.words();
        match missing.iter_mut().find(|known| known.missing == words) {
            Some(known) => known.rules.push(rule.name),
            None => missing.push(NotChecked {
                missing: words,
                rules: vec![rule.name],
            }),
        }
    }
    missing
}

impl Needs {
    /// Whether the run recorded it.
    #[must_use]
    pub fn met(self, record: &Record) -> bool {
        match self {
            Self::Curves => true,
            Self::Data => record.data.is_some(),
            Self::Signals => !record.signals.is_empty(),
            Self::Machines => !record.machines.is_empty(),
        }
    }

    /// Whether such a run could have recorded it.
    fn applies(self, record: &Record) -> bool {
        self != Self::Machines || record.word("architecture") == "dbn"
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Curves => "curves",
            Self::Data => "what the preflight finds in the data",
            Self::Signals => "signals of the layers",
            Self::Machines => "signals of the pre-training",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn diagnosed(story: &Story) -> Diagnosis {
        story.told(diagnose)
    }

    fn names(diagnosis: &Diagnosis) -> Vec<&str> {
        diagnosis.findings.iter().map(|found| found.rule).collect()
    }

    #[test]
    fn a_healthy_run_is_left_alone() {
        for story in [
            Story::classification(),
            Story::recurrent(),
            Story::dbn(),
            Story::regression(),
            Story::classification().without_signals(),
        ] {
            let diagnosis = diagnosed(&story);
            assert_eq!(names(&diagnosis), [""; 0], "{diagnosis:?}");
            assert_eq!(diagnosis.poor, Some(false));
        }
    }

    #[test]
    fn what_follows_from_a_cause_stands_under_it() {
        let story = Story::classification()
            .poor()
            .set("/train/learning_rate", 5.0)
            .hidden(|layer| {
                layer.dead = Some(0.99);
                layer.update_ratio = 0.8;
            });
        let diagnosis = diagnosed(&story);
        let first = &diagnosis.findings[0];
        assert_eq!(first.rule, "high_learning_rate", "{diagnosis:?}");
        let below: Vec<_> = first.consequences.iter().map(|found| found.rule).collect();
        assert!(below.contains(&"dead_units"), "{below:?}");
        assert!(!names(&diagnosis).contains(&"dead_units"));
    }

    #[test]
    fn a_run_without_signals_says_what_could_not_be_checked() {
        let diagnosis = diagnosed(&Story::classification().without_signals());
        let missing: Vec<_> = diagnosis
            .not_checked
            .iter()
            .map(|missing| missing.missing)
            .collect();
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(diagnosed(&Story::classification()).not_checked.is_empty());
    }

    #[test]
    fn every_finding_of_many_is_in_the_order_of_its_worth() {
        let story = Story::classification()
            .poor()
            .set("/train/learning_rate", 5.0)
            .set("/model/dropout", 0.95)
            .data(|data| {
                data.conflicting = 300;
                data.shared_by_splits = 200;
                data.num_not_finite = 5;
            });
        let diagnosis = diagnosed(&story);
        assert!(diagnosis.findings.len() >= 3, "{diagnosis:?}");
        assert!(
            diagnosis
                .findings
                .is_sorted_by(|a, b| a.worth() >= b.worth())
        );
    }
}
