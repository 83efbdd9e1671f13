//! After the layers: the whole stack learns as one generative network.

use fornax_data::epoch_order;
use fornax_dbn::{CdState, Dbn, UpDown};
use fornax_runs::{EventKind, Position};

use super::{PretrainState, count_step, diverged, flat, one_hot};
use crate::architecture::{DbnNetwork, Network};
use crate::checkpoint::Phase;
use crate::error::Error;
use crate::progress::UpDownSummary;
use crate::seeds::{Stream, seed};
use crate::session::Session;

/// Trains the stack through the remaining epochs; `contrastive` is the state of its top machine.
pub(super) fn train(
    session: &mut Session,
    network: &mut DbnNetwork,
    mut contrastive: CdState,
    state: &mut PretrainState,
) -> Result<(), Error> {
    let pretrain = session.experiment.pretrain.clone();
    let samples = session.dataset.train.with_unlabelled();
    let num_train = samples.len();
    let batches = num_train.div_ceil(pretrain.batch_size);
    let stream = Stream::Pretrain(state.layer);
    let num_epochs = pretrain.up_down_epochs;
    session
        .display
        .start_up_down(num_epochs * batches, state.step);
    while state.epoch < num_epochs && !session.out_of_time() {
        let rule = pretrain.up_down().at_epoch(state.epoch, num_epochs);
        let order_seed = seed(session.experiment.seed, stream, usize::MAX);
        let order = epoch_order(num_train, order_seed, state.epoch);
        for indices in order.chunks(pretrain.batch_size).skip(state.batch_index) {
            let batch = samples.batch(indices)?;
            let data = flat(session, &batch);
            // Taken out, since what nobody else holds learns in place.
            let nothing = Dbn {
                rbms: Vec::new(),
                down: Vec::new(),
            };
            let stack = std::mem::replace(&mut network.stack, nothing);
            let top = stack.rbms.last();
            let labels = top.and_then(|top| one_hot(session, &batch, top));
            session
                .device
                .seed(seed(session.experiment.seed, stream, state.step));
            let (stack, next, error) = rule.step(stack, contrastive, data, labels);
            (network.stack, contrastive) = (stack, next);
            let error = f64::from(error.into_scalar::<f32>());
            if !error.is_finite() {
                let event = epoch_event(state.epoch + 1, num_epochs, &rule, error);
                let setting = "pretrain.up_down_learning_rate";
                return Err(diverged(session, network, state, event, (setting, error))?);
            }
            count_step(session, network, &contrastive, state, error)?;
            if session.out_of_time() {
                return Ok(());
            }
        }
        close_epoch(session, network, &contrastive, state, &rule)?;
    }
    Ok(())
}

fn close_epoch(
    session: &mut Session,
    network: &DbnNetwork,
    contrastive: &CdState,
    state: &mut PretrainState,
    rule: &UpDown,
) -> Result<(), Error> {
    #[allow(clippy::cast_precision_loss)] // a count of batches
    let error = state.error_sum / state.batch_index.max(1) as f64;
    state.epoch += 1;
    state.batch_index = 0;
    state.error_sum = 0.0;
    let num_epochs = session.experiment.pretrain.up_down_epochs;
    let at = Position::pretrain(state.layer, state.step);
    session.record(at, epoch_event(state.epoch, num_epochs, rule, error))?;
    session.display.up_down_epoch(&UpDownSummary {
        epoch: state.epoch,
        num_epochs,
        reconstruction_error: error,
    });
    let phase = Phase::Pretrain(state.clone());
    let whole = Network::Dbn(network.clone());
    session.checkpoint(&phase, &whole, None, Some(contrastive))
}

fn epoch_event(epoch: usize, num_epochs: usize, rule: &UpDown, error: f64) -> EventKind {
    EventKind::UpDownEpoch {
        epoch,
        num_epochs,
        learning_rate: rule.learning_rate,
        reconstruction_error: error,
    }
}
