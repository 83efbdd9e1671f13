//! Normal numbers: the inverse of the normal distribution at a uniform number.

use crate::math::mul_add;

/// The normal number that 32 random bits stand for: one bit is its sign, 31 say how far out it
/// lies. Off by less than 1e-5; never beyond 6.4.
///
/// Through the inverse of the error function, Giles 2010, *Approximating the erfinv function*,
/// <https://doi.org/10.1016/B978-0-12-385963-1.00010-1>
#[inline(always)]
pub(super) fn normal<const FMA: bool>(bits: u32) -> f32 {
    const SCALE: f32 = 1.0 / 2_147_483_648.0; // 2^-31
    const CENTRE: [f32; 9] = [
        2.810_226_4e-8,
        3.432_739_4e-7,
        -3.523_387_7e-6,
        -4.391_506_6e-6,
        2.185_808_7e-4,
        -1.253_725e-3,
        -4.177_681_6e-3,
        2.466_407_3e-1,
        1.501_409_4,
    ];
    const TAIL: [f32; 9] = [
        -2.002_142_6e-4,
        1.009_505_6e-4,
        1.349_343_2e-3,
        -3.673_428_4e-3,
        5.739_507_7e-3,
        -7.622_461_3e-3,
        9.438_870_5e-3,
        1.001_674,
        2.832_976_8,
    ];
    // Both tails together, in (0, 1): small numbers keep all their digits.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // below 2^31
    let outside = ((bits >> 1) as i32 as f32 + 0.5) * SCALE;
    let x = 1.0 - outside;
    let w = -ln::<FMA>(outside * (2.0 - outside)); // -ln (1 - x²)
    let centre = polynomial::<FMA>(w - 2.5, CENTRE);
    let tail = polynomial::<FMA>(w.sqrt() - 3.0, TAIL);
    let factor = if w < 5.0 { centre } else { tail };
    let size = factor * x * std::f32::consts::SQRT_2;
    f32::from_bits(size.to_bits() ^ (bits << 31))
}

/// The value of the polynomial at `x`, its coefficients from the highest power down.
#[inline(always)]
fn polynomial<const FMA: bool>(x: f32, coefficients: [f32; 9]) -> f32 {
    let mut sum = coefficients[0];
    for &coefficient in &coefficients[1..] {
        sum = mul_add::<FMA>(sum, x, coefficient);
    }
    sum
}

/// The natural logarithm of a normal number above zero; off by less than 3 units in the last place
/// of the larger of it and 1.
#[inline(always)]
pub(super) fn ln<const FMA: bool>(x: f32) -> f32 {
    // Those of `logf` in Moshier's Cephes, <https://www.netlib.org/cephes/>.
    const COEFFICIENTS: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_8e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_7e-1,
        2.000_071_4e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    const ROOT_HALF: u32 = 0x3F35_04F3;
    // x = 2^exponent * (1 + r), with 1 + r from √½ to √2.
    let bits = x.to_bits().wrapping_sub(ROOT_HALF);
    #[allow(clippy::cast_possible_wrap, clippy::cast_precision_loss)] // an exponent
    let exponent = (bits as i32 >> 23) as f32;
    let r = f32::from_bits((bits & 0x007F_FFFF) + ROOT_HALF) - 1.0;
    let square = r * r;
    let tail = mul_add::<FMA>(
        polynomial::<FMA>(r, COEFFICIENTS) * square,
        r,
        -0.5 * square,
    );
    // ln 2 in two parts, the first so short that its product with the exponent is exact.
    let tail = mul_add::<FMA>(exponent, -2.121_944_4e-4, tail);
    mul_add::<FMA>(exponent, 0.693_359_4, r + tail)
}
