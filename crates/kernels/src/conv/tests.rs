//! Against Burn's own operations, forward and backward.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::backward::{Saved, backward};
use super::forward::forward;
use super::geometry::Geometry;
use super::{Epilogue, conv2d, conv2d_reference};
use crate::matmul::bf16::Form;
use crate::precision::Precision;
use crate::random::uniform;
use crate::testing::devices;
use crate::{Activation, activate_and_pool, activate_and_pool_reference};

/// Everything that a case is made of.
#[derive(Debug, Clone)]
struct Case {
    batch_size: usize,
    groups: usize,
    group_channels: usize,
    group_width: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: [(usize, usize); 2],
    epilogue: Epilogue,
}

impl Case {
    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new_with_padding(self.stride, self.padding, self.dilation, self.groups)
    }

    /// Images (on the device in another order than in the slices of the kernels), weights, biases.
    ///
    /// All are quarters, as are the gradients of maps, and slopes are eighths: all sums are exact, in
    /// whatever order, and no result may differ from Burn's in a single bit, nor may another pixel of a
    /// window be the largest. Biases are a little more, so that no pixel is zero.
    fn inputs(&self, device: &Device) -> (Tensor<4>, Tensor<4>, Tensor<1>) {
        let channels = self.groups * self.group_channels;
        let width = self.groups * self.group_width;
        let ([height, across], [kernel_height, kernel_width]) = (self.image, self.kernel);
        let normal = Distribution::Normal(0.0, 1.0);
        let quarters = |shape| in_quarters(Tensor::<4>::random(shape, normal, device));
        let x = quarters([self.batch_size, across, channels, height]);
        let bias = quarters([width, 1, 1, 1]).reshape([width]);
        (
            x.permute([0, 2, 3, 1]),
            quarters([width, self.group_channels, kernel_height, kernel_width]),
            bias.add_scalar(1.0 / 32.0),
        )
    }
}

fn in_quarters<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    values.mul_scalar(4).round().div_scalar(4)
}

fn cases() -> impl Strategy<Value = Case> {
    // Few images, or several in each part that is summed by itself.
    let batch_size = prop_oneof![1_usize..4, 33_usize..36];
    let sizes = (batch_size, 1_usize..3, 1_usize..4, 1_usize..11);
    let two = |range: std::ops::Range<usize>| [range.clone(), range];
    let pads = [(0_usize..3, 0_usize..4), (0_usize..3, 0_usize..4)];
    let activation = prop_oneof![
        Just(Activation::Identity),
        Just(Activation::Relu),
        Just(Activation::LeakyRelu(0.125)),
    ];
    let shapes = (two(1..13), two(1..5), two(1..4), two(1..3), pads);
    (sizes, shapes, activation, two(1..4))
        .prop_map(|(sizes, shapes, activation, pool)| {
            let (batch_size, groups, group_channels, group_width) = sizes;
            let (image, kernel, stride, dilation, padding) = shapes;
            Case {
                batch_size,
                groups,
                group_channels,
                group_width,
                image,
                kernel,
                stride,
                dilation,
                padding,
                epilogue: Epilogue { activation, pool },
            }
        })
        .prop_filter("the image holds a kernel and a window", |case| {
            (0..2).all(|axis| {
                let (before, after) = case.padding[axis];
                let room = case.image[axis] + before + after;
                let reach = (case.kernel[axis] - 1) * case.dilation[axis] + 1;
                room >= reach + (case.epilogue.pool[axis] - 1) * case.stride[axis]
            })
        })
}

/// Those that are made in tiles: 3 x 3 weights, and enough images, channels and maps.
fn cases_in_tiles() -> impl Strategy<Value = Case> {
    let sizes = (8_usize..19, 16_usize..20, 16_usize..20);
    (cases(), sizes).prop_map(|(case, (batch_size, group_channels, group_width))| Case {
        batch_size,
        groups: 1,
        group_channels,
        group_width,
        image: case.image.map(|length| length + 4),
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        ..case
    })
}

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

type Convolution =
    fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>, ConvOptions<2>, Epilogue) -> Tensor<4>;

/// The result, and the gradients of images, weights and biases.
fn outcome(
    case: &Case,
    inputs: (Tensor<4>, Tensor<4>, Tensor<1>),
    convolution: Convolution,
) -> [TensorData; 4] {
    outcome_of_some(case, inputs, convolution, |_| 1.0)
}

/// As [`outcome`], where the gradient of each pixel of the result is scaled.
fn outcome_of_some(
    case: &Case,
    (x, weight, bias): (Tensor<4>, Tensor<4>, Tensor<1>),
    convolution: Convolution,
    scale: impl Fn(usize) -> f32,
) -> [TensorData; 4] {
    let device = x.device().autodiff();
    let x = Tensor::from_data(x.into_data(), &device).require_grad();
    let weight = Tensor::from_data(weight.into_data(), &device).require_grad();
    let bias = Tensor::from_data(bias.into_data(), &device).require_grad();
    let y = convolution(
        x.clone(),
        weight.clone(),
        Some(bias.clone()),
        case.options(),
        case.epilogue,
    );
    // Weights that differ from pixel to pixel show gradients that went to the wrong one.
    let length = i64::try_from(y.shape().num_elements()).unwrap();
    let places = Tensor::<1, burn::tensor::Int>::arange(0..length, &device).float();
    let weights_of_pixels = in_quarters(places.sin() * 2.0);
    let scales: Vec<f32> = (0..y.shape().num_elements()).map(scale).collect();
    let scales = Tensor::<1>::from_data(scales.as_slice(), &device);
    let weights_of_pixels = weights_of_pixels * scales;
    let loss = (y.clone() * weights_of_pixels.reshape(y.shape())).sum();
    let gradients = loss.backward();
    [
        y.into_data(),
        x.grad(&gradients).unwrap().into_data(),
        weight.grad(&gradients).unwrap().into_data(),
        bias.grad(&gradients).unwrap().into_data(),
    ]
}

/// Results and gradients are those of Burn, to the last bit.
fn check(case: &Case) {
    for device in devices() {
        let inputs = case.inputs(&device);
        let fast = outcome(case, inputs.clone(), conv2d);
        let reference = outcome(case, inputs.clone(), conv2d_reference);
        for (fast, reference) in fast.iter().zip(&reference) {
            fast.assert_approx_eq::<f32>(reference, Tolerance::absolute(0.0));
        }
        // Without a graph nothing is kept for the way back, and the result is the same.
        let (x, weight, bias) = inputs;
        let alone = conv2d(x, weight, Some(bias), case.options(), case.epilogue);
        assert_eq!(&alone.into_data(), &fast[0]);
    }
}

/// Windows in which one pixel is larger than all others.
fn clear_windows(case: &Case, (x, weight, bias): (Tensor<4>, Tensor<4>, Tensor<1>)) -> Vec<bool> {
    let [rows, columns] = case.epilogue.pool;
    let epilogue = Epilogue {
        pool: [1, 1],
        ..case.epilogue
    };
    let pixels = conv2d_reference(x, weight, Some(bias), case.options(), epilogue);
    let [_, _, height, width] = pixels.dims();
    let pixels = pixels.into_data().to_vec::<f32>().unwrap();
    let is_clear = |map: &[f32], top: usize, left: usize| {
        let window = (top..top + rows).flat_map(|y| &map[y * width + left..][..columns]);
        let largest = window.clone().copied().fold(f32::NEG_INFINITY, f32::max);
        window.filter(|&&pixel| pixel >= largest).count() == 1
    };
    let windows = |map| {
        let tops = (0..height / rows).map(move |row| row * rows);
        tops.flat_map(move |top| {
            (0..width / columns).map(move |column| is_clear(map, top, column * columns))
        })
    };
    pixels
        .chunks_exact(height * width)
        .flat_map(windows)
        .collect()
}

/// Errors are below `tolerance` of the largest element.
#[track_caller]
fn assert_near(ours: &TensorData, reference: &TensorData, tolerance: f32) {
    let largest = reference
        .iter::<f32>()
        .fold(0.0, |most: f32, value| most.max(value.abs()));
    let errors = ours.iter::<f32>().zip(reference.iter::<f32>());
    let error = errors.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
    assert!(
        error <= tolerance * largest,
        "{error} beside {largest}, {}",
        error / largest
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// But for rounding: not all that tiles multiply by is a power of two. So of equal pixels another one
    /// may be the largest; windows of such get no gradient.
    #[test]
    fn in_tiles_it_equals_burns_convolution_too(case in cases_in_tiles()) {
        for device in devices() {
            let inputs = case.inputs(&device);
            let is_clear = clear_windows(&case, inputs.clone());
            let scale = |window: usize| f32::from(u8::from(is_clear[window]));
            let fast = outcome_of_some(&case, inputs.clone(), conv2d, scale);
            let reference = outcome_of_some(&case, inputs.clone(), conv2d_reference, scale);
            for (fast, reference) in fast.iter().zip(&reference) {
                assert_near(fast, reference, 6e-6);
            }
            let (x, weight, bias) = inputs;
            let alone = conv2d(x, weight, Some(bias), case.options(), case.epilogue);
            prop_assert_eq!(&alone.into_data(), &fast[0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn equals_burns_convolution_and_its_gradients(case in cases()) {
        check(&case);
    }

    #[test]
    fn pooling_alone_equals_burns(case in cases()) {
        for device in devices() {
            let (x, ..) = case.inputs(&device.autodiff());
            let [_, _, height, width] = x.dims();
            let [pool_height, pool_width] = case.epilogue.pool;
            let pool = [pool_height.min(height), pool_width.min(width)];
            let epilogue = Epilogue { pool, ..case.epilogue };
            check_pooling(&x, epilogue);
        }
    }
}

fn check_pooling(x: &Tensor<4>, epilogue: Epilogue) {
    let alone = |pool: fn(Tensor<4>, Epilogue) -> Tensor<4>| {
        let x = x.clone().require_grad();
        let y = pool(x.clone(), epilogue);
        let gradients = y.clone().powi_scalar(2).sum().backward();
        [y.into_data(), x.grad(&gradients).unwrap().into_data()]
    };
    let (fast, reference) = (alone(activate_and_pool), alone(activate_and_pool_reference));
    for (fast, reference) in fast.iter().zip(&reference) {
        fast.assert_approx_eq::<f32>(reference, Tolerance::rel_abs(1e-6, 1e-6));
    }
}

/// Rows that are shorter than a vector, as long as some, and a little longer.
#[test]
fn rows_of_any_width_are_pooled() {
    let device = Device::flex().autodiff();
    for pool in [[2, 1], [2, 2], [3, 3], [2, 4]] {
        for width in pool[1]..10 * pool[1] + 2 {
            let x = Tensor::<4>::random([2, 3, 7, width], Distribution::Normal(0.0, 1.0), &device);
            let activation = Activation::LeakyRelu(0.1);
            check_pooling(&x, Epilogue { activation, pool });
        }
    }
}

fn a_case() -> Case {
    Case {
        batch_size: 37,
        groups: 1,
        group_channels: 3,
        group_width: 10,
        image: [9, 11],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [(1, 1), (1, 1)],
        epilogue: Epilogue {
            activation: Activation::Relu,
            pool: [2, 2],
        },
    }
}

/// As above, but made in tiles, which do not fill its maps.
fn a_case_in_tiles() -> Case {
    Case {
        group_channels: 17,
        group_width: 18,
        ..a_case()
    }
}

/// Maps by plain sums in `f64`, of 3 x 3 weights and a padding of one pixel.
fn plain_maps(case: &Case, images: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f64> {
    let [height, width] = case.image;
    let of_pixel = |image: &[f32], map: usize, [y, x]: [usize; 2]| {
        let mut sum = f64::from(bias[map]);
        for (channel, pixels) in image.chunks_exact(height * width).enumerate() {
            let taps = &weight[(map * case.group_channels + channel) * 9..][..9];
            for (tap, &factor) in taps.iter().enumerate() {
                let (row, column) = (y + tap / 3, x + tap % 3);
                if (1..=height).contains(&row) && (1..=width).contains(&column) {
                    let pixel = pixels[(row - 1) * width + column - 1];
                    sum += f64::from(pixel) * f64::from(factor);
                }
            }
        }
        sum
    };
    let mut maps = Vec::new();
    for image in images.chunks_exact(case.group_channels * height * width) {
        for place in 0..case.group_width * height * width {
            let (map, pixel) = (place / (height * width), place % (height * width));
            maps.push(of_pixel(image, map, [pixel / width, pixel % width]));
        }
    }
    maps
}

/// Of maps and of the gradients of images and weights, sums over 64 channels or all places: the error
/// beside the largest, and of maps beside the error of Burn's sums.
#[test]
fn tiles_round_little_more_than_a_plain_sum() {
    let case = Case {
        group_channels: 64,
        group_width: 64,
        batch_size: 8,
        epilogue: Epilogue::default(),
        ..a_case()
    };
    let device = Device::flex();
    let normal =
        |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let bias = normal([64, 1, 1, 1]).reshape([64]);
    let inputs = (normal([8, 64, 9, 11]), normal([64, 64, 3, 3]), bias);
    let fast = outcome(&case, inputs.clone(), conv2d);
    let reference = outcome(&case, inputs.clone(), conv2d_reference);
    for (fast, reference) in fast.iter().zip(&reference).take(3) {
        assert_near(fast, reference, 6e-6);
    }

    let (images, weight, bias) = inputs;
    let [images, weight, bias] = [images.into_data(), weight.into_data(), bias.into_data()]
        .map(|data| data.to_vec::<f32>().unwrap());
    let exact = plain_maps(&case, &images, &weight, &bias);
    let error = |maps: &TensorData| -> f64 {
        let errors = maps.iter::<f64>().zip(&exact).map(|(a, b)| (a - b).powi(2));
        errors.sum::<f64>().sqrt()
    };
    let (ours, plain) = (error(&fast[0]), error(&reference[0]));
    assert!(ours < 4.0 * plain, "{ours} beside {plain}");
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    // Of a single image, the threads share the maps.
    let shared = Case {
        batch_size: 1,
        group_width: 32,
        ..a_case()
    };
    for case in [a_case(), a_case_in_tiles(), shared] {
        let inputs = case.inputs(&Device::flex());
        let run = |num_threads| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(num_threads);
            let inputs = inputs.clone();
            let outcome = threads
                .build()
                .unwrap()
                .install(|| outcome(&case, inputs, conv2d));
            outcome.map(|data| data.to_vec::<f32>().unwrap())
        };
        let alone = run(1);
        assert_eq!(alone, run(2));
        assert_eq!(alone, run(3));
    }
}

#[test]
fn a_nan_or_an_infinity_is_never_hidden() {
    for case in [a_case(), a_case_in_tiles()] {
        for value in [f32::NAN, f32::INFINITY] {
            let (x, weight, bias) = case.inputs(&Device::flex());
            let [batch_size, channels, height, width] = x.dims();
            let x = x.slice_fill([5..6, 1..2, 4..5, 6..7], value);
            assert_eq!(x.dims(), [batch_size, channels, height, width]);
            let fast = outcome(&case, (x.clone(), weight.clone(), bias.clone()), conv2d);
            let reference = outcome(&case, (x, weight, bias), conv2d_reference);
            for (fast, reference) in fast.iter().zip(&reference) {
                let pairs = fast.iter::<f32>().zip(reference.iter::<f32>());
                for (fast, reference) in pairs {
                    assert!(reference.is_finite() || !fast.is_finite());
                }
            }
        }
    }
}

#[test]
fn without_images_there_is_nothing_to_compute() {
    let device = Device::flex();
    let x = Tensor::<4>::zeros([0, 3, 9, 11], &device);
    let (_, weight, bias) = a_case().inputs(&device);
    let case = a_case();
    let y = conv2d(x, weight, Some(bias), case.options(), case.epilogue);
    assert_eq!(y.dims(), [0, 10, 4, 5]);
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
