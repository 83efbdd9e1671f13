//! What one training came to, from the events that it left.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::row::Measure;
use super::training::weights_sha256;

/// What one training came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Metrics of the test split.
    pub(crate) test: BTreeMap<String, f64>,
    /// Metrics of the validation split.
    pub(crate) valid: BTreeMap<String, f64>,
    /// Of training, evaluation included.
    pub(crate) seconds: f64,
    pub(crate) num_parameters: u32,
    pub(crate) device: String,
    /// The most memory that the process held, where the system tells it.
    pub(crate) memory_mb: Option<f64>,
    /// Of the sources that the program was built from.
    pub(crate) commit: String,
    /// Equal exactly if all weights are.
    pub(crate) weights_sha256: String,
    /// The text of the experiment file.
    pub(crate) experiment: String,
    /// The processor.
    pub(crate) machine: String,
    /// The difference to another experiment, where that is what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<f64>,
}

impl Outcome {
    /// Reads a run that came to its end; what it does not say of itself is left empty.
    ///
    /// A test split that was looked at more than once is an error: then it may have chosen
    /// something.
    pub(crate) fn of_run(run: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = run.join(name);
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read `{}`", path.display()))
        };
        let mut outcome = Self::of_events(&read("events.jsonl")?)
            .with_context(|| format!("`{}` is no whole run", run.display()))?;
        let environment: Value = serde_json::from_str(&read("environment.json")?)?;
        environment["commit"]
            .as_str()
            .unwrap_or("unknown")
            .clone_into(&mut outcome.commit);
        outcome.weights_sha256 = weights_sha256(run)?;
        Ok(outcome)
    }

    fn of_events(text: &str) -> Result<Self> {
        let events: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let named = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
        let started = named("started").next().context("it never started")?;
        let finished = named("finished").next_back().context("it never finished")?;
        let metrics = |split: &str| -> Result<BTreeMap<String, f64>> {
            let mut looks = named("evaluated").filter(|event| event["split"] == *split);
            let look = looks
                .next()
                .with_context(|| format!("no look at {split}"))?;
            if looks.next().is_some() {
                bail!("the {split} split was looked at more than once");
            }
            Ok(serde_json::from_value(look["metrics"].clone())?)
        };
        #[allow(clippy::cast_precision_loss)] // far fewer than 2^52 milliseconds
        let seconds = finished["elapsed_ms"].as_u64().context("no time")? as f64 / 1000.0;
        Ok(Self {
            test: metrics("test")?,
            valid: metrics("valid")?,
            seconds,
            num_parameters: serde_json::from_value(started["num_parameters"].clone())?,
            device: started["device"].as_str().unwrap_or_default().to_owned(),
            memory_mb: None,
            commit: String::new(),
            weights_sha256: String::new(),
            experiment: String::new(),
            machine: String::new(),
            difference: None,
        })
    }

    /// The figure that a row is about, of the test split.
    pub(crate) fn value(&self, measure: Measure) -> Result<f64> {
        if let Some(difference) = self.difference {
            return Ok(difference);
        }
        measure.of(&self.test)
    }

    /// This one, with how much better it is than `other`, a training from the same seed.
    pub(crate) fn against(mut self, other: &Self, measure: Measure) -> Result<Self> {
        self.difference = Some(measure.of(&other.test)? - measure.of(&self.test)?);
        self.seconds += other.seconds;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"event":"started","device":"flex","num_parameters":7}"#;
    const VALID: &str = r#"{"event":"evaluated","split":"valid","metrics":{"accuracy":0.5}}"#;
    const TEST: &str = r#"{"event":"evaluated","split":"test","metrics":{"accuracy":0.75}}"#;
    const FINISHED: &str = r#"{"event":"finished","elapsed_ms":1500}"#;

    #[test]
    #[allow(clippy::float_cmp)] // The same digits are read.
    fn a_whole_run_has_an_outcome() {
        let outcome = Outcome::of_events(&[STARTED, VALID, TEST, FINISHED].join("\n")).unwrap();
        assert_eq!(outcome.value(Measure::Accuracy).unwrap(), 75.0);
        assert_eq!(outcome.value(Measure::Error).unwrap(), 25.0);
        assert_eq!((outcome.seconds, outcome.num_parameters), (1.5, 7));
        let other = outcome.clone();
        let paired = outcome.against(&other, Measure::Error).unwrap();
        assert_eq!(paired.value(Measure::Error).unwrap(), 0.0);
        assert_eq!(paired.seconds, 3.0);
    }

    #[test]
    fn a_second_look_at_test_is_refused() {
        let text = [STARTED, VALID, TEST, TEST, FINISHED].join("\n");
        let error = Outcome::of_events(&text).unwrap_err().to_string();
        assert_eq!(error, "the test split was looked at more than once");
    }

    #[test]
    fn a_run_that_was_cut_off_has_none() {
        let error = |lines: &[&str]| {
            let error = Outcome::of_events(&lines.join("\n")).unwrap_err();
            error.to_string()
        };
        assert_eq!(error(&[STARTED, VALID, TEST]), "it never finished");
        assert_eq!(error(&[STARTED, VALID, FINISHED]), "no look at test");
    }
}
