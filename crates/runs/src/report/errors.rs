//! Where a network of numbers is off.

use maud::{Markup, html};

use super::exhibit::{exhibit, method};
use super::figure::{figure, table};
use super::model::ValueErrors;
use super::plot::{Chart, Line};
use super::words::plain;

pub(super) fn section(errors: &ValueErrors) -> Markup {
    html! {
        h2 { (headline(errors)) }
        div.grid {
            @if errors.rmse_by_step.len() > 1 { (by_step(errors)) }
            (scatter(errors))
            (histogram(errors))
        }
        @if !errors.cases.is_empty() {
            h3 { "The cases that are furthest off" }
            @if let Some(made) = &errors.method { (method(made)) }
            ul.cards { @for case in &errors.cases { li.card {
                h4 { "is " span.right { (case.truth) } ", predicted " span.wrong { (case.answer) } }
                (exhibit(&case.exhibit, 130, &case.place))
                div.near {
                    (case.place)
                    @if !case.neighbours.is_empty() {
                        ". Nearest in training: "
                        @for (index, near) in case.neighbours.iter().enumerate() { @if index > 0 { "; " } (near.place) ", " (near.label) }
                    }
                }
            } } }
        }
    }
}

fn headline(errors: &ValueErrors) -> String {
    let mean = errors
        .histogram
        .iter()
        .map(|(low, high, number)| f64::midpoint(*low, *high) * weight(*number))
        .sum::<f64>();
    let all: f64 = errors.histogram.iter().map(|bin| weight(bin.2)).sum();
    let bias = mean / all.max(1.0);
    let spread = errors
        .rmse_by_step
        .first()
        .copied()
        .unwrap_or(1.0)
        .max(1e-12);
    if bias.abs() > 0.25 * spread {
        let way = if bias > 0.0 { "high" } else { "low" };
        format!(
            "Predictions of {} are {} too {way} on average",
            errors.target,
            plain(bias.abs())
        )
    } else {
        format!(
            "Predictions of {} are off to both sides alike",
            errors.target
        )
    }
}

#[allow(clippy::cast_precision_loss)] // a count
fn weight(number: usize) -> f64 {
    number as f64
}

fn scatter(errors: &ValueErrors) -> Markup {
    let takeaway = "Predicted against true: on the line where they agree";
    let chart = Chart {
        label: takeaway.to_owned(),
        lines: vec![Line::new("samples", 0, errors.pairs.iter().copied())],
        x_label: format!("true {}", errors.target),
        y_label: "predicted".into(),
        diagonal: true,
        scatter: true,
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = errors
        .pairs
        .iter()
        .take(60)
        .map(|(truth, predicted)| vec![plain(*truth), plain(*predicted), plain(predicted - truth)])
        .collect();
    figure(
        takeaway,
        &chart.draw(),
        &format!("Samples of the {} split.", errors.split),
        Some(&table(&["true", "predicted", "difference"], &rows)),
    )
}

fn histogram(errors: &ValueErrors) -> Markup {
    let takeaway = "How far off: predicted minus true";
    let points = errors
        .histogram
        .iter()
        .map(|(low, high, number)| (f64::midpoint(*low, *high), weight(*number)));
    let chart = Chart {
        label: takeaway.to_owned(),
        lines: vec![Line::new("samples", 0, points)],
        x_label: "difference".into(),
        y_label: "samples".into(),
        bars: true,
        mark_x: Some((0.0, String::new())),
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = errors
        .histogram
        .iter()
        .map(|(low, high, number)| {
            vec![
                format!("{} to {}", plain(*low), plain(*high)),
                number.to_string(),
            ]
        })
        .collect();
    figure(
        takeaway,
        &chart.draw(),
        "",
        Some(&table(&["difference", "samples"], &rows)),
    )
}

fn by_step(errors: &ValueErrors) -> Markup {
    let better = errors
        .rmse_by_step
        .iter()
        .zip(&errors.naive_by_step)
        .filter(|(own, naive)| own < naive)
        .count();
    let takeaway = if errors.naive_by_step.is_empty() {
        "The further ahead, the harder".to_owned()
    } else {
        format!(
            "Better than the naive forecast at {better} of {} steps ahead",
            errors.rmse_by_step.len()
        )
    };
    let line = |name, style, values: &[f64]| {
        Line::new(
            name,
            style,
            values
                .iter()
                .enumerate()
                .map(|(step, value)| (weight(step + 1), *value)),
        )
    };
    let mut lines = vec![line("this network", 0, &errors.rmse_by_step)];
    if !errors.naive_by_step.is_empty() {
        lines.push(line("naive", 1, &errors.naive_by_step));
    }
    let chart = Chart {
        label: takeaway.clone(),
        lines,
        x_label: "steps ahead".into(),
        y_label: "RMSE".into(),
        ..Chart::default()
    };
    let rows: Vec<Vec<String>> = errors
        .rmse_by_step
        .iter()
        .enumerate()
        .map(|(step, value)| {
            vec![
                (step + 1).to_string(),
                plain(*value),
                errors
                    .naive_by_step
                    .get(step)
                    .map_or("–".into(), |value| plain(*value)),
            ]
        })
        .collect();
    figure(
        &takeaway,
        &chart.draw(),
        "",
        Some(&table(&["steps ahead", "RMSE", "naive"], &rows)),
    )
}
