//! What every architecture promises, for each recurrent cell; and what padding, carried state and
//! generation promise beyond it.

mod promises;
mod reference;
mod sequences;

use fornax_rnn::{CellKind, RnnConfig};

const CELLS: [CellKind; 3] = [CellKind::Elman, CellKind::Lstm, CellKind::Gru];

/// A small network over three features, with two layers.
fn series(cell: CellKind, bidirectional: bool) -> RnnConfig {
    RnnConfig::new(3, 4, false)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_bidirectional(bidirectional)
}

/// A small network over seven tokens, with two layers.
fn text(cell: CellKind) -> RnnConfig {
    RnnConfig::new(7, 7, true)
        .with_cell(cell)
        .with_d_hidden(5)
        .with_num_layers(2)
        .with_d_embedding(4)
}

/// Every network of series: each cell, in one direction and in both.
fn all_series() -> impl Iterator<Item = RnnConfig> {
    CELLS
        .into_iter()
        .flat_map(|cell| [series(cell, false), series(cell, true)])
}
