//! The signals of a restricted Boltzmann machine while it is pre-trained.

use burn::tensor::{Tensor, TensorData};
use fornax_dbn::{CdState, ContrastiveDivergence, Rbm};
use fornax_runs::MachineSignals;

use super::DoctorLevel;
use super::layers::floats;
use super::sums::{Sums, squared_distance};

/// Steps of a chain over which it should forget where it was.
const LAG: usize = 10;

/// A unit whose mean activity is nearer than this to 0 or 1 says nothing about a sample.
const STUCK: f64 = 0.01;

/// Watches the steps of one epoch.
pub(crate) struct MachineWatch {
    level: DoctorLevel,
    weights: Option<TensorData>,
    update_ratio: f64,
    chains: Option<TensorData>,
}

impl MachineWatch {
    pub(crate) fn new(level: DoctorLevel) -> Self {
        Self {
            level,
            weights: None,
            update_ratio: f64::NAN,
            chains: None,
        }
    }

    /// Before a step; `left` steps of the epoch are left, this one included.
    pub(crate) fn before_step(
        &mut self,
        rule: &ContrastiveDivergence,
        rbm: &Rbm,
        state: &CdState,
        left: usize,
    ) {
        if self.level == DoctorLevel::Off {
            return;
        }
        if left == 1 {
            self.weights = Some(rbm.weight.val().into_data());
        }
        if left == LAG.div_ceil(rule.k) {
            let chains = state.chains.as_ref();
            self.chains = chains.map(|chains| chains.val().into_data());
        }
    }

    /// After a step.
    pub(crate) fn after_step(&mut self, rbm: &Rbm) {
        let Some(before) = self.weights.take() else {
            return;
        };
        let after = rbm.weight.val().into_data();
        let (before, after) = (floats(&before), floats(&after));
        let norm = Sums::of(&before).norm().max(f64::MIN_POSITIVE);
        self.update_ratio = squared_distance(&before, &after).sqrt() / norm;
    }

    /// At the end of the epoch; nothing where nobody looks.
    ///
    /// # Shapes
    /// - `visible`: `[B, V]`, training samples with their labels
    pub(crate) fn signals(
        &mut self,
        rbm: &Rbm,
        state: &CdState,
        visible: &Tensor<2>,
    ) -> Option<MachineSignals> {
        if self.level == DoctorLevel::Off {
            return None;
        }
        let hidden = rbm.hidden_given_visible(visible.clone()); // [B, H]
        let activity = hidden.mean_dim(0).into_data(); // [1, H]
        let activity = floats(&activity);
        let stuck = activity
            .iter()
            .filter(|&&mean| f64::from(mean) < STUCK || f64::from(mean) > 1.0 - STUCK)
            .count();
        #[allow(clippy::cast_precision_loss)] // counts of units
        let stuck = stuck as f64 / activity.len().max(1) as f64;
        Some(MachineSignals {
            hidden_mean: Sums::of(&activity).mean(),
            stuck,
            update_ratio: self.update_ratio,
            chain_correlation: self.chain_correlation(rbm, state, visible),
        })
    }

    /// Of the persistent chains, whose steps are taken anyway; else, where every pass is granted, of
    /// chains that start at the data.
    fn chain_correlation(
        &mut self,
        rbm: &Rbm,
        state: &CdState,
        visible: &Tensor<2>,
    ) -> Option<f64> {
        if let Some(chains) = &state.chains {
            let earlier = self.chains.take()?;
            return mean_correlation(&earlier, &chains.val().into_data());
        }
        if self.level != DoctorLevel::Full {
            return None;
        }
        let end = (0..LAG).fold(visible.clone(), |visible, _| rbm.gibbs_vhv(visible));
        mean_correlation(&visible.clone().into_data(), &end.into_data())
    }
}

/// Mean over the columns that vary of their correlation in two tensors `[B, V]`.
#[allow(clippy::cast_precision_loss)] // counts
fn mean_correlation(a: &TensorData, b: &TensorData) -> Option<f64> {
    let width = *a.shape().iter().next_back()?;
    let (a, b) = (floats(a), floats(b));
    let num_rows = (a.len() / width.max(1)) as f64;
    let mut sums = vec![[0.0_f64; 5]; width];
    for (a, b) in a
        .chunks_exact(width.max(1))
        .zip(b.chunks_exact(width.max(1)))
    {
        for ((sums, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            for (sum, term) in sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                *sum += term / num_rows;
            }
        }
    }
    let correlations: Vec<f64> = sums
        .into_iter()
        .filter_map(|[a, b, aa, bb, ab]| {
            let scale = ((aa - a * a) * (bb - b * b)).sqrt();
            (scale > 1e-9).then(|| (ab - a * b) / scale)
        })
        .collect();
    let count = correlations.len() as f64;
    (count > 0.0).then(|| correlations.iter().sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correlation_is_the_mean_over_the_columns_that_vary() {
        let data = |rows: [[f32; 3]; 4]| TensorData::from(rows);
        let a = data([
            [0.0, 1.0, 5.0],
            [1.0, 0.0, 5.0],
            [0.0, 1.0, 5.0],
            [1.0, 0.0, 5.0],
        ]);
        let b = data([
            [0.0, 0.0, 5.0],
            [2.0, 1.0, 5.0],
            [0.0, 1.0, 5.0],
            [2.0, 0.0, 5.0],
        ]);
        let mean = mean_correlation(&a, &b).expect("two columns vary");
        assert!((mean - 0.5).abs() < 1e-9, "{mean}");
        let constant = data([[5.0; 3]; 4]);
        assert_eq!(mean_correlation(&a, &constant), None);
    }
}
