//! Products that threads share, against sums in `f64`.

use rayon::ThreadPoolBuilder;

use super::strips::Strips;
use super::{Into, Matrix, Threads, matmul};
use crate::testing::numbers;

/// Rows, columns, inner size: sides that are cut, once and again, at places that fit no block; one that is too
/// short for it; and products of which `gemm` has other ways for parts.
const SIZES: [[usize; 3]; 14] = [
    [128, 784, 300],
    [128, 128, 1100],
    [65, 129, 1100],
    [200, 64, 1100],
    [128, 784, 500],
    [19, 300, 600],
    [784, 500, 129],
    [1000, 130, 70],
    [257, 255, 600],
    [255, 255, 600],
    [300, 1, 2000],
    [2, 300, 1500],
    [5, 256, 1030],
    [2048, 4, 1100],
];

#[test]
fn any_number_of_threads_computes_the_same_bits() {
    for [rows, columns, inner] in SIZES {
        let a = numbers(rows * inner, 1);
        let b = numbers(inner * columns, 2);
        let there = numbers(rows * columns, 3);
        for is_transposed in [false, true] {
            let matrix = |values, rows, columns| {
                if is_transposed {
                    Matrix::new(values, columns, rows).transposed()
                } else {
                    Matrix::new(values, rows, columns)
                }
            };
            let (a, b) = (matrix(&a, rows, inner), matrix(&b, inner, columns));
            let on = |num_threads| {
                let mut out = there.clone();
                let into = Into::Blend {
                    keep: 0.5,
                    scale: 2.0,
                };
                let pool = ThreadPoolBuilder::new().num_threads(num_threads);
                let pool = pool.build().expect("threads are to be had");
                pool.install(|| matmul(a, b, &mut out, columns, into, Threads::All));
                out
            };
            let alone = on(1);
            for num_threads in [2, 3, 7] {
                assert!(
                    alone == on(num_threads),
                    "{rows} x {columns}, {num_threads} threads"
                );
            }
            for (row, column) in [(0, 0), (rows - 1, columns - 1), (rows / 2, columns / 3)] {
                let at = |matrix: &Matrix, row, column| {
                    let place = row * matrix.row_stride + column * matrix.column_stride;
                    f64::from(matrix.data[place])
                };
                let sum: f64 = (0..inner)
                    .map(|step| at(&a, row, step) * at(&b, step, column))
                    .sum();
                let place = row * columns + column;
                let expected = 0.5 * f64::from(there[place]) + 2.0 * sum;
                let found = f64::from(alone[place]);
                assert!(
                    (found - expected).abs() < 1e-3,
                    "{rows} x {columns}: {found} instead of {expected}"
                );
            }
        }
    }
}

/// Rows, columns, inner size: full and broken tiles of each width, a single row, and nothing at all.
const STRIPS: [[usize; 3]; 8] = [
    [16, 512, 128],
    [17, 40, 10],
    [5, 53, 300],
    [1, 24, 7],
    [9, 1, 1],
    [3, 49, 0],
    [4, 0, 5],
    [0, 8, 5],
];

#[test]
fn strips_add_their_product() {
    for [rows, columns, inner] in STRIPS {
        let a = numbers(rows * (inner + 3), 1);
        let b = numbers((inner + 1) * (columns + 2) * 2, 2);
        let out_stride = columns + 1;
        let there = numbers(rows * out_stride, 3);
        let a_rows = Matrix::strided(&a, rows, inner, inner + 3);
        let factors = [
            Matrix::strided(&b, inner, columns, columns + 2),
            Matrix::strided(&b, columns, inner, inner + 1).transposed(),
        ];
        for factor in factors {
            let mut out = there.clone();
            Strips::new(factor).add_product(a_rows, &mut out, out_stride);
            for (place, (&found, &before)) in out.iter().zip(&there).enumerate() {
                let (row, column) = (place / out_stride, place % out_stride);
                let of_factor = |step: usize| {
                    factor.data[step * factor.row_stride + column * factor.column_stride]
                };
                let product = |step| f64::from(a[row * (inner + 3) + step] * of_factor(step));
                let steps = if column < columns { inner } else { 0 };
                let expected = f64::from(before) + (0..steps).map(product).sum::<f64>();
                assert!(
                    (f64::from(found) - expected).abs() < 1e-4,
                    "{rows} x {columns} x {inner} at {row}, {column}: {found}, not {expected}"
                );
            }
        }
    }
}
