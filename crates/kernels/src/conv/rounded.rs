//! Rows in bf16, beside the rows in `f32` that they are made of.

use super::geometry::Geometry;
use super::tile::Values;
use crate::matmul::bf16::Form;

/// What the sums of a convolution are to be in, other than `f32`: a form in which rows are faster.
pub(crate) fn form_of_rows(geometry: &Geometry, form: Option<Form>) -> Option<Form> {
    let go_by_twos = geometry.group_channels() > 1 && geometry.group_width() > 1;
    form.filter(|form| go_by_twos && form.takes_rows())
}

/// Rows of groups, two in one.
pub(crate) struct ByTwos {
    form: Form,
    values: Vec<u32>,
    group_len: usize,
}

impl ByTwos {
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            values: Vec::new(),
            group_len: 0,
        }
    }

    /// Takes in `num_groups` groups of `num_rows` rows, each `row_len` long. Behind the last there is as
    /// much room as in `rows`.
    pub(crate) fn load(
        &mut self,
        rows: &[f32],
        [num_groups, num_rows]: [usize; 2],
        row_len: usize,
    ) {
        let slack = rows.len() - num_groups * num_rows * row_len;
        let num_pairs = num_rows.div_ceil(2);
        let padded = num_pairs.next_multiple_of(self.form.pairs_of_term(num_pairs));
        self.group_len = padded * row_len;
        self.values.resize(num_groups * self.group_len + slack, 0);
        let groups = rows.chunks_exact(num_rows * row_len).take(num_groups);
        for (rows, pairs) in groups.zip(self.values.chunks_exact_mut(self.group_len)) {
            let pairs = pairs.chunks_exact_mut(row_len);
            for (rows, pairs) in rows.chunks(2 * row_len).zip(pairs) {
                let (first, second) = rows.split_at(row_len);
                let second = (!second.is_empty()).then_some(second);
                self.form.round_by_twos(first, second, pairs);
            }
        }
    }

    /// From the rows of a group on.
    pub(crate) fn of_group(&self, group: usize) -> Values<'_> {
        Values::ByTwos(&self.values[group * self.group_len..])
    }
}
