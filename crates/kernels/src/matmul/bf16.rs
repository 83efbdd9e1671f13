//! Products whose operands are rounded to bf16 and whose sums are f32, on CPUs with AVX512-BF16.
//!
//! Both operands are packed alike: rounded, the values of two neighbouring steps of the inner
//! dimension side by side as the instruction wants them, in panels of [`LANES`] columns. Each
//! element is one sum along the inner dimension, in an order that depends on nothing else.

mod simd;

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::{Into, Matrix, Threads};

/// Columns of a panel: the `f32` of the widest vector.
const LANES: usize = 16;

/// Rows of the result that are computed at once. They divide a panel.
const ROWS: usize = 8;

/// Panels that are computed at once: `ROWS * PANELS` sums fill most of the 32 vector registers.
const PANELS: usize = 3;

/// Panels of the left operand that one task multiplies by all that it has of the right one.
const LEFT_PANELS: usize = 8;

/// Pairs of the inner dimension that are summed before the sums meet memory: the panels of a tile
/// then stay in the second cache.
const MAX_PAIRS: usize = 2048;

/// Multiplications that are done sooner than another thread wakes up.
const ALONE: usize = 1 << 20;

/// What each of two neighbouring steps has in each column of a panel, the first in the low half.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Pairs([u32; LANES]);

/// An operand in bf16: panel after panel, in each pair after pair.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Of the inner dimension.
    length: usize,
    /// Columns of the right operand, rows of the left one.
    width: usize,
    panels: Vec<Pairs>,
}

/// Whether this CPU has the instructions.
pub(crate) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

impl Packed {
    /// Rounds to the nearest, ties to even. What is not a number stays so, and numbers below the
    /// smallest normal one become zero, as the instructions have it.
    ///
    /// # Panics
    /// When the CPU lacks the instructions.
    pub(crate) fn right(matrix: Matrix, threads: Threads) -> Self {
        assert!(
            is_supported(),
            "whoever packs has asked for the instructions"
        );
        let (length, width) = (matrix.rows, matrix.columns);
        let num_pairs = length.div_ceil(2);
        let num_panels = width.div_ceil(LANES);
        let mut panels = Vec::with_capacity(num_panels * num_pairs);
        if num_pairs > 0 {
            let memory = &mut panels.spare_capacity_mut()[..num_panels * num_pairs];
            let pack = |(index, part): (usize, &mut [MaybeUninit<Pairs>])| {
                simd::pack(matrix, index * PANELS, part);
            };
            if threads == Threads::One || length * width < ALONE / 8 {
                pack((0, memory));
            } else {
                let parts = memory.par_chunks_mut(PANELS * num_pairs);
                parts.enumerate().for_each(pack);
            }
            // SAFETY: `pack` has written all of them.
            unsafe { panels.set_len(num_panels * num_pairs) };
        }
        Self {
            length,
            width,
            panels,
        }
    }

    /// As [`Packed::right`], for the operand on the left.
    pub(crate) fn left(matrix: Matrix, threads: Threads) -> Self {
        Self::right(matrix.transposed(), threads)
    }

    fn num_pairs(&self) -> usize {
        self.length.div_ceil(2)
    }

    fn num_panels(&self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// These pairs of a panel.
    fn panel(&self, index: usize, pairs: &Range<usize>) -> &[Pairs] {
        &self.panels[index * self.num_pairs()..][pairs.clone()]
    }
}

/// Writes the product to `out`.
///
/// # Panics
/// When the inner sizes differ.
///
/// # Safety
/// `out` has room for the product, with rows `out_stride` elements apart, and nothing else reads or
/// writes there. To be added to, it has to hold numbers.
pub(super) unsafe fn multiply(
    left: &Packed,
    right: &Packed,
    out: *mut f32,
    out_stride: usize,
    into: Into,
    threads: Threads,
) {
    assert_eq!(
        left.length, right.length,
        "the inner sizes of a product are equal"
    );
    let out = Out {
        start: out,
        stride: out_stride,
        into,
    };
    let num_strips = left.num_panels().div_ceil(LEFT_PANELS);
    let num_groups = right.num_panels().div_ceil(PANELS);
    // The strips of a group one after the other: its panels stay in the cache.
    let task = |index: usize| {
        let (group, strip) = (index / num_strips, index % num_strips);
        // As wide as each other, nearly.
        let bound = |group| group * right.num_panels() / num_groups;
        let panels = bound(group)..bound(group + 1);
        let strip = strip * LEFT_PANELS..left.num_panels().min((strip + 1) * LEFT_PANELS);
        // SAFETY: the caller vouches for `out`, and no two tasks share an element.
        unsafe { strip_by_group(left, strip, right, panels, out) };
    };
    let tasks = 0..num_strips * num_groups;
    if threads == Threads::One || left.length * left.width * right.width < ALONE {
        tasks.for_each(task);
    } else {
        tasks.into_par_iter().for_each(task);
    }
}

/// Where a product goes.
#[derive(Clone, Copy)]
struct Out {
    start: *mut f32,
    stride: usize,
    into: Into,
}

// SAFETY: each task writes elements of its own.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

/// # Safety
/// As [`multiply`], for the elements of these panels alone.
unsafe fn strip_by_group(
    left: &Packed,
    strip: Range<usize>,
    right: &Packed,
    group: Range<usize>,
    out: Out,
) {
    let num_pairs = left.num_pairs();
    let mut pairs = 0..num_pairs.min(MAX_PAIRS);
    loop {
        // What goes before has taken care of what was there.
        let into = match out.into {
            into if pairs.start == 0 => into,
            Into::Overwrite | Into::Add => Into::Add,
            Into::Blend { scale, .. } => Into::Blend { keep: 1.0, scale },
        };
        for row in (strip.start * LANES..left.width.min(strip.end * LANES)).step_by(ROWS) {
            let first_column = group.start * LANES;
            let panel = |index| right.panel(group.start + index, &pairs);
            let tile = simd::Tile {
                left: left.panel(row / LANES, &pairs),
                lane: row % LANES,
                num_rows: ROWS.min(left.width - row),
                num_columns: right.width.min(group.end * LANES) - first_column,
                // SAFETY: the element lies within the product, which `out` has room for.
                out: unsafe { out.start.add(row * out.stride + first_column) },
                out_stride: out.stride,
                into,
            };
            // SAFETY: the caller vouches for all elements of the tile; a `Packed` exists only where
            // the CPU has the instructions.
            unsafe {
                match group.len() {
                    1 => simd::multiply(&tile, [panel(0)]),
                    2 => simd::multiply(&tile, [panel(0), panel(1)]),
                    PANELS => simd::multiply(&tile, [panel(0), panel(1), panel(2)]),
                    num_panels => unreachable!("a group has {num_panels} panels"),
                }
            }
        }
        if pairs.end == num_pairs {
            return;
        }
        pairs = pairs.end..num_pairs.min(pairs.end + MAX_PAIRS);
    }
}

#[cfg(test)]
mod tests;
