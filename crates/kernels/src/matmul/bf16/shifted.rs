//! Sums of shifted rows on tiles: what convolutions are, and the gradients of their weights.
//!
//! The rows of a tile lie as far apart as they like. So rows of an image, shifted by any number of
//! pixels, are multiplied where they lie, and nothing is packed.

use std::arch::asm;

use super::operand::{Block, Packed};
use super::tiles::{Configured, Shapes, Sums};
use super::{Engine, Form, LANES, STEPS};

/// Rows of sums that are made at once: two tiles of them.
pub(crate) const ROWS_AT_ONCE: usize = 2 * LANES;

/// So few rows in each tile as fill all but the last of them.
fn rows_of_tile(num_rows: usize) -> usize {
    num_rows.div_ceil(num_rows.div_ceil(LANES).max(1))
}

impl Form {
    /// Whether rows are summed on tiles, by [`ShiftedSums`] and [`Products`].
    pub(crate) fn takes_tiles(self) -> bool {
        self.takes_rows() && self.engine == Engine::Tiles
    }

    /// Of `num_pairs` rows of two each, those that one term takes: on tiles several. Behind the last pair
    /// there have to be zeros, up to a whole number of terms.
    pub(crate) fn pairs_of_term(self, num_pairs: usize) -> usize {
        if self.takes_tiles() {
            rows_of_tile(num_pairs)
        } else {
            1
        }
    }
}

/// For [`ROWS_AT_ONCE`] rows or fewer, sums `weight * values[position + offset]` over all terms at each
/// position. Rows of values are two in one, and a term is a tile of them.
pub(crate) struct ShiftedSums<'a> {
    pub(crate) values: &'a [u32],
    /// From one row of values to the next.
    pub(crate) stride: usize,
    /// Rows of values in a term, as [`Form::pairs_of_term`] has it.
    pub(crate) num_pairs: usize,
    /// For each term the weights of [`ROWS_AT_ONCE`] rows, each with one of every row of values.
    pub(crate) weights: &'a [u32],
    /// Those that matter.
    pub(crate) num_rows: usize,
    pub(crate) num_positions: usize,
    /// [`ROWS_AT_ONCE`] rows. What is written is complete to the end of the vector of the last position.
    pub(crate) sums: &'a mut [f32],
}

impl ShiftedSums<'_> {
    /// `offsets` are those of the first row of values of each term.
    ///
    /// # Panics
    /// When values, weights or sums end too soon, or the form does not take tiles.
    pub(crate) fn run(self, form: Form, offsets: &[usize]) {
        assert!(form.takes_tiles(), "sums on tiles");
        let row_len = self.sums.len() / ROWS_AT_ONCE;
        let length = self.num_positions.next_multiple_of(LANES);
        let last = offsets.iter().max().unwrap_or(&0) + (self.num_pairs - 1) * self.stride;
        let term_len = ROWS_AT_ONCE * self.num_pairs;
        assert!(
            length <= row_len && last + length <= self.values.len(),
            "rows of {length} from {last} on reach beyond {row_len} or {}",
            self.values.len()
        );
        assert_eq!(
            self.weights.len(),
            offsets.len() * term_len,
            "weights of every term"
        );
        let shapes = Shapes::new(LANES, self.num_pairs);
        let _tiles = Configured::new(&shapes);
        for position in (0..self.num_positions).step_by(2 * LANES) {
            let second = if position + LANES < length { LANES } else { 0 };
            // SAFETY: the tiles are configured. What is read and written lies within the slices, as was
            // seen above: where there is no second vector, the first is taken again and its sums are left.
            unsafe {
                clear();
                for (offset, weights) in offsets.iter().zip(self.weights.chunks_exact(term_len)) {
                    let values = self.values.as_ptr().add(offset + position);
                    let right = [values, values.add(second)];
                    let upper = weights.as_ptr();
                    if self.num_rows > LANES {
                        let left = [upper, upper.add(term_len / 2)];
                        add_four(left, self.num_pairs, right, self.stride);
                    } else {
                        add_two(upper, self.num_pairs, right, self.stride);
                    }
                }
                let sums = self.sums.as_mut_ptr().add(position);
                store(sums, row_len, second > 0, self.num_rows > LANES);
            }
        }
    }
}

/// Makes all sums zero.
///
/// # Safety
/// The tiles of this thread are [`Configured`].
#[inline]
unsafe fn clear() {
    // SAFETY: the caller vouches for the tiles, which nothing else uses.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            options(nostack, preserves_flags, nomem),
        );
    }
}

/// Adds the products of two tiles on the left, whose rows lie one after the other, and two on the right.
///
/// # Safety
/// The tiles of this thread are [`Configured`]; the operands have rows of their shapes, those on the right
/// `stride` apart.
#[inline]
unsafe fn add_four(left: [*const u32; 2], num_pairs: usize, right: [*const u32; 2], stride: usize) {
    // SAFETY: the caller vouches for the tiles, which nothing else uses, and for what is read.
    unsafe {
        asm!(
            "tileloadd tmm4, [{upper} + 1 * {row}]",
            "tileloadd tmm6, [{first} + 1 * {stride}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {stride}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + 1 * {row}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            upper = in(reg) left[0],
            lower = in(reg) left[1],
            first = in(reg) right[0],
            second = in(reg) right[1],
            row = in(reg) num_pairs * size_of::<u32>(),
            stride = in(reg) stride * size_of::<u32>(),
            options(nostack, preserves_flags, readonly),
        );
    }
}

/// As [`add_four`], with one tile on the left.
///
/// # Safety
/// As there.
#[inline]
unsafe fn add_two(left: *const u32, num_pairs: usize, right: [*const u32; 2], stride: usize) {
    // SAFETY: as there.
    unsafe {
        asm!(
            "tileloadd tmm4, [{left} + 1 * {row}]",
            "tileloadd tmm6, [{first} + 1 * {stride}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {stride}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            left = in(reg) left,
            first = in(reg) right[0],
            second = in(reg) right[1],
            row = in(reg) num_pairs * size_of::<u32>(),
            stride = in(reg) stride * size_of::<u32>(),
            options(nostack, preserves_flags, readonly),
        );
    }
}

/// Writes the tiles of sums to rows `row_len` apart.
///
/// # Safety
/// The tiles of this thread are [`Configured`]; 16 rows of 16 `f32` belong to the caller, as many to the
/// right of them where there is a `second` vector, and below them where there are `lower` rows.
#[inline]
unsafe fn store(sums: *mut f32, row_len: usize, second: bool, lower: bool) {
    let stride = row_len * size_of::<f32>();
    let below = sums.wrapping_add(LANES * row_len);
    // SAFETY: the caller vouches for the tiles and for what is written.
    unsafe {
        asm!(
            "tilestored [{sums} + 1 * {stride}], tmm0",
            sums = in(reg) sums, stride = in(reg) stride,
            options(nostack, preserves_flags),
        );
        if second {
            asm!(
                "tilestored [{sums} + 1 * {stride}], tmm1",
                sums = in(reg) sums.wrapping_add(LANES), stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
        if lower {
            asm!(
                "tilestored [{sums} + 1 * {stride}], tmm2",
                sums = in(reg) below, stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
        if second && lower {
            asm!(
                "tilestored [{sums} + 1 * {stride}], tmm3",
                sums = in(reg) below.wrapping_add(LANES), stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Sums over all positions of shifted rows times other rows, image after image: those of two tiles of
/// each lie together.
pub(crate) struct Products {
    form: Form,
    /// Shifted rows, and the others.
    num_rows: [usize; 2],
    num_terms: usize,
    /// `[shifted rows, other rows, term]`
    sums: Vec<Sums>,
}

impl Products {
    /// Zeros.
    ///
    /// # Panics
    /// When the form does not take tiles.
    pub(crate) fn new(form: Form, num_rows: [usize; 2], num_terms: usize) -> Self {
        assert!(form.takes_tiles(), "products on tiles");
        let [shifted, others] = num_rows.map(Self::pairs_of_tiles);
        Self {
            form,
            num_rows,
            num_terms,
            sums: vec![Sums::default(); shifted * others * num_terms],
        }
    }

    fn pairs_of_tiles(num_rows: usize) -> usize {
        num_rows.div_ceil(LANES).div_ceil(2)
    }

    /// As many shifted rows as there have to be, whatever is in those behind the last that there are.
    pub(crate) fn padded(num_rows: usize) -> usize {
        num_rows.next_multiple_of(rows_of_tile(num_rows))
    }

    /// Adds those of another image. `offsets` say where the first row begins in each term; the others are
    /// columns of `others`, and its steps the positions.
    ///
    /// # Panics
    /// When the values end too soon, or there are more or fewer of the others.
    pub(crate) fn add(
        &mut self,
        values: &[u16],
        stride: usize,
        offsets: &[usize],
        others: &Packed,
    ) {
        let rows_of_tile = rows_of_tile(self.num_rows[0]);
        let num_tiles = self.num_rows[0].div_ceil(rows_of_tile);
        let last = offsets.iter().max().unwrap_or(&0) + (num_tiles * rows_of_tile - 1) * stride;
        assert!(
            last + others.num_blocks() * STEPS <= values.len(),
            "rows from {last} on reach beyond {}",
            values.len()
        );
        assert_eq!(
            others.width, self.num_rows[1],
            "as many others as were said"
        );
        assert_eq!(others.form, self.form, "factors are of one form");
        assert_eq!(offsets.len(), self.num_terms, "as many terms as were said");
        let blocks = 0..others.num_blocks();
        if blocks.is_empty() {
            return;
        }
        let shapes = Shapes::new(rows_of_tile, LANES);
        let _tiles = Configured::new(&shapes);
        let num_panels = others.width.div_ceil(LANES);
        let mut sums = self.sums.iter_mut();
        for tile in (0..num_tiles).step_by(2) {
            let tiles = [tile, (tile + 1).min(num_tiles - 1)];
            for panel in (0..num_panels).step_by(2) {
                let panels = [panel, (panel + 1).min(num_panels - 1)];
                let panels = panels.map(|panel| others.panel(panel, &blocks));
                for (offset, sums) in offsets.iter().zip(&mut sums) {
                    // SAFETY: the tiles are configured, and what is read lies within the values, as was
                    // seen above. What has no second tile has the first twice.
                    unsafe {
                        let place =
                            |tile| values.as_ptr().add(offset + tile * rows_of_tile * stride);
                        add_along(tiles.map(place), stride, panels, sums);
                    }
                }
            }
        }
    }

    /// The sums, `[other row, shifted row, term]`. They begin anew.
    pub(crate) fn take(&mut self) -> Vec<f32> {
        let [num_shifted, num_others] = self.num_rows;
        let rows_of_tile = rows_of_tile(num_shifted);
        let across = Self::pairs_of_tiles(num_others);
        let mut taken = Vec::with_capacity(num_others * num_shifted * self.num_terms);
        for other in 0..num_others {
            let (panel, column) = (other / LANES, other % LANES);
            for shifted in 0..num_shifted {
                let (tile, row) = (shifted / rows_of_tile, shifted % rows_of_tile);
                let terms = (tile / 2 * across + panel / 2) * self.num_terms;
                let quarter = tile % 2 * 2 + panel % 2;
                let terms = &self.sums[terms..][..self.num_terms];
                taken.extend(terms.iter().map(|sums| sums.0[quarter][row][column]));
            }
        }
        self.sums.fill(Sums::default());
        taken
    }
}

/// Adds the products along all blocks of the panels, which are as long as each other, and not empty.
///
/// # Safety
/// The tiles of this thread are [`Configured`]; on the left there are rows of their shape, `stride` apart,
/// each as long as the blocks.
unsafe fn add_along(left: [*const u16; 2], stride: usize, right: [&[Block]; 2], sums: &mut Sums) {
    let num_blocks = right[0].len();
    assert!(num_blocks > 0 && right[1].len() == num_blocks);
    // SAFETY: the caller vouches for the tiles, which nothing else uses, and for what is read; `sums` has
    // 4 KiB.
    unsafe {
        asm!(
            "tileloadd tmm0, [{sums} + 1 * {row}]",
            "tileloadd tmm1, [{sums} + 1 * {row} + {block}]",
            "tileloadd tmm2, [{sums} + 1 * {row} + 2 * {block}]",
            "tileloadd tmm3, [{sums} + 1 * {row} + 3 * {block}]",
            "2:",
            "tileloadd tmm4, [{upper} + 1 * {stride}]",
            "tileloadd tmm6, [{first} + 1 * {row}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {row}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + 1 * {stride}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {upper}, {row}",
            "add {lower}, {row}",
            "add {first}, {block}",
            "add {second}, {block}",
            "dec {count}",
            "jnz 2b",
            "tilestored [{sums} + 1 * {row}], tmm0",
            "tilestored [{sums} + 1 * {row} + {block}], tmm1",
            "tilestored [{sums} + 1 * {row} + 2 * {block}], tmm2",
            "tilestored [{sums} + 1 * {row} + 3 * {block}], tmm3",
            upper = inout(reg) left[0] => _,
            lower = inout(reg) left[1] => _,
            first = inout(reg) right[0].as_ptr() => _,
            second = inout(reg) right[1].as_ptr() => _,
            count = inout(reg) num_blocks => _,
            sums = in(reg) sums,
            row = in(reg) size_of::<[f32; LANES]>(),
            stride = in(reg) stride * size_of::<u16>(),
            block = const size_of::<Block>(),
            options(nostack),
        );
    }
}
