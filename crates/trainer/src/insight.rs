//! What a run learned, looked at after training: from a network and its data to a report.
//!
//! The crates in the middle know nothing of each other: `fornax-insight` measures features,
//! `fornax-runs` draws pages. Here they are put together.

mod classes;
pub(crate) mod compare;
mod dreams;
mod exhibits;
mod explain;
mod filters;
mod ideals;
pub(crate) mod inspect;
mod layers;
mod sample;
mod text;
mod units;
mod values;
mod verdict;

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use fornax_data::{Dataset, Task};
use fornax_layers::draw_weights;
use fornax_runs::report::{Learning, REPORT_FORMAT, Report};
use fornax_runs::{RunDir, read_events};

use crate::architecture::{Network, NetworkConfig};
use crate::batch::Layout;
use crate::doctor;
use crate::error::Error;
use crate::experiment::{Experiment, Resolved};
use crate::model::SavedModel;
use crate::seeds::{Stream, seed};

use exhibits::Exhibits;
use sample::Sample;

/// A trained network with all that is needed to look at it.
pub(crate) struct Subject<'a> {
    pub(crate) run: &'a RunDir,
    pub(crate) experiment: &'a Experiment,
    pub(crate) dataset: &'a Dataset,
    pub(crate) config: &'a NetworkConfig,
    pub(crate) device: Device,
    pub(crate) layout: Layout,
    /// The best weights, on the plain device.
    pub(crate) network: Network,
    /// The same network before it learned anything: as it was initialised, not as it was drawn for
    /// this run, but from another seed.
    pub(crate) control: Network,
    /// The very weights that the training began with.
    pub(crate) start: Network,
}

impl<'a> Subject<'a> {
    /// Opens a run's best weights.
    ///
    /// # Errors
    /// When the run has no model, or it is damaged.
    pub(crate) fn open(
        run: &'a RunDir,
        resolved: &'a Resolved,
        device: Device,
    ) -> Result<Self, Error> {
        let (saved, network) = SavedModel::load(run, &device)?;
        let experiment = &resolved.experiment;
        let config = &resolved.network;
        let init = |index| {
            device.seed(seed(experiment.seed, Stream::Weights, index));
            draw_weights(config.init(&device)).valid()
        };
        Ok(Self {
            run,
            experiment,
            dataset: &resolved.dataset,
            config,
            layout: saved.layout()?,
            network: network.valid(),
            start: init(0),
            control: init(1),
            device,
        })
    }

    /// Looks at the run from all sides that fit its task, and writes the report into it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn report(&self) -> Result<Report, Error> {
        let started = Instant::now();
        self.device
            .seed(seed(self.experiment.seed, Stream::Insight, 0));
        let events = read_events(&self.run.events())?;
        let learning = Learning::from_events(&events);
        let diagnosis = doctor::consult(self.run, self.experiment, &events)?;
        let exhibits = Exhibits::new(self.dataset);
        let sample = Sample::choose(self.dataset, self.experiment);

        let seen = layers::see(self, &self.network, &sample)?;
        let hierarchy = layers::hierarchy(self, &sample, &seen)?;
        let judged = verdict::judge(self, &sample, Some(&seen))?;
        let units = units::strips(self, &sample, &exhibits, &judged)?;
        let mut report = Report {
            format: REPORT_FORMAT,
            run: verdict::run_name(self.run),
            verdict: verdict::verdict(self, &sample, &seen, &judged)?,
            findings: doctor::for_report(self.run, &diagnosis),
            learning,
            hierarchy,
            layers: units,
            mistakes: None,
            errors: None,
            text: None,
            dreams: None,
            trust: None,
            reproduce: verdict::reproduce(self)?,
            seconds: 0.0,
        };
        match &self.dataset.task {
            Task::Classification { classes } => {
                report.mistakes =
                    classes::mistakes(self, &sample, &seen, &judged, &exhibits, classes)?;
                report.trust = classes::trust(self, &judged, classes);
            }
            Task::Regression { .. } | Task::Forecast { .. } => {
                report.errors = values::errors(self, &sample, &seen, &judged, &exhibits)?;
            }
            Task::NextToken { vocabulary } => {
                report.text = text::view(self, &judged, vocabulary);
            }
        }
        if let Network::Dbn(network) = &self.network {
            report.dreams = dreams::dream(self, network, &sample, &exhibits);
        }
        report.verdict.advice = verdict::advice(self, &report);
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}
