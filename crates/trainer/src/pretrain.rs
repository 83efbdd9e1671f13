//! Pre-training of a deep belief network: layer by layer, from the data alone, by contrastive
//! divergence; then, where it is asked for, of all layers at once.

mod up_down;

use burn::tensor::{Int, Tensor, TensorData};
use fornax_data::{Batch, Split, Targets, Task, epoch_order};
use fornax_dbn::{CdState, ContrastiveDivergence, Rbm};
use fornax_runs::{CheckpointKind, EventKind, Position};
use serde::{Deserialize, Serialize};

use crate::architecture::{DbnNetwork, Network, NetworkConfig};
use crate::batch::{self, Inputs};
use crate::checkpoint::{Checkpoint, Phase};
use crate::error::Error;
use crate::metrics::bits;
use crate::model::SavedModel;
use crate::progress::PretrainSummary;
use crate::seeds::{Stream, seed};
use crate::session::Session;
use crate::signals::MachineWatch;
use crate::step::to_vec;

/// Samples from which the free energy and the pseudo-likelihood of an epoch are estimated.
const MONITORED: usize = 1000;

/// Where the pre-training stands, between two steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PretrainState {
    /// The layer that is learning, counted from 0; behind the last one, all layers at once.
    pub layer: usize,
    /// Completed epochs of this layer.
    pub epoch: usize,
    /// Completed steps of the current epoch.
    pub batch_index: usize,
    /// Completed steps of this layer.
    pub step: usize,
    /// Sum of the current epoch's reconstruction errors.
    #[serde(with = "bits")]
    pub error_sum: f64,
}

/// Trains all layers that are not yet trained, then puts a fresh head on the stack.
///
/// # Errors
/// When the user interrupts, a layer diverges, or a file cannot be written.
pub fn run(
    session: &mut Session,
    network: Network,
    mut state: PretrainState,
    checkpoint: Option<&Checkpoint>,
) -> Result<Network, Error> {
    let (Network::Dbn(mut network), NetworkConfig::Dbn(config)) = (network, session.config) else {
        return Err(Error::Internal {
            message: "only a DBN has a pre-training".to_owned(),
        });
    };
    let mut saved = checkpoint;
    while state.layer < network.stack.rbms.len() {
        let rule = session.experiment.pretrain.rule();
        if state.layer == 0 && state.step == 0 {
            let means = pixel_means(session)?;
            let first = network.stack.rbms.remove(0);
            network
                .stack
                .rbms
                .insert(0, first.with_visible_means(means));
        }
        let start = seed(session.experiment.seed, Stream::Chains, state.layer);
        session.device.seed(start);
        let mut contrastive = rule.init_state(&network.stack.rbms[state.layer]);
        if let Some(saved) = saved.take() {
            let path = session.run.checkpoint(CheckpointKind::Last);
            contrastive = saved.contrastive(contrastive, &path)?;
        }
        train_layer(session, &mut network, contrastive, &mut state)?;
        state = PretrainState {
            layer: state.layer + 1,
            ..PretrainState::default()
        };
    }
    if config.up_down {
        if state.step == 0 {
            network.stack = network.stack.untied();
        }
        let rule = session.experiment.pretrain.up_down();
        let mut contrastive = rule.top.init_state(&network.stack.rbms[state.layer - 1]);
        if let Some(saved) = saved {
            let path = session.run.checkpoint(CheckpointKind::Last);
            contrastive = saved.contrastive(contrastive, &path)?;
        }
        up_down::train(session, &mut network, contrastive, &mut state)?;
    }
    session
        .device
        .seed(seed(session.experiment.seed, Stream::Head, 0));
    network.unrolled = DbnNetwork::unroll(&network.stack, config, &session.device);
    session.display.finish();
    Ok(Network::Dbn(network))
}

/// Trains the layer of `state` through its remaining epochs.
fn train_layer(
    session: &mut Session,
    network: &mut DbnNetwork,
    mut contrastive: CdState,
    state: &mut PretrainState,
) -> Result<(), Error> {
    let pretrain = session.experiment.pretrain.clone();
    let samples = session.dataset.train.with_unlabelled();
    let num_train = samples.len();
    let batches = num_train.div_ceil(pretrain.batch_size);
    let (layer, num_layers) = (state.layer, network.stack.rbms.len());
    let visible = network.stack.rbms[layer].visible;
    session
        .display
        .start_pretrain(layer, num_layers, pretrain.epochs * batches, state.step);
    while state.epoch < pretrain.epochs && !session.out_of_time() {
        let rule = pretrain
            .rule()
            .at_epoch(visible, state.epoch, pretrain.epochs);
        let order_seed = seed(session.experiment.seed, Stream::Pretrain(layer), usize::MAX);
        let order = epoch_order(num_train, order_seed, state.epoch);
        let mut watch = MachineWatch::new(session.experiment.train.doctor);
        for indices in order.chunks(pretrain.batch_size).skip(state.batch_index) {
            let batch = samples.batch(indices)?;
            let data = network.stack.propagate(flat(session, &batch), layer);
            // Taken out, since what nobody else holds learns in place.
            let rbm = network.stack.rbms.remove(layer);
            let labels = one_hot(session, &batch, &rbm);
            let stream = Stream::Pretrain(layer);
            session
                .device
                .seed(seed(session.experiment.seed, stream, state.step));
            watch.before_step(&rule, &rbm, &contrastive, batches - state.batch_index);
            let (rbm, next, error) = rule.step(rbm, contrastive, data, labels);
            watch.after_step(&rbm);
            network.stack.rbms.insert(layer, rbm);
            contrastive = next;
            let error = f64::from(error.into_scalar::<f32>());
            if !error.is_finite() {
                let event = EventKind::PretrainEpoch {
                    epoch: state.epoch + 1,
                    num_epochs: pretrain.epochs,
                    learning_rate: rule.learning_rate,
                    reconstruction_error: error,
                    free_energy_train: f64::NAN,
                    free_energy_valid: None,
                    pseudo_log_likelihood: None,
                };
                let setting = "pretrain.learning_rate";
                return Err(diverged(session, network, state, event, (setting, error))?);
            }
            count_step(session, network, &contrastive, state, error)?;
            if session.out_of_time() {
                return Ok(());
            }
        }
        close_epoch(session, network, &contrastive, state, &rule, watch)?;
    }
    Ok(())
}

/// Takes account of a step, shows it, and saves the state where that is due or the user interrupts.
fn count_step(
    session: &mut Session,
    network: &DbnNetwork,
    contrastive: &CdState,
    state: &mut PretrainState,
    error: f64,
) -> Result<(), Error> {
    state.error_sum += error;
    state.batch_index += 1;
    state.step += 1;
    session.display.step(state.step, error);
    let phase = Phase::Pretrain(state.clone());
    let whole = Network::Dbn(network.clone());
    session.stop_if_interrupted(&phase, &whole, None, Some(contrastive))?;
    if session.checkpoint_due() {
        session.checkpoint(&phase, &whole, None, Some(contrastive))?;
    }
    Ok(())
}

fn close_epoch(
    session: &mut Session,
    network: &DbnNetwork,
    contrastive: &CdState,
    state: &mut PretrainState,
    rule: &ContrastiveDivergence,
    mut watch: MachineWatch,
) -> Result<(), Error> {
    let rbm = &network.stack.rbms[state.layer];
    let monitor = |session: &Session, split: &Split| {
        let indices: Vec<usize> = (0..split.len().min(MONITORED)).collect();
        if indices.is_empty() {
            return Ok(None);
        }
        let batch = split.batch(&indices)?;
        let data = network.stack.propagate(flat(session, &batch), state.layer);
        Ok::<_, Error>(Some(rbm.with_labels(data, one_hot(session, &batch, rbm))))
    };
    // The same pixels are asked about at each epoch's end, so that epochs can be compared.
    session.device.seed(seed(
        session.experiment.seed,
        Stream::Pretrain(state.layer),
        usize::MAX,
    ));
    let train = monitor(session, &session.dataset.train.with_unlabelled())?;
    let valid = monitor(session, &session.dataset.valid)?;
    let energy = |data: Tensor<2>| mean(rbm.free_energy(data));
    let likelihood = train
        .clone()
        .and_then(|data| rbm.pseudo_log_likelihood(data))
        .map(mean);
    let signals = train
        .as_ref()
        .and_then(|data| watch.signals(rbm, contrastive, data));
    let free_energies = [train, valid].map(|data| data.map(energy));
    #[allow(clippy::cast_precision_loss)] // a count of batches
    let error = state.error_sum / state.batch_index.max(1) as f64;
    state.epoch += 1;
    state.batch_index = 0;
    state.error_sum = 0.0;
    let num_epochs = session.experiment.pretrain.epochs;
    session.record(
        Position::pretrain(state.layer, state.step),
        EventKind::PretrainEpoch {
            epoch: state.epoch,
            num_epochs,
            learning_rate: rule.learning_rate,
            reconstruction_error: error,
            free_energy_train: free_energies[0].unwrap_or(f64::NAN),
            free_energy_valid: free_energies[1],
            pseudo_log_likelihood: likelihood,
        },
    )?;
    if let Some(signals) = signals {
        let at = Position::pretrain(state.layer, state.step);
        session.record(at, EventKind::Machine(signals))?;
    }
    session.display.pretrain_epoch(&PretrainSummary {
        layer: state.layer,
        epoch: state.epoch,
        num_epochs,
        reconstruction_error: error,
        pseudo_log_likelihood: likelihood,
        free_energies,
    });
    session.consult();
    let phase = Phase::Pretrain(state.clone());
    session.checkpoint(
        &phase,
        &Network::Dbn(network.clone()),
        None,
        Some(contrastive),
    )
}

/// Records that the error is no longer a number. The last checkpoint stays as it was.
fn diverged(
    session: &mut Session,
    network: &DbnNetwork,
    state: &PretrainState,
    event: EventKind,
    (setting, error): (&'static str, f64),
) -> Result<Error, Error> {
    session.record(Position::pretrain(state.layer, state.step), event)?;
    session.display.finish();
    // There has to be a model in the run, even after a first epoch that went wrong.
    SavedModel::write_weights(session.run, &Network::Dbn(network.clone()))?;
    Ok(Error::Diverged {
        loss: error,
        step: state.step,
        epoch: state.epoch + 1,
        setting,
        run: session.run.path().to_owned(),
    })
}

/// The inputs of a batch as rows, on the plain device.
fn flat(session: &Session, batch: &Batch) -> Tensor<2> {
    match batch::inputs(batch, session.layout, &session.device) {
        Inputs::Flat(x) => x,
        _ => unreachable!("a DBN's layout is flat"),
    }
}

/// The labels for a machine that learns them too: `[B, K]`.
fn one_hot(session: &Session, batch: &Batch, rbm: &Rbm) -> Option<Tensor<2>> {
    let (Task::Classification { classes }, Targets::Classes(labels)) =
        (&session.dataset.task, &batch.targets)
    else {
        return None;
    };
    if rbm.num_labels == 0 {
        return None;
    }
    let labels = TensorData::new(labels.clone(), [labels.len()]);
    let labels = Tensor::<1, Int>::from_data(labels, &session.device);
    Some(labels.one_hot::<2>(classes.len()).float())
}

/// Mean of each input over the training split, for the visible biases of the first machine.
fn pixel_means(session: &Session) -> Result<Tensor<1>, Error> {
    let split = session.dataset.train.with_unlabelled();
    let mut sum: Option<Vec<f64>> = None;
    let indices: Vec<usize> = (0..split.len()).collect();
    for chunk in indices.chunks(MONITORED) {
        let rows = flat(session, &split.batch(chunk)?).sum_dim(0); // [1, D]
        let rows = to_vec(rows).into_iter().map(f64::from);
        sum = Some(match sum {
            Some(sum) => sum.into_iter().zip(rows).map(|(a, b)| a + b).collect(),
            None => rows.collect(),
        });
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // means of pixels
    let means: Vec<f32> = sum
        .unwrap_or_default()
        .into_iter()
        .map(|sum| (sum / split.len() as f64) as f32)
        .collect();
    let width = means.len();
    let data = TensorData::new(means, [width]);
    Ok(Tensor::from_data(data, &session.device))
}

fn mean(values: Tensor<1>) -> f64 {
    f64::from(values.mean().into_scalar::<f32>())
}
