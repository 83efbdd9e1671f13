//! Products of matrices that lie in slices, through the `gemm` crate.
#![allow(unsafe_code)]

use gemm::Parallelism;

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
}

/// What happens to the elements that the result meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// They are replaced, and never read.
    Overwrite,
    /// The result is added to them.
    Add,
}

/// Multiplies `a` by `b` on the calling thread; the rows of `out` are `out_stride` elements apart.
///
/// One thread, so that the caller decides how work is shared and the bits never depend on it.
///
/// # Panics
/// When the shapes do not fit each other or `out` is too short.
pub(crate) fn matmul(a: Matrix, b: Matrix, out: &mut [f32], out_stride: usize, into: Into) {
    assert_eq!(a.columns, b.rows, "the inner sizes of a product are equal");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    assert!(
        out_stride >= b.columns && (a.rows - 1) * out_stride + b.columns <= out.len(),
        "a product of {} x {} reaches beyond its {} elements",
        a.rows,
        b.columns,
        out.len()
    );
    let stride =
        |stride: usize| isize::try_from(stride).expect("slices are shorter than isize::MAX");
    // SAFETY: the constructors of `Matrix` keep every element of `a` and `b` inside its slice, and
    // the assertions above those of `out`; `out` is borrowed mutably, so nothing overlaps it.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            stride(out_stride),
            into == Into::Add,
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
