//! The training as burn-train's terminal dashboard, which fills the screen.

use burn::train::Interrupter;
use burn::train::logger::TrainingProgressLogger;
use burn::train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use std::collections::BTreeSet;
use std::io::{IsTerminal, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::progress::{ALL_LAYERS, Display, EpochSummary, PretrainSummary, UpDownSummary};

/// The dashboard; it gives the terminal back when it is dropped.
pub(crate) struct Dashboard {
    renderer: Option<TuiMetricsRendererWrapper>,
    interrupter: Interrupter,
    interrupt: Arc<AtomicBool>,
    metrics: BTreeSet<String>,
    steps_per_epoch: usize,
}

impl Dashboard {
    /// Takes over the terminal. The dashboard's own key to stop raises `interrupt`.
    ///
    /// # Errors
    /// When stdout is no terminal.
    pub(crate) fn open(interrupt: Arc<AtomicBool>) -> Result<Self, Error> {
        if !stdout().is_terminal() {
            return Err(Error::Usage {
                message: "the dashboard needs a terminal, and stdout is none".to_owned(),
                help: "leave `--tui` out: progress is then written to stderr".to_owned(),
            });
        }
        let interrupter = Interrupter::new();
        let renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        Ok(Self {
            renderer: Some(renderer),
            interrupter,
            interrupt,
            metrics: BTreeSet::new(),
            steps_per_epoch: 1,
        })
    }

    /// Passes on to the renderer. Its key to kill the program shows itself as a panic: that too
    /// becomes a stop after the step, so that nothing is lost.
    fn show(&mut self, draw: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let Some(renderer) = &mut self.renderer else {
            return;
        };
        let drawn = catch_unwind(AssertUnwindSafe(|| draw(renderer)));
        if drawn.is_err() {
            self.renderer = None;
        }
        if drawn.is_err() || self.interrupter.should_stop() {
            self.interrupt.store(true, Ordering::Relaxed);
        }
    }

    fn metric(&mut self, name: &str, value: f64, valid: bool) {
        let id = MetricId::new(Arc::new(name.to_owned()));
        if self.metrics.insert(name.to_owned()) {
            let higher_is_better = matches!(name, "accuracy" | "macro_f1" | "r2");
            let definition = MetricDefinition {
                metric_id: id.clone(),
                name: Arc::new(name.to_owned()),
                description: None,
                attributes: MetricAttributes::Numeric(NumericAttributes {
                    unit: None,
                    higher_is_better,
                }),
            };
            self.show(|renderer| renderer.register_metric(definition));
        }
        let text = format!("{value:.4}");
        let entry = MetricEntry::new(id, SerializedEntry::new(text.clone(), text));
        let state = MetricState::Numeric(entry, Some(NumericEntry::Value(value)));
        self.show(|renderer| {
            if valid {
                renderer.update_valid(state);
            } else {
                renderer.update_train(state);
            }
        });
    }
}

impl Display for Dashboard {
    fn start_pretrain(&mut self, layer: usize, num_layers: usize, num_steps: usize, done: usize) {
        self.steps_per_epoch = num_steps.max(1);
        let label = format!("pre-training layer {} of {num_layers}", layer + 1);
        self.show(|renderer| {
            renderer.start(num_layers, layer + 1, Some(num_steps), Some(&label));
            renderer.start_split("train", num_steps);
            renderer.update_split(done);
        });
    }

    fn pretrain_epoch(&mut self, summary: &PretrainSummary) {
        self.metric("reconstruction error", summary.reconstruction_error, false);
        if let Some(likelihood) = summary.pseudo_log_likelihood {
            self.metric("pseudo-likelihood", likelihood, false);
        }
    }

    fn start_up_down(&mut self, num_steps: usize, done: usize) {
        self.steps_per_epoch = num_steps.max(1);
        self.show(|renderer| {
            renderer.start(1, 1, Some(num_steps), Some(ALL_LAYERS));
            renderer.start_split("train", num_steps);
            renderer.update_split(done);
        });
    }

    fn up_down_epoch(&mut self, summary: &UpDownSummary) {
        self.metric("reconstruction error", summary.reconstruction_error, false);
    }

    fn start_fit(&mut self, num_epochs: usize, steps_per_epoch: usize, done: usize) {
        self.steps_per_epoch = steps_per_epoch.max(1);
        let epoch = done / self.steps_per_epoch + 1;
        self.show(|renderer| {
            renderer.start(num_epochs, epoch, Some(steps_per_epoch), None);
            renderer.start_split("train", steps_per_epoch);
        });
    }

    fn step(&mut self, step: usize, loss: f64) {
        let within = step % self.steps_per_epoch;
        self.metric("loss", loss, false);
        self.show(|renderer| renderer.update_split(within));
    }

    fn epoch(&mut self, summary: &EpochSummary) {
        for (name, value) in &summary.valid {
            self.metric(name, *value, true);
        }
        if let Some(value) = summary.train.get(summary.primary) {
            self.metric(summary.primary, *value, false);
        }
        let (epoch, steps) = (summary.epoch, self.steps_per_epoch);
        self.show(|renderer| {
            renderer.update_epoch(epoch);
            renderer.start_split("train", steps);
        });
    }

    /// The dashboard has no room for words; they stand in the result.
    fn note(&mut self, _: &str) {}

    fn finish(&mut self) {}
}
