//! The lengths of the sequences of a batch, and what keeps their padding from being seen.

use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::sequence::Sequence;

/// How long each sequence of a batch is. Where all are equal, nothing is ever masked.
pub(crate) struct Lengths {
    /// Of each sequence, up to the number of steps.
    each: Vec<usize>,
    /// The lengths that occur, shortest first; that of an empty sequence is 1.
    occurring: Vec<usize>,
    /// `[B, longest]`: 1 at a step that a sequence has, 0 beyond; none where all are equal.
    valid: Option<Tensor<2>>,
}

impl Lengths {
    /// A length above `num_steps` counts as `num_steps`. An empty sequence ends at its first step
    /// like one of length 1, but that step is padding: zeros.
    pub(crate) fn new(lengths: &[usize], num_steps: usize, device: &Device) -> Self {
        let each: Vec<_> = lengths.iter().map(|n| *n.min(&num_steps)).collect();
        let mut occurring: Vec<_> = each.iter().map(|n| *n.max(&1)).collect();
        occurring.sort_unstable();
        occurring.dedup();
        let mut this = Self {
            each,
            occurring,
            valid: None,
        };
        let longest = this.longest();
        if lengths.iter().any(|&length| length < longest) {
            let row = |&length| (0..longest).map(move |t| if t < length { 1.0 } else { 0.0 });
            let valid: Vec<f32> = lengths.iter().flat_map(row).collect();
            let valid = TensorData::new(valid, [lengths.len(), longest]);
            this.valid = Some(Tensor::from_data(valid, device));
        }
        this
    }

    /// Of each sequence, up to the number of steps; 0 counts as a step of zeros.
    pub(crate) fn each(&self) -> &[usize] {
        &self.each
    }

    /// Steps of the longest sequence.
    pub(crate) fn longest(&self) -> usize {
        *self
            .occurring
            .last()
            .expect("a batch holds at least one sequence")
    }

    /// `[B, 1]`: 1 where a sequence has step `t`, 0 where not; none where all have it.
    pub(crate) fn valid(&self, t: usize) -> Option<Tensor<2>> {
        let valid = self.valid.as_ref().filter(|_| t >= self.occurring[0])?;
        Some(valid.clone().narrow(1, t, 1))
    }

    /// `[B, H]`: of each sequence the output at its last step.
    ///
    /// One choice for each length that occurs, which costs less than gathering from all steps.
    pub(crate) fn last(&self, outputs: &Sequence) -> Tensor<2> {
        let mut last = outputs.step(self.occurring[0] - 1); // [B, H]
        for &length in &self.occurring[1..] {
            let output = outputs.step(length - 1);
            last = match self.valid(length - 1) {
                Some(valid) => output
                    .clone()
                    .mask_where(is_zero(valid, output.dims()), last),
                None => output,
            };
        }
        last
    }

    /// Sets to zero what lies beyond each sequence's length, and adds zeros up to `num_steps`.
    ///
    /// Zeros, not multiplied by zero: padding may hold a NaN.
    ///
    /// # Shapes
    /// - `x`: `[B, longest, D]`
    /// - returns: `[B, num_steps, D]`
    pub(crate) fn clear_padding(&self, x: Tensor<3>, num_steps: usize) -> Tensor<3> {
        let [batch_size, longest, d_input] = x.dims();
        let mut x = x;
        if let Some(valid) = &self.valid {
            let valid = valid.clone().unsqueeze_dim(2); // [B, longest, 1]
            let padding = is_zero(valid, x.dims());
            x = x.mask_fill(padding, 0.0);
        }
        if longest == num_steps {
            return x;
        }
        let rest = Tensor::zeros([batch_size, num_steps - longest, d_input], &x.device());
        Tensor::cat(vec![x, rest], 1)
    }
}

fn is_zero<const D: usize>(valid: Tensor<D>, shape: [usize; D]) -> Tensor<D, Bool> {
    valid.equal_elem(0.0).expand(shape)
}
