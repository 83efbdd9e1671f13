//! All sides of a row, in turn.

use super::report::Report;
use super::row::Row;
use super::side::Side;
use crate::statistics::median;
use crate::table::count;

/// A side with its runs, one a round.
pub(crate) struct Measured<'a> {
    pub(crate) side: &'a Side,
    /// As many as there were rounds.
    pub(crate) reports: Vec<Report>,
}

impl Measured<'_> {
    /// The middle of one of the numbers over all rounds.
    pub(crate) fn median(&self, of: impl Fn(&Report) -> f64) -> f64 {
        median(self.reports.iter().map(of))
    }
}

/// Runs A B C, A B C, ..; a side that fails once is out.
///
/// `sizes` are other than those of the row, where all sides are ours.
pub(crate) fn run<'a>(
    sides: &'a [Side],
    row: Row,
    threads: u16,
    sizes: &[(&str, usize)],
    rounds: u16,
) -> Vec<Measured<'a>> {
    let start = |side| Measured {
        side,
        reports: Vec::new(),
    };
    let mut measured: Vec<_> = sides.iter().map(start).collect();
    for round in 1..=rounds {
        measured.retain_mut(|Measured { side, reports }| {
            let what = format!(
                "{}, threads {threads}, round {round} of {rounds}, {}",
                row.name(),
                side.name
            );
            match side.run(row, threads, sizes) {
                Ok(report) => {
                    eprintln!("{what}: {} {}/s", count(report.samples_per_s), row.unit());
                    reports.push(report);
                    true
                }
                Err(error) => {
                    eprintln!("error: {what}: {error:#}");
                    false
                }
            }
        });
    }
    measured
}
