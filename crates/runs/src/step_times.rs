//! Where the time of training steps went.

use serde::{Deserialize, Serialize};

use crate::number;

/// Milliseconds that the parts of `num_steps` training steps took, all steps together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct StepTimes {
    /// Steps that were timed.
    pub num_steps: usize,
    /// Batches read, and moved to the device.
    #[serde(deserialize_with = "number::single")]
    pub loading_ms: f64,
    /// From the inputs to the loss.
    #[serde(deserialize_with = "number::single")]
    pub forward_ms: f64,
    /// From the loss to the gradients.
    #[serde(deserialize_with = "number::single")]
    pub backward_ms: f64,
    /// From the gradients to the new weights, clipping included.
    #[serde(deserialize_with = "number::single")]
    pub optimizer_ms: f64,
    /// Metrics, events and the display.
    #[serde(deserialize_with = "number::single")]
    pub instrumentation_ms: f64,
    /// Collecting the signals that the doctor reads.
    #[serde(default, deserialize_with = "number::single")]
    pub doctor_ms: f64,
}

impl StepTimes {
    /// Each part by its name, in the order of a step.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, f64); 6] {
        [
            ("loading", self.loading_ms),
            ("forward", self.forward_ms),
            ("backward", self.backward_ms),
            ("optimizer", self.optimizer_ms),
            ("instrumentation", self.instrumentation_ms),
            ("doctor", self.doctor_ms),
        ]
    }

    /// All parts together.
    #[must_use]
    pub fn total_ms(&self) -> f64 {
        self.parts().iter().map(|(_, ms)| ms).sum()
    }

    /// Adds the times of other steps.
    pub fn add(&mut self, other: &Self) {
        self.num_steps += other.num_steps;
        self.loading_ms += other.loading_ms;
        self.forward_ms += other.forward_ms;
        self.backward_ms += other.backward_ms;
        self.optimizer_ms += other.optimizer_ms;
        self.instrumentation_ms += other.instrumentation_ms;
        self.doctor_ms += other.doctor_ms;
    }
}

/// As people read it: `a step took 3.31 ms: loading 4 %, forward 40 %, ..`.
impl std::fmt::Display for StepTimes {
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^52 steps
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.total_ms();
        write!(
            f,
            "a step took {:.2} ms",
            total / self.num_steps.max(1) as f64
        )?;
        for (index, (name, ms)) in self.parts().iter().enumerate() {
            let separator = if index == 0 { ':' } else { ',' };
            write!(
                f,
                "{separator} {name} {:.0} %",
                100.0 * ms / total.max(f64::MIN_POSITIVE)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::StepTimes;

    #[test]
    fn the_line_shows_the_mean_and_the_shares() {
        let mut times = StepTimes {
            num_steps: 2,
            loading_ms: 1.0,
            forward_ms: 3.0,
            backward_ms: 4.0,
            optimizer_ms: 1.5,
            instrumentation_ms: 0.4,
            doctor_ms: 0.1,
        };
        let expected = "a step took 5.00 ms: loading 10 %, forward 30 %, backward 40 %, \
                        optimizer 15 %, instrumentation 4 %, doctor 1 %";
        assert_eq!(times.to_string(), expected);
        let other = times;
        times.add(&other);
        assert_eq!(times.to_string(), expected);
        assert_eq!(times.num_steps, 4);
    }

    #[test]
    fn no_steps_are_no_division_by_zero() {
        assert!(!StepTimes::default().to_string().contains("NaN"));
    }
}
