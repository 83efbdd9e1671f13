//! A split: some items of a shared source, handed out as batches.

mod store;

use std::sync::Arc;

use crate::{Batch, DataError, Source, Targets, order};

pub(crate) use store::{Place, SeriesStore, Store, StoredInputs, StoredTargets, count_classes};

/// The items of one split. Cloning is cheap: the values are shared.
#[derive(Debug, Clone)]
pub struct Split {
    source: Arc<dyn Source>,
    /// Numbers of the items in the source. Four bytes each: there may be a hundred million.
    items: Arc<[u32]>,
    /// Items whose answers are not to be used.
    unlabelled: Arc<[u32]>,
    /// How much later each item begins, where the items are parts of one text.
    later: usize,
    /// The bound of `later` in an epoch; 0 where items are never cut anew.
    cut_every: usize,
}

impl Split {
    /// Some items of a source, in this order.
    ///
    /// # Panics
    /// When an item is not below the source's length, or there are more than 2^32.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, items: &[usize]) -> Self {
        let len = source.len();
        let number = |&item: &usize| {
            assert!(item < len, "item {item} of a source of {len}");
            u32::try_from(item).expect("a source has less than 2^32 items")
        };
        let items = items.iter().map(number).collect();
        Self {
            source,
            items,
            unlabelled: Arc::default(),
            later: 0,
            cut_every: 0,
        }
    }

    /// The items are parts of one text, `len` characters each.
    pub(crate) fn of_text(self, len: usize) -> Self {
        Self {
            cut_every: len,
            ..self
        }
    }

    /// The items as an epoch of training sees them: samples of a text are cut at other places in
    /// each, so that no character stands at the start of a sample each time. All other items stay as
    /// they are. A pure function of its arguments.
    #[must_use]
    pub fn in_epoch(&self, seed: u64, epoch: usize) -> Self {
        Self {
            later: order::epoch_cut(self.cut_every, seed, epoch),
            ..self.clone()
        }
    }

    /// Keeps the answers of `count` items, as many of each class as there are; the others count as
    /// without answers. `None` where there are no classes, or `count` has less than one of each.
    pub(crate) fn with_labels(&self, count: usize, seed: u64) -> Option<Self> {
        let num_classes = self
            .class_counts()?
            .iter()
            .filter(|&&count| count > 0)
            .count();
        if count < num_classes {
            return None;
        }
        let classes: Vec<i32> = (0..self.len()).map(|index| self.class(index)).collect();
        let kept = order::draw_evenly(&classes, count, seed);
        let (kept, rest): (Vec<_>, Vec<_>) = self
            .items
            .iter()
            .enumerate()
            .partition(|(index, _)| kept.binary_search(index).is_ok());
        let numbers =
            |items: Vec<(usize, &u32)>| items.into_iter().map(|(_, &item)| item).collect();
        Some(Self {
            items: numbers(kept),
            unlabelled: numbers(rest),
            ..self.clone()
        })
    }

    /// How many items there are beside those of the split whose answers are not to be used.
    #[must_use]
    pub fn num_unlabelled(&self) -> usize {
        self.unlabelled.len()
    }

    /// All items to learn from without answers: those of the split, and those beside it.
    #[must_use]
    pub fn with_unlabelled(&self) -> Self {
        let mut items = [&*self.items, &*self.unlabelled].concat();
        items.sort_unstable();
        Self {
            items: items.into(),
            unlabelled: Arc::default(),
            ..self.clone()
        }
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the answers are known.
    #[must_use]
    pub fn has_targets(&self) -> bool {
        self.source.has_targets()
    }

    /// The items at `indices`, in that order.
    ///
    /// # Errors
    /// When an item can no longer be read.
    ///
    /// # Panics
    /// When an index is not below [`Split::len`].
    pub fn batch(&self, indices: &[usize]) -> Result<Batch, DataError> {
        let items: Vec<usize> = indices.iter().map(|&index| self.item(index)).collect();
        Ok(Batch {
            inputs: self.source.inputs(&items)?,
            targets: self.source.targets(&items)?,
            blend: None,
        })
    }

    /// The answers of the items at `indices` alone.
    pub(crate) fn targets(&self, indices: &[usize]) -> Result<Targets, DataError> {
        let items: Vec<usize> = indices.iter().map(|&index| self.item(index)).collect();
        self.source.targets(&items)
    }

    /// How many items each class has; `None` where there are no classes.
    #[must_use]
    pub fn class_counts(&self) -> Option<Vec<usize>> {
        let num_classes = self.source.num_classes()?;
        let classes = (0..self.len()).map(|index| self.class(index));
        Some(count_classes(classes, num_classes))
    }

    /// The class of an item, in `0..K`; 0 where there are no classes.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn class(&self, index: usize) -> i32 {
        self.source.class(self.item(index))
    }

    /// Steps of an item: of a sequence, a window or a sample of text; 1 for all else.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn item_len(&self, index: usize) -> usize {
        self.source.item_len(self.item(index))
    }

    /// Where an item stands in its source, for people: `line 17`, `image 3`.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn place(&self, index: usize) -> String {
        self.source.place(self.item(index))
    }

    fn item(&self, index: usize) -> usize {
        let item = self.items[index] as usize;
        // Nothing is cut behind the last item: what follows may be held out.
        let last = self.items.last().map_or(item, |&last| last as usize);
        (item + self.later).min(last)
    }

    /// Which of the columns of [`Task::Forecast`](crate::Task::Forecast) an item's target belongs to.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn channel(&self, index: usize) -> usize {
        self.source.channel(self.item(index)).0
    }

    /// Turns outputs of a network, or targets of a batch, into the units in which errors are
    /// averaged: the original ones, and where several columns are forecast the standard deviation
    /// of each.
    ///
    /// # Shapes
    /// As of [`Split::unscale`].
    ///
    /// # Panics
    /// As [`Split::unscale`].
    #[must_use]
    pub fn comparable(&self, indices: &[usize], values: &[f32]) -> Vec<f64> {
        let mut values = self.unscale(indices, values);
        let width = values.len().checked_div(indices.len()).unwrap_or(0).max(1);
        for (row, &index) in values.chunks_exact_mut(width).zip(indices) {
            let (_, unit) = self.source.channel(self.item(index));
            for value in row {
                *value /= unit;
            }
        }
        values
    }

    /// Turns outputs of a network, or targets of a batch, back into original units.
    ///
    /// # Shapes
    /// - `values`: `[B, width]` for the items at `indices`, row by row
    /// - returns: the same
    ///
    /// Values of a task without units (classes, characters) come back as they are.
    ///
    /// # Panics
    /// When an index is not below [`Split::len`], or `values` is not a whole number of rows.
    #[must_use]
    pub fn unscale(&self, indices: &[usize], values: &[f32]) -> Vec<f64> {
        if indices.is_empty() {
            return Vec::new();
        }
        assert_eq!(
            values.len() % indices.len(),
            0,
            "values have to be [B, width]"
        );
        let width = values.len() / indices.len();
        if width == 0 {
            return Vec::new();
        }
        let rows = indices.iter().zip(values.chunks_exact(width));
        rows.flat_map(|(&index, row)| {
            let (offset, scale) = self.source.units(self.item(index));
            row.iter()
                .map(move |&value| offset + f64::from(value) * scale)
        })
        .collect()
    }
}
