//! A training under way: the run it writes to, its clock, its checkpoints, and who may stop it.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use fornax_data::{Dataset, Task};
use fornax_dbn::CdState;
use fornax_doctor::{Record, Watch};
use fornax_layers::draw_weights;
use fornax_runs::{
    CheckpointKind, Event, EventKind, EventLog, FinishReason, Position, RunDir, StepTimes,
    metrics_csv, tensorboard, write_atomic,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::architecture::{Network, NetworkConfig};
use crate::batch::Layout;
use crate::checkpoint::{Checkpoint, Phase, Progress};
use crate::doctor::preflight;
use crate::error::Error;
use crate::evaluate::evaluate;
use crate::experiment::Experiment;
use crate::fit::{self, FitState};
use crate::model::SavedModel;
use crate::pretrain::{self, PretrainState};
use crate::progress::Display;
use crate::seeds::{Stream, seed};
use crate::signals::DoctorLevel;

/// What a training reads and writes. It owns no weights: those are handed from phase to phase.
pub struct Session<'a> {
    /// Where everything is written.
    pub run: &'a RunDir,
    /// The settings.
    pub experiment: &'a Experiment,
    /// The data.
    pub dataset: &'a Dataset,
    /// The network's configuration.
    pub config: &'a NetworkConfig,
    /// What computes, without autodiff.
    pub device: Device,
    /// How the network sees the data.
    pub layout: Layout,
    /// Shows the training to the user.
    pub display: Box<dyn Display>,
    /// Set by Ctrl-C: stop after this step.
    pub interrupt: Arc<AtomicBool>,
    log: EventLog,
    watch: Watch,
    clock: Clock,
    last_checkpoint: Instant,
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub reason: FinishReason,
    /// Metrics of the best weights on the valid split; empty where there is none.
    pub valid: BTreeMap<String, f64>,
    /// Metrics of the best weights on the test split; empty where there is none.
    pub test: BTreeMap<String, f64>,
    /// Epoch of the best weights, counted from 1.
    pub best_epoch: usize,
    /// Training time over all sessions.
    pub elapsed: Duration,
    /// Where the time of the steps went, over all sessions.
    pub step_times: StepTimes,
}

struct Clock {
    started: Instant,
    before: Duration,
}

impl Clock {
    fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }
}

impl<'a> Session<'a> {
    /// Opens the run's events for appending.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[allow(clippy::too_many_arguments)] // the parts of a session, each from another place
    pub fn open(
        run: &'a RunDir,
        experiment: &'a Experiment,
        dataset: &'a Dataset,
        config: &'a NetworkConfig,
        device: Device,
        layout: Layout,
        display: Box<dyn Display>,
        interrupt: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        Ok(Self {
            run,
            experiment,
            dataset,
            config,
            device,
            layout,
            display,
            interrupt,
            log: EventLog::open_append(&run.events())?,
            watch: Watch::default(),
            clock: Clock {
                started: Instant::now(),
                before: Duration::ZERO,
            },
            last_checkpoint: Instant::now(),
        })
    }

    /// Trains from the start, or from where the run's last checkpoint stands, to the end.
    ///
    /// # Errors
    /// When a file cannot be written, the loss diverges, or the user interrupts; in each case the
    /// last checkpoint is whole and the training can go on from it.
    pub fn train(&mut self) -> Result<Outcome, Error> {
        let checkpoint = Checkpoint::read(self.run, CheckpointKind::Last)?;
        let phase = match &checkpoint {
            Some(checkpoint) => {
                self.clock.before = Duration::from_millis(checkpoint.progress.elapsed_ms);
                self.check_data(checkpoint)?;
                checkpoint.progress.phase.clone()
            }
            None => self.first_phase(),
        };
        let fresh = checkpoint.is_none() && self.log.events().is_empty();
        let network = self.init_network();
        let network = match &checkpoint {
            Some(checkpoint) => {
                checkpoint.network(network, &self.run.checkpoint(CheckpointKind::Last))?
            }
            None => network,
        };
        self.record(
            phase.position(),
            if fresh {
                self.started(&network)
            } else {
                EventKind::Resumed
            },
        )?;
        if checkpoint.is_none() {
            SavedModel::write_manifest(self)?;
        }
        if fresh && self.experiment.train.doctor != DoctorLevel::Off {
            preflight::run(self)?;
            self.consult();
        }
        let (network, state) = match phase {
            Phase::Pretrain(state) => {
                let network = pretrain::run(self, network, state, checkpoint.as_ref())?;
                let state = FitState::new(self);
                self.checkpoint(&Phase::Fit(state.clone()), &network, None, None)?;
                (network, state)
            }
            Phase::Fit(state) => (network, state),
        };
        let reason = fit::run(self, network, state, checkpoint.as_ref())?;
        self.finish(reason)
    }

    /// Writes an event with its place and time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, at: Position, kind: EventKind) -> Result<(), Error> {
        let elapsed_ms = self.elapsed_ms();
        Ok(self.log.append(Event {
            kind,
            at,
            elapsed_ms,
        })?)
    }

    /// Training time over all sessions, in milliseconds.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the time that the user allowed is over.
    #[must_use]
    pub fn out_of_time(&self) -> bool {
        let limit = self.experiment.train.time_limit_s;
        limit.is_some_and(|limit| self.clock.elapsed().as_secs_f64() >= limit)
    }

    /// Whether the last checkpoint is so old that another is due within the epoch.
    #[must_use]
    pub fn checkpoint_due(&self) -> bool {
        let minutes = self.experiment.train.checkpoint_minutes;
        self.last_checkpoint.elapsed().as_secs_f64() >= 60.0 * minutes
    }

    /// Writes the last checkpoint.
    ///
    /// # Errors
    /// When it cannot be written; the one before is then untouched.
    pub fn checkpoint(
        &mut self,
        phase: &Phase,
        network: &Network,
        optimizer: Option<&ModuleOptimizer>,
        contrastive: Option<&CdState>,
    ) -> Result<(), Error> {
        // The events of a state are on the disk before the state is.
        self.log.sync()?;
        let progress = self.progress(phase.clone());
        Checkpoint::new(progress, network, optimizer, contrastive)?
            .write(self.run, CheckpointKind::Last)?;
        self.last_checkpoint = Instant::now();
        let kind = EventKind::Checkpoint {
            kind: CheckpointKind::Last,
        };
        self.record(phase.position(), kind)
    }

    /// Writes the best checkpoint, and its weights as the run's model.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn keep_best(
        &mut self,
        phase: &Phase,
        network: &Network,
        optimizer: &ModuleOptimizer,
    ) -> Result<(), Error> {
        self.log.sync()?;
        let progress = self.progress(phase.clone());
        Checkpoint::new(progress, network, Some(optimizer), None)?
            .write(self.run, CheckpointKind::Best)?;
        SavedModel::write_weights(self.run, network)
    }

    /// Whether the user asked to stop.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// Ends with the error of an interruption, if the user asked for one; the state is saved first.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or that of the checkpoint.
    pub fn stop_if_interrupted(
        &mut self,
        phase: &Phase,
        network: &Network,
        optimizer: Option<&ModuleOptimizer>,
        contrastive: Option<&CdState>,
    ) -> Result<(), Error> {
        if !self.is_interrupted() {
            return Ok(());
        }
        self.checkpoint(phase, network, optimizer, contrastive)?;
        self.record(phase.position(), EventKind::Interrupted)?;
        Err(Error::Interrupted {
            run: self.run.path().to_owned(),
        })
    }

    /// Draws the table of epochs anew from the events.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_metrics(&self) -> Result<(), Error> {
        let events = self.log.events();
        write_atomic(&self.run.metrics(), metrics_csv(events).as_bytes())?;
        Ok(tensorboard::redraw(self.run, events)?)
    }

    /// Asks the doctor about the training so far, and tells what is new.
    pub fn consult(&mut self) {
        if self.experiment.train.doctor == DoctorLevel::Off {
            return;
        }
        let experiment = json!(self.experiment);
        let record = Record::new(self.log.events(), &experiment);
        for finding in self.watch.look(&record) {
            self.display.note(&finding.line());
        }
    }

    fn progress(&self, phase: Phase) -> Progress {
        let data_sha256 = self.dataset.sha256.clone();
        Progress {
            phase,
            elapsed_ms: self.elapsed_ms(),
            data_sha256,
        }
    }

    fn check_data(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        if checkpoint.progress.data_sha256 == self.dataset.sha256 {
            return Ok(());
        }
        Err(Error::Model {
            path: self.run.path().to_owned(),
            message: format!(
                "the data `{}` changed since this run",
                self.experiment.data.source
            ),
            help: "put the original data back to resume, or start another run with `fornax train`"
                .to_owned(),
        })
    }

    /// Where the first event of the training stands: nothing comes before it.
    pub(crate) fn first_position(&self) -> Position {
        self.first_phase().position()
    }

    fn first_phase(&self) -> Phase {
        match self.config {
            NetworkConfig::Dbn(_) if self.experiment.pretrain.epochs > 0 => {
                Phase::Pretrain(PretrainState::default())
            }
            _ => Phase::Fit(FitState::new(self)),
        }
    }

    /// Draws the first weights on the plain device; only the phases know when gradients are due.
    fn init_network(&self) -> Network {
        self.device
            .seed(seed(self.experiment.seed, Stream::Weights, 0));
        draw_weights(self.config.init(&self.device))
    }

    fn started(&self, network: &Network) -> EventKind {
        let task = match &self.dataset.task {
            Task::Classification { .. } => "classification",
            Task::Regression { .. } => "regression",
            Task::Forecast { .. } => "forecast",
            Task::NextToken { .. } => "next_token",
        };
        let versions = [
            ("fornax", env!("CARGO_PKG_VERSION")),
            ("burn", crate::BURN_VERSION),
        ];
        EventKind::Started {
            data: self.dataset.name.clone(),
            architecture: self.experiment.architecture.to_string(),
            task: task.to_owned(),
            device: self.experiment.device.to_string(),
            seed: self.experiment.seed,
            num_train: self.dataset.train.len(),
            num_valid: self.dataset.valid.len(),
            num_test: self.dataset.test.len(),
            num_parameters: network.num_params(),
            versions: versions
                .map(|(name, version)| (name.into(), version.into()))
                .into(),
        }
    }

    /// Evaluates the best weights once on valid and test, and closes the run.
    fn finish(&mut self, reason: FinishReason) -> Result<Outcome, Error> {
        let path = self.run.checkpoint(CheckpointKind::Best);
        let best = Checkpoint::read(self.run, CheckpointKind::Best)?.ok_or(Error::Internal {
            message: "a finished training has no best checkpoint".to_owned(),
        })?;
        let network = best.network(self.init_network(), &path)?;
        let Phase::Fit(state) = &best.progress.phase else {
            return Err(Error::Internal {
                message: "the best checkpoint is of pre-training".into(),
            });
        };
        SavedModel::write_weights(self.run, &network)?;
        let at = self.end_position()?;
        let mut scores = [BTreeMap::new(), BTreeMap::new()];
        for (scores, (name, split)) in scores
            .iter_mut()
            .zip([("valid", &self.dataset.valid), ("test", &self.dataset.test)])
        {
            if split.is_empty() {
                continue;
            }
            let batch_size = self.experiment.train.batch_size;
            let metrics = evaluate(
                &network,
                split,
                self.dataset,
                self.layout,
                &self.device,
                batch_size,
            )?;
            *scores = metrics.values();
            let kind = EventKind::Evaluated {
                split: name.to_owned(),
                metrics: scores.clone(),
            };
            self.record(at, kind)?;
        }
        self.record(at, EventKind::Finished { reason })?;
        tensorboard::redraw(self.run, self.log.events())?;
        let [valid, test] = scores;
        let best_epoch = state.epoch;
        Ok(Outcome {
            reason,
            valid,
            test,
            best_epoch,
            elapsed: self.clock.elapsed(),
            step_times: self.step_times(),
        })
    }

    fn step_times(&self) -> StepTimes {
        let mut sum = StepTimes::default();
        for event in self.log.events() {
            if let EventKind::StepTimes(times) = &event.kind {
                sum.add(times);
            }
        }
        sum
    }

    fn end_position(&self) -> Result<Position, Error> {
        let last = Checkpoint::read(self.run, CheckpointKind::Last)?;
        Ok(last.map_or(Position::train(0), |last| last.progress.phase.position()))
    }
}

impl Phase {
    /// Where this is in the order of events.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Pretrain(state) => Position::pretrain(state.layer, state.step),
            Self::Fit(state) => Position::train(state.step),
        }
    }
}
