//! How far the layers still move: what each makes of a few samples, held against what it made of them
//! some epochs before.
//!
//! Raghu et al. 2017, <https://arxiv.org/abs/1706.05806>, saw layers settle from the input up.

use burn::tensor::Tensor;
use fornax_insight::cka::cka;
use fornax_layers::Feature;
use fornax_runs::EventKind;

use crate::architecture::Network;
use crate::batch::{self, Inputs};
use crate::error::Error;
use crate::fit::FitState;
use crate::session::Session;
use crate::signals::DoctorLevel;

/// Looks over a whole training.
const LOOKS: usize = 12;
/// Samples that are looked at, and numbers of all of them.
const SAMPLES: usize = 128;
const NUMBERS: usize = 1 << 20;

/// Looks at the layers of one training.
pub(crate) struct Settling {
    /// Absent where nobody wants to know.
    inputs: Option<Inputs>,
    /// Epochs between two looks.
    stride: usize,
    /// The last look, and its epoch.
    before: Option<(usize, Vec<Feature>)>,
}

impl Settling {
    /// For a training that begins, or goes on, with these weights.
    ///
    /// # Errors
    /// When a sample can no longer be read.
    pub(crate) fn new(
        session: &Session,
        network: &Network,
        state: &FitState,
    ) -> Result<Self, Error> {
        let dataset = session.dataset;
        let split = if dataset.valid.is_empty() {
            &dataset.train
        } else {
            &dataset.valid
        };
        let of = |places: &[usize]| {
            let batch = split.batch(places)?;
            let inputs = batch::inputs(&batch, session.layout, &session.device);
            Ok::<_, Error>(inputs)
        };
        let mut settling = Self {
            inputs: None,
            stride: session.experiment.train.epochs.div_ceil(LOOKS).max(1),
            before: None,
        };
        if session.experiment.train.doctor == DoctorLevel::Off || split.is_empty() {
            return Ok(settling);
        }
        let widest = network.features(&of(&[0])?).iter().map(num_values).max();
        let count = (NUMBERS / widest.unwrap_or(1).max(1)).clamp(4, SAMPLES);
        let count = count.min(split.len());
        let places: Vec<usize> = (0..count)
            .map(|index| index * split.len() / count)
            .collect();
        settling.inputs = Some(of(&places)?);
        // In the middle of an epoch the weights are not those that an unbroken training looked at.
        if state.batch_index == 0 && settling.is_due(state.epoch) {
            settling.before = settling.look(network, state.epoch);
        }
        Ok(settling)
    }

    /// What there is to report at the end of an epoch.
    pub(crate) fn close_epoch(&mut self, network: &Network, epoch: usize) -> Option<EventKind> {
        if !self.is_due(epoch) {
            return None;
        }
        let now = self.look(network, epoch)?;
        let before = self.before.replace(now)?;
        let (_, now) = self.before.as_ref()?;
        let each = before.1.iter().zip(now).map(|(before, now)| {
            let alike = cka(&[values(before)], &[values(now)]);
            (now.name.clone(), alike[0][0])
        });
        let (layers, similarity) = each.unzip();
        Some(EventKind::Settling {
            epoch,
            since: before.0,
            layers,
            similarity,
        })
    }

    fn is_due(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.stride)
    }

    fn look(&self, network: &Network, epoch: usize) -> Option<(usize, Vec<Feature>)> {
        let inputs = self.inputs.as_ref()?;
        Some((epoch, network.features(inputs)))
    }
}

fn values(feature: &Feature) -> Tensor<2> {
    feature.values.clone()
}

fn num_values(feature: &Feature) -> usize {
    feature.values.dims().iter().product()
}
