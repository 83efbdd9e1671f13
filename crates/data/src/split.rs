//! A split: some items of a compact, shared store, handed out as batches.

mod store;

use std::sync::Arc;

use crate::Batch;

pub(crate) use store::{Place, SeriesStore, Store, StoredInputs, StoredTargets, count_classes};

/// The items of one split. Cloning is cheap: the values are shared.
#[derive(Debug, Clone)]
pub struct Split {
    store: Arc<Store>,
    /// Places in the store.
    items: Arc<[usize]>,
}

impl Split {
    pub(crate) fn new(store: Arc<Store>, items: Vec<usize>) -> Self {
        Self {
            store,
            items: items.into(),
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
        !matches!(self.store.targets, StoredTargets::Absent)
    }

    /// The items at `indices`, in that order.
    ///
    /// # Panics
    /// When an index is not below [`Split::len`].
    #[must_use]
    pub fn batch(&self, indices: &[usize]) -> Batch {
        let items: Vec<usize> = indices.iter().map(|&index| self.items[index]).collect();
        Batch {
            inputs: self.store.inputs.of(&items),
            targets: self.store.targets_of(&items),
        }
    }

    /// How many items each class has; `None` where there are no classes.
    #[must_use]
    pub fn class_counts(&self) -> Option<Vec<usize>> {
        let StoredTargets::Classes {
            classes,
            num_classes,
        } = &self.store.targets
        else {
            return None;
        };
        let classes: Vec<i32> = self.items.iter().map(|&item| classes[item]).collect();
        Some(count_classes(&classes, *num_classes))
    }

    /// Steps of an item: of a sequence, a window or a sample of text; 1 for all else.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn item_len(&self, index: usize) -> usize {
        self.store.inputs.len_of(self.items[index])
    }

    /// Where an item stands in its source, for people: `line 17`, `image 3`.
    ///
    /// # Panics
    /// When `index` is not below [`Split::len`].
    #[must_use]
    pub fn place(&self, index: usize) -> String {
        let item = self.items[index];
        match &self.store.place {
            Place::Counted(word, first) => format!("{word} {}", first + item),
            Place::Listed(word, numbers) => format!("{word} {}", numbers[item]),
        }
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
            let (offset, scale) = self.store.units(self.items[index]);
            row.iter()
                .map(move |&value| offset + f64::from(value) * scale)
        })
        .collect()
    }
}
