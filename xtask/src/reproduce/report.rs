//! `RESULTS.md`: every figure of ours from the events of a run.

use super::outcome::Outcome;
use super::row::Row;
use crate::precision::Precision;
use crate::statistics::mean_and_deviation;
use crate::table::{count, markdown, optional};

const INTRODUCTION: &str = "\
# What Fornax's networks reach

Written by `cargo xtask reproduce` from the events of its runs; no figure of ours was typed. Each row
is trained from `experiments/<row>.toml` over several seeds on the full standard data. Everything is
chosen on a validation split; the test split is looked at once, at the end.

`ours` is the mean over the seeds on the test split, ± their standard deviation. `valid` is the same
on the validation split. `published` and `peer` are quoted: the sources stand below the table.
`s` is the time of the slowest seed, with whatever else the machine did meanwhile; `MB` the most memory
that its process held; `device` names the backend and the processor. What each seed came to is kept in
[experiments/outcomes](experiments/outcomes).
";

/// Of the table.
pub(crate) const COLUMNS: usize = 13;

/// A row of the table as it is shown.
pub(crate) type Line = (&'static Row, [String; COLUMNS]);

/// The whole document.
pub(crate) fn document(lines: &[Line], untrained: &[&Row], sections: &[String]) -> String {
    let sources = lines
        .iter()
        .filter(|(row, line)| line[0] == row.title)
        .map(|(row, _)| format!("- {}: {}", row.title, row.source));
    let sources: Vec<_> = sources.collect();
    let sources = sources.join("\n");
    let sections = sections.concat();
    let untrained: Vec<_> = untrained.iter().map(|row| row.title).collect();
    let untrained = if untrained.is_empty() {
        String::new()
    } else {
        format!("\nNot trained yet: {}.\n", untrained.join("; "))
    };
    format!(
        "{INTRODUCTION}\n{}{untrained}\n{sections}## What is quoted\n\n{sources}\n",
        table(lines)
    )
}

/// One line a row.
pub(crate) fn table(lines: &[Line]) -> String {
    let header: [&str; COLUMNS] = [
        "row",
        "published",
        "peer",
        "owed",
        "ours",
        "n",
        "valid",
        "reached",
        "parameters",
        "s",
        "MB",
        "device",
        "commit",
    ];
    let lines: Vec<_> = lines.iter().map(|(_, line)| line.clone()).collect();
    markdown(header, &lines)
}

/// What the seeds of a row came to.
pub(crate) fn line(row: &Row, precision: Precision, outcomes: &[Outcome]) -> [String; COLUMNS] {
    let spread = |values: &[f64]| {
        let [mean, deviation] = mean_and_deviation(values);
        match values {
            [_, _, ..] => format!(
                "{} ± {}",
                row.measure.shown(mean),
                row.measure.digits(deviation)
            ),
            _ => row.measure.shown(mean),
        }
    };
    let ours = values(outcomes, |outcome| outcome.value(row.measure).ok());
    let valid = values(outcomes, |outcome| row.measure.of(&outcome.valid).ok());
    let [mean, _] = mean_and_deviation(&ours);
    let reached = match () {
        () if row.meets(mean, row.ambition) => "ambition",
        () if row.meets(mean, row.owed) => "owed",
        () => "no",
    };
    let seconds = outcomes.iter().map(|outcome| outcome.seconds);
    let memory_mb = outcomes.iter().filter_map(|outcome| outcome.memory_mb);
    let first = &outcomes[0];
    let is_same = |outcome: &Outcome| outcome.commit == first.commit;
    let commit = if outcomes.iter().all(is_same) {
        first.commit.as_str()
    } else {
        "several"
    };
    let is_paired = row.against.is_some();
    [
        row.title_in(precision),
        row.published.to_owned(),
        row.peer.to_owned(),
        row.measure.shown(row.owed),
        spread(&ours),
        outcomes.len().to_string(),
        if is_paired {
            "-".to_owned()
        } else {
            spread(&valid)
        },
        reached.to_owned(),
        count(f64::from(first.num_parameters)),
        format!("{:.0}", seconds.fold(0.0, f64::max)),
        optional(memory_mb.reduce(f64::max), |most| format!("{most:.0}")),
        format!("{}, {}", first.device, first.machine),
        commit.to_owned(),
    ]
}

fn values(outcomes: &[Outcome], of: impl Fn(&Outcome) -> Option<f64>) -> Vec<f64> {
    outcomes.iter().filter_map(of).collect()
}
