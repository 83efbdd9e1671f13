//! Products in bf16 against sums in `f64` of operands that were rounded one by one.

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::{Into, LANES, MAX_PAIRS, Matrix, Packed, Threads, is_supported, multiply};

/// Whether the test has to be skipped, which it then says.
fn is_skipped() -> bool {
    let is_skipped = !is_supported();
    if is_skipped {
        eprintln!("skipped: this CPU lacks AVX512-BF16");
    }
    is_skipped
}

/// To the nearest bf16, ties to even, as the instructions have it.
fn rounded(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    if x.is_subnormal() {
        return 0.0_f32.copysign(x);
    }
    let bits = x.to_bits();
    let tie = (bits >> 16) & 1;
    f32::from_bits((bits + 0x7fff + tie) & 0xffff_0000)
}

/// Numbers of many sizes that follow from their place.
fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[allow(clippy::cast_precision_loss)] // below 2^24
        let unit = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        unit
    };
    (0..length).map(|_| draw() * draw().exp2()).collect()
}

/// How an operand lies in memory.
#[derive(Debug, Clone, Copy)]
struct Lie {
    is_transposed: bool,
    /// Elements between the end of a row and the start of the next.
    gap: usize,
}

impl Lie {
    fn length(self, rows: usize, columns: usize) -> usize {
        if self.is_transposed {
            columns * (rows + self.gap)
        } else {
            rows * (columns + self.gap)
        }
    }

    fn matrix(self, data: &[f32], rows: usize, columns: usize) -> Matrix<'_> {
        if self.is_transposed {
            Matrix::strided(data, columns, rows, rows + self.gap).transposed()
        } else {
            Matrix::strided(data, rows, columns, columns + self.gap)
        }
    }
}

fn at(matrix: &Matrix, row: usize, column: usize) -> f32 {
    matrix.data[row * matrix.row_stride + column * matrix.column_stride]
}

/// The product in bf16 laid over `before`, whose rows are `stride` long.
fn ours(
    a: Matrix,
    b: Matrix,
    before: &[f32],
    stride: usize,
    into: Into,
    threads: Threads,
) -> Vec<f32> {
    let mut out = before.to_vec();
    let (left, right) = (Packed::left(a, threads), Packed::right(b, threads));
    let fits = a.rows == 0 || b.columns == 0 || (a.rows - 1) * stride + b.columns <= out.len();
    assert!(fits);
    // SAFETY: it fits, and `out` is ours.
    unsafe { multiply(&left, &right, out.as_mut_ptr(), stride, into, threads) };
    out
}

/// Requires `ours` to be near the exact product of the rounded operands, wherever there is one, and
/// to leave all else alone.
#[track_caller]
fn check(a: Matrix, b: Matrix, gap: usize, into: Into) {
    let stride = b.columns + gap;
    let mut before = numbers(a.rows * stride, 3);
    if matches!(into, Into::Overwrite | Into::Blend { keep: 0.0, .. }) {
        for row in before.chunks_exact_mut(stride.max(1)) {
            row[..b.columns].fill(f32::NAN); // never read
        }
    }
    let (keep, scale) = match into {
        Into::Overwrite => (0.0, 1.0),
        Into::Add => (1.0, 1.0),
        Into::Blend { keep, scale } => (keep, scale),
    };
    for threads in [Threads::One, Threads::All] {
        let out = ours(a, b, &before, stride, into, threads);
        for (index, (&ours, &before)) in out.iter().zip(&before).enumerate() {
            let (row, column) = (index / stride, index % stride);
            if column >= b.columns {
                assert_eq!(ours.to_bits(), before.to_bits(), "the gap of row {row}");
                continue;
            }
            let kept = if keep == 0.0 {
                0.0
            } else {
                f64::from(keep) * f64::from(before)
            };
            let (mut exact, mut size) = (kept, kept.abs());
            for k in 0..a.columns {
                let a = f64::from(rounded(at(&a, row, k)));
                let b = f64::from(rounded(at(&b, k, column)));
                exact += f64::from(scale) * a * b;
                size += (f64::from(scale) * a * b).abs();
            }
            let is_right = if exact.is_nan() {
                ours.is_nan()
            } else if exact.is_infinite() {
                #[allow(clippy::cast_possible_truncation)] // infinite
                let exact = exact as f32;
                ours.to_bits() == exact.to_bits()
            } else {
                (f64::from(ours) - exact).abs() <= 2e-6 * size + 1e-36
            };
            assert!(is_right, "{ours} at {row}, {column} instead of {exact}");
        }
    }
}

fn lies() -> impl Strategy<Value = Lie> {
    (any::<bool>(), 0..3_usize).prop_map(|(is_transposed, gap)| Lie { is_transposed, gap })
}

fn intos() -> impl Strategy<Value = Into> {
    prop_oneof![
        Just(Into::Overwrite),
        Just(Into::Add),
        Just(Into::Blend {
            keep: 0.0,
            scale: -0.3
        }),
        Just(Into::Blend {
            keep: 0.9,
            scale: 0.02
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_product_is_that_of_the_rounded_operands(
        [rows, inner, columns] in [0..70_usize, 0..150_usize, 0..130_usize],
        (lie_a, lie_b) in (lies(), lies()),
        gap in 0..3_usize,
        into in intos(),
        seed in any::<u32>(),
    ) {
        if is_skipped() {
            return Ok(());
        }
        let a = numbers(lie_a.length(rows, inner), seed);
        let b = numbers(lie_b.length(inner, columns), !seed);
        check(lie_a.matrix(&a, rows, inner), lie_b.matrix(&b, inner, columns), gap, into);
    }

    #[test]
    fn what_is_no_number_and_what_is_infinite_spreads_as_far_as_it_should(
        special in prop_oneof![
            Just(f32::NAN), Just(-f32::NAN), Just(f32::from_bits(0x7f80_0001)),
            Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX), Just(f32::MIN_POSITIVE),
            Just(f32::from_bits(1)), Just(-0.0_f32),
        ],
        (lie_a, lie_b) in (lies(), lies()),
        (on_the_left, place) in (any::<bool>(), any::<prop::sample::Index>()),
    ) {
        if is_skipped() {
            return Ok(());
        }
        let [rows, inner, columns] = [9, 33, 35];
        let mut a = numbers(lie_a.length(rows, inner), 1);
        let mut b = numbers(lie_b.length(inner, columns), 2);
        let operand = if on_the_left { &mut a } else { &mut b };
        let place = place.index(operand.len());
        operand[place] = special;
        check(lie_a.matrix(&a, rows, inner), lie_b.matrix(&b, inner, columns), 0, Into::Overwrite);
    }
}

#[test]
fn a_long_inner_dimension_is_summed_in_parts() {
    if is_skipped() {
        return;
    }
    let lengths = [2 * MAX_PAIRS, 2 * MAX_PAIRS + 1, 4 * MAX_PAIRS + 3];
    for (inner, into) in lengths.into_iter().zip([
        Into::Overwrite,
        Into::Add,
        Into::Blend {
            keep: 0.5,
            scale: 2.0,
        },
    ]) {
        let (a, b) = (numbers(3 * inner, 1), numbers(inner * 5, 2));
        check(
            Matrix::new(&a, 3, inner),
            Matrix::new(&b, inner, 5),
            0,
            into,
        );
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    if is_skipped() {
        return;
    }
    let [rows, inner, columns] = [131, 257, 10 * LANES + 3];
    let (a, b) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
    let (a, b) = (
        Matrix::new(&a, rows, inner),
        Matrix::new(&b, inner, columns),
    );
    let before = vec![0.0; rows * columns];
    let run = |num_threads, threads| -> Vec<u32> {
        let pool = ThreadPoolBuilder::new().num_threads(num_threads).build();
        let pool = pool.expect("threads are to be had");
        let out = pool.install(|| ours(a, b, &before, columns, Into::Overwrite, threads));
        out.into_iter().map(f32::to_bits).collect()
    };
    let alone = run(1, Threads::One);
    for num_threads in 1..=3 {
        assert_eq!(alone, run(num_threads, Threads::All));
    }
}

#[test]
fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
    if is_skipped() {
        return;
    }
    let one_and = |bits: u32| f32::from_bits(0x3f80_0000 + bits);
    for (x, nearest) in [
        (one_and(0x7fff), 1.0),
        (one_and(0x8000), 1.0),
        (one_and(0x8001), one_and(0x1_0000)),
        (one_and(0x1_8000), one_and(0x2_0000)),
        (-one_and(0x1_8000), -one_and(0x2_0000)),
        (f32::MAX, f32::INFINITY),
    ] {
        let (a, b) = ([x], [1.0]);
        let out = ours(
            Matrix::new(&a, 1, 1),
            Matrix::new(&b, 1, 1),
            &[0.0],
            1,
            Into::Overwrite,
            Threads::One,
        );
        assert_eq!(out[0].to_bits(), nearest.to_bits(), "{x}");
    }
}
