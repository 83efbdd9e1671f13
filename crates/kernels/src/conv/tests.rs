//! Against Burn's own operations, forward and backward.

mod rounded;
mod tiles;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{Epilogue, conv2d, conv2d_reference};
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
