//! A strip for each layer: its health, its filters, what its units look for.

use maud::{Markup, html};

use super::exhibit::{exhibit, image};
use super::model::{Layer, Verdict};
use super::words::{counted, metric_name};

pub(super) fn has_content(layer: &Layer) -> bool {
    layer.num_units > 0
}

pub(super) fn section(layers: &[Layer], verdict: &Verdict) -> Markup {
    let idle: usize = layers
        .iter()
        .map(|layer| layer.dead + layer.duplicates + layer.saturated)
        .sum();
    let headline = if idle == 0 {
        "What each layer looks for; every unit does work of its own".to_owned()
    } else {
        format!(
            "What each layer looks for; {} could go",
            counted(idle, "unit")
        )
    };
    html! {
        h2 { (headline) }
        p { "For each layer, the units that tell most about the answer, each with the inputs that excite it most, and the stretch of a series or a text that does; of networks on images, the first picture is one made to excite it. A unit's pictures are what it responds to, not all that it responds to." }
        @for layer in layers.iter().filter(|layer| has_content(layer)) {
            div.strip {
                h3 { (layer.name) }
                ul.pills {
                    li { (counted(layer.num_units, "unit")) }
                    li.warn[layer.dead > 0] { (layer.dead) " dead" }
                    li.warn[layer.saturated > 0] { (layer.saturated) " saturated" }
                    li.warn[layer.duplicates > 0] { (counted(layer.duplicates, "duplicate")) }
                    @if let Some(pruned) = layer.pruned { li { "without them " (metric_name(&verdict.metric)) " is " (verdict.unit.write(pruned)) } }
                }
                @if !layer.filters.is_empty() {
                    p.quiet { "Its weights, one picture a unit" }
                    ul.tiles { @for (index, filter) in layer.filters.iter().enumerate() { li { (image(filter, 44, &format!("weights of unit {index}"))) } } }
                }
                @if !layer.units.is_empty() {
                    ul.units { @for unit in &layer.units { li {
                        h4 { "unit " (unit.unit) @if !unit.follows.is_empty() { ": " (unit.follows) } }
                        ul.tiles {
                            @if let Some(ideal) = &unit.ideal { li { (image(ideal, 56, &format!("the input that excites unit {} most", unit.unit))) } }
                            @for (rank, shown) in unit.exhibits.iter().enumerate() { li { (exhibit(shown, 44, &format!("number {} of what excites unit {}", rank + 1, unit.unit))) } }
                        }
                    } } }
                }
            }
        }
    }
}
