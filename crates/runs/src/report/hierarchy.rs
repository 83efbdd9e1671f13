//! The hierarchy curve, and how alike the layers are.

use maud::{Markup, html};

use super::figure::{figure, shades, table};
use super::model::Hierarchy;
use super::plot::{Chart, Line};
use super::words::{count, counted, plain};

pub(super) fn section(hierarchy: &Hierarchy) -> Markup {
    html! {
        p.eyebrow { "Does each layer make the decision easier?" }
        h2 { (headline(hierarchy)) }
        p {
            "A linear model was fitted on the features of each layer, as if that layer were the last. "
            "Where the curve rises, the layer turned what it got into something more useful. The dashed "
            "curve is the same network before it learned anything: what lies between the two was learned."
        }
        div."grid"."wide" {
            (curve(hierarchy))
            (alike(hierarchy))
        }
    }
}

fn headline(hierarchy: &Hierarchy) -> String {
    if let Some(worse) = hierarchy.worse.first() {
        return format!("{worse} makes the decision harder than the layer before it");
    }
    let Some(input) = hierarchy.layers.first() else {
        return "Hierarchy".to_owned();
    };
    let best = hierarchy.layers.iter().skip(1).reduce(|best, layer| {
        if layer.probe.value > best.probe.value {
            layer
        } else {
            best
        }
    });
    let Some(best) = best else {
        return "Hierarchy".to_owned();
    };
    let write = |value| hierarchy.unit.write(value);
    if best.probe.low > input.probe.high {
        format!(
            "From {} on the raw input to {} in {}: the layers make it easier",
            write(input.probe.value),
            write(best.probe.value),
            best.name
        )
    } else {
        format!(
            "No layer is clearly easier to decide from than the raw input ({})",
            write(input.probe.value)
        )
    }
}

#[allow(clippy::cast_precision_loss)] // layers
fn curve(hierarchy: &Hierarchy) -> Markup {
    let trained = Line {
        name: "trained".into(),
        points: hierarchy
            .layers
            .iter()
            .enumerate()
            .filter(|(_, layer)| layer.probe.value.is_finite())
            .map(|(index, layer)| {
                (
                    index as f64,
                    layer.probe.value,
                    Some((layer.probe.low, layer.probe.high)),
                )
            })
            .collect(),
        style: 0,
        marks: true,
    };
    let control = Line {
        name: "random weights".into(),
        points: hierarchy
            .layers
            .iter()
            .enumerate()
            .filter_map(|(index, layer)| {
                let control = layer.control?;
                control.value.is_finite().then_some((
                    index as f64,
                    control.value,
                    Some((control.low, control.high)),
                ))
            })
            .collect(),
        style: 1,
        marks: true,
    };
    let knn = Line {
        marks: false,
        ..Line::new(
            "nearest neighbours",
            2,
            hierarchy
                .layers
                .iter()
                .enumerate()
                .map(|(index, layer)| (index as f64, layer.knn)),
        )
    };
    let takeaway = format!(
        "Linear probes, {} on {} held-out samples",
        hierarchy.score,
        count(hierarchy.num_held_out)
    );
    let mut chart = Chart {
        label: format!("{takeaway}: {}", headline(hierarchy)),
        lines: vec![trained, control, knn],
        x_names: hierarchy
            .layers
            .iter()
            .map(|layer| layer.name.clone())
            .collect(),
        y_label: hierarchy.score.clone(),
        percent: hierarchy.unit == super::Unit::Share,
        ..Chart::default()
    };
    if hierarchy.unit == super::Unit::Plain {
        // One layer that explains less than nothing would press all others flat.
        let low = hierarchy
            .layers
            .iter()
            .map(|layer| layer.probe.low.min(layer.control.map_or(1.0, |c| c.value)))
            .fold(1.0, f64::min);
        chart.y_range = Some((low.clamp(-0.5, 0.9) - 0.03, 1.02));
    }
    let caption = format!(
        "Each probe was fitted on {} training samples, {} drawn from {}; bars are 95 % intervals. Wide layers are averaged over neighbouring places first.",
        count(hierarchy.num_fit * 4 / 5),
        counted(hierarchy.num_seeds, "time"),
        count(hierarchy.num_fit),
    );
    figure(
        &takeaway,
        &chart.draw(),
        &caption,
        Some(&numbers(hierarchy)),
    )
}

/// The table behind the curve.
fn numbers(hierarchy: &Hierarchy) -> Markup {
    let rows: Vec<Vec<String>> = hierarchy
        .layers
        .iter()
        .map(|layer| {
            vec![
                layer.name.clone(),
                count(layer.width),
                count(layer.measured_width),
                hierarchy.unit.write_estimate(&layer.probe),
                layer.control.map_or("–".into(), |control| {
                    hierarchy.unit.write_estimate(&control)
                }),
                hierarchy.unit.write(layer.knn),
                layer.separability.map_or("–".into(), plain),
            ]
        })
        .collect();
    let columns = [
        "layer",
        "features",
        "measured",
        "linear probe (95 %)",
        "random weights (95 %)",
        "5 nearest neighbours",
        "class separability",
    ];
    table(&columns, &rows)
}

fn alike(hierarchy: &Hierarchy) -> Markup {
    if hierarchy.cka.is_empty() {
        return html! {};
    }
    let names: Vec<&str> = hierarchy
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    // Neighbours that see the same are the only ones that could be left out.
    let twins = (1..names.len().saturating_sub(1))
        .find(|&index| hierarchy.cka[index][index - 1].is_some_and(|value| value > 0.98));
    let takeaway = match twins {
        Some(index) => format!(
            "{} sees nearly what {} sees: the network could be shallower",
            names[index],
            names[index - 1]
        ),
        None => "Each layer sees something of its own".to_owned(),
    };
    let mut names_and_start = names.clone();
    let mut values = hierarchy.cka.clone();
    if !hierarchy.cka_to_start.is_empty() {
        names_and_start.push("untrained");
        for (row, start) in values.iter_mut().zip(&hierarchy.cka_to_start) {
            row.push(*start);
        }
    }
    let table = table_of(&names_and_start, &names, &values);
    figure(
        &takeaway,
        &table,
        "Similarity of layers (CKA), 1 for the same up to rotation. The last column compares a layer with what it was before training.",
        None,
    )
}

fn table_of(columns: &[&str], rows: &[&str], values: &[Vec<Option<f64>>]) -> Markup {
    if columns.len() == rows.len() {
        return shades(rows, values, "Similarity of layers");
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label="Similarity of layers" {
            table.matrix {
                thead { tr { td style="--v:0" {} @for name in columns { th scope="col" { (name) } } } }
                tbody { @for (name, row) in rows.iter().zip(values) { tr {
                    th scope="row" { (name) }
                    @for (column, value) in row.iter().enumerate() {
                        @let shown = value.unwrap_or(0.0).clamp(0.0, 1.0);
                        td.deep[shown > 0.6].off[column == rows.len()] style=(format!("--v:{shown:.2}")) { (value.map_or("–".to_owned(), |value| format!("{value:.2}"))) }
                    }
                } } }
            }
        }
    }
}
