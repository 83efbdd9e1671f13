//! What sums are made of: numbers, or some in bf16 of which each is multiplied and all are added in one.

use pulp::Simd;

use crate::matmul::bf16::Form;

/// An element of a vector that takes part in a sum.
pub(super) trait Term: Copy {
    /// As many as fill the lanes of a sum.
    type Vector<S: Simd>: Copy;

    /// Says that this machine can compute with it.
    type Form: Copy;

    /// The vectors that begin with the first of them.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];

    fn add_product<S: Simd>(
        form: Self::Form,
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        sums: S::f32s,
    ) -> S::f32s;
}

/// A term that rows of sums are multiplied by.
pub(super) trait Weight: Term {
    /// It in all lanes.
    fn splat<S: Simd>(self, simd: S) -> Self::Vector<S>;
}

impl Term for f32 {
    type Vector<S: Simd> = S::f32s;
    type Form = ();

    #[inline(always)]
    fn vectors<S: Simd>(values: &[Self]) -> &[S::f32s] {
        S::as_simd_f32s(values).0
    }

    #[inline(always)]
    fn add_product<S: Simd>((): (), simd: S, a: S::f32s, b: S::f32s, sums: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, sums)
    }
}

impl Weight for f32 {
    #[inline(always)]
    fn splat<S: Simd>(self, simd: S) -> S::f32s {
        simd.splat_f32s(self)
    }
}

/// Two numbers in bf16 of two rows.
impl Term for u32 {
    type Vector<S: Simd> = S::u32s;
    type Form = Form;

    #[inline(always)]
    fn vectors<S: Simd>(values: &[Self]) -> &[S::u32s] {
        S::as_simd_u32s(values).0
    }

    #[inline(always)]
    fn add_product<S: Simd>(form: Form, _: S, a: S::u32s, b: S::u32s, sums: S::f32s) -> S::f32s {
        form.add_products::<S, _>(sums, a, b)
    }
}

impl Weight for u32 {
    #[inline(always)]
    fn splat<S: Simd>(self, simd: S) -> S::u32s {
        simd.splat_u32s(self)
    }
}

/// One number in bf16; its neighbour is added with it.
impl Term for u16 {
    type Vector<S: Simd> = S::u16s;
    type Form = Form;

    #[inline(always)]
    fn vectors<S: Simd>(values: &[Self]) -> &[S::u16s] {
        S::as_simd_u16s(values).0
    }

    #[inline(always)]
    fn add_product<S: Simd>(form: Form, _: S, a: S::u16s, b: S::u16s, sums: S::f32s) -> S::f32s {
        form.add_products::<S, _>(sums, a, b)
    }
}
