//! Products whose operands are rounded to bf16, or split into two numbers in bf16, and whose sums
//! are f32: on tiles where the CPU has AMX, and on vectors where it has AVX512-BF16 alone.
//!
//! Both operands are packed: rounded, and laid into [`Block`]s of 16 columns by 32 steps of the inner
//! dimension, as the instructions want them. Each element is one sum along the inner dimension, in an
//! order that depends on nothing but the sizes.

mod filling;
mod operand;
mod pack;
mod rows;
mod shifted;
mod tiles;
mod vectors;

use std::cell::Cell;
use std::ops::Range;

use pulp::x86::V4;
use rayon::prelude::*;

use self::operand::{Block, Side};
use super::{Into, Matrix, Out, Threads};
use crate::precision::Precision;

pub(crate) use self::filling::Spot;
pub(crate) use self::operand::Packed;
pub(crate) use self::shifted::{Products, ROWS_AT_ONCE, ShiftedSums};

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
    let _tiles = (engine == Engine::Tiles).then(|| tiles::Configured::new(&tiles::WHOLE));
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
