//! Charts as inline SVG: small, drawn for a page that is light or dark, wide or narrow.
//!
//! Every chart is drawn 420 units wide, so that its words stay readable on a phone. Colours are
//! classes of the page's style, and no chart tells by colour alone: lines have dashes and names.

use maud::{Markup, html};

use super::words::tick;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// Points after which a line is thinned: more cannot be seen.
const MAX_POINTS: usize = 300;

/// x, y, and the ends of the interval of y where it has one.
pub(super) type Point = (f64, f64, Option<(f64, f64)>);

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// 0 to 3: which colour and dash.
    pub(super) style: usize,
    pub(super) marks: bool,
}

impl Line {
    pub(super) fn new(
        name: &str,
        style: usize,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points: Vec<_> = points
            .into_iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .map(|(x, y)| (x, y, None))
            .collect();
        Self {
            name: name.to_owned(),
            points: thin(points),
            style,
            marks: false,
        }
    }
}

fn thin<T: Copy>(points: Vec<T>) -> Vec<T> {
    let step = points.len().div_ceil(MAX_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let keep = |&(index, _): &(usize, T)| index % step == 0 || index == last;
    points
        .into_iter()
        .enumerate()
        .filter(keep)
        .map(|(_, point)| point)
        .collect()
}

/// A numbered mark on the x axis.
pub(super) struct Pin {
    pub(super) x: f64,
    pub(super) number: usize,
}

/// A chart of lines.
#[allow(clippy::struct_excessive_bools)] // each switches something of its own
#[derive(Default)]
pub(super) struct Chart {
    /// What it shows, for those who cannot see it.
    pub(super) label: String,
    pub(super) lines: Vec<Line>,
    pub(super) x_label: String,
    pub(super) y_label: String,
    /// Names of x = 0, 1, 2, .. instead of numbers.
    pub(super) x_names: Vec<String>,
    /// y in percent.
    pub(super) percent: bool,
    /// y on a logarithmic axis.
    pub(super) log: bool,
    /// Ends of the y axis, where they are not those of the lines.
    pub(super) y_range: Option<(f64, f64)>,
    /// A vertical line with a word.
    pub(super) mark_x: Option<(f64, String)>,
    /// Findings, each at its place.
    pub(super) pins: Vec<Pin>,
    /// The diagonal, where a chart compares like with like.
    pub(super) diagonal: bool,
    /// Draw points alone.
    pub(super) scatter: bool,
    /// Bars instead of the first line.
    pub(super) bars: bool,
}

struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let (value, low, high) = if self.log {
            (value.max(1e-300).ln(), self.low.ln(), self.high.ln())
        } else {
            (value, self.low, self.high)
        };
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        self.start + share.clamp(-0.02, 1.02) * (self.end - self.start)
    }

    /// A few round values within the scale.
    fn ticks(&self, count: usize) -> Vec<f64> {
        if self.log {
            #[allow(clippy::cast_possible_truncation)] // a power of ten
            let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
            let all =
                decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade)));
            let ticks: Vec<f64> = all
                .filter(|tick| (self.low..=self.high).contains(tick))
                .collect();
            if ticks.len() > 6 {
                return ticks
                    .into_iter()
                    .filter(|tick| (tick.log10() - tick.log10().round()).abs() < 0.01)
                    .collect();
            }
            if ticks.len() >= 2 {
                return ticks;
            }
            return vec![self.low, (self.low * self.high).sqrt(), self.high];
        }
        let span = self.high - self.low;
        if span <= 0.0 || !span.is_finite() {
            return vec![self.low];
        }
        #[allow(clippy::cast_precision_loss)] // a handful
        let raw = span / count as f64;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= raw)
            .unwrap_or(raw);
        let first = (self.low / step).ceil();
        let last = ((self.high / step) + 1e-9).floor();
        let mut ticks = Vec::new();
        let mut at = first;
        while at <= last {
            ticks.push(at * step);
            at += 1.0;
        }
        ticks
    }
}

impl Chart {
    fn all(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    fn scales(&self) -> (Scale, Scale) {
        let (mut x_low, mut x_high) = ends(self.all().map(|point| point.0));
        if !self.x_names.is_empty() {
            #[allow(clippy::cast_precision_loss)] // layers
            let last = self.x_names.len() as f64 - 1.0;
            (x_low, x_high) = (-0.3, last + 0.3);
        }
        if self.bars && self.x_names.is_empty() {
            let half = self.bar_width() / 2.0;
            (x_low, x_high) = (x_low - half, x_high + half);
        }
        let (y_low, y_high) = self.y_range.unwrap_or_else(|| {
            let values = self.all().flat_map(|&(_, y, range)| {
                let (low, high) = range.unwrap_or((y, y));
                [low, y, high]
            });
            let (low, high) = if self.log {
                ends(values.filter(|value| *value > 0.0))
            } else {
                ends(values)
            };
            if self.log {
                return (low / 1.2, high * 1.2);
            }
            let low = if self.bars { low.min(0.0) } else { low };
            let margin = if high > low {
                0.06 * (high - low)
            } else {
                0.5 * high.abs().max(1e-9)
            };
            let floor = if self.bars && low >= 0.0 {
                0.0
            } else {
                low - margin
            };
            let ceiling = if self.percent {
                (high + margin).min(1.0_f64.max(high))
            } else {
                high + margin
            };
            (floor, ceiling)
        });
        let x = Scale {
            low: x_low,
            high: x_high,
            start: LEFT,
            end: WIDTH - RIGHT,
            log: false,
        };
        let y = Scale {
            low: y_low,
            high: y_high,
            start: HEIGHT - BOTTOM,
            end: TOP,
            log: self.log,
        };
        (x, y)
    }

    /// Width of a bar in units of x.
    fn bar_width(&self) -> f64 {
        let points = self.lines.first().map_or(&[][..], |line| &line.points);
        points
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .fold(f64::INFINITY, f64::min)
            .clamp(1e-12, 1e12)
    }

    pub(super) fn draw(&self) -> Markup {
        if self.all().next().is_none() {
            return html! { p.quiet { "There is nothing to draw." } };
        }
        let (x, y) = self.scales();
        let x_ticks: Vec<(f64, String)> = if self.x_names.is_empty() {
            x.ticks(5)
                .into_iter()
                .map(|value| (value, tick(value)))
                .collect()
        } else {
            #[allow(clippy::cast_precision_loss)] // layers
            let named = self
                .x_names
                .iter()
                .enumerate()
                .map(|(index, name)| (index as f64, name.clone()));
            named.collect()
        };
        let y_ticks: Vec<(f64, String)> = y
            .ticks(5)
            .into_iter()
            .map(|value| {
                (
                    value,
                    if self.percent {
                        format!("{} %", tick(100.0 * value))
                    } else {
                        tick(value)
                    },
                )
            })
            .collect();
        let many = self.x_names.len() > 7;
        html! {
            @if self.lines.len() > 1 { (self.legend()) }
            svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.label) {
                @for (value, text) in &y_ticks {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(n(y.place(*value))) y2=(n(y.place(*value))) {}
                    text.tick x=(LEFT - 6.0) y=(n(y.place(*value) + 3.5)) text-anchor="end" { (text) }
                }
                line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
                @for (index, (value, text)) in x_ticks.iter().enumerate() {
                    @if !many || index % 2 == 0 {
                        text.tick x=(n(x.place(*value))) y=(HEIGHT - BOTTOM + 15.0) text-anchor="middle" { (text) }
                    }
                }
                text.label x=(f64::midpoint(LEFT, WIDTH - RIGHT)) y=(HEIGHT - 6.0) text-anchor="middle" { (self.x_label) }
                @if !self.y_label.is_empty() {
                    text.label x=(LEFT) y=(TOP - 4.0) text-anchor="start" { (self.y_label) }
                }
                @if self.diagonal {
                    line.diagonal x1=(n(x.place(x.low.max(y.low)))) y1=(n(y.place(x.low.max(y.low))))
                        x2=(n(x.place(x.high.min(y.high)))) y2=(n(y.place(x.high.min(y.high)))) {}
                }
                @if let Some((at, word)) = &self.mark_x {
                    line.mark x1=(n(x.place(*at))) x2=(n(x.place(*at))) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                    text.tick x=(n(x.place(*at) - 4.0)) y=(HEIGHT - BOTTOM - 6.0) text-anchor="end" { (word) }
                }
                @for pin in self.pins.iter().filter(|pin| pin.x >= x.low && pin.x <= x.high) {
                    g.pin {
                        title { "finding " (pin.number) }
                        line x1=(n(x.place(pin.x))) x2=(n(x.place(pin.x))) y1=(TOP + 6.0) y2=(HEIGHT - BOTTOM) {}
                        circle cx=(n(x.place(pin.x))) cy=(TOP + 1.0) r="7" {}
                        text x=(n(x.place(pin.x))) y=(TOP + 4.5) text-anchor="middle" { (pin.number) }
                    }
                }
                @for (index, line) in self.lines.iter().enumerate() {
                    @if self.bars && index == 0 { (self.draw_bars(line, &x, &y)) }
                    @else if self.scatter { (draw_dots(line, &x, &y, 2.2)) }
                    @else { (draw_line(line, &x, &y)) }
                }
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend aria-hidden="true" {
                @for line in &self.lines {
                    li { svg viewBox="0 0 24 8" width="24" height="8" {
                        line class=(format!("line s{}", line.style % 4)) x1="0" x2="24" y1="4" y2="4" {}
                    } (line.name) }
                }
            }
        }
    }

    fn draw_bars(&self, line: &Line, x: &Scale, y: &Scale) -> Markup {
        let half = 0.46 * self.bar_width();
        html! {
            g class=(format!("bar s{}", line.style % 4)) {
                @for &(at, value, _) in &line.points {
                    @let (left, right) = (x.place(at - half), x.place(at + half));
                    @let (zero, end) = (y.place(0.0_f64.clamp(y.low, y.high)), y.place(value));
                    rect x=(n(left)) width=(n((right - left).max(0.5))) y=(n(zero.min(end))) height=(n((zero - end).abs())) {}
                }
            }
        }
    }
}

fn draw_line(line: &Line, x: &Scale, y: &Scale) -> Markup {
    let mut path = String::new();
    for (index, (at, value, _)) in line.points.iter().enumerate() {
        let command = if index == 0 { "M" } else { "L" };
        path.extend([command, &n(x.place(*at)), " ", &n(y.place(*value))]);
    }
    html! {
        path class=(format!("line s{}", line.style % 4)) d=(path) {}
        @for &(at, _, range) in &line.points {
            @if let Some((low, high)) = range {
                line class=(format!("whisker s{}", line.style % 4)) x1=(n(x.place(at))) x2=(n(x.place(at))) y1=(n(y.place(low))) y2=(n(y.place(high))) {}
            }
        }
        @if line.marks || line.points.len() == 1 { (draw_dots(line, x, y, 3.5)) }
    }
}

fn draw_dots(line: &Line, x: &Scale, y: &Scale, radius: f64) -> Markup {
    html! {
        g class=(format!("dot s{}", line.style % 4)) {
            @for &(at, value, _) in &line.points {
                circle cx=(n(x.place(at))) cy=(n(y.place(value))) r=(radius) {}
            }
        }
    }
}

/// A coordinate, no longer than it can be seen.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if low > high { (0.0, 1.0) } else { (low, high) }
}

/// A bare line without axes: a series in a card.
pub(super) fn sparkline(
    channels: &[Vec<f32>],
    truth: &[f32],
    forecast: &[f32],
    weights: &[f32],
    label: &str,
) -> Markup {
    const W: f64 = 200.0;
    const H: f64 = 64.0;
    let longest = channels.iter().map(Vec::len).max().unwrap_or(0);
    let steps = longest + truth.len().max(forecast.len());
    let all = channels
        .iter()
        .flatten()
        .chain(truth)
        .chain(forecast)
        .map(|value| f64::from(*value));
    let (low, high) = ends(all);
    #[allow(clippy::cast_precision_loss)] // steps of a series
    let x = Scale {
        low: 0.0,
        high: (steps.max(2) - 1) as f64,
        start: 2.0,
        end: W - 2.0,
        log: false,
    };
    let y = Scale {
        low,
        high,
        start: H - 4.0,
        end: 4.0,
        log: false,
    };
    #[allow(clippy::cast_precision_loss)] // steps of a series
    let path = |values: &[f32], from: usize| {
        let mut path = String::new();
        for (step, value) in values.iter().enumerate() {
            let command = if step == 0 { "M" } else { "L" };
            path.extend([
                command,
                &n(x.place((from + step) as f64)),
                " ",
                &n(y.place(f64::from(*value))),
            ]);
        }
        path
    };
    let strongest = weights
        .iter()
        .fold(1e-12_f32, |most, weight| most.max(weight.abs()));
    // What is forecast begins where the series ends.
    let joined = |ahead: &[f32]| -> Vec<f32> {
        channels
            .first()
            .and_then(|series| series.last())
            .into_iter()
            .chain(ahead)
            .copied()
            .collect()
    };
    html! {
        svg.spark viewBox=(format!("0 0 {W} {H}")) role="img" aria-label=(label) {
            @for (step, weight) in weights.iter().enumerate() {
                @let strength = (weight / strongest).abs();
                @if strength > 0.05 {
                    rect class=(if *weight > 0.0 { "for" } else { "against" })
                        x=(n(x.place(step_f64(step) - 0.5))) width=(n((x.place(1.0) - x.place(0.0)).max(0.6))) y="0" height=(H)
                        opacity=(n2(0.55 * strength)) {}
                }
            }
            @for (index, values) in channels.iter().take(12).enumerate() {
                path class=(format!("line thin s{}", index % 4)) d=(path(values, 0)) {}
            }
            @if !truth.is_empty() { path class="line thin s2" d=(path(&joined(truth), longest.saturating_sub(1))) {} }
            @if !forecast.is_empty() { path class="line thin s1" d=(path(&joined(forecast), longest.saturating_sub(1))) {} }
        }
    }
}

#[allow(clippy::cast_precision_loss)] // a step of a series
fn step_f64(step: usize) -> f64 {
    step as f64
}

fn n2(value: f32) -> String {
    format!("{value:.2}")
}
