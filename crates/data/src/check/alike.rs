//! Items that are alike but for details: the same picture saved twice, a row with other last digits,
//! a text with a word changed.

mod pictures;
mod rows;
mod texts;

use super::View;
use crate::{Dataset, InputShape, Preprocess};

/// A split, and an item of it.
type Place = (usize, usize);

/// The items seen so far.
pub(super) enum Alike {
    Pictures(pictures::Pictures),
    Rows(rows::Rows),
    Texts(texts::Texts),
    /// Nobody could say what a detail is.
    Incomparable,
}

impl Alike {
    pub(super) fn of(dataset: &Dataset) -> Self {
        match (&dataset.input, &dataset.preprocess) {
            (
                &InputShape::Image {
                    channels,
                    height,
                    width,
                },
                _,
            ) => Self::Pictures(pictures::Pictures::new([channels, height, width])),
            (_, Preprocess::Table(_)) => Self::Rows(rows::Rows::default()),
            (_, Preprocess::Documents(_)) => Self::Texts(texts::Texts::default()),
            _ => Self::Incomparable,
        }
    }

    /// An item seen before that looks like this one, which differs in something; remembers this one.
    pub(super) fn find(&mut self, view: &View, place: Place) -> Option<Place> {
        match self {
            Self::Pictures(pictures) => pictures.find(view.values, place),
            Self::Rows(rows) => rows.find(view.values, place),
            Self::Texts(texts) => texts.find(view.values, view.tokens, place),
            Self::Incomparable => None,
        }
    }
}

/// A number that follows from two others, each bit as likely as not.
///
/// Steele et al. 2014, <https://doi.org/10.1145/2660193.2660195>
fn mixed(a: u64, b: u64) -> u64 {
    let mut mixed = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
