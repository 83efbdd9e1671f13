//! How to run it again.

use maud::{Markup, html};

use super::model::Reproduce;

pub(super) fn section(again: &Reproduce) -> Markup {
    html! {
        h2 { "Run it again, to the bit" }
        pre tabindex="0" { code { (again.command) } }
        dl.facts { @for (name, words) in &again.versions { dt { (name) } dd { (words) } } }
        details { summary { "The complete experiment" } pre tabindex="0" { code { (again.experiment) } } }
    }
}
