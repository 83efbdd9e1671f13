//! The page: what is in it, in the order in which decisions are made.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::exhibit::{cards, method};
use super::model::{Case, Method, Report};
use super::words::{duration, metric_name};
use super::{
    dreams, errors, findings, hierarchy, layers, learning_section, mistakes, reproduce, text,
    trust, verdict,
};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(report: &Report) -> Markup {
    let sections = sections(report);
    let title = format!(
        "{}: {} {}",
        report.run,
        metric_name(&report.verdict.metric),
        report.verdict.unit.write(report.verdict.result.value)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title))
            body {
                a.skip href="#verdict" { "Skip to the result" }
                header.top {
                    h1 { (report.run) }
                    nav aria-label="Sections" { ul { @for (id, name, _) in &sections { li { a href=(format!("#{id}")) { (name) } } } } }
                }
                main {
                    @for (id, _, content) in &sections {
                        section id=(id) class=[(*id == "verdict").then_some("first")] { (content) }
                    }
                }
                footer { "Drawn by Fornax in " (duration(report.seconds)) ". All numbers are in report.json beside this file." }
            }
        }
    }
}

/// A page of cards alone: the same inputs explained by one method after another.
#[must_use]
pub fn cases_page(title: &str, sections: &[(Method, Vec<Case>)]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                header.top { h1 { (title) } }
                main {
                    @for (made, cases) in sections {
                        section { h2 { (made.name) } (method(made)) (cards(cases, 112)) }
                    }
                }
            }
        }
    }
    .into_string()
}

/// What stands before the body of each page.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            // No icon of its own: without this a browser would ask a server for one.
            link rel="icon" href="data:,";
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Anchor, name and content of each section that there is.
fn sections(report: &Report) -> Vec<(&'static str, &'static str, Markup)> {
    let mut sections = vec![("verdict", "Verdict", verdict::section(&report.verdict))];
    if !report.findings.is_empty() {
        let found = findings::section(&report.findings);
        sections.push(("doctor", "Doctor", found));
    }
    sections.push((
        "learning",
        "Learning",
        learning_section::section(&report.learning, &report.verdict, &report.findings),
    ));
    if let Some(curve) = &report.hierarchy {
        sections.push(("hierarchy", "Hierarchy", hierarchy::section(curve)));
    }
    if report.layers.iter().any(layers::has_content) {
        sections.push((
            "layers",
            "Layers",
            layers::section(&report.layers, &report.verdict),
        ));
    }
    if let Some(found) = &report.mistakes {
        sections.push(("mistakes", "Mistakes", mistakes::section(found)));
    }
    if let Some(found) = &report.errors {
        sections.push(("errors", "Errors", errors::section(found)));
    }
    if let Some(view) = &report.text {
        sections.push(("text", "Text", text::section(view)));
    }
    if let Some(dreamt) = &report.dreams {
        sections.push(("dreams", "Dreams", dreams::section(dreamt)));
    }
    if let Some(measured) = &report.trust {
        sections.push(("trust", "Trust", trust::section(measured)));
    }
    sections.push((
        "again",
        "Run it again",
        reproduce::section(&report.reproduce),
    ));
    sections
}
