//! What all figures share: one sentence that says what to see, the picture, its numbers.

use maud::{Markup, html};

/// A figure under the sentence that it proves, with its numbers folded away behind it.
pub(super) fn figure(
    takeaway: &str,
    drawing: &Markup,
    caption: &str,
    table: Option<&Markup>,
) -> Markup {
    html! {
        figure {
            h3 { (takeaway) }
            (drawing)
            @if !caption.is_empty() { figcaption { (caption) } }
            @if let Some(table) = table {
                details { summary { "Numbers" } div.scroll tabindex="0" role="region" aria-label=(format!("Numbers: {takeaway}")) { (table) } }
            }
        }
    }
}

/// A table: names of the columns, then rows whose first cell names them.
pub(super) fn table(columns: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        table {
            thead { tr { @for column in columns { th scope="col" { (column) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (index, cell) in row.iter().enumerate() {
                            @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// A square of shades: names, and a share for each pair.
pub(super) fn shades(names: &[&str], values: &[Vec<Option<f64>>], label: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.matrix {
                thead { tr { td style="--v:0" {} @for name in names { th scope="col" { (name) } } } }
                tbody {
                    @for (name, row) in names.iter().zip(values) {
                        tr {
                            th scope="row" { (name) }
                            @for value in row {
                                @let shown = value.unwrap_or(0.0).clamp(0.0, 1.0);
                                td.deep[shown > 0.6] style=(format!("--v:{shown:.2}")) {
                                    (value.map_or("–".to_owned(), |value| format!("{value:.2}")))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
