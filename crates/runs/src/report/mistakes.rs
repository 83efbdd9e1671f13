//! Where a classifier goes wrong: which classes it confuses, its worst cases, suspected labels.

use maud::{Markup, html};

use super::exhibit::{cards, method};
use super::figure::{figure, table};
use super::model::Mistakes;
use super::words::{count, counted};

/// Classes whose confusion matrix still fits a page.
const MATRIX_CLASSES: usize = 24;
/// Pairs of classes that are listed.
const PAIRS: usize = 12;

pub(super) fn section(mistakes: &Mistakes) -> Markup {
    let pairs = confused(mistakes);
    html! {
        h2 { (headline(mistakes, &pairs)) }
        div."grid"."wide" {
            @if mistakes.classes.len() <= MATRIX_CLASSES { (matrix(mistakes)) }
            (listed(&pairs))
        }
        @if !mistakes.cases.is_empty() {
            h3 id="cases" { "The surest mistakes" }
            p.quiet { "Wrong answers in the order of their confidence, each with the training samples that its last hidden layer finds most alike. On the maps, blue parts spoke for the answer, orange parts against it." }
            @if let Some(made) = &mistakes.method { (method(made)) }
            (cards(&mistakes.cases, 84))
        }
        (suspects(mistakes))
    }
}

/// True class, answer, count, share of the class; most frequent first.
fn confused(mistakes: &Mistakes) -> Vec<(&str, &str, u64, f64)> {
    let mut pairs = Vec::new();
    for (truth, row) in mistakes.confusion.iter().enumerate() {
        let all: u64 = row.iter().sum();
        for (answer, &number) in row.iter().enumerate() {
            if truth != answer && number > 0 {
                #[allow(clippy::cast_precision_loss)] // counts of samples
                let share = number as f64 / all as f64;
                pairs.push((
                    mistakes.classes[truth].as_str(),
                    mistakes.classes[answer].as_str(),
                    number,
                    share,
                ));
            }
        }
    }
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.2));
    pairs
}

fn headline(mistakes: &Mistakes, pairs: &[(&str, &str, u64, f64)]) -> String {
    let wrong: u64 = pairs.iter().map(|pair| pair.2).sum();
    match pairs.first() {
        None => format!("No mistakes on the {} split", mistakes.split),
        Some((truth, answer, number, _)) => {
            format!(
                "Most often it takes {truth} for {answer}: {number} of {}",
                counted(usize::try_from(wrong).unwrap_or(usize::MAX), "mistake")
            )
        }
    }
}

fn matrix(mistakes: &Mistakes) -> Markup {
    let drawing = html! {
        div.scroll tabindex="0" role="region" aria-label="Confusion matrix" {
            table.matrix {
                caption { "Rows: what it is. Columns: what the network says." }
                thead { tr { td style="--v:0" {} @for class in &mistakes.classes { th scope="col" { (class) } } } }
                tbody {
                    @for (truth, row) in mistakes.confusion.iter().enumerate() {
                        @let all = row.iter().sum::<u64>().max(1);
                        tr {
                            th scope="row" { (mistakes.classes[truth]) }
                            @for (answer, number) in row.iter().enumerate() {
                                @let share = shade(*number, all);
                                td.off[truth != answer].deep[share > 0.6] style=(format!("--v:{share:.2}")) {
                                    @if *number > 0 { (number) }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    figure(
        "Where the answers land",
        &drawing,
        &format!(
            "Counts on the {} split; shades are shares of a row.",
            mistakes.split
        ),
        None,
    )
}

/// Mistakes are few: the root of their share makes them visible.
#[allow(clippy::cast_precision_loss)] // counts of samples
fn shade(number: u64, all: u64) -> f64 {
    (number as f64 / all as f64).sqrt() * 0.9
}

fn listed(pairs: &[(&str, &str, u64, f64)]) -> Markup {
    if pairs.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .take(PAIRS)
        .map(|(truth, answer, number, share)| {
            vec![
                format!("{truth} taken for {answer}"),
                number.to_string(),
                super::words::percent(*share),
            ]
        })
        .collect();
    let caption = if pairs.len() > PAIRS {
        format!("{} more pairs in report.json.", count(pairs.len() - PAIRS))
    } else {
        String::new()
    };
    figure(
        "The pairs that it confuses",
        &table(&["confused", "times", "of the class"], &rows),
        &caption,
        None,
    )
}

fn suspects(mistakes: &Mistakes) -> Markup {
    let (found, among) = mistakes.num_suspects;
    html! {
        @if found > 0 {
            h3 id="suspects" { (counted(found, "label")) " of " (count(among)) " may be wrong" }
            p.quiet { "The network contradicts these labels with the confidence that it usually has when it is right (confident learning). Look at them: a wrong label costs more than a wrong answer." }
            (cards(&mistakes.suspects, 72))
        } @else {
            p.quiet style="margin-top:1.2rem" { "No label among " (count(among)) " looks wrong." }
        }
    }
}
