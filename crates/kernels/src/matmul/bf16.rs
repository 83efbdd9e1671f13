//! Products whose operands are rounded to bf16, or split into two numbers in bf16, and whose sums
//! are f32: on tiles where the CPU has AMX, and on vectors where it has AVX512-BF16 alone.
//!
//! Both operands are packed: rounded, and laid into [`Block`]s of 16 columns by 32 steps of the inner
//! dimension, as the instructions want them. Each element is one sum along the inner dimension, in an
//! order that depends on nothing but the sizes.

mod pack;
mod tiles;
mod vectors;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::WithSimd;
use pulp::x86::V4;
use rayon::prelude::*;

use super::{Into, Matrix, Threads};
use crate::precision::Precision;

/// Columns of a panel: the `f32` of the widest vector, and the rows of a tile.
const LANES: usize = 16;

/// Steps of the inner dimension that a block holds. Numbers in bf16 go by twos.
const STEPS: usize = 2 * LANES;

/// Panels that one task packs, and the most panels of the right factor that it multiplies by.
const PANELS_PER_TASK: usize = 8;

/// Multiplications that are done sooner than another thread wakes up.
const ALONE: usize = 1 << 20;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    /// AVX512-BF16
    Vectors,
    /// AMX
    Tiles,
}

impl Engine {
    fn is_supported(self) -> bool {
        let has_vectors = V4::try_new().is_some() && is_x86_feature_detected!("avx512bf16");
        has_vectors && (self == Self::Vectors || tiles::are_granted())
    }

    /// Rows of the result that are computed at once.
    fn num_rows(self) -> usize {
        match self {
            Self::Vectors => vectors::ROWS,
            Self::Tiles => tiles::PANELS * LANES,
        }
    }

    /// Panels of the right operand that are multiplied at once.
    fn num_panels(self) -> usize {
        match self {
            Self::Vectors => vectors::PANELS,
            Self::Tiles => tiles::PANELS,
        }
    }

    /// Blocks along the inner dimension that are summed before the sums meet memory: what is read
    /// again and again then stays in a cache.
    fn max_blocks(self, parts: Parts) -> usize {
        match self {
            Self::Vectors => 128,
            Self::Tiles => 16 / parts as usize,
        }
    }
}

/// Numbers in bf16 that stand for one in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// It, rounded to the nearest.
    One = 1,
    /// It, rounded, and what that leaves, rounded: 16 bits in all.
    Two = 2,
}

/// What operands become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    engine: Engine,
    parts: Parts,
}

impl Form {
    /// What this precision asks for on this CPU; nothing where it is f32 or the CPU cannot.
    pub(crate) fn of(precision: Precision) -> Option<Self> {
        let supported = |engines: &[Engine]| {
            let mut engines = engines.iter().copied();
            engines.find(|engine| engine.is_supported())
        };
        let (engine, parts) = match precision {
            Precision::F32 => return None,
            // On vectors three products in bf16 take longer than one in f32.
            Precision::High => (supported(&[Engine::Tiles])?, Parts::Two),
            Precision::Bf16 => (supported(&[Engine::Tiles, Engine::Vectors])?, Parts::One),
        };
        Some(Self { engine, parts })
    }
}

impl Form {
    /// Runs `work` compiled for the instructions that round.
    pub(crate) fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        /// # Safety
        /// The CPU has the instructions.
        #[target_feature(
            enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi1,bmi2"
        )]
        unsafe fn run<W: WithSimd>(simd: V4, work: W) -> W::Output {
            work.with_simd(simd)
        }
        let simd = V4::try_new().filter(|_| self.engine.is_supported());
        let simd = simd.expect("a form exists only where the CPU has the instructions");
        // SAFETY: it has.
        unsafe { run(simd, work) }
    }
}

/// The side of a product on which an operand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// 16 columns by 32 steps. Of the right operand, each of the 16 vectors has two neighbouring steps of all
/// columns; of the left one, all steps of one row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Block([[u32; LANES]; LANES]);

/// Where 16 numbers of an operand lie: the same for all operands of the same room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    /// The block of their first part.
    block: usize,
    vector: usize,
    /// Whether in the second half of the vector, or the upper halves of its elements.
    second: bool,
}

#[inline(always)]
fn halves(vector: &mut [u32; LANES]) -> &mut [[u32; LANES / 2]; 2] {
    let (halves, _) = vector.as_chunks_mut();
    halves.first_chunk_mut().expect("two halves")
}

/// An operand: panel after panel, in each block after block, of each its parts.
#[derive(Debug)]
pub(crate) struct Packed {
    form: Form,
    /// How blocks lie. On vectors an operand on the left may lie as one on the right does.
    side: Side,
    /// Of the inner dimension.
    length: usize,
    /// Columns of the right operand, rows of the left one.
    width: usize,
    /// Blocks of a panel that there is room for.
    room: usize,
    blocks: Vec<Block>,
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

    /// Room for an operand on the left whose rows come one after the other: zeros.
    pub(crate) fn of_rows(form: Form, num_rows: usize, length: usize) -> Self {
        Self::empty(form, Side::Left, length, num_rows)
    }

    /// Room for an operand whose steps come one after the other: zeros.
    pub(crate) fn of_steps(form: Form, length: usize, width: usize) -> Self {
        Self::empty(form, Side::Right, length, width)
    }

    fn empty(form: Form, side: Side, length: usize, width: usize) -> Self {
        let room = length.div_ceil(STEPS);
        let num_blocks = width.div_ceil(LANES) * room * form.parts as usize;
        Self {
            form,
            side,
            length,
            width,
            room,
            blocks: vec![Block([[0; LANES]; LANES]); num_blocks],
        }
    }

    /// Only these first rows take part in products.
    ///
    /// # Panics
    /// When there is not room for so many.
    pub(crate) fn set_rows(&mut self, num_rows: usize) {
        let panel_len = self.room * self.form.parts as usize;
        let most = self.blocks.len() / panel_len.max(1) * LANES;
        assert!(num_rows <= most, "room for {num_rows} rows");
        self.width = num_rows;
    }

    /// Where 16 neighbouring steps of a row lie; `step` is the first of them, a multiple of 16.
    #[inline(always)]
    pub(crate) fn in_row(&self, row: usize, step: usize) -> Spot {
        Spot {
            block: (row / LANES * self.room + step / STEPS) * self.form.parts as usize,
            vector: row % LANES,
            second: step % STEPS >= LANES,
        }
    }

    /// Rounds 16 neighbouring steps of a row. Fast where [`Form::dispatch`] runs the caller.
    ///
    /// # Panics
    /// When there is no such row or step.
    #[inline(always)]
    pub(crate) fn put_in_row(&mut self, spot: Spot, values: &[f32; LANES]) {
        match self.form.parts {
            Parts::One => self.put_twos(spot, pack::by_twos::<1>(values)),
            Parts::Two => self.put_twos(spot, pack::by_twos::<2>(values)),
        }
    }

    #[inline(always)]
    fn put_twos<const N: usize>(&mut self, spot: Spot, parts: [[u32; LANES / 2]; N]) {
        let blocks = &mut self.blocks[spot.block..spot.block + N];
        for (block, rounded) in blocks.iter_mut().zip(parts) {
            let [first, second] = halves(&mut block.0[spot.vector]);
            *if spot.second { second } else { first } = rounded;
        }
    }

    /// Only these first steps take part in products.
    ///
    /// # Panics
    /// When there is not room for so many.
    pub(crate) fn set_steps(&mut self, num_steps: usize) {
        assert!(num_steps <= self.room * STEPS, "room for {num_steps} steps");
        self.length = num_steps;
        let used = num_steps % STEPS;
        if used == 0 {
            return;
        }
        let parts = self.form.parts as usize;
        for panel in self.blocks.chunks_exact_mut(self.room * parts) {
            for block in &mut panel[num_steps / STEPS * parts..][..parts] {
                block.0[used.div_ceil(2)..].fill([0; LANES]);
            }
        }
    }

    /// Where 16 neighbouring columns of a step lie; `column` is the first of them, a multiple of 16.
    #[inline(always)]
    pub(crate) fn in_step(&self, step: usize, column: usize) -> Spot {
        Spot {
            block: (column / LANES * self.room + step / STEPS) * self.form.parts as usize,
            vector: step % STEPS / 2,
            second: step % 2 == 1,
        }
    }

    /// Rounds 16 neighbouring columns of a step. An even step has to come before the odd one that follows
    /// it. Fast where [`Form::dispatch`] runs the caller.
    ///
    /// # Panics
    /// When there is no such step or column.
    #[inline(always)]
    pub(crate) fn put_in_step(&mut self, spot: Spot, values: &[f32; LANES]) {
        match self.form.parts {
            Parts::One => self.put_ones(spot, pack::one_by_one::<1>(values)),
            Parts::Two => self.put_ones(spot, pack::one_by_one::<2>(values)),
        }
    }

    #[inline(always)]
    fn put_ones<const N: usize>(&mut self, spot: Spot, parts: [[u32; LANES]; N]) {
        let (keep, shift) = if spot.second { (u32::MAX, 16) } else { (0, 0) };
        let blocks = &mut self.blocks[spot.block..spot.block + N];
        for (block, rounded) in blocks.iter_mut().zip(parts) {
            for (pair, rounded) in block.0[spot.vector].iter_mut().zip(rounded) {
                *pair = *pair & keep | rounded << shift;
            }
        }
    }

    /// Makes an operand [`of_steps`](Self::of_steps) one that may stand on the left until a step is put
    /// again.
    pub(crate) fn stand_left(&mut self) {
        if self.form.engine == Engine::Tiles {
            for block in &mut self.blocks {
                pack::turn(block);
            }
        }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Columns of the right operand, rows of the left one.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Along the inner dimension.
    fn num_blocks(&self) -> usize {
        self.length.div_ceil(STEPS)
    }

    fn num_panels(&self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// These blocks of a panel, with all their parts.
    fn panel(&self, index: usize, blocks: &Range<usize>) -> &[Block] {
        let parts = self.form.parts as usize;
        let panel = &self.blocks[index * self.room * parts..];
        &panel[blocks.start * parts..blocks.end * parts]
    }
}

impl Matrix<'_> {
    /// Some of the rows.
    fn some_rows(self, rows: Range<usize>) -> Self {
        Self {
            data: &self.data[rows.start * self.row_stride..],
            rows: rows.len(),
            ..self
        }
    }
}

/// The right factor of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Right<'a> {
    /// Prepared for many products.
    Packed(&'a Packed),
    /// Prepared as it is needed, some panels by some blocks at a time, which stay in the second cache.
    Matrix(Matrix<'a>),
}

impl Right<'_> {
    fn length(self) -> usize {
        match self {
            Self::Packed(packed) => packed.length,
            Self::Matrix(matrix) => matrix.rows,
        }
    }

    pub(super) fn width(self) -> usize {
        match self {
            Self::Packed(packed) => packed.width,
            Self::Matrix(matrix) => matrix.columns,
        }
    }

    /// These blocks of these panels, panel by panel.
    fn panels<'b>(
        &'b self,
        form: Form,
        group: &Range<usize>,
        blocks: &Range<usize>,
        memory: &'b mut Vec<Block>,
    ) -> Vec<&'b [Block]> {
        match self {
            Self::Packed(packed) => group
                .clone()
                .map(|panel| packed.panel(panel, blocks))
                .collect(),
            Self::Matrix(matrix) => {
                let panel_len = blocks.len() * form.parts as usize;
                if panel_len == 0 {
                    return vec![&[]; group.len()];
                }
                let (steps, num_blocks) = (
                    blocks.start * STEPS..matrix.rows.min(blocks.end * STEPS),
                    group.len() * panel_len,
                );
                memory.clear();
                memory.reserve(num_blocks);
                let spare = &mut memory.spare_capacity_mut()[..num_blocks];
                pack::pack(
                    matrix.some_rows(steps),
                    group.start,
                    form.parts,
                    Side::Right,
                    spare,
                );
                // SAFETY: `pack` has written all of them.
                unsafe { memory.set_len(num_blocks) };
                memory.chunks(panel_len).collect()
            }
        }
    }
}

/// Writes the product to `out`.
///
/// # Panics
/// When the inner sizes or the forms differ.
///
/// # Safety
/// `out` has room for the product, with rows `out_stride` elements apart, and nothing else reads or
/// writes there. To be added to, it has to hold numbers.
pub(super) unsafe fn multiply(
    left: &Packed,
    right: Right,
    out: *mut f32,
    out_stride: usize,
    into: Into,
    threads: Threads,
) {
    assert_eq!(
        left.length,
        right.length(),
        "the inner sizes of a product are equal"
    );
    if let Right::Packed(packed) = right {
        assert_eq!(left.form, packed.form, "factors are of one form");
    }
    let out = Out {
        start: out,
        stride: out_stride,
        into,
    };
    let num_panels = right.width().div_ceil(LANES);
    let alone = threads == Threads::One || left.length * left.width * right.width() < ALONE;
    let parallel = if alone {
        1
    } else {
        rayon::current_num_threads()
    };
    // Wide enough to read the left factor seldom, and narrow enough for all threads.
    let wide = PANELS_PER_TASK.min(num_panels.div_ceil(2 * parallel));
    let num_groups = num_panels.div_ceil(wide.max(left.form.engine.num_panels()));
    let task = |group: usize| {
        // As wide as each other, nearly.
        let bound = |group| group * num_panels / num_groups;
        let panels = bound(group)..bound(group + 1);
        // Taken out, so that nobody minds whatever else this thread does meanwhile.
        let mut memory = MEMORY.take();
        // SAFETY: the caller vouches for `out`, and no two tasks share an element.
        unsafe { multiply_group(left, right, panels, &mut memory, out) };
        MEMORY.set(memory);
    };
    if alone {
        (0..num_groups).for_each(task);
    } else {
        (0..num_groups).into_par_iter().for_each(task);
    }
}

thread_local! {
    /// Where a thread packs, task after task: fresh memory would have to be cleared by the system first.
    static MEMORY: Cell<Vec<Block>> = const { Cell::new(Vec::new()) };
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

/// A part of a product: some rows of the left operand by some panels of the right one, along some blocks.
struct Tile<'a> {
    parts: Parts,
    /// The panels of the rows.
    left: &'a [&'a [Block]],
    /// How their blocks lie.
    side: Side,
    /// The first row in the first of them.
    lane: usize,
    right: &'a [&'a [Block]],
    num_rows: usize,
    num_columns: usize,
    /// The first element.
    out: *mut f32,
    out_stride: usize,
    into: Into,
}

/// # Safety
/// As [`multiply`], for the elements of these panels alone.
unsafe fn multiply_group(
    left: &Packed,
    right: Right,
    group: Range<usize>,
    memory: &mut Vec<Block>,
    out: Out,
) {
    let form @ Form { engine, parts } = left.form;
    let (num_blocks, max_blocks) = (left.num_blocks(), engine.max_blocks(parts));
    let _tiles = (engine == Engine::Tiles).then(tiles::Configured::new);
    let mut blocks = 0..num_blocks.min(max_blocks);
    loop {
        // What goes before has taken care of what was there.
        let into = match out.into {
            into if blocks.start == 0 => into,
            Into::Overwrite | Into::Add => Into::Add,
            Into::Blend { scale, .. } => Into::Blend { keep: 1.0, scale },
        };
        let panels = right.panels(form, &group, &blocks, memory);
        for row in (0..left.width).step_by(engine.num_rows()) {
            let num_rows = engine.num_rows().min(left.width - row);
            let rows = row / LANES..(row + num_rows).div_ceil(LANES);
            let rows: [&[Block]; 2] =
                [rows.start, rows.end - 1].map(|row| left.panel(row, &blocks));
            let mut column = group.start * LANES;
            for panels in panels.chunks(engine.num_panels()) {
                let tile = Tile {
                    parts,
                    left: &rows,
                    side: left.side,
                    lane: row % LANES,
                    right: panels,
                    num_rows,
                    num_columns: (panels.len() * LANES).min(right.width() - column),
                    // SAFETY: the element lies within the product, which `out` has room for.
                    out: unsafe { out.start.add(row * out.stride + column) },
                    out_stride: out.stride,
                    into,
                };
                // SAFETY: the caller vouches for all elements of the tile; a `Packed` exists only
                // where the CPU has the instructions, and the tiles are configured.
                unsafe {
                    match engine {
                        Engine::Vectors => vectors::multiply(&tile),
                        Engine::Tiles => tiles::multiply(&tile),
                    }
                }
                column += panels.len() * LANES;
            }
        }
        if blocks.end == num_blocks {
            return;
        }
        blocks = blocks.end..num_blocks.min(blocks.end + max_blocks);
    }
}

#[cfg(test)]
mod tests;
