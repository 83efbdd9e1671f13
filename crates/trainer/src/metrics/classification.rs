//! Metrics of classes: how often the right one was named, and how surely.

use serde::{Deserialize, Serialize};

use super::{bits, judge, ratio};

/// Sums over the samples of a classification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassificationMetrics {
    num_classes: usize,
    num_samples: u64,
    /// `[K, K]`, row by row: true class, named class.
    confusion: Vec<u64>,
    #[serde(with = "bits")]
    loss_sum: f64,
}

impl ClassificationMetrics {
    /// No sample yet; at least one class.
    #[must_use]
    pub fn new(num_classes: usize) -> Self {
        let num_classes = num_classes.max(1); // so that a batch always has rows
        let confusion = vec![0; num_classes * num_classes];
        Self {
            num_classes,
            num_samples: 0,
            confusion,
            loss_sum: 0.0,
        }
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// - `logits`: `[B, K]`, row by row
    /// - `targets`: `[B]`
    pub fn update(&mut self, logits: &[f32], targets: &[i32]) {
        for (row, &target) in logits.chunks_exact(self.num_classes).zip(targets) {
            self.num_samples += 1;
            let Some((named, loss)) = judge(row, target) else {
                self.loss_sum = f64::NAN;
                continue;
            };
            self.loss_sum += loss;
            if let Ok(class) = usize::try_from(target) {
                self.confusion[class * self.num_classes + named] += 1;
            }
        }
    }

    /// Share of the samples whose class was named.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        if !self.is_complete() {
            return f64::NAN;
        }
        let right = (0..self.num_classes)
            .map(|class| self.count(class, class))
            .sum();
        ratio(right, self.num_samples)
    }

    /// Mean over the classes of 2tp / (2tp + fp + fn), where tp samples were rightly taken for the
    /// class, fp wrongly, and fn were not. Classes that no sample has and none was taken for do
    /// not count.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        if !self.is_complete() {
            return f64::NAN;
        }
        let classes = 0..self.num_classes;
        let scores = classes.clone().filter_map(|class| {
            let of_class: u64 = classes.clone().map(|named| self.count(class, named)).sum();
            let named: u64 = classes.clone().map(|other| self.count(other, class)).sum();
            (of_class + named > 0).then(|| ratio(2 * self.count(class, class), of_class + named))
        });
        let (sum, present) = scores.fold((0.0, 0.0), |(sum, n), score| (sum + score, n + 1.0));
        sum / present
    }

    /// Share of each class's samples that was recognised; NaN for a class without any.
    #[must_use]
    pub fn recall(&self) -> Vec<f64> {
        let rows = self.confusion.chunks(self.num_classes).enumerate();
        rows.map(|(class, row)| ratio(row[class], row.iter().sum()))
            .collect()
    }

    /// Mean of -ln p, where p is the probability that was given to the right class; in nats.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a count of samples
    pub fn log_loss(&self) -> f64 {
        self.loss_sum / self.num_samples as f64
    }

    /// How often each class was taken for each, `[true class][named class]`.
    #[must_use]
    pub fn confusion(&self) -> Vec<Vec<u64>> {
        self.confusion
            .chunks(self.num_classes)
            .map(<[u64]>::to_vec)
            .collect()
    }

    /// Whether every sample was taken for some class.
    fn is_complete(&self) -> bool {
        self.confusion.iter().sum::<u64>() == self.num_samples
    }

    fn count(&self, class: usize, named: usize) -> u64 {
        self.confusion[class * self.num_classes + named]
    }
}
