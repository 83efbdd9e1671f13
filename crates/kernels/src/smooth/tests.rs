//! Against Burn's own operations, forward and backward.

use burn::tensor::{Distribution, Tensor};
use proptest::prelude::*;

use super::Smooth;
use crate::testing::{assert_close, devices};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn equals_burns_and_its_gradient(
        (rows, columns) in (0_usize..40, 1_usize..40),
        smooth in prop_oneof![Just(Smooth::Gelu), Just(Smooth::Tanh), Just(Smooth::Sigmoid)],
    ) {
        for device in devices() {
            let device = device.autodiff();
            let normal = Distribution::Normal(0.0, 3.0);
            let x = Tensor::<2>::random([columns, rows], normal, &device).require_grad();
            let outcome = |apply: fn(Smooth, Tensor<2>) -> Tensor<2>| {
                let y = apply(smooth, x.clone().transpose());
                let gradients = y.clone().powi_scalar(2).sum().backward();
                [y.into_data(), x.grad(&gradients).unwrap().into_data()]
            };
            assert_close(&outcome(Smooth::forward), &outcome(Smooth::reference), 1e-5);
        }
    }
}
