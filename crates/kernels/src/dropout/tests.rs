//! Against the numbers that it draws, forward and backward.

use burn::backend::Dispatch;
use burn::tensor::{Device, Distribution, Tensor};
use proptest::prelude::*;

use super::{DropOut, dropout};
use crate::random::uniform;
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};

fn seeded<const D: usize>(x: Tensor<D>, keep: f64, seed: u64) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::drop_out(x.into_dispatch(), keep, seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn equals_a_mask_of_uniform_numbers_and_its_gradient(
        (rows, columns) in (0_usize..40, 1_usize..300),
        keep in 0.05_f64..1.0,
        seed in any::<u64>(),
    ) {
        for device in devices() {
            let device = device.autodiff();
            let normal = Distribution::Normal(0.0, 3.0);
            let x = Tensor::<2>::random([columns, rows], normal, &device).require_grad();
            let outcome = |apply: &dyn Fn(Tensor<2>) -> Tensor<2>| {
                let y = apply(x.clone().transpose());
                let gradients = y.clone().powi_scalar(2).sum().backward();
                [y.into_data(), x.grad(&gradients).unwrap().into_data()]
            };
            let mask = uniform(seed, [rows, columns], &device).lower_elem(keep).float();
            let reference = |x: Tensor<2>| x * mask.clone() / keep;
            assert_close(
                &outcome(&|x| seeded(x, keep, seed)),
                &outcome(&reference),
                1e-5,
            );
        }
    }
}

#[test]
fn as_many_are_left_out_as_asked_for_and_the_mean_stays() {
    let ones = Tensor::<1>::ones([1 << 18], &Device::flex());
    let values: Vec<f32> = dropout(ones, 0.3).into_data().try_into_vec().unwrap();
    let kept = values.iter().filter(|&&x| x > 1.42 && x < 1.43).count(); // 1 / 0.7
    let dropped = values.iter().filter(|&&x| x == 0.0).count();
    assert_eq!(kept + dropped, values.len());
    // 78,643 on average, with a deviation of 235.
    assert!((77_400..79_900).contains(&dropped), "{dropped}");
}

#[test]
fn another_call_leaves_out_others_and_nothing_is_dropped_at_zero() {
    let device = Device::flex();
    let ones = Tensor::<1>::ones([1000], &device);
    let drawn = |x: &Tensor<1>| dropout(x.clone(), 0.5).into_data();
    assert_ne!(drawn(&ones), drawn(&ones));
    assert_eq!(dropout(ones.clone(), 0.0).into_data(), ones.into_data());
}

#[test]
fn a_nan_is_never_hidden() {
    let x = Tensor::<1>::full([200], f32::NAN, &Device::flex());
    let values: Vec<f32> = dropout(x, 0.5).into_data().try_into_vec().unwrap();
    assert!(values.iter().all(|x| x.is_nan()));
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for device in devices() {
        let x = uniform(1, [3, 5000], &device);
        assert_same_bits_at_any_number_of_threads(|| [seeded(x.clone(), 0.8, 9).into_data()]);
    }
}
