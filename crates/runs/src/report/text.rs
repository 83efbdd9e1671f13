//! What a network of text sees: its surprise, its memory, what its units follow.

use maud::{Markup, html};

use super::exhibit::{exhibit, method};
use super::figure::{figure, table};
use super::model::TextView;
use super::plot::{Chart, Line};
use super::words::{percent, plain};

pub(super) fn section(view: &TextView) -> Markup {
    html! {
        h2 { (headline(view)) }
        h3 { "Where it is surprised, in text that it has not seen" }
        (exhibit(&view.surprise, 100, "a passage coloured by surprise"))
        p.quiet { "The deeper the colour, the less it expected the character." }
        div.grid {
            (bits(view))
            @if !view.memory.is_empty() { (memory(view)) }
        }
        @if !view.units.is_empty() {
            h3 { "Units that follow something" }
            p.quiet { "Units of the last layer over a passage: blue where a unit is above its mean, orange below. Chosen by how much their value tells about the property." }
            @for unit in &view.units {
                h4.quiet style="margin:.8rem 0 .2rem" { "unit " (unit.unit) ": " (unit.follows) }
                @for shown in &unit.exhibits { (exhibit(shown, 100, &format!("unit {} over a passage", unit.unit))) }
            }
        }
        @if !view.cases.is_empty() {
            h3 { "Why this character came next" }
            @if let Some(made) = &view.method { (method(made)) }
            @for case in &view.cases {
                (exhibit(&case.exhibit, 100, "the characters before it"))
                p.quiet { "expected " strong { (case.answer) } @if let Some(confidence) = case.confidence { " (" (percent(confidence)) ")" } "; it was " strong { (case.truth) } }
            }
        }
    }
}

fn headline(view: &TextView) -> String {
    match view.memory_length.last() {
        Some((layer, 0)) => format!("{layer} forgets a character at once"),
        Some((layer, length)) => {
            format!("A character still moves {layer} {length} characters later")
        }
        None => "What it sees in text".to_owned(),
    }
}

fn bits(view: &TextView) -> Markup {
    let hardest = view
        .bits_by_class
        .iter()
        .filter(|kind| kind.2 > 0.005)
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let takeaway = hardest.map_or(
        "What costs most to predict".to_owned(),
        |(name, bits, _)| {
            format!(
                "Hardest to predict: {name}, at {} bits a character",
                plain(*bits)
            )
        },
    );
    let rows: Vec<Vec<String>> = view
        .bits_by_class
        .iter()
        .map(|(name, bits, share)| vec![name.clone(), plain(*bits), percent(*share)])
        .collect();
    figure(
        &takeaway,
        &table(&["characters", "bits each", "of the text"], &rows),
        "",
        None,
    )
}

#[allow(clippy::cast_precision_loss)] // steps
fn memory(view: &TextView) -> Markup {
    let takeaway = "How a changed character fades from the state";
    let lines = view.memory.iter().enumerate().map(|(index, curve)| {
        Line::new(
            &curve.layer,
            index,
            curve
                .points
                .iter()
                .map(|&(step, value)| (step as f64, value)),
        )
    });
    let chart = Chart {
        label: takeaway.to_owned(),
        lines: lines.collect(),
        x_label: "characters later".into(),
        y_label: "change that is left".into(),
        percent: true,
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = view.memory.first().map_or(Vec::new(), |first| {
        first
            .points
            .iter()
            .enumerate()
            .map(|(index, (step, _))| {
                std::iter::once(step.to_string())
                    .chain(view.memory.iter().map(|curve| {
                        curve
                            .points
                            .get(index)
                            .map_or("–".into(), |point| percent(point.1))
                    }))
                    .collect()
            })
            .collect()
    });
    let columns: Vec<&str> = std::iter::once("characters later")
        .chain(view.memory.iter().map(|curve| curve.layer.as_str()))
        .collect();
    figure(
        takeaway,
        &chart.draw(),
        "Relative to the change right after the character, mean over passages.",
        Some(&table(&columns, &rows)),
    )
}
