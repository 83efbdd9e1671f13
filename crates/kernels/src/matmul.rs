//! Products of matrices that lie in slices: in `f32` through the `gemm` crate, or in bf16
//! and near `f32` through our own.
#![allow(unsafe_code)]

#[cfg_attr(not(target_arch = "x86_64"), path = "matmul/nowhere.rs")]
pub(crate) mod bf16;
mod binary;
mod strips;

use std::ops::Range;

use gemm::Parallelism;

pub(crate) use self::binary::product_of_binary;
use self::strips::Strips;
use crate::precision::precision;
use crate::vectors::{LANES, scatter};

/// Who computes a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The calling thread: where the caller shares work among threads itself.
    One,
    /// All of them. Each element is the same sum in the same order, whichever thread takes it.
    All,
}

/// A matrix in a slice, in any order of its elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// Elements from one row to the next.
    row_stride: usize,
    /// Elements from one column to the next.
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row after row, without gaps.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Row after row, `row_stride` elements apart.
    ///
    /// # Panics
    /// When `data` ends before the last row does.
    pub(crate) fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= data.len(),
            "a matrix of {rows} x {columns} reaches beyond its {} elements",
            data.len()
        );
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same elements with rows and columns exchanged; nothing moves.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Some of the rows.
    fn some_rows(self, rows: Range<usize>) -> Self {
        Self {
            data: self.data.get(rows.start * self.row_stride..).unwrap_or(&[]),
            rows: rows.len(),
            ..self
        }
    }

    /// Some of the columns.
    fn some_columns(self, columns: Range<usize>) -> Self {
        self.transposed().some_rows(columns).transposed()
    }
}

/// What happens to the elements that the result meets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Into {
    /// They are replaced, and never read.
    Overwrite,
    /// The result is added to them.
    Add,
    /// `keep` times what they are, and `scale` times the result; not read where `keep` is 0.
    Blend { keep: f32, scale: f32 },
}

/// Multiplies `a` by `b`; the rows of `out` are `out_stride` elements apart.
///
/// # Panics
/// When the shapes do not fit each other or `out` is too short.
pub(crate) fn matmul(
    a: Matrix,
    b: Matrix,
    out: &mut [f32],
    out_stride: usize,
    into: Into,
    threads: Threads,
) {
    check_room(a.rows, b.columns, out, out_stride);
    if a.rows * b.columns == 0 {
        return;
    }
    // SAFETY: every element of the product lies inside `out`, which is borrowed mutably, so nothing
    // overlaps it.
    unsafe { multiply(a, b, out.as_mut_ptr(), out_stride, into, threads) };
}

/// As [`matmul`] on the calling thread, of factors that are rounded.
///
/// # Panics
/// As [`matmul`], and when the factors are of two forms.
pub(crate) fn matmul_packed(
    left: &bf16::Packed,
    right: bf16::Right,
    out: &mut [f32],
    out_stride: usize,
    into: Into,
) {
    check_room(left.width(), right.width(), out, out_stride);
    // SAFETY: as in `matmul`.
    unsafe {
        bf16::multiply(
            left,
            right,
            out.as_mut_ptr(),
            out_stride,
            into,
            Threads::One,
        );
    }
}

/// # Panics
/// When `out` is too short for the product.
fn check_room(num_rows: usize, num_columns: usize, out: &[f32], out_stride: usize) {
    let is_empty = num_rows == 0 || num_columns == 0;
    assert!(
        is_empty
            || (out_stride >= num_columns
                && (num_rows - 1) * out_stride + num_columns <= out.len()),
        "a product of {num_rows} x {num_columns} reaches beyond its {} elements",
        out.len()
    );
}

/// The right factor of several products of few rows, prepared for all of them at once.
#[derive(Debug)]
pub(crate) enum Factor<'a> {
    /// As it is, where all of them have few rows.
    Unprepared(Matrix<'a>),
    Plain(Strips),
    Rounded(bf16::Packed),
}

impl<'a> Factor<'a> {
    /// For products that have `num_rows` rows in all.
    pub(crate) fn new(matrix: Matrix<'a>, num_rows: usize) -> Self {
        if num_rows < FEW_ROWS {
            return Self::Unprepared(matrix);
        }
        match bf16::Form::of(precision()) {
            Some(form) => Self::Rounded(bf16::Packed::right(matrix, form, Threads::All)),
            None => Self::Plain(Strips::new(matrix)),
        }
    }

    /// Adds the product of `a` by this factor to `out`, whose rows are `out_stride` elements apart, on the
    /// calling thread.
    ///
    /// # Panics
    /// As [`matmul`], and when the elements of a row of `a` are not neighbours.
    pub(crate) fn add_product(&self, a: Matrix, out: &mut [f32], out_stride: usize) {
        match self {
            Self::Unprepared(matrix) => {
                matmul(a, *matrix, out, out_stride, Into::Add, Threads::One);
            }
            Self::Plain(strips) => strips.add_product(a, out, out_stride),
            Self::Rounded(packed) => {
                let a = bf16::Packed::left(a, packed.form(), Threads::One);
                matmul_packed(&a, bf16::Right::Packed(packed), out, out_stride, Into::Add);
            }
        }
    }
}

/// The product of `a` and `b`, row after row.
///
/// # Panics
/// When the shapes do not fit each other.
pub(crate) fn product(a: Matrix, b: Matrix, threads: Threads) -> Vec<f32> {
    let length = a.rows * b.columns;
    if length == 0 || a.columns == 0 {
        return vec![0.0; length];
    }
    let mut out = Vec::with_capacity(length);
    // SAFETY: the memory has room for the product, nothing else knows of it, and `Overwrite` writes
    // every element without reading it, whatever the inner size, which is not 0.
    unsafe {
        multiply(a, b, out.as_mut_ptr(), b.columns, Into::Overwrite, threads);
        out.set_len(length);
    }
    out
}

/// Rows of the left factor below which a product takes the right one as it is, in `f32`: to prepare that would
/// take longer than all the rest.
const FEW_ROWS: usize = 8;

/// Writes the product to `out`.
///
/// # Safety
/// `out` has room for it, with rows `out_stride` elements apart, and overlaps neither matrix. To
/// be added to, it has to hold numbers.
unsafe fn multiply(
    a: Matrix,
    b: Matrix,
    out: *mut f32,
    out_stride: usize,
    into: Into,
    threads: Threads,
) {
    assert_eq!(a.columns, b.rows, "the inner sizes of a product are equal");
    if a.rows >= FEW_ROWS
        && let Some(form) = bf16::Form::of(precision())
    {
        let a = bf16::Packed::left(a, form, threads);
        // SAFETY: the caller vouches for `out`.
        unsafe { bf16::multiply(&a, bf16::Right::Matrix(b), out, out_stride, into, threads) };
        return;
    }
    let out = Out {
        start: out,
        stride: out_stride,
        into,
    };
    let num_threads = match threads {
        Threads::One => 1,
        Threads::All => rayon::current_num_threads(),
    };
    // SAFETY: the caller vouches for `out`.
    unsafe { multiply_f32(a, b, out, num_threads) };
}

/// Where a product goes.
#[derive(Clone, Copy)]
struct Out {
    start: *mut f32,
    /// Elements from one row to the next.
    stride: usize,
    into: Into,
}

// SAFETY: each task writes elements of its own.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

/// Multiplications that are done sooner than another thread takes a part of them.
const ALONE: usize = 1 << 19;

/// Rows and columns of a product that `gemm` calls small: along the inner dimension it goes in other steps then,
/// and the bits of a part that is small would depend on the cut.
const SMALL: usize = 64;

/// The least of the side that is not cut: for less, `gemm` has other ways again.
const MIN_OTHER: usize = 4;

/// Rows of a product that `gemm` computes at once, with AVX-512 as with AVX2.
const ROWS_AT_ONCE: usize = 12;

/// The elements of the longest vector.
const COLUMNS_AT_ONCE: usize = 16;

/// As [`multiply`], in `f32`, on so many threads: the longer side of the product is cut in two until each
/// has a part. `gemm` would leave packing to one thread, or have each pack all, and meet several times.
///
/// # Safety
/// As [`multiply`].
unsafe fn multiply_f32(a: Matrix, b: Matrix, out: Out, num_threads: usize) {
    let by_rows = a.rows > b.columns;
    let (side, other, at_once) = if by_rows {
        (a.rows, b.columns, ROWS_AT_ONCE)
    } else {
        (b.columns, a.rows, COLUMNS_AT_ONCE)
    };
    let is_little = side * other * a.columns < ALONE;
    let min_part = if other > SMALL { SMALL } else { 2 * SMALL };
    if num_threads == 1 || is_little || side < 2 * min_part || other < MIN_OTHER {
        if is_shorter_turned(a, b, out.into) {
            // SAFETY: as here.
            unsafe { multiply_turned(a, b, out, num_threads) };
        } else {
            // SAFETY: as here.
            unsafe { multiply_part(a, b, out, num_threads) };
        }
        return;
    }
    let half = num_threads / 2;
    let cut = (side * half / num_threads).next_multiple_of(at_once);
    let cut = cut.clamp(min_part, side - min_part);
    let (first, second) = if by_rows {
        let part = |rows| (a.some_rows(rows), b);
        (part(0..cut), part(cut..side))
    } else {
        let part = |columns| (a, b.some_columns(columns));
        (part(0..cut), part(cut..side))
    };
    let rest = Out {
        // SAFETY: the first element of the second part, for which there is room.
        start: unsafe { out.start.add(if by_rows { cut * out.stride } else { cut }) },
        ..out
    };
    // SAFETY: the parts share no element.
    rayon::join(
        || unsafe { multiply_f32(first.0, first.1, out, half) },
        || unsafe { multiply_f32(second.0, second.1, rest, num_threads - half) },
    );
}

/// From so many steps of the inner dimension for each row on, it takes longer to turn the right factor about than
/// the result.
const STEPS_A_ROW: usize = 3;

/// Whether the right factor lies column after column and is so long that [`multiply_turned`] is faster.
fn is_shorter_turned(a: Matrix, b: Matrix, into: Into) -> bool {
    let b_is_turned = b.row_stride == 1 && b.column_stride != 1;
    b_is_turned
        && a.column_stride == 1
        && a.rows > 1
        && b.rows >= STEPS_A_ROW * a.rows
        && into == Into::Overwrite
}

/// As [`multiply_part`], for a result that replaces what is there, by way of its columns: `gemm` turns the right
/// factor about element by element, if it lies column after column. As the left factor of the turned product it
/// lies as it is to be read.
///
/// # Safety
/// As [`multiply`].
unsafe fn multiply_turned(a: Matrix, b: Matrix, out: Out, num_threads: usize) {
    let num_rows = a.rows;
    let mut columns = Vec::with_capacity(b.columns * num_rows);
    let room = Out {
        start: columns.as_mut_ptr(),
        stride: num_rows,
        into: Into::Overwrite,
    };
    // SAFETY: there is room for the product, all of which is written.
    unsafe {
        multiply_part(b.transposed(), a.transposed(), room, num_threads);
        columns.set_len(b.columns * num_rows);
    }
    let places: Vec<_> = (0..num_rows).map(|row| row * LANES).collect();
    let mut rows = vec![0.0; num_rows * LANES];
    for (block, columns) in columns.chunks(LANES * num_rows).enumerate() {
        scatter(columns, &places, &mut rows);
        for (row, values) in rows.chunks_exact(LANES).enumerate() {
            let place = row * out.stride + block * LANES;
            // SAFETY: these are elements of the product, for which the caller vouches.
            unsafe {
                let to = out.start.add(place);
                to.copy_from_nonoverlapping(values.as_ptr(), columns.len() / num_rows);
            }
        }
    }
}

/// As [`multiply_f32`], uncut.
///
/// # Safety
/// As [`multiply`].
unsafe fn multiply_part(a: Matrix, b: Matrix, out: Out, num_threads: usize) {
    let (keep, scale) = match out.into {
        Into::Overwrite | Into::Add => (1.0, 1.0),
        Into::Blend { keep, scale } => (keep, scale),
    };
    let stride =
        |stride: usize| isize::try_from(stride).expect("slices are shorter than isize::MAX");
    // SAFETY: the constructors of `Matrix` keep every element of `a` and `b` inside its slice; the
    // caller vouches for `out`.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.start,
            1,
            stride(out.stride),
            out.into != Into::Overwrite,
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            keep,
            scale,
            false,
            false,
            false,
            match num_threads {
                1 => Parallelism::None,
                more => Parallelism::Rayon(more),
            },
        );
    }
}

#[cfg(test)]
mod tests;
