//! A run with its data, opened to be looked at.

use std::path::Path;

use burn::tensor::Device;
use fornax_runs::RunDir;

use crate::commands::open_device;
use crate::commands::resume::reopen;
use crate::device;
use crate::error::Error;
use crate::experiment::{Experiment, Resolved};
use crate::insight::Subject;
use crate::output::Output;

/// What a [`Subject`] borrows from.
pub(super) struct Trained {
    pub(super) run: RunDir,
    pub(super) resolved: Resolved,
    device: Device,
}

impl Trained {
    /// Opens the run in a folder, to compute in the precision in which it was trained.
    ///
    /// # Errors
    /// When the run, its data or the device cannot be opened.
    pub(super) fn open(
        path: &Path,
        device: Option<&str>,
        output: &mut Output,
    ) -> Result<Self, Error> {
        let (run, experiment) = read(path)?;
        let device = open_device(&experiment, device, output)?;
        Self::new(run, &experiment, device)
    }

    /// Opens one of several runs. All compute in the precision of the process, whatever they were
    /// trained in.
    ///
    /// # Errors
    /// As [`Trained::open`].
    pub(super) fn open_beside_others(path: &Path, device: Option<&str>) -> Result<Self, Error> {
        let (run, experiment) = read(path)?;
        let device = device::open(&experiment.device_or(device)?)?;
        Self::new(run, &experiment, device)
    }

    fn new(run: RunDir, experiment: &Experiment, device: Device) -> Result<Self, Error> {
        Ok(Self {
            run,
            resolved: reopen(experiment)?,
            device,
        })
    }

    /// Its best weights.
    ///
    /// # Errors
    /// When the run has no model, or it is damaged.
    pub(super) fn subject(&self) -> Result<Subject<'_>, Error> {
        Subject::open(&self.run, &self.resolved, self.device.clone())
    }
}

fn read(path: &Path) -> Result<(RunDir, Experiment), Error> {
    let run = RunDir::open(path)?;
    let experiment = Experiment::load(&run.experiment())?;
    Ok((run, experiment))
}
