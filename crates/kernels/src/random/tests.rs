//! Philox against its authors' vectors, the draws against their distributions.

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};

use super::{
    GROUP, GROUPS_PER_TASK, LANES, Sampling, draw_seed, fill_uniform, group, philox,
    sample_bernoulli, sample_normal, standard_normal, uniform,
};
use crate::testing::{assert_same_bits_at_any_number_of_threads, devices};

const NUM_DRAWS: usize = 1 << 20;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn moments(values: &[f32]) -> [f64; 4] {
    #[allow(clippy::cast_precision_loss)] // a count
    let count = values.len() as f64;
    [1, 2, 3, 4].map(|power| {
        let powers = values.iter().map(|&x| f64::from(x).powi(power));
        powers.sum::<f64>() / count
    })
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerances: &[f64]) {
    for ((found, expected), tolerance) in found.iter().zip(expected).zip(tolerances) {
        let difference = (found - expected).abs();
        assert!(difference < *tolerance, "{found} is not near {expected}");
    }
}

/// `kat_vectors` of Random123, the authors' own code.
#[test]
fn blocks_are_those_of_philox() {
    assert_eq!(
        philox([0, 0], [0; 4]),
        [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
    );
    assert_eq!(
        philox([u32::MAX; 2], [u32::MAX; 4]),
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
    );
    assert_eq!(
        philox(
            [0xa409_3822, 0x299f_31d0],
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]
        ),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn groups_are_made_of_neighbouring_blocks() {
    let numbers = group(0x1234_5678_9abc_def0, 3);
    for lane in [0, 1, LANES - 1] {
        let counter = u32::try_from(3 * LANES + lane).unwrap();
        let block = philox([0x9abc_def0, 0x1234_5678], [counter, 0, 0, 0]);
        assert_eq!([0, 1, 2, 3].map(|row| numbers[row * LANES + lane]), block);
    }
}

#[test]
fn any_cut_gives_the_same_numbers() {
    let whole = values(uniform(5, [1000], &Device::flex()));
    for first_group in [1, 7] {
        let mut part = vec![0.0; 100];
        fill_uniform(5, first_group as u64, &mut part);
        assert_eq!(part, whole[first_group * GROUP..][..100]);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads_or_the_backend() {
    let length = 3 * GROUPS_PER_TASK * GROUP + 77;
    let draw = |device: &Device| {
        let uniform = uniform(11, [length], device);
        let normal = standard_normal(11, [length], device);
        [uniform.into_data(), normal.into_data()]
    };
    let [flex, ndarray] = devices();
    assert_eq!(draw(&flex), draw(&ndarray));
    for device in devices() {
        assert_same_bits_at_any_number_of_threads(|| draw(&device));
    }
    let probabilities: Vec<f32> = values(uniform(12, [length], &flex));
    let drawn = || {
        let probabilities = TensorData::new(probabilities.clone(), [length]);
        let probabilities = Tensor::<1>::from_data(probabilities, &flex);
        let drawn = Dispatch::bernoulli(probabilities.into_dispatch(), 11);
        [Tensor::<1>::from_dispatch(drawn).into_data()]
    };
    assert_same_bits_at_any_number_of_threads(drawn);
}

#[test]
fn uniform_numbers_fill_the_interval_evenly() {
    let drawn = values(uniform(1, [NUM_DRAWS], &Device::flex()));
    assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
    let expected = [1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 5.0];
    // Five standard errors of a mean of so many.
    assert_near(&moments(&drawn), &expected, &[0.0015; 4]);
    let mut counts = [0_u32; 64];
    for x in &drawn {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 64
        let bin = (x * 64.0) as usize;
        counts[bin] += 1;
    }
    let expected = f64::from(1 << 14);
    let chi_squared = counts.map(|count| (f64::from(count) - expected).powi(2) / expected);
    let chi_squared: f64 = chi_squared.iter().sum();
    // 63 on average, with a deviation of 11.
    assert!((25.0..120.0).contains(&chi_squared), "{chi_squared}");
}

#[test]
fn normal_numbers_have_the_moments_of_the_bell() {
    let drawn = values(standard_normal(2, [NUM_DRAWS], &Device::flex()));
    let expected = [0.0, 1.0, 0.0, 3.0];
    assert_near(&moments(&drawn), &expected, &[0.005, 0.007, 0.02, 0.05]);
    let beyond = |limit: f32| drawn.iter().filter(|x| x.abs() > limit).count();
    // 4.55 % lie beyond two deviations, 63 in a million beyond four.
    assert!((47_000..48_500).contains(&beyond(2.0)), "{}", beyond(2.0));
    assert!((30..105).contains(&beyond(4.0)), "{}", beyond(4.0));
}

#[test]
fn normal_numbers_are_the_inverse_of_the_normal_distribution() {
    use super::normal::normal;
    // Quantiles of the normal distribution, from tables.
    for (share_outside, expected) in [
        (1.0, 0.0),
        (0.5, 0.674_489_75),
        (0.1, 1.644_853_6),
        (0.01, 2.575_829_3),
        (1e-4, 3.890_591_9),
        (1e-6, 4.891_638_5),
        (1e-8, 5.730_728_9),
    ] {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most 2^31
        let bits = (share_outside * f64::from(1_u32 << 31)).round() as u32;
        let bits = bits.min((1 << 31) - 1) << 1;
        let tolerance = if share_outside < 1e-7 { 2e-2 } else { 1e-4 };
        assert_near(
            &[
                f64::from(normal::<true>(bits)),
                f64::from(normal::<false>(bits | 1)),
            ],
            &[expected, -expected],
            &[tolerance; 2],
        );
    }
    let furthest = normal::<true>(0);
    assert!((6.0..6.4).contains(&furthest), "{furthest}");
}

#[test]
fn draws_follow_from_the_seed_of_the_device() {
    let device = Device::flex();
    let probabilities = uniform(9, [50, 7], &device);
    // Other tests draw from the same generator, and may come in between.
    let repeats = (0..100).any(|_| {
        device.seed(3);
        let drawn = values(sample_bernoulli(probabilities.clone()));
        device.seed(3);
        let below = uniform(draw_seed(&device), [50, 7], &device).lower(probabilities.clone());
        device.seed(3);
        let normal = values(sample_normal(probabilities.clone()));
        device.seed(3);
        let noise = standard_normal(draw_seed(&device), [50, 7], &device);
        drawn == values(below.float()) && normal == values(noise + probabilities.clone())
    });
    assert!(repeats);
    assert_ne!(draw_seed(&device), draw_seed(&device));
}

#[test]
fn seeds_fill_all_their_bits() {
    let device = Device::flex();
    let seeds: Vec<u64> = (0..100).map(|_| draw_seed(&device)).collect();
    for bit in 0..64 {
        let count = seeds.iter().filter(|seed| *seed >> bit & 1 == 1).count();
        assert!((20..80).contains(&count), "bit {bit} is on {count} times");
    }
}

#[test]
fn certain_units_are_certain_and_impossible_probabilities_draw_nothing() {
    let device = Device::flex();
    let edges = [0.0, 1.0, f32::NAN, f32::INFINITY, -1.0];
    let probabilities = Tensor::<1>::from_floats(edges, &device).repeat(&[40]);
    let drawn = values(sample_bernoulli(probabilities));
    for drawn in drawn.chunks(edges.len()) {
        assert_eq!(drawn, [0.0, 1.0, 0.0, 1.0, 0.0]);
    }
    let means = Tensor::<1>::from_floats([f32::NAN, f32::INFINITY], &device);
    let drawn = values(sample_normal(means));
    assert!(drawn[0].is_nan() && drawn[1] == f32::INFINITY);
    assert_eq!(
        sample_bernoulli(Tensor::<2>::zeros([0, 3], &device)).dims(),
        [0, 3]
    );
}
