//! What the doctor found: each finding with what was measured, what to do, and the command for it.

use maud::{Markup, html};

use super::model::Finding;
use super::plot::Pin;
use super::words::{counted, percent};

/// Findings that are shown at once; the others are folded away.
const SHOWN: usize = 3;

pub(super) fn section(findings: &[Finding]) -> Markup {
    let (first, more) = findings.split_at(findings.len().min(SHOWN));
    html! {
        h2 { (headline(findings)) }
        ol.findings { @for finding in first { (item(finding)) } }
        @if !more.is_empty() {
            details {
                summary { (counted(more.len(), "further finding")) }
                ol.findings start=(SHOWN + 1) { @for finding in more { (item(finding)) } }
            }
        }
    }
}

fn headline(findings: &[Finding]) -> String {
    let alarms = findings.iter().filter(|finding| finding.is_alarm()).count();
    match alarms {
        0 => "What could be better".to_owned(),
        1 => "The doctor found a fault".to_owned(),
        _ => format!("The doctor found {}", counted(alarms, "fault")),
    }
}

fn item(finding: &Finding) -> Markup {
    html! {
        li {
            p { strong { (finding.severity) } ": " (finding.cause) span.quiet { " · " (percent(finding.confidence)) " sure" } }
            dl.facts {
                @if !finding.measured.is_empty() { dt { "Measured" } dd { (finding.measured) } }
                dt { "Remedy" } dd { (finding.remedy) }
                @if let Some(command) = &finding.command { dt { "Try" } dd { code { (command) } } }
                @if !finding.explains.is_empty() { dt { "Explains" } dd { (finding.explains.join("; ")) } }
            }
        }
    }
}

/// Where the findings stand on an axis, each with its number in the list.
pub(super) fn pins(findings: &[Finding], at: impl Fn(&Finding) -> Option<usize>) -> Vec<Pin> {
    let numbered = findings.iter().enumerate();
    let pins = numbered.filter(|(_, finding)| finding.is_alarm());
    pins.filter_map(|(index, finding)| Some(((at(finding)?), index + 1)))
        .map(|(at, number)| {
            #[allow(clippy::cast_precision_loss)] // steps
            let x = at as f64;
            Pin { x, number }
        })
        .collect()
}
