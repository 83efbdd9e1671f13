//! The operands of products, rounded and laid into blocks.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::{ALONE, Form, LANES, PANELS_PER_TASK, STEPS, pack};
use crate::matmul::{Matrix, Threads};

/// The side of a product on which an operand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// 16 columns by 32 steps. Of the right operand, each of the 16 vectors has two neighbouring steps of all
/// columns; of the left one, all steps of one row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [[u32; LANES]; LANES]);

/// An operand: panel after panel, in each block after block, of each its parts.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(super) form: Form,
    /// How blocks lie. On vectors an operand on the left may lie as one on the right does.
    pub(super) side: Side,
    /// Of the inner dimension.
    pub(super) length: usize,
    /// Columns of the right operand, rows of the left one.
    pub(super) width: usize,
    /// Blocks of a panel that there is room for.
    pub(super) room: usize,
    pub(super) blocks: Vec<Block>,
}

impl Packed {
    /// Rounds to the nearest, ties to even. What is not a number stays so, and numbers below the
    /// smallest normal one become zero, as the instructions have it. In two parts, what is infinite
    /// and what is rounded to infinity is no number any more.
    pub(crate) fn right(matrix: Matrix, form: Form, threads: Threads) -> Self {
        Self::new(matrix, form, Side::Right, threads)
    }

    /// As [`Packed::right`], for the operand on the left.
    pub(crate) fn left(matrix: Matrix, form: Form, threads: Threads) -> Self {
        Self::new(matrix.transposed(), form, Side::Left, threads)
    }

    /// `matrix` has the inner dimension along its rows.
    fn new(matrix: Matrix, form: Form, side: Side, threads: Threads) -> Self {
        assert!(
            form.engine.is_supported(),
            "whoever packs has asked for the instructions"
        );
        let (length, width) = (matrix.rows, matrix.columns);
        let mut packed = Self {
            form,
            side,
            length,
            width,
            room: length.div_ceil(STEPS),
            blocks: Vec::new(),
        };
        let panel_len = packed.room * form.parts as usize;
        let num_blocks = packed.num_panels() * panel_len;
        if num_blocks > 0 {
            packed.blocks.reserve_exact(num_blocks);
            let memory = &mut packed.blocks.spare_capacity_mut()[..num_blocks];
            let pack = |(index, part): (usize, &mut [MaybeUninit<Block>])| {
                pack::pack(matrix, index * PANELS_PER_TASK, form.parts, side, part);
            };
            if threads == Threads::One || length * width < ALONE / 32 {
                pack((0, memory));
            } else {
                let tasks = memory.par_chunks_mut(PANELS_PER_TASK * panel_len);
                tasks.enumerate().for_each(pack);
            }
            // SAFETY: `pack` has written all of them.
            unsafe { packed.blocks.set_len(num_blocks) };
        }
        packed
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Columns of the right operand, rows of the left one.
    pub(in super::super) fn width(&self) -> usize {
        self.width
    }

    /// Along the inner dimension.
    pub(super) fn num_blocks(&self) -> usize {
        self.length.div_ceil(STEPS)
    }

    fn num_panels(&self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// These blocks of a panel, with all their parts.
    pub(super) fn panel(&self, index: usize, blocks: &Range<usize>) -> &[Block] {
        let parts = self.form.parts as usize;
        let panel = &self.blocks[index * self.room * parts..];
        &panel[blocks.start * parts..blocks.end * parts]
    }
}
