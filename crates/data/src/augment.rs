//! Training items changed at random in ways that leave their answer as it is.
//!
//! What happens to an item is a pure function of the run's seed, the epoch and the item's number:
//! the same bits at any number of workers, and after a resume.

mod mixup;
mod picture;
mod series;

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::workers::{map, num_workers};
use crate::{Batch, DataError, Inputs};

/// How training items are changed: the `[augment]` table of an experiment. All zeros and `false`,
/// the default, leaves them as they are. Images know the first group of settings, series and
/// recordings the second, all of them and tables the last; those that do not apply have no effect.
///
/// Shorten and Khoshgoftaar 2019, <https://doi.org/10.1186/s40537-019-0197-0>
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Images: moved by up to this share of a side, in `[0, 0.5]`.
    pub shift: f64,
    /// Images: turned by up to so many degrees, in `[0, 180]`.
    pub rotate: f64,
    /// Images: made smaller or larger by up to this share, in `[0, 0.9]`.
    pub scale: f64,
    /// Images: slanted by up to so many degrees, in `[0, 45]`.
    pub shear: f64,
    /// Images: mirrored left to right half of the time.
    pub flip: bool,
    /// Images: cut to a part, up to this share of each side smaller, in `[0, 0.9]`.
    pub crop: f64,
    /// Images: bent by up to so many pixels, in `[0, 32]` (Simard et al. 2003,
    /// <https://doi.org/10.1109/ICDAR.2003.1227801>).
    pub elastic: f64,
    /// Images: a square of this share of a side made blank, in `[0, 1]` (`DeVries` and Taylor 2017,
    /// <https://arxiv.org/abs/1708.04552>).
    pub cutout: f64,
    /// Series: noise of so many deviations added to each number, in `[0, 10]`.
    pub jitter: f64,
    /// Series: stretched and squeezed along time by up to this share, in `[0, 0.9]`.
    pub time_warp: f64,
    /// Series and recordings: a run of up to this share of the steps set to the mean, in `[0, 0.9]`
    /// (`SpecAugment`, Park et al. 2019, <https://arxiv.org/abs/1904.08779>).
    pub time_mask: f64,
    /// Recordings: a run of up to this share of the bands set to the mean, in `[0, 0.9]`.
    pub band_mask: f64,
    /// All but texts and series of several lengths: blended with another item of the batch, and the
    /// answers with them, by a share from the Beta distribution with this α, in `[0, 2]`.
    pub mixup: f64,
}

impl AugmentConfig {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`DataError::Augment`] names the first that does not fit.
    pub fn validate(&self) -> Result<(), DataError> {
        match self
            .ranges()
            .into_iter()
            .find(|(_, value, most)| !(0.0..=*most).contains(value))
        {
            Some((key, value, most)) => Err(DataError::Augment { key, value, most }),
            None => Ok(()),
        }
    }

    /// Each number with its name and the highest that it may be.
    fn ranges(&self) -> [(&'static str, f64, f64); 12] {
        [
            ("shift", self.shift, 0.5),
            ("rotate", self.rotate, 180.0),
            ("scale", self.scale, 0.9),
            ("shear", self.shear, 45.0),
            ("crop", self.crop, 0.9),
            ("elastic", self.elastic, 32.0),
            ("cutout", self.cutout, 1.0),
            ("jitter", self.jitter, 10.0),
            ("time_warp", self.time_warp, 0.9),
            ("time_mask", self.time_mask, 0.9),
            ("band_mask", self.band_mask, 0.9),
            ("mixup", self.mixup, 2.0),
        ]
    }

    /// Whether items are changed at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Changes the items of a batch of the training split; `indices` are their places in it.
    pub fn apply(&self, batch: &mut Batch, indices: &[usize], seed: u64, epoch: usize) {
        if self.is_off() {
            return;
        }
        self.change_each(batch, indices, seed, epoch);
        if let (true, Some(&first)) = (self.mixup > 0.0, indices.first()) {
            mixup::blend(
                batch,
                self.mixup,
                &mut stream(seed ^ BLENDING, epoch, first),
            );
        }
    }

    /// Changes each item by itself.
    fn change_each(&self, batch: &mut Batch, indices: &[usize], seed: u64, epoch: usize) {
        let rng = |&index: &usize| stream(seed, epoch, index);
        match &mut batch.inputs {
            Inputs::Dense { shape, values } => {
                let &[_, channels, height, width] = shape.as_slice() else {
                    return; // Columns of a table have no neighbours.
                };
                let size = [channels, height, width];
                let pixels: usize = size.iter().product();
                let images: Vec<_> = values.chunks_exact(pixels.max(1)).zip(indices).collect();
                let changed = map(&images, num_workers(), |(image, index)| {
                    picture::change(image, size, self, &mut rng(index))
                });
                *values = changed.concat();
            }
            Inputs::Sequences {
                shape: [_, steps, width],
                values,
                lengths,
            } => {
                let size = *steps * *width;
                let items = values.chunks_exact_mut(size.max(1)).zip(lengths.iter());
                for ((series, &length), index) in items.zip(indices) {
                    let valid = series.get_mut(..length * *width).unwrap_or_default();
                    series::change(valid, *width, self, &mut rng(index));
                }
            }
            Inputs::Tokens { .. } | Inputs::Documents { .. } => {}
        }
    }
}

/// What is not off, such as `shift 0.1, flip`.
impl fmt::Display for AugmentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self
            .ranges()
            .into_iter()
            .filter(|(_, value, _)| *value > 0.0);
        let mut words: Vec<String> = numbers
            .map(|(key, value, _)| format!("{key} {value}"))
            .collect();
        words.extend(self.flip.then(|| "flip".to_owned()));
        f.write_str(&words.join(", "))
    }
}

/// Sets the random numbers by which a batch is blended apart from those of its first item.
const BLENDING: u64 = 0x626c_656e_6469_6e67;

/// The random numbers of one item in one epoch.
fn stream(seed: u64, epoch: usize, item: usize) -> ChaCha8Rng {
    /// Sets these streams apart from those of the order and the splits.
    const PURPOSE: u64 = 0x6175_676d_656e_7421;
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ PURPOSE);
    rng.set_stream(((epoch as u64) << 32) | item as u64);
    rng
}

/// A number in `[0, 1)`.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

/// A number in `[-1, 1)`.
fn signed(rng: &mut ChaCha8Rng) -> f64 {
    2.0 * unit(rng) - 1.0
}

/// A number of the normal distribution (Box and Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(rng)).cos()
}

/// A run within `0..len`: up to `share` of it long, anywhere.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // At most `len`.
#[allow(clippy::cast_precision_loss)]
fn run(len: usize, share: f64, rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let length = (unit(rng) * share * len as f64).round() as usize;
    let start = (unit(rng) * (len - length.min(len) + 1) as f64) as usize;
    start..(start + length).min(len)
}
