//! Panels of curves side by side, as an SVG file.

use maud::{Markup, html};

/// One coordinate system.
#[derive(Debug)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below the axis.
    pub x_label: String,
    /// Values on the axes that have words, rising; the axes end at the first and the last.
    pub x_ticks: Vec<(f64, String)>,
    /// As those of x.
    pub y_ticks: Vec<(f64, String)>,
    /// In the order of their names.
    pub curves: Vec<Curve>,
}

/// One line of a panel.
#[derive(Debug)]
pub struct Curve {
    /// Above the panel.
    pub name: &'static str,
    /// As SVG writes it.
    pub colour: &'static str,
    /// Lengths of dashes and gaps, empty for none: no line is told by its colour alone.
    pub dashes: &'static str,
    /// x and y of each.
    pub points: Vec<[f64; 2]>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
/// Room for the title and the names of the curves.
const TOP: f64 = 126.0;
const BOTTOM: f64 = 42.0;

/// The whole file.
#[must_use]
pub fn svg(panels: &[Panel]) -> String {
    let lefts = || (0_u8..).map(|index| WIDTH * f64::from(index));
    let width = lefts().nth(panels.len()).unwrap_or(WIDTH);
    let file = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (HEIGHT) }
            font-family="sans-serif" font-size="12" {
            rect width=(width) height=(HEIGHT) fill="white" {}
            @for (panel, left) in panels.iter().zip(lefts()) {
                g transform={ "translate(" (left) " 0)" } { (panel.draw()) }
            }
        }
    };
    file.into_string()
}

impl Panel {
    fn draw(&self) -> Markup {
        let x = |value| place(value, &self.x_ticks, [LEFT, WIDTH - RIGHT]);
        let y = |value| place(value, &self.y_ticks, [HEIGHT - BOTTOM, TOP]);
        html! {
            text x=(LEFT) y="20" font-size="14" font-weight="bold" { (self.title) }
            @for (curve, row) in self.curves.iter().zip((0_u8..).map(|row| 38 + 16 * row)) {
                path d={ "M" (LEFT) " " (row) "h28" } fill="none" stroke=(curve.colour)
                    stroke-width="2" stroke-dasharray=(curve.dashes) {}
                text x=(LEFT + 36.0) y=(row + 4) { (curve.name) }
            }
            @for (value, word) in &self.y_ticks {
                path d={ "M" (LEFT) " " (y(*value)) "H" (WIDTH - RIGHT) } stroke="#dddddd" {}
                text x=(LEFT - 6.0) y=(y(*value) + 4.0) text-anchor="end" { (word) }
            }
            @for (value, word) in &self.x_ticks {
                text x=(x(*value)) y=(HEIGHT - BOTTOM + 17.0) text-anchor="middle" { (word) }
            }
            text x=(f64::midpoint(LEFT, WIDTH - RIGHT)) y=(HEIGHT - 8.0) text-anchor="middle" {
                (self.x_label)
            }
            @for curve in &self.curves {
                @let points = curve.points.iter().map(|[a, b]| format!("{:.1},{:.1} ", x(*a), y(*b)));
                polyline points=(points.collect::<String>()) fill="none" stroke=(curve.colour)
                    stroke-width="2" stroke-dasharray=(curve.dashes) {}
            }
        }
    }
}

/// Where on the page a value lies, between the places of the first and the last tick.
fn place(value: f64, ticks: &[(f64, String)], [start, end]: [f64; 2]) -> f64 {
    let [low, high] = [ticks.first(), ticks.last()].map(|tick| tick.map_or(0.0, |tick| tick.0));
    start + (value - low) / (high - low) * (end - start)
}
