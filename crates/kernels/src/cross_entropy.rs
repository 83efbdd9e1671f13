//! The cross-entropy of a softmax in one operation, and back.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Int, Tensor, activation};
use rayon::prelude::*;

use crate::host::Host;
use crate::math::{FADED, cleared_below, exp_all};
use crate::runs_here;

/// Elements of the rows that a thread takes at once; a fixed number, so that the sums of the loss
/// do not depend on the threads.
const CHUNK: usize = 1 << 13;

/// What a right answer is worth.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    /// Share of each target that is spread over all classes, in `[0, 1)`.
    pub smoothing: f32,
    /// How much each class counts; absent for all alike. The loss is divided by the weights of the
    /// targets.
    pub class_weights: Option<Arc<[f32]>>,
}

/// The mean cross-entropy of the targets and the softmax of the logits: `[1]`.
///
/// # Shapes
/// - `logits`: `[B, K]`
/// - `targets`: `[B]`, each below K
///
/// # Panics
/// When the shapes do not fit each other, or a target is no class.
#[must_use]
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    options: CrossEntropy,
) -> Tensor<1> {
    if !runs_here(&logits) || logits.dims().contains(&0) {
        return cross_entropy_reference(logits, targets, options);
    }
    let [batch_size, num_classes] = logits.dims();
    let targets: Vec<usize> = targets.into_data().iter::<i64>().map(class).collect();
    assert_eq!(targets.len(), batch_size, "each row of logits has a target");
    for &target in &targets {
        assert!(target < num_classes, "class {target} of {num_classes}");
    }
    if let Some(weights) = &options.class_weights {
        assert_eq!(weights.len(), num_classes, "each class has a weight");
    }
    let wanted = Wanted {
        num_classes,
        targets: targets.into(),
        options,
    };
    Tensor::from_dispatch(Dispatch::cross_entropy(logits.into_dispatch(), wanted))
}

/// [`cross_entropy`] in Burn's own operations.
///
/// # Panics
/// As [`cross_entropy`].
#[must_use]
pub fn cross_entropy_reference(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    options: CrossEntropy,
) -> Tensor<1> {
    let (device, num_classes) = (logits.device(), logits.dims()[1]);
    let log_probabilities = activation::log_softmax(logits, 1); // [B, K]
    // Not `one_hot`, which wants at least two classes.
    let end = i64::try_from(num_classes).expect("a tensor is smaller than 2^63");
    let classes = Tensor::<1, Int>::arange(0..end, &device).unsqueeze::<2>(); // [1, K]
    let wanted = classes.equal(targets.clone().unsqueeze_dim(1)).float(); // [B, K]
    let smoothing = options.smoothing;
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^24 classes
    let spread = smoothing / num_classes as f32;
    let wanted = wanted * (1.0 - smoothing) + spread;
    let Some(weights) = options.class_weights else {
        return (log_probabilities * wanted).sum_dim(1).mean().neg();
    };
    let weights = Tensor::<1>::from_floats(&*weights, &device); // [K]
    let total = weights.clone().select(0, targets).sum(); // [1]
    let weighted = wanted * weights.unsqueeze(); // [B, K]
    (log_probabilities * weighted).sum().neg() / total
}

fn class(target: i64) -> usize {
    usize::try_from(target).expect("classes are counted from 0")
}

/// The targets, and what they are worth.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    num_classes: usize,
    targets: Arc<[usize]>,
    options: CrossEntropy,
}

impl Wanted {
    fn weight(&self, class: usize) -> f32 {
        let weights = self.options.class_weights.as_ref();
        weights.map_or(1.0, |weights| weights[class])
    }

    /// What the sum over all rows is divided by.
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^24 rows
    fn total_weight(&self) -> f32 {
        match self.options.class_weights {
            Some(_) => self.targets.iter().map(|&target| self.weight(target)).sum(),
            None => self.targets.len() as f32,
        }
    }

    /// Visits the classes that a row wants, each with how much; the others it wants not at all.
    fn each(&self, target: usize, mut visit: impl FnMut(usize, f32)) {
        let smoothing = self.options.smoothing;
        visit(target, (1.0 - smoothing) * self.weight(target));
        if smoothing > 0.0 {
            #[allow(clippy::cast_precision_loss)] // far fewer than 2^24 classes
            let spread = smoothing / self.num_classes as f32;
            for class in 0..self.num_classes {
                visit(class, spread * self.weight(class));
            }
        }
    }

    fn rows_per_chunk(&self) -> usize {
        CHUNK.div_ceil(self.num_classes)
    }

    /// The loss, and the softmax of every row.
    fn forward(&self, logits: &[f32]) -> (f32, Vec<f32>) {
        let rows = self.rows_per_chunk();
        let mut softmax = logits.to_vec();
        let losses: Vec<f64> = softmax
            .par_chunks_mut(rows * self.num_classes)
            .zip(self.targets.par_chunks(rows))
            .map(|(rows, targets)| self.forward_rows(rows, targets))
            .collect();
        let loss: f64 = losses.iter().sum();
        #[allow(clippy::cast_possible_truncation)] // the precision of the logits
        let loss = (loss / f64::from(self.total_weight())) as f32;
        (loss, softmax)
    }

    /// Turns logits into their softmax, and returns the sum of the losses of these rows.
    fn forward_rows(&self, rows: &mut [f32], targets: &[usize]) -> f64 {
        let mut loss = 0.0;
        for (row, &target) in rows.chunks_exact_mut(self.num_classes).zip(targets) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for logit in row.iter_mut() {
                *logit -= largest;
            }
            self.each(target, |class, amount| {
                loss -= f64::from(amount * row[class]);
            });
        }
        exp_all(rows);
        for (row, &target) in rows.chunks_exact_mut(self.num_classes).zip(targets) {
            let total: f32 = row.iter().sum();
            for exponential in row.iter_mut() {
                *exponential /= total;
            }
            let log_total = f64::from(total.ln());
            self.each(target, |_, amount| loss += f64::from(amount) * log_total);
        }
        loss
    }

    /// The gradient of the logits.
    fn backward(&self, softmax: &[f32], d_loss: f32) -> Vec<f32> {
        let scale = d_loss / self.total_weight();
        let rows = self.rows_per_chunk();
        let mut d_logits = softmax.to_vec();
        d_logits
            .par_chunks_mut(rows * self.num_classes)
            .zip(self.targets.par_chunks(rows))
            .for_each(|(rows, targets)| {
                for (row, &target) in rows.chunks_exact_mut(self.num_classes).zip(targets) {
                    let mut amount_of_all = 0.0;
                    self.each(target, |_, amount| amount_of_all += amount);
                    for d_logit in row.iter_mut() {
                        *d_logit = cleared_below(FADED, *d_logit * (amount_of_all * scale));
                    }
                    self.each(target, |class, amount| row[class] -= amount * scale);
                }
            });
        d_logits
    }
}

/// The operation of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub(crate) trait SoftmaxCrossEntropy: Backend {
    /// See [`cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, wanted: Wanted) -> FloatTensor<Self>;
}

impl<B: Host> SoftmaxCrossEntropy for B {
    fn cross_entropy(logits: FloatTensor<B>, wanted: Wanted) -> FloatTensor<B> {
        let (loss, _) = wanted.forward(&B::values(logits));
        B::tensor(vec![loss], [1].into())
    }
}

impl<B: Host, C: CheckpointStrategy> SoftmaxCrossEntropy for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, wanted: Wanted) -> FloatTensor<Self> {
        let node = logits.node();
        let logits = logits.into_primitive();
        let shape = logits.shape();
        let (loss, softmax) = wanted.forward(&B::values(logits));
        let loss = B::tensor(vec![loss], [1].into());
        match CrossEntropyBack
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::UnTracked(prep) => prep.finish(loss),
            OpsKind::Tracked(prep) => {
                let softmax = B::values(B::tensor(softmax, shape));
                prep.finish((wanted, softmax), loss)
            }
        }
    }
}

#[derive(Debug)]
struct CrossEntropyBack;

impl<B: Host> Backward<B, 1> for CrossEntropyBack {
    /// What was wanted, and the softmax.
    type State = (Wanted, B::Values);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let d_loss = B::values(gradients.consume::<B>(&ops.node));
        let [logits] = ops.parents;
        let (wanted, softmax) = ops.state;
        if let Some(logits) = logits {
            let shape = [wanted.targets.len(), wanted.num_classes];
            let d_logits = wanted.backward(&softmax, d_loss[0]);
            gradients.register::<B>(logits.id, B::tensor(d_logits, shape.into()));
        }
    }
}
