//! The transforms along one line of a tile: all others are these, along its rows and then its columns.
//!
//! A line of pixels and the three taps of a row are values of polynomials, whose product is the convolution:
//! at 0, 1, -1 and infinity for tiles of two pixels, at 0, 3/4, -3/4, 3/2, -3/2 and infinity for tiles of four.
//! The matrices are named as by Lavin and Gray. Of small points for four, these are among those that round
//! least; `conv`'s tests compare them with the plain sum.
#![allow(clippy::many_single_char_names)] // the places of a line, one after the other

use pulp::Simd;

/// Takes one line to another.
pub(super) trait Line<const IN: usize, const OUT: usize> {
    fn of<S: Simd>(simd: S, line: [S::f32s; IN]) -> [S::f32s; OUT];
}

/// `G g`: taps as factors.
pub(super) struct Factors;

/// `Bᵀ d`: the pixels of a patch as factors.
pub(super) struct Spread;

/// `Aᵀ m`: products as the pixels of a tile.
pub(super) struct Narrow;

/// `A d`: the gradients of pixels as those of products.
pub(super) struct Widen;

/// `Gᵀ m`: the gradients of factors as those of taps.
pub(super) struct Taps;

impl Line<3, 4> for Factors {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
        let half = simd.splat_f32s(0.5);
        let even = simd.mul_f32s(half, simd.add_f32s(a, c));
        let odd = simd.mul_f32s(half, b);
        [a, simd.add_f32s(even, odd), simd.sub_f32s(even, odd), c]
    }
}

impl Line<4, 4> for Spread {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [
            simd.sub_f32s(a, c),
            simd.add_f32s(b, c),
            simd.sub_f32s(c, b),
            simd.sub_f32s(b, d),
        ]
    }
}

impl Line<4, 2> for Narrow {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        [
            simd.add_f32s(simd.add_f32s(a, b), c),
            simd.sub_f32s(simd.sub_f32s(b, c), d),
        ]
    }
}

impl Line<2, 4> for Widen {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
        [
            a,
            simd.add_f32s(a, b),
            simd.sub_f32s(a, b),
            simd.sub_f32s(simd.splat_f32s(0.0), b),
        ]
    }
}

impl Line<4, 3> for Taps {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
        let half = simd.splat_f32s(0.5);
        let sum = simd.mul_f32s(half, simd.add_f32s(b, c));
        let difference = simd.mul_f32s(half, simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), difference, simd.add_f32s(sum, d)]
    }
}

/// The points of tiles of four pixels besides 0 and infinity, each with its opposite.
const NEAR: f32 = 0.75;
const FAR: f32 = 1.5;
const NEAR_2: f32 = NEAR * NEAR;
const FAR_2: f32 = FAR * FAR;

/// The product of each point's differences from all others.
const AT_ZERO: f32 = NEAR_2 * FAR_2;
const AT_NEAR: f32 = 2.0 * NEAR_2 * (NEAR_2 - FAR_2);
const AT_FAR: f32 = 2.0 * FAR_2 * (FAR_2 - NEAR_2);

/// `a + factor * b`
#[inline(always)]
fn plus<S: Simd>(simd: S, a: S::f32s, factor: f32, b: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), b, a)
}

#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, a: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), a)
}

impl Line<3, 6> for Factors {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 6] {
        let even = |square, scale: f32| times(simd, 1.0 / scale, plus(simd, a, square, c));
        let (near, near_odd) = (even(NEAR_2, AT_NEAR), times(simd, NEAR / AT_NEAR, b));
        let (far, far_odd) = (even(FAR_2, AT_FAR), times(simd, FAR / AT_FAR, b));
        [
            times(simd, 1.0 / AT_ZERO, a),
            simd.add_f32s(near, near_odd),
            simd.sub_f32s(near, near_odd),
            simd.add_f32s(far, far_odd),
            simd.sub_f32s(far, far_odd),
            c,
        ]
    }
}

impl Line<6, 6> for Spread {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        let (near, near_odd) = (plus(simd, e, -FAR_2, c), plus(simd, d, -FAR_2, b));
        let (far, far_odd) = (plus(simd, e, -NEAR_2, c), plus(simd, d, -NEAR_2, b));
        let ends = |low, middle, high| {
            let high = plus(simd, high, -(NEAR_2 + FAR_2), middle);
            plus(simd, high, AT_ZERO, low)
        };
        [
            ends(a, c, e),
            plus(simd, near, NEAR, near_odd),
            plus(simd, near, -NEAR, near_odd),
            plus(simd, far, FAR, far_odd),
            plus(simd, far, -FAR, far_odd),
            ends(b, d, f),
        ]
    }
}

impl Line<6, 4> for Narrow {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (near, near_odd) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (far, far_odd) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(a, simd.add_f32s(near, far)),
            plus(simd, times(simd, NEAR, near_odd), FAR, far_odd),
            plus(simd, times(simd, NEAR_2, near), FAR_2, far),
            plus(
                simd,
                plus(simd, f, NEAR * NEAR_2, near_odd),
                FAR * FAR_2,
                far_odd,
            ),
        ]
    }
}

impl Line<4, 6> for Widen {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 6] {
        let even = |square| plus(simd, a, square, c);
        let odd = |square| plus(simd, b, square, d);
        let (near, near_odd) = (even(NEAR_2), odd(NEAR_2));
        let (far, far_odd) = (even(FAR_2), odd(FAR_2));
        [
            a,
            plus(simd, near, NEAR, near_odd),
            plus(simd, near, -NEAR, near_odd),
            plus(simd, far, FAR, far_odd),
            plus(simd, far, -FAR, far_odd),
            d,
        ]
    }
}

impl Line<6, 3> for Taps {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 3] {
        let (near, near_odd) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (far, far_odd) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        let both = |first, near_factor: f32, near, far_factor: f32, far| {
            let first = plus(simd, first, near_factor / AT_NEAR, near);
            plus(simd, first, far_factor / AT_FAR, far)
        };
        let zero = simd.splat_f32s(0.0);
        [
            both(times(simd, 1.0 / AT_ZERO, a), 1.0, near, 1.0, far),
            both(zero, NEAR, near_odd, FAR, far_odd),
            both(f, NEAR_2, near, FAR_2, far),
        ]
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;
    use crate::testing::numbers;

    /// Products of factors are the convolution of a line, and lead back to the gradient of its taps.
    fn check<const SIDE: usize, const TILE: usize>()
    where
        Factors: Line<3, SIDE>,
        Spread: Line<SIDE, SIDE>,
        Narrow: Line<SIDE, TILE>,
        Widen: Line<TILE, SIDE>,
        Taps: Line<SIDE, 3>,
    {
        fn some<const N: usize>(seed: u32) -> [f32; N] {
            numbers(N, seed).try_into().unwrap()
        }
        let simd = Scalar::new();
        let products =
            |a: [f32; SIDE], b: [f32; SIDE]| std::array::from_fn(|place| a[place] * b[place]);
        let assert_sums = |found: &[f32], a: &[f32], b: &[f32]| {
            for (start, &found) in found.iter().enumerate() {
                let terms = a[start..].iter().zip(b);
                let expected: f32 = terms.map(|(a, b)| a * b).sum();
                assert!((found - expected).abs() < 2e-6, "{found}, not {expected}");
            }
        };
        for seed in 0..20 {
            let (patch, taps, d_tile) = (
                some::<SIDE>(seed),
                some::<3>(seed + 100),
                some::<TILE>(seed + 200),
            );
            let spread = Spread::of(simd, patch);
            let tile: [f32; TILE] = Narrow::of(simd, products(Factors::of(simd, taps), spread));
            assert_sums(&tile, &patch, &taps);
            let d_taps: [f32; 3] = Taps::of(simd, products(Widen::of(simd, d_tile), spread));
            assert_sums(&d_taps, &patch, &d_tile);
        }
    }

    #[test]
    fn products_are_the_convolution_and_its_gradient() {
        check::<4, 2>();
        check::<6, 4>();
    }
}
