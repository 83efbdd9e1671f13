//! The clock of the training step: how long each of its parts takes.

use std::time::Instant;

use burn::tensor::Device;
use fornax_runs::StepTimes;

/// Elsewhere than on a CPU, each so many steps are timed: the clock has to wait for the device,
/// which could otherwise go on while the next batch is read.
const STRIDE: usize = 16;

/// A part of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Reading a batch, and moving it to the device.
    Loading,
    /// From the inputs to the loss.
    Forward,
    /// From the loss to the gradients.
    Backward,
    /// From the gradients to the new weights.
    Optimizer,
    /// Metrics, events and the display.
    Instrumentation,
    /// Collecting what the doctor reads.
    Doctor,
}

/// Times steps, and sums up.
#[derive(Debug)]
pub(crate) struct StepClock {
    device: Device,
    stride: usize,
    /// When the part that is running began; absent in a step that is not timed.
    since: Option<Instant>,
    times: StepTimes,
}

impl StepClock {
    /// A clock for steps on this device.
    pub(crate) fn new(device: &Device) -> Self {
        let stride = if fornax_kernels::is_cpu(device) {
            1
        } else {
            STRIDE
        };
        Self {
            device: device.clone(),
            stride,
            since: None,
            times: StepTimes::default(),
        }
    }

    /// Step number `step`, counted from 0, begins.
    pub(crate) fn start(&mut self, step: usize) {
        // The last of each stride: the first ones of a process compile and tune.
        let timed = step % self.stride == self.stride - 1;
        self.since = timed.then(Instant::now);
        self.times.num_steps += usize::from(timed);
    }

    /// The part that was running is over.
    pub(crate) fn lap(&mut self, part: Part) {
        let Some(since) = self.since else { return };
        // A device that fails says so to whoever needs its results; a time is not worth an error.
        let _ = self.device.sync();
        let now = Instant::now();
        let elapsed_ms = 1e3 * (now - since).as_secs_f64();
        *match part {
            Part::Loading => &mut self.times.loading_ms,
            Part::Forward => &mut self.times.forward_ms,
            Part::Backward => &mut self.times.backward_ms,
            Part::Optimizer => &mut self.times.optimizer_ms,
            Part::Instrumentation => &mut self.times.instrumentation_ms,
            Part::Doctor => &mut self.times.doctor_ms,
        } += elapsed_ms;
        self.since = Some(now);
    }

    /// What was timed so far.
    pub(crate) fn times(&self) -> StepTimes {
        self.times
    }
}
