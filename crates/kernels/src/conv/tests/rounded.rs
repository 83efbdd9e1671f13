//! Rows of numbers that are rounded.

use super::*;
use crate::conv::backward::{Saved, backward};
use crate::conv::forward::forward;
use crate::conv::geometry::Geometry;
use crate::matmul::bf16::Form;
use crate::precision::Precision;
use crate::random::uniform;

/// As many channels and maps as fill some tiles of AMX, and begin another.
fn cases_of_many() -> impl Strategy<Value = Case> {
    let sizes = (1_usize..4, 1_usize..70, 1_usize..70);
    (cases(), sizes).prop_map(|(case, (batch_size, group_channels, group_width))| Case {
        batch_size,
        group_channels,
        group_width,
        ..case
    })
}

/// Quarters, as in [`Case::inputs`], of which also the gradient of the maps is made.
fn quarters(seed: u64, length: usize) -> Vec<f32> {
    let numbers = uniform(seed, [length], &Device::flex()) * 16.0 - 8.0;
    let numbers = (numbers.round() / 4.0).into_data();
    numbers.try_into_vec().unwrap()
}

/// Maps, then the gradients of images, weights and biases, with products in `form`.
fn in_form(case: &Case, form: Option<Form>) -> [Vec<f32>; 4] {
    let ([height, width], [kernel_height, kernel_width]) = (case.image, case.kernel);
    let (channels, maps) = (
        case.groups * case.group_channels,
        case.groups * case.group_width,
    );
    let images = [case.batch_size, channels, height, width];
    let weight = [maps, case.group_channels, kernel_height, kernel_width];
    let Epilogue { activation, pool } = case.epilogue;
    let geometry = Geometry::new(images, weight, &case.options(), pool).unwrap();
    let images = quarters(1, geometry.batch_size * geometry.image_len());
    let (weight, bias) = (quarters(2, geometry.weight_len()), vec![1.0 / 32.0; maps]);
    let made = forward(&geometry, form, &images, &weight, &bias, activation, true);
    let saved = Saved {
        images: &images,
        weight: &weight,
        output: &made.output,
        argmax: &made.argmax,
        activation,
    };
    let found = backward(
        &geometry,
        form,
        &saved,
        &quarters(3, made.output.len()),
        true,
    );
    [made.output, found.images, found.weight, found.bias]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Of numbers that bf16 holds, and whose sums `f32` does.
    #[test]
    fn rounded_rows_lose_nothing_but_what_rounding_does(
        case in prop_oneof![cases(), cases_of_many()],
    ) {
        let form = Form::of(Precision::Bf16).filter(|form| form.takes_rows());
        let epilogue = Epilogue { activation: Activation::Relu, ..case.epilogue };
        let case = Case { epilogue, ..case };
        prop_assert_eq!(in_form(&case, form), in_form(&case, None));
    }
}

#[test]
fn rows_are_rounded_where_they_can_be() {
    let Some(form) = Form::of(Precision::Bf16).filter(|form| form.takes_rows()) else {
        eprintln!("skipped: this CPU has no AVX512-BF16");
        return;
    };
    let case = a_case();
    let device = Device::flex();
    let (x, weight, bias) = case.inputs(&device);
    let geometry = Geometry::new(x.dims(), weight.dims(), &case.options(), [1, 1]).unwrap();
    let [x, weight, bias] = [
        (x / 3.0).into_data(),
        (weight / 3.0).into_data(),
        bias.into_data(),
    ]
    .map(|data| data.to_vec::<f32>().unwrap());
    let identity = Activation::Identity;
    let maps = |form| forward(&geometry, form, &x, &weight, &bias, identity, false).output;
    let (exact, rounded) = (maps(None), maps(Some(form)));
    let size =
        |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
    let mut differences = exact.iter().zip(&rounded).map(|(a, b)| a - b);
    let error = (size(&mut differences) / size(&mut exact.iter().copied())).sqrt();
    assert!(error > 0.0, "bf16 took no part");
    assert!(error < 6e-3, "{error}");
}
