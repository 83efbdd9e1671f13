//! What a deep belief network dreams, beside what it has seen.

use maud::{Markup, html};

use super::exhibit::exhibit;
use super::figure::table;
use super::model::Dreams;
use super::words::{counted, plain};

pub(super) fn section(dreams: &Dreams) -> Markup {
    html! {
        h2 { "What it dreams when nothing is shown to it" }
        p { "Samples from the network itself. The longer its chain runs, the less a dream depends on where it began. Below each dream is the training sample most like it: were the two the same, the network would remember rather than imagine." }
        @for (steps, all) in &dreams.free {
            h3 { "After " (counted(*steps, "Gibbs step")) }
            ul.tiles { @for dream in all { li {
                (exhibit(&dream.exhibit, 64, "a dream"))
                div style="height:.25rem" {}
                (exhibit(&dream.nearest, 64, "the training sample most like it"))
                span.quiet { (plain(dream.distance)) }
            } } }
        }
        @if !dreams.of_class.is_empty() {
            h3 { "Dreams of each class" }
            ul.units { @for (class, all) in &dreams.of_class { li { h4 { (class) } ul.tiles { @for dream in all { li { (exhibit(dream, 48, &format!("a dream of {class}"))) } } } } } }
        }
        @if !dreams.reconstructions.is_empty() {
            h3 { "What survives: inputs and their reconstructions through one layer, two layers, and so on" }
            ul.tiles { @for row in &dreams.reconstructions { li { @for shown in row { (exhibit(shown, 48, "an input, or its reconstruction")) div style="height:.25rem" {} } } } }
            @let rows = dreams.reconstruction_errors.iter().map(|(name, error)| vec![name.clone(), plain(*error)]).collect::<Vec<_>>();
            (table(&["through", "RMSE"], &rows))
        }
    }
}
