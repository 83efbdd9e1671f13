//! Against Burn's own operations.

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use proptest::prelude::*;

use super::{
    LearningStep, Pull, VisibleUnits, column_means, column_means_reference, hidden_means,
    hidden_means_reference, learn_pairs, learn_pairs_reference, mean_squared_difference,
    mean_squared_difference_reference, visible_means, visible_means_reference,
};
use crate::testing::{assert_close, assert_same_bits_at_any_number_of_threads, devices};

/// A machine and two phases of it.
#[derive(Clone)]
struct Case {
    weight: Tensor<2>,
    velocity: Tensor<2>,
    visible_bias: Tensor<1>,
    hidden_bias: Tensor<1>,
    /// Of each phase, in another order on the device than in the slices of the kernels.
    visible: [Tensor<2>; 2],
    hidden: [Tensor<2>; 2],
    pull: Option<Pull>,
}

impl Case {
    fn new(num_rows: [usize; 2], [visible, hidden]: [usize; 2], device: &Device) -> Self {
        let normal = Distribution::Normal(0.0, 1.0);
        let matrix = |rows, columns| Tensor::<2>::random([rows, columns], normal, device);
        let vector = |length| Tensor::<1>::random([length], normal, device);
        Self {
            weight: matrix(hidden, visible).transpose(),
            velocity: matrix(visible, hidden),
            visible_bias: vector(visible),
            hidden_bias: vector(hidden),
            visible: num_rows.map(|rows| matrix(visible, rows).transpose()),
            hidden: num_rows.map(|rows| matrix(rows, hidden)),
            pull: Some(Pull {
                usual: vector(visible),
                pull: vector(hidden),
            }),
        }
    }

    fn phases(&self) -> [(Tensor<2>, Tensor<2>); 2] {
        let [positive, negative] = &self.visible;
        let [of_positive, of_negative] = &self.hidden;
        [
            (positive.clone(), of_positive.clone()),
            (negative.clone(), of_negative.clone()),
        ]
    }

    /// All that is computed, by the kernels or by Burn.
    fn outcome(&self, kernels: bool, units: VisibleUnits, pulled: bool) -> [TensorData; 6] {
        let step = LearningStep {
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay: 0.01,
        };
        let [visible, other] = self.visible.clone();
        let hidden = self.hidden[0].clone();
        let (weight, velocity) = (self.weight.clone(), self.velocity.clone());
        let bias = self.visible_bias.clone();
        let pull = if pulled { self.pull.clone() } else { None };
        let rows = visible.dims()[0].min(other.dims()[0]);
        let (a, b) = (visible.clone().slice(0..rows), other.slice(0..rows));
        let (up, down, means, error, (learnt, velocity)) = if kernels {
            (
                hidden_means(visible.clone(), weight.clone(), self.hidden_bias.clone()),
                visible_means(hidden, weight.clone(), bias, units),
                column_means(visible),
                mean_squared_difference(a, b),
                learn_pairs(weight, velocity, self.phases(), pull, step),
            )
        } else {
            (
                hidden_means_reference(visible.clone(), weight.clone(), self.hidden_bias.clone()),
                visible_means_reference(hidden, weight.clone(), bias, units),
                column_means_reference(visible),
                mean_squared_difference_reference(a, b),
                learn_pairs_reference(weight, velocity, self.phases(), pull, step),
            )
        };
        let error = error.into_data();
        let [up, down, learnt, velocity] = [up, down, learnt, velocity].map(|x| x.into_data());
        [up, down, means.into_data(), error, learnt, velocity]
    }
}

#[track_caller]
fn check(case: &Case, units: VisibleUnits, pulled: bool) {
    let [ours, reference] = [true, false].map(|kernels| case.outcome(kernels, units, pulled));
    assert_close(&ours, &reference, 1e-4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn kernels_agree_with_burn(
        num_rows in [1_usize..40, 1_usize..40],
        sizes in [1_usize..90, 1_usize..90],
        labels in 0_usize..5,
        (gaussian, pulled, second) in any::<(bool, bool, bool)>(),
    ) {
        let device = &devices()[usize::from(second)];
        let units = VisibleUnits { gaussian, num_labels: labels.min(sizes[0] - 1) };
        check(&Case::new(num_rows, sizes, device), units, pulled);
    }
}

const BINARY: VisibleUnits = VisibleUnits {
    gaussian: false,
    num_labels: 0,
};

/// Rows and columns beyond one block, and a label group that begins in one and ends in the next.
#[test]
fn machines_of_many_blocks_agree_with_burn() {
    let units = VisibleUnits {
        gaussian: false,
        num_labels: 69,
    };
    for device in devices() {
        check(&Case::new([300, 129], [784, 500], &device), units, true);
        check(&Case::new([2, 3], [2500, 3], &device), units, true);
        check(&Case::new([2, 3], [70, 2100], &device), units, false);
    }
}

#[test]
fn nothing_is_computed_of_nothing() {
    let device = Device::flex();
    let empty = |rows, columns| Tensor::<2>::zeros([rows, columns], &device);
    let (weight, bias) = (empty(4, 3) + 0.5, Tensor::<1>::zeros([3], &device));
    assert_eq!(
        hidden_means(empty(0, 4), weight.clone(), bias.clone()).dims(),
        [0, 3]
    );
    // Units that receive nothing follow their bias.
    let half = hidden_means(empty(2, 0), empty(0, 3), bias.clone());
    assert_eq!(half.into_data(), (empty(2, 3) + 0.5).into_data());
    assert_eq!(
        visible_means(empty(2, 3), empty(0, 3), empty(1, 0).squeeze_dim(0), BINARY).dims(),
        [2, 0]
    );
    let step = LearningStep {
        learning_rate: 0.1,
        momentum: 0.5,
        weight_decay: 0.0,
    };
    let phases = || [(empty(2, 4), empty(2, 0)), (empty(2, 4), empty(2, 0))];
    let (weight, velocity) = learn_pairs(empty(4, 0), empty(4, 0), phases(), None, step);
    assert_eq!([weight.dims(), velocity.dims()], [[4, 0]; 2]);
    let phases = || [(empty(2, 0), empty(2, 3)), (empty(2, 0), empty(2, 3))];
    let (weight, velocity) = learn_pairs(empty(0, 3), empty(0, 3), phases(), None, step);
    assert_eq!([weight.dims(), velocity.dims()], [[0, 3]; 2]);
}

#[test]
fn a_nan_or_an_infinity_is_never_hidden() {
    let device = Device::flex();
    for value in [f32::NAN, f32::INFINITY] {
        for gaussian in [true, false] {
            let units = VisibleUnits {
                gaussian,
                num_labels: 3,
            };
            let mut case = Case::new([5, 4], [20, 17], &device);
            case.visible[0] = case.visible[0].clone().slice_fill([2..3, 3..4], value);
            case.hidden[0] = case.hidden[0].clone().slice_fill([1..2, 5..6], value);
            case.weight = case.weight.slice_fill([7..8, 2..3], value);
            let fast = case.outcome(true, units, true);
            let reference = case.outcome(false, units, true);
            for (fast, reference) in fast.into_iter().zip(reference) {
                for (fast, reference) in fast.iter::<f32>().zip(reference.iter::<f32>()) {
                    assert_eq!(
                        fast.is_finite(),
                        reference.is_finite(),
                        "{fast} and {reference}"
                    );
                    assert_eq!(fast.is_nan(), reference.is_nan(), "{fast} and {reference}");
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = Case::new([300, 129], [784, 500], &Device::flex());
    assert_same_bits_at_any_number_of_threads(|| case.outcome(true, BINARY, true));
}

#[test]
fn weights_that_others_hold_are_not_changed() {
    for device in devices() {
        let case = Case::new([5, 4], [20, 17], &device);
        let [weight, velocity] = [&case.weight, &case.velocity].map(|x| x.to_data());
        let _ = case.outcome(true, BINARY, false);
        assert_eq!(case.weight.to_data(), weight);
        assert_eq!(case.velocity.to_data(), velocity);
    }
}

#[test]
fn tracked_tensors_keep_their_gradients() {
    let device = Device::flex().autodiff();
    let case = Case::new([5, 4], [6, 3], &device);
    let weight = Tensor::<2>::random([6, 3], Distribution::Default, &device).require_grad();
    let hidden = hidden_means(case.visible[0].clone(), weight.clone(), case.hidden_bias);
    let gradients = hidden.sum().backward();
    assert!(weight.grad(&gradients).is_some());
}
