//! Weights in the order in which a tile reads them.

use std::ops::Range;

use super::rows_per_tile;
use crate::matmul::bf16::{Form, ROWS_AT_ONCE};

/// What rows of sums multiply rows of values by: for each block of rows the weights of all its rows for
/// each term, side by side.
pub(crate) struct PackedWeights {
    values: Values,
    num_rows: usize,
    /// Rows of a block.
    block: usize,
}

enum Values {
    Plain(Vec<f32>),
    /// A term is two rows of values.
    ByTwos(Form, Vec<u32>),
    /// A term is a tile of values, of so many rows of two, with as many terms as follow.
    Tiles(Form, Vec<u32>, [usize; 2]),
}

/// Those of one block.
pub(super) enum Weights<'a> {
    Plain(&'a [f32]),
    ByTwos(Form, &'a [u32]),
    Tiles(Form, &'a [u32], [usize; 2]),
}

impl PackedWeights {
    /// Each row of values has some terms, one after the other. `weight` says what a row of sums multiplies a
    /// row of values by in each of its terms. They are rounded where there is a `form`, which
    /// [takes rows](Form::takes_rows).
    pub(crate) fn new(
        form: Option<Form>,
        num_rows: usize,
        [num_values, num_terms]: [usize; 2],
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let in_tiles = form.is_some_and(Form::takes_tiles);
        let block = if in_tiles {
            ROWS_AT_ONCE
        } else {
            rows_per_tile()
        };
        let num_blocks = num_rows.div_ceil(block);
        let num_pairs = num_values.div_ceil(2);
        // Rows of values in a term, and in all terms.
        let tile = form.map_or(1, |form| form.pairs_of_term(num_pairs));
        let num_padded = match form {
            None => num_values,
            Some(_) => num_pairs.next_multiple_of(tile),
        };
        // Of the rows of values from `first` on, each `step` beyond the last.
        let packed = |first: usize, step: usize| {
            let mut values = vec![0.0; num_blocks * num_padded * num_terms * block];
            for row in 0..num_rows {
                for (index, value) in (first..num_values).step_by(step).enumerate() {
                    let tiles = row / block * (num_padded / tile) + index / tile;
                    for term in 0..num_terms {
                        let rows = (tiles * num_terms + term) * block + row % block;
                        values[rows * tile + index % tile] = weight(row, value, term);
                    }
                }
            }
            values
        };
        let values = match form {
            None => Values::Plain(packed(0, 1)),
            Some(form) => {
                let (first, second) = (packed(0, 2), packed(1, 2));
                let mut pairs = vec![0; first.len()];
                form.round_by_twos(&first, Some(&second), &mut pairs);
                if in_tiles {
                    Values::Tiles(form, pairs, [tile, num_terms])
                } else {
                    Values::ByTwos(form, pairs)
                }
            }
        };
        Self {
            values,
            num_rows,
            block,
        }
    }

    /// Rows of each block.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let (block, num_rows) = (self.block, self.num_rows);
        (0..num_rows.div_ceil(block))
            .map(move |index| index * block..num_rows.min((index + 1) * block))
    }

    /// Rows of every block but the last, which may have fewer.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    pub(super) fn of_block(&self, first_row: usize) -> Weights<'_> {
        let num_blocks = self.num_rows.div_ceil(self.block);
        let place = |length: usize| {
            let (index, length) = (first_row / self.block, length / num_blocks);
            index * length..(index + 1) * length
        };
        match &self.values {
            Values::Plain(values) => Weights::Plain(&values[place(values.len())]),
            Values::ByTwos(form, values) => Weights::ByTwos(*form, &values[place(values.len())]),
            Values::Tiles(form, values, terms) => {
                Weights::Tiles(*form, &values[place(values.len())], *terms)
            }
        }
    }
}
