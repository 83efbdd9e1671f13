//! Convolutions that are made in tiles: as Burn's own but for rounding, and how much that is.

use super::*;

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
