//! The verdict: the result, how sure it is, and what it has to beat.

use maud::{Markup, html};

use super::model::{Unit, Verdict};
use super::words::{PERCENT, count, metric_name, metric_value};

pub(super) fn section(verdict: &Verdict) -> Markup {
    let value = verdict.unit.write(verdict.result.value);
    let (number, sign) = match value.strip_suffix(PERCENT) {
        Some(number) => (number.to_owned(), "%"),
        None => (value, ""),
    };
    html! {
        div.hero {
            div {
                p.eyebrow { (metric_name(&verdict.metric)) " on the " (verdict.split) " split" }
                p.big { (number) small { "\u{202f}" (sign) } }
                p { (sentence(verdict)) }
                @if verdict.others.len() > 1 {
                    p.quiet {
                        @for (index, (name, value)) in verdict.others.iter().filter(|(name, _)| **name != verdict.metric).enumerate() {
                            @if index > 0 { " · " } (metric_name(name)) " " (metric_value(name, *value))
                        }
                    }
                }
            }
            div {
                p.eyebrow { "What it has to beat" }
                (rivals(verdict))
                dl.facts { @for (name, words) in &verdict.facts { dt { (name) } dd { (words) } } }
            }
        }
        @if !verdict.advice.is_empty() {
            div.advice {
                h3 { "What to do next" }
                ol { @for advice in &verdict.advice { li { (advice.sentence) @if let Some(command) = &advice.command { " " code { (command) } } } } }
            }
        }
    }
}

fn sentence(verdict: &Verdict) -> String {
    let Verdict {
        task,
        unit,
        result,
        num_samples,
        split,
        ..
    } = verdict;
    let bare = |value: f64| unit.write(value).trim_end_matches(PERCENT).to_owned();
    let percent = if *unit == Unit::Share { PERCENT } else { "" };
    let interval = if result.low.is_finite() {
        format!(
            " With {} samples, the true value lies between {} and {}{percent} in 95 of 100 such tests.",
            count(*num_samples),
            bare(result.low),
            bare(result.high)
        )
    } else {
        format!(
            " Measured on {} samples of the {split} split.",
            count(*num_samples)
        )
    };
    format!("The network {task}.{interval} {}", judgement(verdict))
}

/// Whether the interval lies clear of the strongest rival.
fn judgement(verdict: &Verdict) -> String {
    let up = verdict.higher_is_better;
    let better = |a: f64, b: f64| if up { a > b } else { a < b };
    let strongest = verdict.rivals.iter().filter(|rival| rival.1.is_finite());
    let strongest =
        strongest.reduce(|best, rival| if better(rival.1, best.1) { rival } else { best });
    let Some((name, value)) = strongest else {
        return String::new();
    };
    let worst_end = if up {
        verdict.result.low
    } else {
        verdict.result.high
    };
    let best_end = if up {
        verdict.result.high
    } else {
        verdict.result.low
    };
    if better(worst_end, *value) {
        format!("That is clearly better than {name}.")
    } else if better(*value, best_end) {
        format!("That is worse than {name}: something is wrong.")
    } else {
        format!("That cannot be told from {name} on so few samples.")
    }
}

/// Bars of the result and its rivals on one scale.
fn rivals(verdict: &Verdict) -> Markup {
    let own = ("this network".to_owned(), verdict.result.value);
    let mut all: Vec<(&(String, f64), bool)> =
        verdict.rivals.iter().map(|rival| (rival, false)).collect();
    all.push((&own, true));
    let finite = || {
        all.iter()
            .map(|(rival, _)| rival.1)
            .filter(|value| value.is_finite())
    };
    let top = if verdict.unit == Unit::Share {
        1.0
    } else {
        finite().fold(1e-12, f64::max)
    };
    html! {
        ul.rivals {
            @for ((name, value), is_own) in &all {
                li.own[*is_own] {
                    span { (name) } span { (verdict.unit.write(*value)) }
                    span.track aria-hidden="true" { span.fill style=(format!("width:{:.1}%", (100.0 * value / top).clamp(0.0, 100.0))) {} }
                }
            }
        }
        @if !verdict.higher_is_better { p.quiet { "Less is better." } }
    }
}
