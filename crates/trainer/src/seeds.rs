//! One seed for each use of chance, so that no random state ever has to be saved.
//!
//! Before each step the device's generator is seeded from the run's seed, the use and the step's
//! number. A training that goes on from a checkpoint thus draws what it would have drawn anyway.

/// A use of chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The first weights.
    Weights,
    /// The weights of the head that is put on a pre-trained stack.
    Head,
    /// Dropout in training steps.
    Step,
    /// Order and sampling while one layer is pre-trained.
    Pretrain(usize),
    /// Where the persistent chains of a layer start.
    Chains,
    /// Generated text and fantasies.
    Generate,
    /// Pictures and dreams of a report.
    Insight,
    /// The steps of a preflight, on weights that are thrown away.
    Rehearsal,
}

/// The seed of `stream` at its `index`-th use.
#[must_use]
pub fn seed(run: u64, stream: Stream, index: usize) -> u64 {
    let stream = match stream {
        Stream::Weights => 1,
        Stream::Head => 2,
        Stream::Step => 3,
        Stream::Generate => 4,
        Stream::Insight => 5,
        Stream::Rehearsal => 6,
        Stream::Chains => 7,
        Stream::Pretrain(layer) => 16 + layer as u64,
    };
    mix(mix(mix(run) ^ stream) ^ index as u64)
}

/// The finaliser of `SplitMix64`: neighbouring numbers come out unrelated.
///
/// Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_use_of_chance_has_a_seed_of_its_own() {
        let streams = [
            Stream::Weights,
            Stream::Head,
            Stream::Step,
            Stream::Chains,
            Stream::Generate,
            Stream::Insight,
            Stream::Rehearsal,
            Stream::Pretrain(0),
        ];
        let seeds: HashSet<u64> = (0..4)
            .flat_map(|run| streams.iter().map(move |&stream| (run, stream)))
            .flat_map(|(run, stream)| (0..100).map(move |index| seed(run, stream, index)))
            .collect();
        assert_eq!(seeds.len(), 4 * streams.len() * 100);
    }
}
