//! Steps on weights that are thrown away: how long one takes, whether a batch can be learned by heart,
//! and at which learning rates the loss falls and blows up.

use std::time::Instant;

use burn::module::Module;
use fornax_data::epoch_order;
use fornax_layers::draw_weights;

use crate::batch::{self, Inputs, Targets};
use crate::error::Error;
use crate::fit::objective;
use crate::optimizer::OptimizerKind;
use crate::seeds::{Stream, seed};
use crate::session::Session;
use crate::step::{Learner, Objective};

/// Samples that are learned by heart: enough to need several directions of the weights, few enough
/// to be known by heart in some dozen steps.
const BY_HEART: usize = 16;
/// The learning rate at which they are, with Adam: what is asked is whether the network can.
const HEART_RATE: f64 = 2e-3;
/// The range test goes from here ..
const LOWEST_RATE: f64 = 1e-6;
/// .. to here: no optimiser of ours trains beyond.
const HIGHEST_RATE: f64 = 10.0;
/// How much of the smoothed loss stays from step to step.
const SMOOTHING: f64 = 0.7;
/// The loss has blown up at so many times its lowest value (fastai's `LRFinder`).
const BLOWN_UP: f64 = 4.0;

/// A network as it will start to train, to be tried out.
pub(super) struct Rehearsal<'a> {
    session: &'a Session<'a>,
    objective: Objective,
    order: Vec<usize>,
}

impl<'a> Rehearsal<'a> {
    pub(super) fn new(session: &'a Session<'a>) -> Self {
        let order = epoch_order(
            session.dataset.train.len(),
            session.experiment.seed,
            usize::MAX,
        );
        Self {
            objective: objective(session.experiment, session.dataset),
            session,
            order,
        }
    }

    /// Seconds that a step takes, after a first one that warms up.
    pub(super) fn step_seconds(&self) -> Result<f64, Error> {
        const TIMED: usize = 2;
        let mut learner = self.learner(self.session.experiment.train.optimizer);
        let mut started = Instant::now();
        for number in 0..=TIMED {
            let (inputs, targets) = self.batch(number, self.batch_size())?;
            learner = self.step(learner, number, &inputs, targets, 1e-9).0;
            if number == 0 {
                started = Instant::now();
            }
        }
        let _ = self.session.device.sync();
        #[allow(clippy::cast_precision_loss)] // two
        Ok(started.elapsed().as_secs_f64() / TIMED as f64)
    }

    /// The loss after so many steps on one small batch, over the loss before.
    pub(super) fn memorise(&self, steps: usize) -> Result<Option<f64>, Error> {
        let mut learner = self.learner(OptimizerKind::Adam);
        let (inputs, targets) = self.batch(0, BY_HEART)?;
        let (mut first, mut lowest) = (f64::NAN, f64::INFINITY);
        for number in 0..steps {
            let (next, loss) = self.step(learner, number, &inputs, targets.clone(), HEART_RATE);
            learner = next;
            if number == 0 {
                first = loss;
            }
            lowest = lowest.min(loss);
            if self.session.is_interrupted() {
                return Ok(None);
            }
        }
        let left = lowest / first;
        Ok(left.is_finite().then_some(left))
    }

    /// The loss of one step after another, each at a higher learning rate, smoothed; it ends where the
    /// loss has blown up.
    ///
    /// Smith 2017, <https://arxiv.org/abs/1506.01186>
    #[allow(clippy::cast_precision_loss)] // steps
    pub(super) fn range_test(&self, steps: usize) -> Result<Vec<[f64; 2]>, Error> {
        let mut learner = self.learner(self.session.experiment.train.optimizer);
        let mut curve: Vec<[f64; 2]> = Vec::with_capacity(steps);
        let (mut sum, mut weight, mut lowest) = (0.0, 0.0, f64::INFINITY);
        for number in 0..steps {
            let at = number as f64 / (steps.max(2) - 1) as f64;
            let rate = LOWEST_RATE * (HIGHEST_RATE / LOWEST_RATE).powf(at);
            let (inputs, targets) = self.batch(number, self.batch_size())?;
            let (next, loss) = self.step(learner, number, &inputs, targets, rate);
            learner = next;
            sum = SMOOTHING * sum + (1.0 - SMOOTHING) * loss;
            weight = SMOOTHING * weight + (1.0 - SMOOTHING);
            let smooth = sum / weight;
            lowest = lowest.min(smooth);
            curve.push([rate, smooth]);
            if !smooth.is_finite() || smooth > BLOWN_UP * lowest {
                break;
            }
            if self.session.is_interrupted() {
                return Ok(Vec::new());
            }
        }
        Ok(curve)
    }

    fn batch_size(&self) -> usize {
        self.session.experiment.train.batch_size
    }

    /// The first weights of the run, with a fresh optimiser.
    fn learner(&self, optimizer: OptimizerKind) -> Learner {
        let Session {
            experiment,
            config,
            device,
            ..
        } = self.session;
        device.seed(seed(experiment.seed, Stream::Weights, 0));
        let network = draw_weights(config.init(device)).train();
        Learner {
            network,
            optimizer: optimizer.init(experiment.train.momentum, experiment.train.weight_decay),
        }
    }

    /// The batch of a step, in the order of an epoch that never comes.
    fn batch(&self, number: usize, size: usize) -> Result<(Inputs, Targets), Error> {
        let count = self.order.len();
        let size = size.min(count);
        let from = (number * size) % (count - size + 1);
        let batch = self
            .session
            .dataset
            .train
            .batch(&self.order[from..from + size])?;
        let device = self.session.device.clone().autodiff();
        let inputs = batch::inputs(&batch, self.session.layout, &device);
        match batch::targets(&batch, &device) {
            Some(targets) => Ok((inputs, targets)),
            None => Err(Error::Internal {
                message: "training data without targets".to_owned(),
            }),
        }
    }

    fn step(
        &self,
        learner: Learner,
        number: usize,
        inputs: &Inputs,
        targets: Targets,
        rate: f64,
    ) -> (Learner, f64) {
        let device = self.session.device.clone().autodiff();
        device.seed(seed(
            self.session.experiment.seed,
            Stream::Rehearsal,
            number,
        ));
        let clip_norm = self.session.experiment.train.clip_norm;
        let (learner, outcome) = learner.step(inputs, targets, &self.objective, rate, clip_norm);
        (learner, outcome.loss)
    }
}
