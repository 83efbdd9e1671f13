//! Exponentials and the non-linearities made of them, many elements at a time.
//!
//! Each function is written once, for one element and without branches, and the compiler makes
//! vector code of it for the widest vectors of the machine. An element's bits depend on its value
//! and the kind of CPU, never on its place in the slice.

/// Compiles a function for AVX-512, for AVX2 and for any CPU, and calls the fastest that runs here.
///
/// The function has one parameter `const FMA: bool`, which its callers do not see: whether
/// [`mul_add`] is one instruction. What the body calls must be `#[inline(always)]`: a function that
/// stands alone is compiled for any CPU.
macro_rules! vectorised {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident<const FMA: bool>($($argument:ident: $type:ty),* $(,)?)
        $body:block
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        $visibility fn $name($($argument: $type),*) {
            #[inline(always)]
            fn body<const FMA: bool>($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
                fn avx512($($argument: $type),*) {
                    body::<true>($($argument),*);
                }

                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) {
                    body::<true>($($argument),*);
                }

                let fma = is_x86_feature_detected!("fma");
                if fma
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the CPU has every feature that `avx512` asks for.
                    return unsafe { avx512($($argument),*) };
                }
                if fma && is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has every feature that `avx2` asks for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            body::<{ cfg!(target_arch = "aarch64") }>($($argument),*);
        }
    };
}
pub(crate) use vectorised;

vectorised! {
    /// `e^x` of every element; off by less than 2 units in the last place.
    pub(crate) fn exp_all<const FMA: bool>(xs: &mut [f32]) {
        for x in xs {
            *x = exp::<FMA>(*x);
        }
    }
}

vectorised! {
    /// The hyperbolic tangent of every element; off by less than 4 units in the last place.
    pub(crate) fn tanh_all<const FMA: bool>(xs: &mut [f32]) {
        for x in xs {
            *x = tanh::<FMA>(*x);
        }
    }
}

vectorised! {
    /// The logistic function of every element; off by less than 4 units in the last place for x
    /// above -87, and nearly or wholly zero below.
    pub(crate) fn sigmoid_all<const FMA: bool>(xs: &mut [f32]) {
        for x in xs {
            *x = sigmoid::<FMA>(*x);
        }
    }
}

vectorised! {
    /// GELU of every element; off by less than 1e-6 for any x.
    ///
    /// Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>
    pub(crate) fn gelu_all<const FMA: bool>(xs: &mut [f32]) {
        for x in xs {
            *x = gelu::<FMA>(*x);
        }
    }
}

vectorised! {
    /// Multiplies every gradient by the derivative of GELU at its `x`, which is off by less than
    /// 1e-6.
    pub(crate) fn gelu_backward<const FMA: bool>(xs: &[f32], gradients: &mut [f32]) {
        for (gradient, &x) in gradients.iter_mut().zip(xs) {
            *gradient *= gelu_derivative::<FMA>(x);
        }
    }
}

/// Partial sums that a reduction keeps, so that vectors can take them: two of the widest ones.
pub(crate) const LANES: usize = 32;

/// `a * b + c`: fused, where that is one instruction; elsewhere it would be a slow call.
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The value of the polynomial at `x`, its coefficients from the highest power down.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &coefficient in &coefficients[1..] {
        sum = mul_add::<FMA>(sum, x, coefficient);
    }
    sum
}

/// Adding this to an `x` of at most 2^22 and taking it off again rounds `x`: from 2^23 on an f32
/// has no digits after the point. The half on top keeps sums with negative numbers that large.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

/// `x` written as `n ln 2 + r`, n whole and `|r|` at most half of ln 2: returns n and `e^r - 1`.
#[inline(always)]
fn split_exponential<const FMA: bool>(x: f32) -> (f32, f32) {
    // ln 2 in two parts, the first so short that its product with n is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Those of `expf` in Moshier's Cephes, <https://www.netlib.org/cephes/>.
    const COEFFICIENTS: [f32; 6] = [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    let n = mul_add::<FMA>(x, std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = mul_add::<FMA>(n, -LN_2_HIGH, x);
    let r = mul_add::<FMA>(n, -LN_2_LOW, r);
    let tail = polynomial::<FMA, 6>(r, COEFFICIENTS);
    (n, mul_add::<FMA>(r * r, tail, r))
}

/// What gradients are cleared below: far from what could move a weight, and so far from the subnormal
/// numbers that a share of it is none.
pub(crate) const FADED: f32 = 1e-30;

/// `x`, or zero where its size is below `limit`.
///
/// A number below 1.2e-38 is subnormal, and on some CPUs each operation on one takes many times as
/// long as on any other. What fades from step to step ends there and stays there, unless it is cleared on
/// its way.
#[inline(always)]
pub(crate) fn cleared_below(limit: f32, x: f32) -> f32 {
    if x.abs() < limit { 0.0 } else { x }
}

/// `2^n` for a whole n from -126 to 127, and infinity for 128.
#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    // The last bits of the sum are those of n + 127, which is how a float stores an exponent.
    f32::from_bits((n + (ROUND + 127.0)).to_bits() << 23)
}

/// `e^x`.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Beyond these limits lie only zero and infinity.
    let (n, rest) = split_exponential::<FMA>(limit(x, -104.0, 89.0));
    // In two steps: 2^n alone may overflow, or be subnormal, where the result is not.
    let half = mul_add::<FMA>(n, 0.5, ROUND) - ROUND;
    let (first, second) = (power_of_two(half), power_of_two(n - half));
    mul_add::<FMA>(rest, first, first) * second
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<const FMA: bool>(x: f32) -> f32 {
    // (1 - e^-2|x|) / (1 + e^-2|x|), keeping the digits that 1 - e^-2|x| would lose near zero.
    // From |x| = 9.02 on the result is 1.
    let (n, rest) = split_exponential::<FMA>(limit(-2.0 * x.abs(), -20.0, 0.0));
    let scale = power_of_two(n);
    let exp_minus_one = mul_add::<FMA>(rest, scale, scale - 1.0);
    (-exp_minus_one / (2.0 + exp_minus_one)).copysign(x)
}

/// The logistic function, `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    // From e^89 on the power of two is infinite, and what is below e^-87 changes no sum with 1.
    let (n, rest) = split_exponential::<FMA>(limit(-x, -87.0, 89.0));
    1.0 / (1.0 + (1.0 + rest) * power_of_two(n))
}

/// GELU, `x` times the part of the standard normal distribution that lies below it.
#[inline(always)]
pub(crate) fn gelu<const FMA: bool>(x: f32) -> f32 {
    let x = limit(x, -15.0, f32::INFINITY); // at -15 it is zero; -inf * 0 would be no number
    x * normal_cdf::<FMA>(x, exp::<FMA>(-0.5 * x * x))
}

/// The derivative of [`gelu`].
#[inline(always)]
pub(crate) fn gelu_derivative<const FMA: bool>(x: f32) -> f32 {
    const ONE_OVER_ROOT_TWO_PI: f32 = 0.398_942_3;
    let x = limit(x, -15.0, 15.0); // beyond lie 0 and 1
    let bell = exp::<FMA>(-0.5 * x * x);
    mul_add::<FMA>(x * bell, ONE_OVER_ROOT_TWO_PI, normal_cdf::<FMA>(x, bell))
}

/// The part of the standard normal distribution below `x`, where `bell` is `e^(-x²/2)`.
#[inline(always)]
fn normal_cdf<const FMA: bool>(x: f32, bell: f32) -> f32 {
    // Of |x|, through erfc(|x| / √2), which is off by less than 1.5e-7:
    // Abramowitz and Stegun 1964, 7.1.26.
    const P: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
    const COEFFICIENTS: [f32; 6] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
        0.0,
    ];
    let t = 1.0 / mul_add::<FMA>(x.abs(), P, 1.0);
    let above = 0.5 * bell * polynomial::<FMA, 6>(t, COEFFICIENTS);
    if x < 0.0 { above } else { 1.0 - above }
}

/// `x` brought between the limits; a NaN stays one.
#[inline(always)]
fn limit(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

#[cfg(test)]
mod tests;
