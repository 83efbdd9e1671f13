//! The batches of an epoch: cut from its order, and read ahead of the steps by a thread of their own.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use fornax_data::{AugmentConfig, Batch, DataError, Split};

use crate::error::Error;

/// Batches that wait for their steps.
const AHEAD: usize = 2;

/// Batches in the order of their steps.
pub(crate) struct Loader(Receiver<Result<Batch, DataError>>);

impl Loader {
    /// Begins to read `batches`, and to augment them as in epoch `epoch`. The thread ends with the
    /// batch under way when nobody asks any more.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        split: &'scope Split,
        batches: Vec<&'scope [usize]>,
        augment: &'scope AugmentConfig,
        seed: u64,
        epoch: usize,
    ) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || {
            for indices in batches {
                let batch = split.batch(indices).map(|mut batch| {
                    augment.apply(&mut batch, indices, seed, epoch);
                    batch
                });
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next batch, as soon as it is there.
    ///
    /// # Errors
    /// When an item can no longer be read.
    pub(crate) fn next(&self) -> Result<Batch, Error> {
        let batch = self.0.recv().map_err(|_| Error::Internal {
            message: "more batches were asked for than the epoch has".to_owned(),
        })?;
        Ok(batch?)
    }
}

/// Cuts an order into batches. A last batch of one sample is left out unless it is the only one:
/// a batch norm cannot learn from it, and its sample comes at another place in the next epoch.
pub(crate) fn batches(order: &[usize], batch_size: usize) -> impl Iterator<Item = &[usize]> {
    order
        .chunks(batch_size)
        .take(num_batches(order.len(), batch_size))
}

/// Steps of an epoch.
pub(crate) fn num_batches(num_samples: usize, batch_size: usize) -> usize {
    let lone = batch_size > 1 && num_samples > batch_size && num_samples % batch_size == 1;
    num_samples.div_ceil(batch_size) - usize::from(lone)
}

#[cfg(test)]
mod tests {
    use fornax_data::{DataConfig, DataFolders};

    use super::*;

    #[test]
    fn batches_cover_the_order_but_for_a_lone_last_sample() {
        let order: Vec<usize> = (0..9).collect();
        let sizes = |n: usize, size| -> Vec<usize> {
            batches(&order[..n], size).map(<[usize]>::len).collect()
        };
        assert_eq!(sizes(9, 4), [4, 4]);
        assert_eq!(sizes(8, 3), [3, 3, 2]);
        assert_eq!(sizes(1, 4), [1]);
        assert_eq!(sizes(3, 1), [1, 1, 1]);
    }

    #[test]
    fn batches_come_in_order_and_the_rest_may_be_left_unread() {
        let config = DataConfig::new("digits");
        let data = fornax_data::open(&config, 1, &DataFolders::default()).unwrap();
        let order: Vec<usize> = (0..data.train.len()).rev().collect();
        let augment = AugmentConfig {
            shift: 0.1,
            ..AugmentConfig::default()
        };
        std::thread::scope(|scope| {
            let all = batches(&order, 32).collect();
            let loader = Loader::start(scope, &data.train, all, &augment, 7, 3);
            for indices in batches(&order, 32).take(5) {
                let mut expected = data.train.batch(indices).unwrap();
                augment.apply(&mut expected, indices, 7, 3);
                assert_eq!(loader.next().unwrap(), expected);
            }
        });
    }
}
