//! Products in each form against sums in `f64`: of operands that were rounded one by one, or of the
//! operands themselves where two parts stand for one.

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::{Engine, Form, Into, LANES, Matrix, Packed, Parts, Right, STEPS, Threads, multiply};
use crate::testing::numbers;

/// The forms that this CPU can compute with. What is skipped is said.
fn forms() -> Vec<Form> {
    let form = |engine, parts| Form { engine, parts };
    let all = [
        form(Engine::Vectors, Parts::One),
        form(Engine::Tiles, Parts::One),
        form(Engine::Tiles, Parts::Two),
    ];
    let (forms, skipped): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|form| form.engine.is_supported());
    for form in skipped {
        eprintln!("skipped: this CPU lacks what {form:?} takes");
    }
    forms
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

/// As two parts keep a number, but for its last bits.
fn kept_in_two_parts(x: f32) -> f32 {
    match () {
        () if x.is_subnormal() => 0.0,
        () if rounded(x).is_infinite() => f32::NAN,
        () => x,
    }
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

/// The product laid over `before`, whose rows are `stride` long.
fn ours(
    form: Form,
    a: Matrix,
    b: Matrix,
    before: &[f32],
    stride: usize,
    into: Into,
    threads: Threads,
) -> Vec<f32> {
    let left = Packed::left(a, form, threads);
    let packed = Packed::right(b, form, threads);
    let fits = a.rows == 0 || b.columns == 0 || (a.rows - 1) * stride + b.columns <= before.len();
    assert!(fits);
    let [out, other] = [Right::Matrix(b), Right::Packed(&packed)].map(|right| {
        let mut out = before.to_vec();
        // SAFETY: it fits, and `out` is ours.
        unsafe { multiply(&left, right, out.as_mut_ptr(), stride, into, threads) };
        out
    });
    let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(
        bits(&out),
        bits(&other),
        "whenever the right factor is packed"
    );
    out
}

/// Requires `ours`, in every form, to be near the exact product, wherever there is one, and to leave
/// all else alone.
#[track_caller]
fn check(a: Matrix, b: Matrix, gap: usize, into: Into) {
    for form in forms() {
        check_form(form, a, b, gap, into);
    }
}

#[track_caller]
fn check_form(form: Form, a: Matrix, b: Matrix, gap: usize, into: Into) {
    // One part is rounded here as there; two parts keep 16 bits of both operands.
    let (operand, tolerance): (fn(f32) -> f32, _) = match form.parts {
        Parts::One => (rounded, 2e-6),
        Parts::Two => (kept_in_two_parts, 4.6e-5),
    };
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
        let out = ours(form, a, b, &before, stride, into, threads);
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
                let a = f64::from(operand(at(&a, row, k)));
                let b = f64::from(operand(at(&b, k, column)));
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
                (f64::from(ours) - exact).abs() <= tolerance * size + 1e-36
            };
            assert!(
                is_right,
                "{form:?}: {ours} at {row}, {column} instead of {exact}"
            );
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
    let most = STEPS * Engine::Vectors.max_blocks(Parts::One);
    let lengths = [most, most + 1, 2 * most + 3];
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
fn two_parts_keep_an_error_near_a_hundred_thousandth() {
    let two_parts = |form: &Form| form.parts == Parts::Two;
    for form in forms().into_iter().filter(two_parts) {
        let [rows, inner, columns] = [64, 300, 64];
        let (a, b) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
        let (a, b) = (
            Matrix::new(&a, rows, inner),
            Matrix::new(&b, inner, columns),
        );
        let before = vec![0.0; rows * columns];
        let out = ours(form, a, b, &before, columns, Into::Overwrite, Threads::One);
        let (mut errors, mut squares) = (0.0, 0.0);
        for (index, &ours) in out.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let term = |k| f64::from(at(&a, row, k)) * f64::from(at(&b, k, column));
            let exact: f64 = (0..inner).map(term).sum();
            errors += (f64::from(ours) - exact).powi(2);
            squares += exact.powi(2);
        }
        let error = (errors / squares).sqrt();
        assert!(error < 1e-5, "{error} of the root mean square");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let [rows, inner, columns] = [131, 257, 10 * LANES + 3];
    let (a, b) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
    let (a, b) = (
        Matrix::new(&a, rows, inner),
        Matrix::new(&b, inner, columns),
    );
    let before = vec![0.0; rows * columns];
    let run = |form, num_threads, threads| -> Vec<u32> {
        let pool = ThreadPoolBuilder::new().num_threads(num_threads).build();
        let pool = pool.expect("threads are to be had");
        let out = pool.install(|| ours(form, a, b, &before, columns, Into::Overwrite, threads));
        out.into_iter().map(f32::to_bits).collect()
    };
    for form in forms() {
        let alone = run(form, 1, Threads::One);
        for num_threads in 1..=3 {
            assert_eq!(alone, run(form, num_threads, Threads::All), "{form:?}");
        }
    }
}

#[test]
fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
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
        for form in forms().into_iter().filter(|form| form.parts == Parts::One) {
            let out = ours(
                form,
                Matrix::new(&a, 1, 1),
                Matrix::new(&b, 1, 1),
                &[0.0],
                1,
                Into::Overwrite,
                Threads::One,
            );
            assert_eq!(out[0].to_bits(), nearest.to_bits(), "{form:?}: {x}");
        }
    }
}

/// What an operand holds, of its first rows or columns and first steps alone.
fn content(packed: &Packed) -> Vec<[[u32; LANES]; LANES]> {
    let panels = 0..packed.width.div_ceil(LANES);
    let blocks = 0..packed.num_blocks();
    let blocks = panels.flat_map(|panel| packed.panel(panel, &blocks));
    blocks.map(|block| block.0).collect()
}

#[test]
fn an_operand_that_is_filled_is_the_one_that_is_packed() {
    const WIDTH: usize = 3 * LANES;
    const MOST: usize = 3 * STEPS;
    if !Engine::Vectors.is_supported() {
        eprintln!("skipped: this CPU cannot round");
        return;
    }
    for parts in [Parts::One, Parts::Two] {
        let engine = Engine::Vectors;
        let form = Form { engine, parts };
        let mut by_rows = Packed::of_rows(form, MOST, WIDTH);
        let mut by_steps = Packed::of_steps(form, MOST, WIDTH);
        // Fewer after more: what lay there before must not be seen.
        for count in [MOST, 2 * STEPS - 1, STEPS + 6, 1] {
            let values = numbers(count * WIDTH, 3);
            for (row, values) in values.chunks_exact(WIDTH).enumerate() {
                for (place, values) in values.as_chunks().0.iter().enumerate() {
                    let column = place * LANES;
                    by_rows.put_in_row(by_rows.in_row(row, column), values);
                    by_steps.put_in_step(by_steps.in_step(row, column), values);
                }
            }
            by_rows.set_rows(count);
            by_steps.set_steps(count);
            let matrix = Matrix::new(&values, count, WIDTH);
            let packed = Packed::right(matrix, form, Threads::One);
            assert_eq!(content(&by_steps), content(&packed), "{parts:?}, {count}");

            let packed = Packed::left(matrix, form, Threads::One);
            // Rows that fill a panel up are never looked at.
            let rows = |packed| -> Vec<_> {
                let panels = content(packed).into_iter().enumerate();
                let blocks = WIDTH.div_ceil(STEPS) * parts as usize;
                let rows = panels
                    .map(|(at, block)| block[..LANES.min(count - at / blocks * LANES)].to_vec());
                rows.collect()
            };
            assert_eq!(rows(&by_rows), rows(&packed), "{parts:?}, {count}");
        }
    }
}

#[test]
fn an_operand_of_steps_may_stand_on_the_left() {
    for form in forms() {
        let (length, width) = (STEPS + 7, 2 * LANES);
        let values = numbers(length * width, 4);
        let matrix = Matrix::new(&values, length, width);
        let mut filled = Packed::of_steps(form, length, width);
        for (step, values) in values.chunks_exact(width).enumerate() {
            for (place, values) in values.as_chunks().0.iter().enumerate() {
                filled.put_in_step(filled.in_step(step, place * LANES), values);
            }
        }
        filled.set_steps(length);
        filled.stand_left();
        let packed = Packed::left(matrix.transposed(), form, Threads::One);
        let product = |left: &Packed| {
            let mut out = vec![0.0; width * width];
            let right = Right::Matrix(matrix);
            // SAFETY: `out` has room for all rows, and is nobody else's.
            unsafe {
                multiply(
                    left,
                    right,
                    out.as_mut_ptr(),
                    width,
                    Into::Overwrite,
                    Threads::One,
                );
            };
            out
        };
        assert_eq!(product(&filled), product(&packed), "{form:?}");
    }
}
