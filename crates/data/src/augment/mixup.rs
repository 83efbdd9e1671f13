//! Items blended with others of their batch.

use rand_chacha::ChaCha8Rng;

use super::unit;
use crate::{Batch, Blend, Inputs, Targets};

/// Blends each item with another one, all of them by one share.
///
/// Numbers to be predicted are blended with their items; classes cannot be, so the batch then holds
/// who was blended with whom. Series of several lengths and texts stay as they are.
///
/// Zhang et al. 2018, <https://arxiv.org/abs/1710.09412>
pub(super) fn blend(batch: &mut Batch, strength: f64, rng: &mut ChaCha8Rng) {
    let count = batch.len();
    let values = match &mut batch.inputs {
        Inputs::Dense { values, .. } => values,
        Inputs::Sequences {
            values, lengths, ..
        } if lengths.windows(2).all(|pair| pair[0] == pair[1]) => values,
        _ => return,
    };
    if count < 2 {
        return;
    }
    let share = share(strength, rng);
    let partners = shuffled(count, rng);
    mix(values, &partners, share);
    match &mut batch.targets {
        Targets::Values { values, .. } => mix(values, &partners, share),
        Targets::Classes(_) => batch.blend = Some(Blend { share, partners }),
        Targets::Tokens(_) | Targets::Absent => {}
    }
}

/// What each row keeps of itself: the larger part of a draw from the Beta(α, α) distribution (Jöhnk
/// 1964), so that an item's own class is the one that it shows most of.
#[allow(clippy::cast_possible_truncation)] // a share
fn share(strength: f64, rng: &mut ChaCha8Rng) -> f32 {
    loop {
        let [a, b] = [unit(rng), unit(rng)].map(|draw| draw.powf(1.0 / strength));
        if a + b > 0.0 && a + b <= 1.0 {
            let share = a / (a + b);
            return share.max(1.0 - share) as f32;
        }
    }
}

/// The numbers from 0 to below `count` in random order (Fisher and Yates 1938).
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // places in a batch
#[allow(clippy::cast_precision_loss)]
fn shuffled(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        places.swap(last, (unit(rng) * (last + 1) as f64) as usize);
    }
    places
}

/// Blends rows of equal length.
fn mix(values: &mut [f32], partners: &[usize], share: f32) {
    let row = values.len() / partners.len();
    let old = values.to_vec();
    for (own, &partner) in values.chunks_exact_mut(row.max(1)).zip(partners) {
        let other = &old[partner * row..(partner + 1) * row];
        for (own, other) in own.iter_mut().zip(other) {
            *own = share * *own + (1.0 - share) * other;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn batch(targets: Targets) -> Batch {
        Batch {
            inputs: Inputs::Dense {
                shape: vec![4, 2],
                values: vec![0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0],
            },
            targets,
            blend: None,
        }
    }

    #[test]
    fn inputs_are_blended_with_their_partners_and_classes_kept_apart() {
        let mut batch = batch(Targets::Classes(vec![0, 1, 2, 3]));
        blend(&mut batch, 1.0, &mut ChaCha8Rng::seed_from_u64(1));
        let Blend { share, partners } = batch.blend.expect("classes");
        assert!((0.5..=1.0).contains(&share));
        let mut each = partners.clone();
        each.sort_unstable();
        assert_eq!(each, [0, 1, 2, 3]);
        assert_ne!(partners, [0, 1, 2, 3]);
        let Inputs::Dense { values, .. } = batch.inputs else {
            panic!("inputs keep their kind")
        };
        for (place, (row, &partner)) in values.chunks_exact(2).zip(&partners).enumerate() {
            let [own, other] =
                [place, partner].map(|place| f32::from(u8::try_from(place).unwrap()));
            let expected = share * own + (1.0 - share) * other;
            assert!((row[0] - expected).abs() < 1e-6);
            assert!((row[1] - expected - 10.0).abs() < 1e-5);
        }
        assert_eq!(batch.targets, Targets::Classes(vec![0, 1, 2, 3]));
    }

    #[test]
    fn numbers_are_blended_like_their_items() {
        let values = vec![0.0, 1.0, 2.0, 3.0];
        let mut batch = batch(Targets::Values { width: 1, values });
        blend(&mut batch, 0.4, &mut ChaCha8Rng::seed_from_u64(5));
        assert_eq!(batch.blend, None);
        let (
            Inputs::Dense { values, .. },
            Targets::Values {
                values: targets, ..
            },
        ) = (batch.inputs, batch.targets)
        else {
            panic!("both keep their kind")
        };
        for (row, target) in values.chunks_exact(2).zip(targets) {
            assert!((row[0] - target).abs() < 1e-6);
        }
    }

    #[test]
    fn what_has_no_common_places_stays() {
        let ragged = Batch {
            inputs: Inputs::Sequences {
                shape: [2, 2, 1],
                values: vec![1.0, 2.0, 3.0, 0.0],
                lengths: vec![2, 1],
            },
            targets: Targets::Classes(vec![0, 1]),
            blend: None,
        };
        let mut blended = ragged.clone();
        blend(&mut blended, 1.0, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(blended, ragged);
    }

    #[test]
    fn a_small_strength_keeps_more() {
        let mean = |strength| {
            let mut rng = ChaCha8Rng::seed_from_u64(9);
            (0..500).map(|_| share(strength, &mut rng)).sum::<f32>() / 500.0
        };
        // The mean of the larger part of Beta(1, 1) is 3/4.
        assert!((mean(1.0) - 0.75).abs() < 0.02);
        assert!(mean(0.2) > 0.88);
    }
}
