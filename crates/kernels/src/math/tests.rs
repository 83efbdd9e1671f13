//! How far the functions are off, and what they make of values at the edge.
// Conversions that are exact or meant to round, and comparisons that are meant to be exact.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::float_cmp
)]

use super::*;

const SPECIAL: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];

/// One value of f32 in 1024 from all over their range, and those close to zero more densely.
fn sweep() -> impl Iterator<Item = f32> {
    let bits = (0..1_u32 << 22).map(|n| (n << 10) | (n.wrapping_mul(2_654_435_769) >> 22));
    let far = bits.map(f32::from_bits).filter(|x| !x.is_nan());
    far.chain((-1_000_000..1_000_000_i32).map(|n| n as f32 * 1e-4))
}

/// The largest error, absolute or in units in the last place, of a function for one element and of
/// the same function for slices.
struct Errors {
    absolute: f64,
    ulp: f64,
}

fn errors(
    xs: impl Iterator<Item = f32>,
    slice: fn(&mut [f32]),
    portable: fn(f32) -> f32,
    truth: fn(f64) -> f64,
) -> Errors {
    let xs: Vec<f32> = xs.collect();
    let mut ys = xs.clone();
    slice(&mut ys);
    let (mut absolute, mut ulp) = (0.0_f64, 0.0_f64);
    for (&x, &vector) in xs.iter().zip(&ys) {
        let truth = truth(f64::from(x));
        let unit = (truth.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() - 23.0).exp2();
        for y in [vector, portable(x)] {
            if f64::from(y) == truth || y == truth as f32 {
                continue; // infinity too, where the true value is too large for f32
            }
            let error = (f64::from(y) - truth).abs();
            assert!(error.is_finite(), "f({x}) is {y}, not {truth}");
            absolute = absolute.max(error);
            ulp = ulp.max(error / unit);
        }
    }
    println!("largest error {absolute:e}, {ulp} units in the last place");
    Errors { absolute, ulp }
}

#[test]
fn exp_is_right_to_two_units_in_the_last_place() {
    assert!(errors(sweep(), exp_all, exp::<false>, f64::exp).ulp < 2.0);
}

#[test]
fn tanh_is_right_to_four_units_in_the_last_place() {
    let errors = errors(sweep(), tanh_all, tanh::<false>, f64::tanh);
    assert!(errors.ulp < 4.0 && errors.absolute < 2e-7);
}

#[test]
fn sigmoid_is_right_to_four_units_in_the_last_place() {
    let truth = |x: f64| 1.0 / (1.0 + (-x).exp());
    let errors = |lowest| {
        let xs = sweep().filter(move |&x| x > lowest);
        errors(xs, sigmoid_all, sigmoid::<false>, truth)
    };
    assert!(errors(-87.0).ulp < 4.0);
    assert!(errors(f32::NEG_INFINITY).absolute < 2e-7);
}

/// The density of the standard normal distribution, and what lies below `x`.
fn normal(x: f64) -> (f64, f64) {
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let (mut term, mut sum) = (x, x);
    for n in 1..400 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    (density, 0.5 + density * sum)
}

#[test]
fn gelu_and_its_derivative_are_right_to_a_millionth() {
    let xs = || (-160_000..160_000_i32).map(|n| n as f32 * 1e-4);
    let value = errors(xs(), gelu_all, gelu::<false>, |x| x * normal(x).1);
    assert!(value.absolute < 1e-6);

    let slope = |xs: &mut [f32]| {
        let mut gradients = vec![1.0; xs.len()];
        gelu_backward(xs, &mut gradients);
        xs.copy_from_slice(&gradients);
    };
    let truth = |x: f64| normal(x).1 + x * normal(x).0;
    assert!(errors(xs(), slope, gelu_derivative::<false>, truth).absolute < 1e-6);
}

#[test]
fn the_ends_of_the_number_line_and_nan_are_kept() {
    let check = |function: fn(&mut [f32]), expected: [f32; 5]| {
        let mut ys = SPECIAL;
        function(&mut ys);
        // Compared as text, where a NaN equals a NaN and zero differs from its negative.
        assert_eq!(format!("{ys:?}"), format!("{expected:?}"));
    };
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    check(exp_all, [nan, infinity, 0.0, 1.0, 1.0]);
    check(tanh_all, [nan, 1.0, -1.0, 0.0, -0.0]);
    check(sigmoid_all, [nan, 1.0, 0.0, 0.5, 0.5]);
    check(gelu_all, [nan, infinity, -0.0, 0.0, -0.0]);
}

#[test]
fn bits_do_not_depend_on_the_place_in_the_slice() {
    for function in [exp_all, tanh_all, sigmoid_all, gelu_all] {
        let xs: Vec<f32> = (0..131_u16).map(|n| f32::from(n) * 0.37 - 20.0).collect();
        let mut ys = xs.clone();
        function(&mut ys);
        for start in 0..40 {
            for end in [start + 1, start + 17, 131] {
                let mut part = xs[start..end].to_vec();
                function(&mut part);
                assert_eq!(part, ys[start..end]);
            }
        }
    }
}
