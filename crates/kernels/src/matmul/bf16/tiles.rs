//! Products on the tiles of AMX: registers of 16 rows of 64 bytes, and an instruction that multiplies
//! two of them and adds to a third.
//!
//! Rust has no intrinsics for them yet, so the inner loop is assembly. The compiler knows nothing of the
//! tiles and never touches them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _mm512_loadu_ps};
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::pack::mask;
use super::vectors::put;
use super::{Block, LANES, Parts, Tile};

/// Panels of each operand that are multiplied at once: four tiles of sums, and two of each operand.
pub(super) const PANELS: usize = 2;

/// Whether the CPU has tiles for bf16, and the system lets this process use them. It is asked once.
pub(super) fn are_granted() -> bool {
    static ARE_GRANTED: OnceLock<bool> = OnceLock::new();
    *ARE_GRANTED.get_or_init(|| exist() && ask_for_them())
}

/// What the CPU says of itself: AMX-BF16 and AMX-TILE.
fn exist() -> bool {
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    let [leaf, subleaf] = [7, 0];
    __cpuid_count(leaf, subleaf).edx & (AMX_BF16 | AMX_TILE) == AMX_BF16 | AMX_TILE
}

/// Linux keeps the 8 KiB of a thread's tiles only for processes that have asked it to.
#[cfg(target_os = "linux")]
fn ask_for_them() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call takes two numbers and writes to no memory; `syscall` changes these registers.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn ask_for_them() -> bool {
    false
}

/// The shapes of the tiles, as the CPU reads them: four of sums, then two of each operand.
#[repr(C, align(64))]
pub(super) struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    num_rows: [u8; 16],
}

/// All eight tiles are whole: 16 rows of 64 bytes.
pub(super) static WHOLE: Shapes = Shapes::new(LANES, LANES);

impl Shapes {
    /// Tiles of so many rows of the result, and on the way there so many pairs of steps.
    ///
    /// # Panics
    /// When there are none, or more than [`LANES`].
    #[allow(clippy::cast_possible_truncation)] // below 256
    pub(super) const fn new(num_rows: usize, num_pairs: usize) -> Self {
        assert!(0 < num_rows && num_rows <= LANES && 0 < num_pairs && num_pairs <= LANES);
        let (rows, pairs, whole) = (num_rows as u8, num_pairs as u8, 4 * LANES as u16);
        let left = 4 * num_pairs as u16;
        Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [
                whole, whole, whole, whole, left, left, whole, whole, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            num_rows: [
                rows, rows, rows, rows, rows, rows, pairs, pairs, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
        }
    }
}

/// While it lives, the tiles of this thread have their shapes. After it they are given back, so that
/// the system has nothing to save when it changes threads.
pub(super) struct Configured {
    /// It belongs to its thread.
    not_send: PhantomData<*const ()>,
}

impl Configured {
    /// # Panics
    /// Where there are no tiles.
    pub(super) fn new(shapes: &Shapes) -> Self {
        assert!(are_granted(), "whoever multiplies has asked for the tiles");
        // SAFETY: there are tiles, and what is read are 64 bytes that describe shapes they can have.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) shapes, options(nostack, preserves_flags, readonly));
        }
        Self {
            not_send: PhantomData,
        }
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: there are tiles.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

/// Sums of 32 rows by 32 columns: upper left, upper right, lower left, lower right.
#[derive(Clone, Default)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[[f32; LANES]; LANES]; 4]);

/// Multiplies a tile of the product, of at most [`PANELS`] panels each way.
///
/// # Safety
/// The tiles of this thread are [`Configured`], and `out` has the elements of the tile, which nothing
/// else accesses.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn multiply(tile: &Tile) {
    // Where there is but one panel it stands for the second too, whose sums are left alone.
    let left = [tile.left[0], tile.left[tile.left.len() - 1]];
    let right = [tile.right[0], tile.right[tile.right.len() - 1]];
    let mut sums = Sums::default();
    if !left[0].is_empty() {
        // SAFETY: the caller vouches for the tiles.
        unsafe {
            match tile.parts {
                Parts::One => sum_whole(left, right, &mut sums),
                Parts::Two => sum_halves(left, right, &mut sums),
            }
        }
    }
    let num_columns = tile.num_columns;
    for row in 0..tile.num_rows {
        for column in (0..num_columns).step_by(LANES) {
            let quarter = &sums.0[row / LANES * 2 + column / LANES];
            // SAFETY: an element of the tile, and `mask` leaves out what lies behind its columns.
            unsafe {
                let sum = _mm512_loadu_ps(quarter[row % LANES].as_ptr());
                let place = tile.out.add(row * tile.out_stride + column);
                put(tile.into, sum, mask(num_columns - column), place);
            }
        }
    }
}

/// The panels are as long as each other, and not empty.
fn num_blocks(left: [&[Block]; 2], right: [&[Block]; 2]) -> usize {
    let length = left[0].len();
    assert!(
        length > 0
            && [left[1], right[0], right[1]]
                .iter()
                .all(|panel| panel.len() == length)
    );
    length
}

/// Sums the products of blocks of one part.
///
/// # Safety
/// The tiles of this thread are [`Configured`].
unsafe fn sum_whole(left: [&[Block]; 2], right: [&[Block]; 2], sums: &mut Sums) {
    // SAFETY: the caller vouches for the tiles, which nothing else uses; each step reads one block of
    // each panel, as many as there are; `sums` has 4 KiB.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + 1 * {row}]",
            "tileloadd tmm6, [{first} + 1 * {row}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {row}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + 1 * {row}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {upper}, {block}",
            "add {lower}, {block}",
            "add {first}, {block}",
            "add {second}, {block}",
            "dec {count}",
            "jnz 2b",
            "tilestored [{sums} + 1 * {row}], tmm0",
            "tilestored [{sums} + 1 * {row} + {block}], tmm1",
            "tilestored [{sums} + 1 * {row} + 2 * {block}], tmm2",
            "tilestored [{sums} + 1 * {row} + 3 * {block}], tmm3",
            upper = inout(reg) left[0].as_ptr() => _,
            lower = inout(reg) left[1].as_ptr() => _,
            first = inout(reg) right[0].as_ptr() => _,
            second = inout(reg) right[1].as_ptr() => _,
            count = inout(reg) num_blocks(left, right) => _,
            sums = in(reg) sums,
            row = in(reg) size_of::<[f32; LANES]>(),
            block = const size_of::<Block>(),
            options(nostack),
        );
    }
}

/// Sums three of the four products of blocks of two parts, the small ones first: the fourth is smaller
/// than what two parts leave out.
///
/// # Safety
/// As [`sum_whole`].
unsafe fn sum_halves(left: [&[Block]; 2], right: [&[Block]; 2], sums: &mut Sums) {
    // SAFETY: as in `sum_whole`, with two blocks of each panel a step.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + 1 * {row} + {block}]",
            "tileloadd tmm6, [{first} + 1 * {row}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {row}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + 1 * {row} + {block}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm4, [{upper} + 1 * {row}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + 1 * {row}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "tileloadd tmm6, [{first} + 1 * {row} + {block}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{second} + 1 * {row} + {block}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {upper}, 2 * {block}",
            "add {lower}, 2 * {block}",
            "add {first}, 2 * {block}",
            "add {second}, 2 * {block}",
            "dec {count}",
            "jnz 2b",
            "tilestored [{sums} + 1 * {row}], tmm0",
            "tilestored [{sums} + 1 * {row} + {block}], tmm1",
            "tilestored [{sums} + 1 * {row} + 2 * {block}], tmm2",
            "tilestored [{sums} + 1 * {row} + 3 * {block}], tmm3",
            upper = inout(reg) left[0].as_ptr() => _,
            lower = inout(reg) left[1].as_ptr() => _,
            first = inout(reg) right[0].as_ptr() => _,
            second = inout(reg) right[1].as_ptr() => _,
            count = inout(reg) num_blocks(left, right) / 2 => _,
            sums = in(reg) sums,
            row = in(reg) size_of::<[f32; LANES]>(),
            block = const size_of::<Block>(),
            options(nostack),
        );
    }
}
