//! The picture: how the error falls with the number of labels, from each start.

use fornax_examples::plot::{self, Curve, Panel};

use crate::{Results, STARTS, Start};

/// What all labels count as on the axis.
const ALL: u32 = 57_000;

/// The whole file.
pub(crate) fn svg(results: &Results) -> String {
    let labels = results.labels.map(|labels| {
        let count = labels.and_then(|count| u32::try_from(count).ok());
        let word = count.map_or_else(|| "all".to_owned(), |count| count.to_string());
        (f64::from(count.unwrap_or(ALL)).ln(), word)
    });
    let curve = |(place, start): (usize, &Start)| {
        let (name, colour, dashes) = look(*start);
        let means = (0..labels.len()).map(|lesson| {
            let errors = results.errors.iter().map(|table| table[lesson][place]);
            let count = u32::try_from(results.errors.len()).unwrap_or(1);
            [
                labels[lesson].0,
                errors.sum::<f64>() / f64::from(count.max(1)),
            ]
        });
        Curve {
            name,
            colour,
            dashes,
            points: means.collect(),
        }
    };
    let curves: Vec<_> = STARTS.iter().enumerate().map(curve).collect();
    let points = curves.iter().flat_map(|curve| &curve.points);
    let most = points.map(|[_, error]| *error).fold(5.0, f64::max);
    let ticks = (0_u8..)
        .step_by(5)
        .map(|tick| (f64::from(tick), tick.to_string()));
    let y_ticks = ticks.take_while(|(tick, _)| *tick < most + 5.0);
    plot::svg(&[Panel {
        title: "MNIST: test error in % over the number of labels".to_owned(),
        x_label: "labels".to_owned(),
        y_ticks: y_ticks.collect(),
        x_ticks: labels.to_vec(),
        curves,
    }])
}

fn look(start: Start) -> (&'static str, &'static str, &'static str) {
    match start {
        Start::PreTrained => ("pre-trained without labels", "#1f618d", ""),
        Start::Sigmoids => ("sigmoids, Xavier", "#e59866", "8 4"),
        Start::Rectifiers => ("rectifiers, He", "#c0392b", "2 3"),
    }
}
