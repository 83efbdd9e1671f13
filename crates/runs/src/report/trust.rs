//! How far to believe a classifier: calibration, silence, classes.

use maud::{Markup, html};

use super::figure::{figure, table};
use super::model::Trust;
use super::plot::{Chart, Line};
use super::words::{count, percent};

/// Classes that the table shows; the weakest come first.
const SHOWN: usize = 40;

pub(super) fn section(trust: &Trust) -> Markup {
    html! {
        h2 { (headline(trust)) }
        div.grid { (reliability(trust)) (abstain(trust)) }
        h3 { (weakest(trust)) }
        (classes(trust))
    }
}

fn headline(trust: &Trust) -> String {
    let total: usize = trust.bins.iter().map(|bin| bin.0).sum();
    let lean: f64 = trust
        .bins
        .iter()
        .map(|(number, confidence, accuracy)| weight(*number) * (confidence - accuracy))
        .sum::<f64>()
        / weight(total.max(1));
    if trust.calibration_error < 0.03 {
        format!(
            "It is as sure as it is right: off by {} on average",
            percent(trust.calibration_error)
        )
    } else if lean > 0.0 {
        format!(
            "It is surer than it is right, by {} on average",
            percent(trust.calibration_error)
        )
    } else {
        format!(
            "It is more often right than it believes, by {} on average",
            percent(trust.calibration_error)
        )
    }
}

#[allow(clippy::cast_precision_loss)] // a count
fn weight(number: usize) -> f64 {
    number as f64
}

fn reliability(trust: &Trust) -> Markup {
    let takeaway = "When it says 80 %, is it right in 80 of 100?";
    let line = Line {
        marks: true,
        ..Line::new(
            "accuracy",
            0,
            trust
                .bins
                .iter()
                .map(|(_, confidence, accuracy)| (*confidence, *accuracy)),
        )
    };
    let chart = Chart {
        label: format!(
            "{takeaway} Expected calibration error {}",
            percent(trust.calibration_error)
        ),
        lines: vec![line],
        x_label: "confidence".into(),
        y_label: "accuracy".into(),
        percent: true,
        y_range: Some((0.0, 1.0)),
        diagonal: true,
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = trust
        .bins
        .iter()
        .map(|(number, confidence, accuracy)| {
            vec![percent(*confidence), percent(*accuracy), count(*number)]
        })
        .collect();
    let caption = format!(
        "On the dotted line it would be exactly as sure as it is right. Expected calibration error {}, 15 bins, {} samples of the {} split.",
        percent(trust.calibration_error),
        count(trust.num_samples),
        trust.split
    );
    figure(
        takeaway,
        &chart.draw(),
        &caption,
        Some(&table(&["mean confidence", "accuracy", "samples"], &rows)),
    )
}

fn abstain(trust: &Trust) -> Markup {
    let goal = [0.99, 0.95, 0.9, 0.8].into_iter().find_map(|goal| {
        let last = trust.abstain.iter().rev().find(|point| point.1 >= goal)?;
        Some((goal, last.0, last.2))
    });
    let takeaway = match goal {
        Some((goal, coverage, threshold)) if coverage < 1.0 => format!(
            "Silent below {} confidence, it answers {} and is right in {}",
            percent(threshold),
            percent(coverage),
            percent(goal)
        ),
        Some((goal, ..)) => format!("Right in {} even if it answers everything", percent(goal)),
        None => "What silence would buy: accuracy when only the surest are answered".to_owned(),
    };
    let chart = Chart {
        label: takeaway.clone(),
        lines: vec![Line::new(
            "accuracy",
            0,
            trust
                .abstain
                .iter()
                .map(|(coverage, accuracy, _)| (100.0 * coverage, *accuracy)),
        )],
        x_label: "answered, % of the samples".into(),
        y_label: "accuracy".into(),
        percent: true,
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = trust
        .abstain
        .iter()
        .map(|(coverage, accuracy, threshold)| {
            vec![percent(*coverage), percent(*accuracy), percent(*threshold)]
        })
        .collect();
    figure(
        &takeaway,
        &chart.draw(),
        "",
        Some(&table(
            &["answered", "accuracy", "confidence at least"],
            &rows,
        )),
    )
}

fn weakest(trust: &Trust) -> String {
    let seen = trust.classes.iter().filter(|class| class.count > 0);
    match seen.min_by(|a, b| a.recall.value.total_cmp(&b.recall.value)) {
        Some(class) => format!(
            "Weakest class: {}, of which it finds {}",
            class.name,
            percent(class.recall.value)
        ),
        None => "Classes".to_owned(),
    }
}

fn classes(trust: &Trust) -> Markup {
    let mut sorted: Vec<_> = trust.classes.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |value: f64| if value.is_nan() { 2.0 } else { value };
        key(a.recall.value).total_cmp(&key(b.recall.value))
    });
    let rows: Vec<Vec<String>> = sorted
        .iter()
        .take(SHOWN)
        .map(|class| {
            vec![
                class.name.clone(),
                super::Unit::Share.write_estimate(&class.recall),
                class.precision.map_or("–".into(), percent),
                count(class.count),
                count(class.num_train),
            ]
        })
        .collect();
    let absent = trust
        .classes
        .iter()
        .filter(|class| class.count == 0)
        .count();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Classes" { (table(&["class", "found (95 %)", "right when named", "samples", "in training"], &rows)) }
        @if trust.classes.len() > SHOWN { p.quiet { "The weakest " (SHOWN) " of " (count(trust.classes.len())) " classes; all are in report.json." } }
        @if absent > 0 { p.quiet { (absent) " of the classes have no sample in the " (trust.split) " split: nothing is known of them." } }
    }
}
