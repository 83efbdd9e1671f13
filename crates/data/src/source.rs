//! Where items come from: what a split asks for to make its batches.

use std::fmt;

use crate::{DataError, Inputs, Targets};

/// Items that can be asked for by number, with their answers. Every kind of data is one; a program
/// adds its own by this trait and [`Dataset::from_source`](crate::Dataset::from_source).
///
/// Items are numbered from 0 to `len`; no other number is ever asked for. The same item always has
/// the same values, whoever asks and however often.
///
/// # Example
/// ```
/// use fornax_data::{DataConfig, DataError, Dataset, InputShape, Inputs, Source, Targets, Task};
///
/// /// Points of the plane: inside of the unit circle, or outside.
/// #[derive(Debug)]
/// struct Circle;
///
/// fn point(item: usize) -> [f32; 2] {
///     [(item % 31) as f32 / 15.0 - 1.0, (item % 37) as f32 / 18.0 - 1.0]
/// }
///
/// impl Source for Circle {
///     fn len(&self) -> usize {
///         1000
///     }
///     fn inputs(&self, items: &[usize]) -> Result<Inputs, DataError> {
///         let values = items.iter().flat_map(|&item| point(item)).collect();
///         Ok(Inputs::Dense { shape: vec![items.len(), 2], values })
///     }
///     fn targets(&self, items: &[usize]) -> Result<Targets, DataError> {
///         Ok(Targets::Classes(items.iter().map(|&item| self.class(item)).collect()))
///     }
///     fn num_classes(&self) -> Option<usize> {
///         Some(2)
///     }
///     fn class(&self, item: usize) -> i32 {
///         let [x, y] = point(item);
///         i32::from(x * x + y * y > 1.0)
///     }
/// }
///
/// let task = Task::Classification { classes: vec!["inside".into(), "outside".into()] };
/// let shape = InputShape::Vector { width: 2 };
/// let circle = Dataset::from_source("circle", Circle, shape, task, &DataConfig::default(), 1)?;
/// assert_eq!(circle.train.len() + circle.valid.len() + circle.test.len(), 1000);
/// # Ok::<(), DataError>(())
/// ```
#[allow(clippy::len_without_is_empty)] // Splits ask for items; whether there are none is theirs.
pub trait Source: fmt::Debug + Send + Sync {
    /// Number of items.
    fn len(&self) -> usize;

    /// What a network sees of these items, in their order; `[B, ...]` with B the number of them.
    ///
    /// # Errors
    /// When an item can no longer be read.
    fn inputs(&self, items: &[usize]) -> Result<Inputs, DataError>;

    /// What a network has to say to these items, in their order.
    ///
    /// # Errors
    /// When an item can no longer be read.
    fn targets(&self, items: &[usize]) -> Result<Targets, DataError>;

    /// Whether the answers are known.
    fn has_targets(&self) -> bool {
        true
    }

    /// K, where the answer to an item is a class.
    fn num_classes(&self) -> Option<usize> {
        None
    }

    /// The class of an item, in `0..K`; 0 where there are no classes.
    fn class(&self, _item: usize) -> i32 {
        0
    }

    /// Steps of an item: of a sequence, a window or a sample of text; 1 for all else.
    fn item_len(&self, _item: usize) -> usize {
        1
    }

    /// Where an item stands, for people: `line 17`, `image 3`.
    fn place(&self, item: usize) -> String {
        format!("item {item}")
    }

    /// Where zero and one of an item's scaled target lie, in original units.
    fn units(&self, _item: usize) -> (f64, f64) {
        (0.0, 1.0)
    }

    /// Which of several columns an item's target belongs to, and the unit of its errors: what those
    /// of different columns are divided by before they are averaged.
    fn channel(&self, _item: usize) -> (usize, f64) {
        (0, 1.0)
    }
}
