//! Which learning rate would fit: what the range test of this very network says, within what is
//! usual for the optimiser.

use crate::Record;
use crate::words::{highest, lowest, plain};

/// The range test is over once the loss is so many times its lowest value (Smith 2017,
/// <https://arxiv.org/abs/1506.01186>; the factor is that of fastai's `LRFinder`).
const BLOWN_UP: f64 = 4.0;
/// The peak of a schedule lies so far below the rate of the lowest loss (fastai's `minimum`).
const BELOW_LOWEST: f64 = 10.0;
/// A range test of a few steps is noisy: it moves the usual rate by no more than this.
const TRUST: f64 = 4.0;

/// A learning rate, and where it comes from.
pub(crate) struct Suggestion {
    pub(crate) rate: f64,
    pub(crate) reason: String,
}

/// What the range test tells.
pub(crate) struct RangeTest {
    /// Where the loss is lowest.
    pub(crate) best: f64,
    /// Where it has blown up; absent where it never does.
    pub(crate) limit: Option<f64>,
}

impl Record<'_> {
    /// The learning rate that suits most networks with this optimiser, as a peak: the defaults of
    /// `fornax train`.
    pub(crate) fn usual_learning_rate(&self) -> f64 {
        let momentum = self.number("train.momentum").unwrap_or(0.9);
        match self.word("train.optimizer") {
            // What counts is the step after all of its echoes (Sutskever et al. 2013).
            "sgd" => 5e-2 * ((1.0 - momentum) / 0.1).max(1e-3),
            "rmsprop" => 3e-4 * ((1.0 - momentum) / 0.1).max(1e-3),
            _ => 2e-3,
        }
    }

    /// The range test of the preflight, if its curve tells anything.
    pub(crate) fn range_test(&self) -> Option<RangeTest> {
        let curve = &self.data?.range_test;
        let (first, lowest_loss) = (curve.first()?[1], lowest(curve.iter().map(|at| at[1])));
        let best = curve.iter().find(|at| at[1] <= lowest_loss)?[0];
        if curve.len() < 5 || lowest_loss > 0.98 * first {
            return None;
        }
        let after = curve.iter().filter(|at| at[0] > best);
        let limit = after
            .clone()
            .find(|at| !at[1].is_finite() || at[1] > (BLOWN_UP * lowest_loss).max(first));
        Some(RangeTest {
            best,
            limit: limit.map(|at| at[0]),
        })
    }

    /// The learning rate to try.
    pub(crate) fn suggested_learning_rate(&self) -> Suggestion {
        let usual = self.usual_learning_rate();
        match self.range_test() {
            Some(test) => {
                let rate = (test.best / BELOW_LOWEST).clamp(usual / TRUST, usual * TRUST);
                Suggestion {
                    rate,
                    reason: format!(
                        "the range test had its lowest loss at {}{}",
                        plain(test.best),
                        test.limit.map_or(String::new(), |limit| format!(
                            " and blew up at {}",
                            plain(limit)
                        ))
                    ),
                }
            }
            None => Suggestion {
                rate: usual,
                reason: format!(
                    "{} is usual for {}",
                    plain(usual),
                    self.word("train.optimizer")
                ),
            },
        }
    }

    /// How many times higher the learning rate is than would suit; below 1, how much lower. Where the
    /// range test and what is usual differ, all between the two suits.
    pub(crate) fn learning_rate_excess(&self) -> f64 {
        let rate = self.number("train.learning_rate").unwrap_or(f64::NAN);
        let (usual, tested) = (
            self.usual_learning_rate(),
            self.suggested_learning_rate().rate,
        );
        rate / rate.clamp(usual.min(tested), usual.max(tested))
    }

    /// The median over the training of the largest step that a layer's weights took relative to
    /// their size; NaN without signals.
    pub(crate) fn update_ratio(&self) -> f64 {
        self.median_signal(|signals| {
            let ratio = highest(signals.layers.iter().map(|layer| layer.update_ratio));
            ratio.is_finite().then_some(ratio)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::story::Story;

    #[test]
    fn the_range_test_moves_the_usual_rate_but_not_far() {
        let suggested = |curve: &[[f64; 2]]| {
            let story = Story::classification().data(|data| data.range_test = curve.to_vec());
            story.told(|record| record.suggested_learning_rate().rate)
        };
        let curve = |best: f64| -> Vec<[f64; 2]> {
            [0.01, 0.1, 0.5, 1.0, 3.0, 10.0]
                .into_iter()
                .zip([2.3, 2.0, 1.5, 1.0, 2.5, 9.0])
                .map(|(factor, loss)| [factor * best, loss])
                .collect()
        };
        assert!((suggested(&curve(0.03)) - 3e-3).abs() < 1e-9);
        assert!((suggested(&curve(100.0)) - 8e-3).abs() < 1e-9);
        assert!((suggested(&[]) - 2e-3).abs() < 1e-9);
    }

    #[test]
    fn a_flat_range_test_tells_nothing() {
        let flat: Vec<_> = (1..9).map(|i| [f64::from(i), 2.3]).collect();
        let story = Story::classification().data(|data| data.range_test.clone_from(&flat));
        assert!(story.told(|record| record.range_test().is_none()));
    }
}
