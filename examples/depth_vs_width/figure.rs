//! The picture: how the two sizes grow, and what eight ReLUs draw side by side or in depth.

use burn::tensor::Device;

use fornax_examples::plot::{self, Curve, Panel};

use crate::Row;
use crate::deep::{Block, predict, stack};
use crate::sawtooth::{Sawtooth, count};
use crate::shallow;

/// Of the sawtooth that is drawn.
const DRAWN_N: usize = 4;

/// The whole file.
pub(crate) fn svg(rows: &[Row], blocks: &[Block], device: &Device) -> String {
    plot::svg(&[sizes(rows), curves(blocks, device)])
}

/// Hidden ReLUs over n, on a logarithmic axis.
fn sizes(rows: &[Row]) -> Panel {
    let curve = |name, colour, dashes, size: fn(&Row) -> Option<usize>| Curve {
        name,
        colour,
        dashes,
        points: rows
            .iter()
            .filter_map(|row| Some([count(row.n), count(size(row)?).log2()]))
            .collect(),
    };
    let powers = (0_u8..=8).map(|power| (f64::from(power), (1_u16 << power).to_string()));
    Panel {
        title: "Hidden ReLUs for a sawtooth of 2ⁿ pieces".to_owned(),
        x_label: "n".to_owned(),
        x_ticks: rows
            .iter()
            .map(|row| (count(row.n), row.n.to_string()))
            .collect(),
        y_ticks: powers.collect(),
        curves: vec![
            curve("one layer, found", "#c0392b", "", |row| row.one_layer),
            curve("one layer, lower bound", "#c0392b", "2 3", |row| {
                Some(row.bound)
            }),
            curve("one layer, plain training", "#e59866", "8 4", |row| {
                row.naive?[0]
            }),
            curve("n layers of two", "#1f618d", "", |row| Some(row.deep)),
            curve("n layers, plain training", "#5dade2", "8 4", |row| {
                row.naive?[1]
            }),
        ],
    }
}

/// The sawtooth, and what as many ReLUs make of it in one layer and in n.
fn curves(blocks: &[Block], device: &Device) -> Panel {
    let sawtooth = Sawtooth::new(DRAWN_N, 256);
    let learned = stack(blocks.get(..DRAWN_N).unwrap_or(blocks), device);
    let curve = |name, colour, dashes, y: &[f32]| Curve {
        name,
        colour,
        dashes,
        points: sawtooth
            .x
            .iter()
            .zip(y)
            .map(|(x, y)| [x, y].map(|&v| f64::from(v)))
            .collect(),
    };
    let shallow = shallow::best(&sawtooth, 2 * DRAWN_N).predict(&sawtooth.x);
    let deep = predict(&learned, &sawtooth.x, device);
    let ticks = || {
        [
            (0.0, "0".to_owned()),
            (0.5, "0.5".to_owned()),
            (1.0, "1".to_owned()),
        ]
    };
    Panel {
        title: format!("Eight ReLUs for n = {DRAWN_N}"),
        x_label: "x".to_owned(),
        x_ticks: ticks().to_vec(),
        y_ticks: ticks().to_vec(),
        curves: vec![
            curve("the sawtooth", "#bbbbbb", "", &sawtooth.y),
            curve(
                "one layer of eight, the best found",
                "#c0392b",
                "",
                &shallow,
            ),
            curve("four layers of two, learned", "#1f618d", "6 6", &deep),
        ],
    }
}
