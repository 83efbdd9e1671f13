//! The page that lays runs over each other.

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use super::figure::{figure, shades, table};
use super::learning::Learning;
use super::model::{Case, Estimate, Unit};
use super::plot::{Chart, Line};
use super::words::{counted, metric_name};

/// What is said of several runs together.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// One entry a run, in the order that was asked for.
    pub runs: Vec<ComparedRun>,
    /// Settings that are not the same in all: key, then each run's value.
    pub differences: Vec<(String, Vec<String>)>,
    /// How the metric is written.
    pub unit: Unit,
    /// The metric that counts.
    pub metric: String,
    /// Answers of the first run and of each other, where both saw the same samples.
    pub answers: Vec<AnswerComparison>,
    /// Similarity of the layers of the first run (rows) to those of each other, with its name and
    /// the names of both their layers.
    pub similarity: Vec<Similarity>,
}

/// One run of several.
#[derive(Debug, Clone, Serialize)]
pub struct ComparedRun {
    /// Name of its folder.
    pub name: String,
    /// The metric on the split that has the last word.
    pub result: Estimate,
    /// Samples of that split, and its name.
    pub num_samples: usize,
    /// Name of the split.
    pub split: String,
    /// How it was learned.
    pub learning: Learning,
}

/// Where the answers of two runs differ.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerComparison {
    /// The other run.
    pub name: String,
    /// Samples that both answer rightly, only the first does, only the other does, neither does.
    pub counts: [usize; 4],
    /// How likely so great a difference of the middle two is by chance (exact McNemar test).
    pub chance: f64,
    /// Some samples that only one of the two answers rightly; the answer is that of the one that
    /// is wrong.
    pub cases: Vec<Case>,
}

/// Layers of one run against those of another.
#[derive(Debug, Clone, Serialize)]
pub struct Similarity {
    /// The other run.
    pub name: String,
    /// Layers of the first run.
    pub rows: Vec<String>,
    /// Layers of the other.
    pub columns: Vec<String>,
    /// CKA.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Comparison {
    /// The whole page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let names: Vec<&str> = self.runs.iter().map(|run| run.name.as_str()).collect();
        let title = names.join(" and ");
        html! {
            (DOCTYPE)
            html lang="en" {
                (super::page::head(&title))
                body {
                    header.top { h1 { (title) } }
                    main {
                        section.first { (self.results()) }
                        section { (self.settings()) }
                        section { h2 { "Curves" } div.grid { (self.curves("train")) (self.curves("valid")) } }
                        @for answers in &self.answers { section { (answers.section(&self.runs[0].name)) } }
                        @if !self.similarity.is_empty() { section { (self.alike()) } }
                    }
                }
            }
        }
        .into_string()
    }

    fn results(&self) -> Markup {
        let rows: Vec<Vec<String>> = self
            .runs
            .iter()
            .map(|run| {
                vec![
                    run.name.clone(),
                    self.unit.write_estimate(&run.result),
                    format!("{} ({})", run.num_samples, run.split),
                    super::words::duration(run.learning.seconds),
                ]
            })
            .collect();
        let name = metric_name(&self.metric);
        html! {
            p.eyebrow { (name) ", with 95 % intervals" }
            div.scroll tabindex="0" role="region" aria-label="Results" { (table(&["run", &name, "samples", "training time"], &rows)) }
        }
    }

    fn settings(&self) -> Markup {
        let headline = match self.differences.len() {
            0 => "The experiments are the same".to_owned(),
            number => format!("{} of the experiment differ", counted(number, "setting")),
        };
        let columns: Vec<&str> = std::iter::once("setting")
            .chain(self.runs.iter().map(|run| run.name.as_str()))
            .collect();
        let rows: Vec<Vec<String>> = self
            .differences
            .iter()
            .map(|(key, values)| {
                std::iter::once(key.clone())
                    .chain(values.iter().cloned())
                    .collect()
            })
            .collect();
        html! {
            h2 { (headline) }
            @if !rows.is_empty() { div.scroll tabindex="0" role="region" aria-label="Settings" { (table(&columns, &rows)) } }
        }
    }

    #[allow(clippy::cast_precision_loss)] // epochs
    fn curves(&self, split: &str) -> Markup {
        let lines = self.runs.iter().enumerate().filter_map(|(index, run)| {
            let curve = run.learning.curve(&self.metric, split)?;
            let points = curve
                .points
                .iter()
                .map(|&(epoch, value)| (epoch as f64, value));
            Some(Line::new(&run.name, index, points))
        });
        let takeaway = format!("{} on the {split} split", metric_name(&self.metric));
        let chart = Chart {
            label: takeaway.clone(),
            lines: lines.collect(),
            x_label: "epoch".into(),
            percent: self.unit == Unit::Share,
            ..Chart::default()
        };
        figure(&takeaway, &chart.draw(), "", None)
    }

    fn alike(&self) -> Markup {
        html! {
            h2 { "Do their layers see the same?" }
            p { "Similarity of layers (CKA) on held-out samples: 1 for the same up to rotation. Rows are layers of " (self.runs[0].name) "." }
            div.grid {
                @for other in &self.similarity {
                    figure {
                        h3 { (other.name) }
                        @if other.rows == other.columns {
                            (shades(&other.rows.iter().map(String::as_str).collect::<Vec<_>>(), &other.values, "Similarity of layers"))
                        } @else {
                            @let columns: Vec<&str> = std::iter::once("layer").chain(other.columns.iter().map(String::as_str)).collect();
                            @let rows: Vec<Vec<String>> = other.rows.iter().zip(&other.values).map(|(name, row)| {
                                std::iter::once(name.clone()).chain(row.iter().map(|value| value.map_or("–".into(), |value| format!("{value:.2}")))).collect()
                            }).collect();
                            (table(&columns, &rows))
                        }
                    }
                }
            }
        }
    }
}

impl AnswerComparison {
    fn section(&self, first: &str) -> Markup {
        let [both, only_first, only_other, neither] = self.counts;
        let differ = only_first + only_other;
        let verdict = if differ == 0 {
            "Both are right and wrong on the same samples".to_owned()
        } else if self.chance < 0.05 {
            let better = if only_first > only_other {
                first
            } else {
                &self.name
            };
            format!(
                "{better} is better: so great a difference has a chance of {:.3} between equals",
                self.chance
            )
        } else {
            format!(
                "They cannot be told apart: such a difference has a chance of {:.2} between equals",
                self.chance
            )
        };
        let rows = vec![
            vec!["both right".to_owned(), both.to_string()],
            vec![format!("only {first} right"), only_first.to_string()],
            vec![format!("only {} right", self.name), only_other.to_string()],
            vec!["both wrong".to_owned(), neither.to_string()],
        ];
        html! {
            h2 { (verdict) }
            (table(&["answers", "samples"], &rows))
            @if !self.cases.is_empty() {
                h3 { "Samples on which they differ" }
                (super::exhibit::cards(&self.cases, 72))
            }
        }
    }
}
