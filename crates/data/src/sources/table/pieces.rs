//! A number as ramps between quantiles, so that a network sees at once in which stretch it lies.
//!
//! The piecewise linear encoding of Gorishniy, Rubachev and Babenko 2022,
//! <https://arxiv.org/abs/2203.05556>

use serde::{Deserialize, Serialize};

use crate::scale::rounded;

/// The ends of the stretches: quantiles of the training values, rising.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pieces(Vec<f64>);

impl Pieces {
    /// Cuts the training values into at most `count` stretches of as many values each; `None` where
    /// they are so few or so alike that there is a single stretch.
    pub(super) fn fit(mut values: Vec<f64>, count: usize) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let mut ends: Vec<f64> = (0..=count)
            .filter_map(|end| values.get(end * last / count))
            .map(|&value| rounded(value))
            .collect();
        ends.dedup();
        (ends.len() > 2).then_some(Self(ends))
    }

    /// How many inputs a number becomes.
    pub(super) fn width(&self) -> usize {
        self.stretches().count()
    }

    /// From where to where each stretch goes.
    pub(super) fn stretches(&self) -> impl Iterator<Item = [f64; 2]> {
        self.0.windows(2).filter_map(|ends| ends.try_into().ok())
    }

    /// Of each stretch the share that lies below `value`, around 0 from -1 to 1.
    pub(super) fn apply(&self, value: f64) -> impl Iterator<Item = f32> {
        self.stretches().map(move |[start, end]| {
            let share = ((value - start) / (end - start)).clamp(0.0, 1.0);
            #[allow(clippy::cast_possible_truncation)] // f32 is what networks compute in.
            let input = (2.0 * share - 1.0) as f32;
            input
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Pieces;

    #[test]
    fn each_stretch_is_full_empty_or_in_between() {
        let pieces = Pieces::fit((0..=100).map(f64::from).collect(), 4).unwrap();
        let inputs = |value| pieces.apply(value).collect::<Vec<_>>();
        assert_eq!(pieces.width(), 4);
        assert_eq!(inputs(37.5), [1.0, 0.0, -1.0, -1.0]);
        assert_eq!(inputs(-5.0), [-1.0; 4]);
        assert_eq!(inputs(1e9), [1.0; 4]);
    }

    #[test]
    fn equal_values_share_a_stretch_or_need_none() {
        let mostly_zero = [vec![0.0; 80], (1..=20).map(f64::from).collect()].concat();
        assert_eq!(
            Pieces::fit(mostly_zero, 10),
            Some(Pieces(vec![0.0, 10.0, 20.0]))
        );
        assert_eq!(Pieces::fit(vec![3.0; 50], 10), None);
        assert_eq!(Pieces::fit(vec![0.0, 1.0], 10), None);
        assert_eq!(Pieces::fit(Vec::new(), 10), None);
    }
}
