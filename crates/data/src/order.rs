//! Chance, reproducible: the order of an epoch and the division into splits.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers that no epoch reaches, for the splits.
const SPLIT_STREAM: u64 = u64::MAX;
/// The stream that draws the share of the training split to use.
const FRACTION_STREAM: u64 = u64::MAX - 1;
/// The stream of an epoch with this bit set draws where the epoch begins to cut a text.
const CUT_STREAM: u64 = 1 << 63;
/// The stream that draws the items whose answers are used.
const LABELS_STREAM: u64 = u64::MAX - 2;

/// A permutation of `0..len` for an epoch: a pure function of its arguments.
///
/// Fisher and Yates 1938, on the numbers of `ChaCha8`.
///
/// # Example
/// ```
/// let order = fornax_data::epoch_order(5, 42, 0);
/// assert_eq!(order, fornax_data::epoch_order(5, 42, 0));
/// ```
#[must_use]
pub fn epoch_order(len: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    shuffle(&mut order, &mut stream(seed, epoch as u64));
    order
}

/// Where an epoch begins to cut a text, in `0..bound`: a pure function of its arguments.
pub(crate) fn epoch_cut(bound: usize, seed: u64, epoch: usize) -> usize {
    below(bound as u64, &mut stream(seed, CUT_STREAM | epoch as u64))
}

/// The items of each split, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Division {
    pub(crate) train: Vec<usize>,
    pub(crate) valid: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

/// Divides items at random, class by class, so that each split has the classes in the same
/// proportions. A class of three items or more is in every split that is asked for; a smaller one
/// is in `train` alone.
///
/// `groups` holds the class of each item; without classes all are 0. A `test_fraction` of zero
/// asks for no test split.
pub(crate) fn divide(
    groups: &[i32],
    valid_fraction: f64,
    test_fraction: f64,
    seed: u64,
) -> Division {
    let mut rng = stream(seed, SPLIT_STREAM);
    let mut division = Division::default();
    for mut items in by_group(groups) {
        if items.len() < 3 {
            add(&mut division.train, &items);
            continue;
        }
        shuffle(&mut items, &mut rng);
        let num_test = if test_fraction > 0.0 {
            share(items.len(), test_fraction)
        } else {
            0
        };
        let num_valid = share(items.len(), valid_fraction).min(items.len() - num_test - 1);
        let (test, rest) = items.split_at(num_test);
        let (valid, train) = rest.split_at(num_valid);
        add(&mut division.test, test);
        add(&mut division.valid, valid);
        add(&mut division.train, train);
    }
    division.train.sort_unstable();
    division.valid.sort_unstable();
    division.test.sort_unstable();
    division
}

/// The share `fraction` of `items`, class by class, at least one of each class; in order.
pub(crate) fn subsample(items: Vec<usize>, groups: &[i32], fraction: f64, seed: u64) -> Vec<usize> {
    if fraction >= 1.0 {
        return items;
    }
    let mut rng = stream(seed, FRACTION_STREAM);
    let mut kept = Vec::new();
    let of_items: Vec<i32> = items
        .iter()
        .map(|&item| groups.get(item).copied().unwrap_or(0))
        .collect();
    for mut places in by_group(&of_items) {
        shuffle(&mut places, &mut rng);
        let num_kept = rounded(places.len(), fraction).clamp(1, places.len());
        kept.extend(
            places
                .into_iter()
                .take(num_kept)
                .filter_map(|place| items.get(place as usize)),
        );
    }
    kept.sort_unstable();
    kept
}

/// The places of `count` items, as many of each group as there are and as evenly as it goes; in
/// order. All of them where there are no more.
pub(crate) fn draw_evenly(groups: &[i32], count: usize, seed: u64) -> Vec<usize> {
    let mut rng = stream(seed, LABELS_STREAM);
    let mut places = by_group(groups);
    for group in &mut places {
        shuffle(group, &mut rng);
    }
    let longest = places.iter().map(Vec::len).max().unwrap_or(0);
    // Round by round, one of each group.
    let rounds =
        (0..longest).flat_map(|round| places.iter().filter_map(move |group| group.get(round)));
    let mut drawn: Vec<usize> = rounds.map(|&place| place as usize).take(count).collect();
    drawn.sort_unstable();
    drawn
}

/// Adds to items; where there is but one group, without more room than its tens of millions need.
fn add(items: &mut Vec<usize>, more: &[u32]) {
    if items.is_empty() {
        items.reserve_exact(more.len());
    }
    items.extend(more.iter().map(|&item| item as usize));
}

/// `fraction` of `len`, rounded, at least one and at most `len - 2`.
///
/// The caller has three items or more.
pub(crate) fn share(len: usize, fraction: f64) -> usize {
    rounded(len, fraction).clamp(1, len.saturating_sub(2).max(1))
}

#[allow(clippy::cast_precision_loss)] // Counts of items are far below 2^52.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 0 and `len`.
pub(crate) fn rounded(len: usize, fraction: f64) -> usize {
    (len as f64 * fraction).round() as usize
}

/// The places of each group, groups in rising order, places in rising order.
fn by_group(groups: &[i32]) -> Vec<Vec<u32>> {
    let mut places = std::collections::BTreeMap::<i32, Vec<u32>>::new();
    for (place, &group) in (0..).zip(groups) {
        places.entry(group).or_default().push(place);
    }
    places.into_values().collect()
}

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1, rng));
    }
}

/// A number in `0..bound`: the high half of a 128-bit product (Lemire 2019,
/// <https://doi.org/10.1145/3230636>). Its bias is below `bound / 2^64`.
#[allow(clippy::cast_possible_truncation)] // The high half is below `bound`, which was a usize.
fn below(bound: u64, rng: &mut ChaCha8Rng) -> usize {
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_every_item_once() {
        let mut order = epoch_order(1000, 7, 3);
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert!(epoch_order(0, 7, 3).is_empty());
    }

    #[test]
    fn the_order_depends_on_seed_and_epoch() {
        assert_ne!(epoch_order(100, 1, 0), epoch_order(100, 1, 1));
        assert_ne!(epoch_order(100, 1, 0), epoch_order(100, 2, 0));
        assert_eq!(epoch_order(100, 1, 1), epoch_order(100, 1, 1));
    }

    #[test]
    fn the_order_is_the_same_in_every_release() {
        assert_eq!(epoch_order(8, 42, 0), PINNED);
    }

    /// Written down once: a change here would break the resuming of older runs.
    const PINNED: [usize; 8] = [4, 7, 0, 1, 3, 2, 6, 5];

    #[test]
    fn each_split_has_every_class() {
        let groups: Vec<i32> = (0..90).map(|item| i32::from(item >= 80)).collect();
        let division = divide(&groups, 0.1, 0.2, 5);
        let count = |items: &[usize], class| {
            items
                .iter()
                .filter(|&&item| groups.get(item) == Some(&class))
                .count()
        };
        assert_eq!(
            [count(&division.test, 0), count(&division.test, 1)],
            [16, 2]
        );
        assert_eq!(
            [count(&division.valid, 0), count(&division.valid, 1)],
            [8, 1]
        );
        assert_eq!(
            [count(&division.train, 0), count(&division.train, 1)],
            [56, 7]
        );
    }

    #[test]
    fn splits_do_not_overlap_and_leave_nothing_out() {
        let groups: Vec<i32> = (0..50).map(|item| item % 7).collect();
        let division = divide(&groups, 0.1, 0.15, 5);
        let mut all = [division.train, division.valid, division.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_class_of_two_items_stays_in_training() {
        let division = divide(&[0, 0, 0, 0, 1, 1], 0.3, 0.3, 5);
        assert!(division.train.contains(&4) && division.train.contains(&5));
        assert_eq!(division.test.len() + division.valid.len(), 2);
    }

    #[test]
    fn labels_are_drawn_as_evenly_as_the_groups_allow() {
        let groups: Vec<i32> = (0..60).map(|item| [0, 0, 0, 1, 1, 2][item % 6]).collect();
        let counts = |count| {
            let drawn = draw_evenly(&groups, count, 1);
            [0, 1, 2].map(|group| drawn.iter().filter(|&&item| groups[item] == group).count())
        };
        assert_eq!(counts(9), [3, 3, 3]);
        assert_eq!(counts(40), [15, 15, 10]);
        assert_eq!(counts(100), [30, 20, 10]);
        assert_ne!(draw_evenly(&groups, 9, 1), draw_evenly(&groups, 9, 2));
    }

    #[test]
    fn a_share_of_the_training_keeps_every_class() {
        let groups: Vec<i32> = (0..100).map(|item| i32::from(item < 5)).collect();
        let items: Vec<usize> = (0..100).collect();
        let kept = subsample(items.clone(), &groups, 0.1, 1);
        assert_eq!(kept.len(), 11); // 9.5 rounds to 10, 0.5 to 1
        assert!(kept.iter().any(|&item| item < 5));
        assert_eq!(subsample(items.clone(), &groups, 1.0, 1), items);
    }
}
