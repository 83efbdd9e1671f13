//! Inputs as people look at them: an image, a series, a row, a passage.

use maud::{Markup, html};

use super::Picture;
use super::model::{Case, Exhibit, Method};
use super::plot::sparkline;
use super::words::percent;

/// A picture, `side` pixels along its longer side, and twice that where it is long and low; single pixels stay sharp where they are large.
pub(super) fn image(picture: &Picture, side: usize, alt: &str) -> Markup {
    let longest = picture.width.max(picture.height).max(1);
    let is_low = picture.width >= 2 * picture.height;
    let side = if is_low { 2 * side } else { side };
    let [width, height] =
        [picture.width, picture.height].map(|length| (length * side / longest).max(1));
    html! { img.sharp[side >= 3 * longest] src=(picture.data_uri()) width=(width) height=(height) alt=(alt) loading="lazy"; }
}

pub(super) fn exhibit(exhibit: &Exhibit, side: usize, alt: &str) -> Markup {
    match exhibit {
        Exhibit::Image { picture } => image(picture, side, alt),
        Exhibit::Series {
            channels,
            weights,
            truth,
            forecast,
        } => {
            html! { div style=(format!("width:{}px;max-width:100%", side.max(120) * 2)) { (sparkline(channels, truth, forecast, weights, alt)) } }
        }
        Exhibit::Row { cells } => row(cells),
        Exhibit::Text { characters } => text(characters),
        Exhibit::Omitted { what } => html! { span.quiet { (what) } },
    }
}

fn row(cells: &[(String, String, f32)]) -> Markup {
    let strongest = cells
        .iter()
        .fold(1e-12_f32, |most, cell| most.max(cell.2.abs()));
    let weighted = cells.iter().any(|cell| cell.2 != 0.0);
    html! {
        table.row {
            @for (name, value, weight) in cells {
                @let share = weight / strongest;
                tr {
                    th scope="row" { (name) } td { (value) }
                    @if weighted {
                        td.bar { span.meter.neg[share < 0.0] style=(format!("width:{:.1}em", 5.0 * share.abs())) title=(format!("{weight:+.3}")) {} }
                    }
                }
            }
        }
    }
}

/// Neighbouring characters of one colour share an element: a page has room for long passages.
pub(super) fn text(characters: &[(String, f32)]) -> Markup {
    let mut runs: Vec<(String, i32)> = Vec::new();
    for (character, weight) in characters {
        #[allow(clippy::cast_possible_truncation)] // twenty steps
        let shade = (weight.clamp(-1.0, 1.0) * 20.0).round() as i32;
        match runs.last_mut() {
            Some((text, last)) if *last == shade => text.push_str(character),
            _ => runs.push((character.clone(), shade)),
        }
    }
    html! {
        div.text {
            @for (text, shade) in &runs {
                @if *shade == 0 { (text) }
                @else { span class=(if *shade > 0 { "p" } else { "m" }) style=(format!("--v:{:.2}", f64::from(shade.abs()) / 20.0)) { (text) } }
            }
        }
    }
}

/// A card for each case.
pub(super) fn cards(cases: &[Case], side: usize) -> Markup {
    html! {
        ul.cards {
            @for case in cases {
                li.card {
                    h4 {
                        "is " span.right { (case.truth) } ", answered " span.wrong { (case.answer) }
                        @if let Some(confidence) = case.confidence { " (" (percent(confidence)) ")" }
                    }
                    div.pair {
                        (exhibit(&case.exhibit, side, &format!("{}, {}", case.place, case.truth)))
                        @if let Some(map) = &case.map { (image(map, side, "where the evidence lies")) }
                    }
                    div.near {
                        (case.place)
                        @if !case.neighbours.is_empty() {
                            ". Nearest in training:"
                            ul {
                                @for near in &case.neighbours {
                                    li { (exhibit(&near.exhibit, side * 2 / 3, &near.place)) (near.label) " · " (format!("{:.2}", near.cosine)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How maps were made, and whether they passed their checks.
pub(super) fn method(method: &Method) -> Markup {
    html! {
        p.quiet {
            "Evidence: " (method.name) ". " (method.limits)
            @if let Some(residual) = method.residual { " Completeness: the parts add up to the whole within " (percent(residual)) "." }
            @if let Some(scrambled) = method.scrambled {
                " Check: with scrambled weights the maps correlate by " (format!("{scrambled:.2}"))
                @if scrambled.abs() < 0.5 { ", so they do depend on what was learned." }
                @else { ", so they show the input more than what was learned: do not trust them." }
            }
        }
    }
}
