//! The preflight: what can be known of a training before it starts, within a tenth of its time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use fornax_data::check::check_some;
use fornax_runs::EventKind;

use super::data::{self, MOST_ITEMS, MOST_SAMPLES};
use super::rehearsal::Rehearsal;
use crate::architecture::NetworkConfig;
use crate::error::Error;
use crate::loader::num_batches;
use crate::session::Session;

/// Share of the expected training time that it may take.
const SHARE: f64 = 0.1;
/// Seconds that it may take at most.
const MOST_SECONDS: f64 = 20.0;
/// Steps of a training of which a few may be tried out first.
const FEWEST_STEPS: usize = 60;
/// What the end of an epoch takes on a usual disk, for two checkpoints that reach it.
const EPOCH_SECONDS: f64 = 0.02;
/// Share of that time for looking at items.
const ITEMS_SHARE: f64 = 0.4;
/// Items of each split by which it is found out how long looking takes.
const TIMED_ITEMS: usize = 256;
/// Samples of quick models below which they say too little.
const FEWEST_SAMPLES: usize = 400;
/// Steps of a range test and of learning by heart: the fewest that tell anything, and those that
/// suffice.
const RANGE_STEPS: [usize; 2] = [40, 100];
const HEART_STEPS: [usize; 2] = [30, 60];

/// Looks at the data and tries the network out, records what it finds, and says what it left out.
///
/// It leaves no trace in the training: weights are thrown away, and each step of the training seeds
/// its own randomness. Interrupted, it leaves out the rest, and the training saves its first step.
///
/// # Errors
/// When an item can no longer be read, or the event cannot be written.
pub(crate) fn run(session: &mut Session) -> Result<(), Error> {
    let started = Instant::now();
    let interrupt = Arc::clone(&session.interrupt);
    let left = |budget: f64| {
        if interrupt.load(Ordering::Relaxed) {
            return 0.0;
        }
        budget - started.elapsed().as_secs_f64()
    };
    let mut skipped = Vec::new();
    let rehearsal = Rehearsal::new(session);
    let train = &session.experiment.train;
    let num_steps = train.epochs * num_batches(session.dataset.train.len(), train.batch_size);
    let step = if num_steps < FEWEST_STEPS {
        0.0 // to find out how long one takes would take too long
    } else {
        rehearsal.step_seconds()?
    };
    #[allow(clippy::cast_precision_loss)] // steps
    let expected = step * num_steps as f64 + EPOCH_SECONDS * train.epochs as f64;
    let expected = train
        .time_limit_s
        .map_or(expected, |limit| limit.min(expected));
    let budget = (SHARE * expected).min(MOST_SECONDS);

    let items = affordable_items(session, left(budget))?;
    let num_items = session.dataset.train.len();
    if items < num_items {
        skipped.push(format!("{} of {num_items} items", num_items - items));
    }
    let report = check_some(session.dataset, items)?;
    let samples = affordable_samples(left(budget));
    if samples == 0 {
        skipped.push("quick models".to_owned());
    }
    let seed = session.experiment.seed;
    let mut signals = data::signals(session.dataset, &report, &session.device, seed, samples)?;

    let is_pretrained =
        matches!(session.config, NetworkConfig::Dbn(_)) && session.experiment.pretrain.epochs > 0;
    // Half for the range test, and the rest for learning by heart, each as far as it goes.
    let range_steps = affordable(left(budget) * 0.7, step, RANGE_STEPS);
    match range_steps.filter(|_| !is_pretrained && signals.num_not_finite == 0) {
        Some(steps) => signals.range_test = rehearsal.range_test(steps)?,
        None => skipped.push("range test of the learning rate".to_owned()),
    }
    let heart_steps = affordable(left(budget), step, HEART_STEPS);
    match heart_steps.filter(|_| !is_pretrained && signals.num_not_finite == 0) {
        Some(steps) => signals.memorised = rehearsal.memorise(steps)?,
        None => skipped.push("learning a batch by heart".to_owned()),
    }
    drop(rehearsal);
    session.record(session.first_position(), EventKind::Data(signals))?;
    let seconds = started.elapsed().as_secs_f64();
    let skipped = if skipped.is_empty() {
        String::new()
    } else {
        let skipped = skipped.join(", ");
        format!(", within a tenth of the training; left out: {skipped}")
    };
    session
        .display
        .note(&format!("preflight {seconds:.1} s{skipped}"));
    Ok(())
}

/// Items of a split that there is time to look at, after some were looked at to see how long that takes.
fn affordable_items(session: &Session, seconds: f64) -> Result<usize, Error> {
    let started = Instant::now();
    let tried = check_some(session.dataset, TIMED_ITEMS)?;
    #[allow(clippy::cast_precision_loss)] // items
    let per_item = started.elapsed().as_secs_f64() / tried.num_checked.max(1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive count
    let affordable = (ITEMS_SHARE * seconds.max(0.0) / per_item.max(1e-9)) as usize;
    // The held-out splits are looked at too.
    Ok((affordable / 2).clamp(TIMED_ITEMS, MOST_ITEMS))
}

/// Training samples that there is time to fit quick models to.
fn affordable_samples(seconds: f64) -> usize {
    match seconds {
        ..0.02 => 0,
        ..0.1 => FEWEST_SAMPLES,
        ..0.4 => MOST_SAMPLES / 2,
        _ => MOST_SAMPLES,
    }
}

/// Steps that take no longer than this, up to `enough`; none where there is no time for `fewest`.
fn affordable(seconds: f64, step: f64, [fewest, enough]: [usize; 2]) -> Option<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive count
    let steps = (seconds.max(0.0) / step.max(1e-9)) as usize;
    (steps >= fewest).then_some(steps.min(enough))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stay_within_the_time_that_is_left() {
        assert_eq!(affordable(1.0, 0.02, RANGE_STEPS), Some(50));
        assert_eq!(affordable(100.0, 0.02, RANGE_STEPS), Some(100));
        assert_eq!(affordable(0.5, 0.02, RANGE_STEPS), None);
        assert_eq!(affordable(-1.0, 0.02, RANGE_STEPS), None);
    }
}
