//! How a training is shown while it runs: a bar on a terminal, a line an epoch elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};

/// One epoch, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochSummary {
    /// Counted from 1.
    pub epoch: usize,
    /// Epochs of the whole training.
    pub num_epochs: usize,
    /// Completed steps.
    pub step: usize,
    /// Metrics of the training batches, each as it was before its step.
    pub train: BTreeMap<String, f64>,
    /// Metrics of the valid split; empty where there is none.
    pub valid: BTreeMap<String, f64>,
    /// Training samples a second, validation left out.
    pub samples_per_s: f64,
    /// Whether these weights are the best so far.
    pub best: bool,
    /// The metric by which the best is chosen.
    pub primary: &'static str,
}

/// One epoch of the pre-training of one layer, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PretrainSummary {
    /// The layer, counted from 0.
    pub layer: usize,
    /// Counted from 1.
    pub epoch: usize,
    /// Epochs of each layer.
    pub num_epochs: usize,
    /// Mean squared error of the reconstructions of the epoch's batches.
    pub reconstruction_error: f64,
    /// Of training samples, in nats; absent for Gaussian units.
    pub pseudo_log_likelihood: Option<f64>,
    /// Mean free energy of training and of validation samples, where there are any; only their
    /// difference means something.
    pub free_energies: [Option<f64>; 2],
}

/// One epoch of all layers of a deep belief network at once, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct UpDownSummary {
    /// Counted from 1.
    pub epoch: usize,
    /// Epochs of all layers.
    pub num_epochs: usize,
    /// Mean squared error of the samples that the way down brought forth.
    pub reconstruction_error: f64,
}

/// Shows a training.
pub trait Display {
    /// A layer of a deep belief network begins; `done` of its `num_steps` steps are behind it.
    fn start_pretrain(&mut self, layer: usize, num_layers: usize, num_steps: usize, done: usize);
    /// An epoch of a layer is over.
    fn pretrain_epoch(&mut self, summary: &PretrainSummary);
    /// All layers of a deep belief network begin; `done` of the `num_steps` steps are behind them.
    fn start_up_down(&mut self, num_steps: usize, done: usize);
    /// An epoch of all layers is over.
    fn up_down_epoch(&mut self, summary: &UpDownSummary);
    /// The training with labels begins; `done` steps are behind it.
    fn start_fit(&mut self, num_epochs: usize, steps_per_epoch: usize, done: usize);
    /// A step is over.
    fn step(&mut self, step: usize, loss: f64);
    /// An epoch is over.
    fn epoch(&mut self, summary: &EpochSummary);
    /// Says something that does not belong to a step or an epoch.
    fn note(&mut self, line: &str);
    /// The training is over, or pauses.
    fn finish(&mut self);
}

/// How much a command says on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors alone.
    Quiet,
    /// What was understood, and the progress.
    Normal,
    /// All settings too.
    Verbose,
}

/// The display that fits the terminal.
#[must_use]
pub fn display(verbosity: Verbosity) -> Box<dyn Display> {
    match verbosity {
        Verbosity::Quiet => Box::new(Silent),
        _ if stderr().is_terminal() => Box::new(Bar {
            bar: ProgressBar::hidden(),
        }),
        _ => Box::new(Lines),
    }
}

/// Shows nothing.
pub struct Silent;

impl Display for Silent {
    fn start_pretrain(&mut self, _: usize, _: usize, _: usize, _: usize) {}
    fn pretrain_epoch(&mut self, _: &PretrainSummary) {}
    fn start_up_down(&mut self, _: usize, _: usize) {}
    fn up_down_epoch(&mut self, _: &UpDownSummary) {}
    fn start_fit(&mut self, _: usize, _: usize, _: usize) {}
    fn step(&mut self, _: usize, _: f64) {}
    fn epoch(&mut self, _: &EpochSummary) {}
    fn note(&mut self, _: &str) {}
    fn finish(&mut self) {}
}

/// Writes one line an epoch to stderr.
struct Lines;

impl Display for Lines {
    fn start_pretrain(&mut self, layer: usize, num_layers: usize, _: usize, _: usize) {
        eprintln!("pre-training layer {} of {num_layers}", layer + 1);
    }

    fn pretrain_epoch(&mut self, summary: &PretrainSummary) {
        eprintln!("{}", pretrain_line(summary));
    }

    fn start_up_down(&mut self, _: usize, _: usize) {
        eprintln!("{ALL_LAYERS}");
    }

    fn up_down_epoch(&mut self, summary: &UpDownSummary) {
        eprintln!("{}", up_down_line(summary));
    }

    fn start_fit(&mut self, _: usize, _: usize, _: usize) {}
    fn step(&mut self, _: usize, _: f64) {}

    fn epoch(&mut self, summary: &EpochSummary) {
        eprintln!("{}", epoch_line(summary));
    }

    fn note(&mut self, line: &str) {
        eprintln!("{line}");
    }

    fn finish(&mut self) {}
}

/// Draws a bar on a terminal, with the lines of the epochs above it.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn start(&mut self, num_steps: usize, done: usize) {
        let style =
            ProgressStyle::with_template("{wide_bar:.cyan/blue} step {pos}/{len} {msg} {eta} left")
                .expect("the template is well formed");
        self.bar.finish_and_clear();
        self.bar = ProgressBar::new(num_steps as u64)
            .with_style(style)
            .with_position(done as u64);
        self.bar.reset_eta();
    }

    /// Writes a line above the bar.
    fn line(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Display for Bar {
    fn start_pretrain(&mut self, layer: usize, num_layers: usize, num_steps: usize, done: usize) {
        self.start(num_steps, done);
        self.line(&format!("pre-training layer {} of {num_layers}", layer + 1));
    }

    fn pretrain_epoch(&mut self, summary: &PretrainSummary) {
        self.line(&pretrain_line(summary));
    }

    fn start_up_down(&mut self, num_steps: usize, done: usize) {
        self.start(num_steps, done);
        self.line(ALL_LAYERS);
    }

    fn up_down_epoch(&mut self, summary: &UpDownSummary) {
        self.line(&up_down_line(summary));
    }

    fn start_fit(&mut self, num_epochs: usize, steps_per_epoch: usize, done: usize) {
        self.start(num_epochs * steps_per_epoch, done);
    }

    fn step(&mut self, step: usize, loss: f64) {
        self.bar.set_position(step as u64);
        self.bar.set_message(format!("loss {loss:.4}"));
    }

    fn epoch(&mut self, summary: &EpochSummary) {
        self.line(&epoch_line(summary));
    }

    fn note(&mut self, line: &str) {
        self.line(line);
    }

    fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What is said before the epochs of all layers at once.
pub const ALL_LAYERS: &str = "pre-training all layers, up and down";

fn up_down_line(summary: &UpDownSummary) -> String {
    let UpDownSummary {
        epoch,
        num_epochs,
        reconstruction_error,
    } = summary;
    format!("epoch {epoch:>3}/{num_epochs}  reconstruction error {reconstruction_error:.5}")
}

fn pretrain_line(summary: &PretrainSummary) -> String {
    let PretrainSummary {
        epoch,
        num_epochs,
        reconstruction_error,
        ..
    } = summary;
    let layer = summary.layer + 1;
    let mut line = format!(
        "layer {layer} epoch {epoch:>3}/{num_epochs}  reconstruction error {reconstruction_error:.5}"
    );
    if let Some(likelihood) = summary.pseudo_log_likelihood {
        let _ = write!(line, "  pseudo-likelihood {likelihood:.1}");
    }
    if let [Some(train), Some(valid)] = summary.free_energies {
        let _ = write!(line, "  free energy {train:.1}, of valid {valid:.1}");
    }
    line
}

fn epoch_line(summary: &EpochSummary) -> String {
    let EpochSummary {
        epoch,
        num_epochs,
        train,
        valid,
        samples_per_s,
        best,
        primary,
        ..
    } = summary;
    let loss = train.get("loss").copied().unwrap_or(f64::NAN);
    let mut line = format!("epoch {epoch:>3}/{num_epochs}  train loss {loss:.4}");
    for (split, metrics) in [("train", train), ("valid", valid)] {
        if let Some(value) = metrics.get(*primary) {
            let _ = write!(line, "  {split} {}", metric(primary, *value));
        }
    }
    let _ = write!(line, "  {samples_per_s:.0} samples/s");
    if *best {
        line.push_str("  best");
    }
    line
}

/// A metric with its name, as people read it: shares in percent.
#[must_use]
pub fn metric(name: &str, value: f64) -> String {
    let label = name.replace('_', " ");
    match name {
        "accuracy" | "macro_f1" => format!("{label} {:.2} %", 100.0 * value),
        _ => format!("{label} {value:.4}"),
    }
}
