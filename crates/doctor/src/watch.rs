//! The doctor beside a training that runs: each finding is told once, when it is established.

use crate::{Diagnosis, Finding, Record, Severity, diagnose};

/// Share of the training that has to be done before its curves tell anything: schedules warm up over
/// a fifth of it by default.
const EARLIEST: f64 = 0.25;
/// How sure a finding has to be to interrupt a person.
const SURE: f64 = 0.7;

/// What was found at the end of the last epoch, and what was told.
#[derive(Debug, Default)]
pub struct Watch {
    last: Vec<&'static str>,
    told: Vec<&'static str>,
}

impl Watch {
    /// Looks at a run at the end of an epoch, and gives the findings that are new: those that were
    /// there at the end of the epoch before too, or that need no waiting since they are about the
    /// data or about numbers that are none.
    pub fn look(&mut self, record: &Record) -> Vec<Finding> {
        let diagnosis = diagnose(record);
        let early = !record.is_pretraining() && record.progress() < EARLIEST;
        let (mut found, mut told) = (Vec::new(), Vec::new());
        for finding in sure(&diagnosis) {
            found.push(finding.rule);
            let at_once = crate::rules::at_once(finding.rule);
            let lasts = !early && self.last.contains(&finding.rule);
            if (at_once || lasts) && !self.told.contains(&finding.rule) {
                told.push(finding.clone());
            }
        }
        self.last = found;
        self.told.extend(told.iter().map(|finding| finding.rule));
        told
    }
}

fn sure(diagnosis: &Diagnosis) -> impl Iterator<Item = &Finding> {
    diagnosis.findings.iter().filter(|finding| {
        finding.confidence >= SURE
            && (finding.severity == Severity::Error || finding.severity == Severity::Warning)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    fn names(found: &[Finding]) -> Vec<&str> {
        found.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_finding_is_told_once_it_lasts_and_only_once() {
        let mut watch = Watch::default();
        let ill = |epochs: usize| {
            let accuracies = vec![0.1; epochs];
            let losses = vec![9.0; epochs];
            Story::classification()
                .set("/train/learning_rate", 5.0)
                .accuracies(&accuracies)
                .losses(2.3, &losses)
                .of_epochs(8)
        };
        assert_eq!(names(&ill(1).told(|record| watch.look(record))), [""; 0]);
        assert_eq!(
            names(&ill(2).told(|record| watch.look(record))),
            ["high_learning_rate"]
        );
        assert_eq!(names(&ill(3).told(|record| watch.look(record))), [""; 0]);
    }

    #[test]
    fn a_pretraining_that_breaks_is_told_before_the_training() {
        let story = Story::dbn()
            .of_epochs(8)
            .accuracies(&[])
            .losses(2.3, &[])
            .set("/pretrain/learning_rate", 5.0)
            .reconstruction(&[0.1, 20.0, 20.0]);
        let mut watch = Watch::default();
        let mut look = || names(&story.told(|record| watch.look(record))).join(" ");
        assert_eq!(look(), "");
        assert_eq!(look(), "pretraining_rate");
        assert_eq!(look(), "");
    }

    #[test]
    fn what_is_wrong_with_the_data_is_told_at_once() {
        let story = Story::classification()
            .of_epochs(100)
            .data(|data| data.num_not_finite = 3);
        let mut watch = Watch::default();
        let found = story.told(|record| watch.look(record));
        assert_eq!(names(&found), ["not_finite_input"]);
    }
}
