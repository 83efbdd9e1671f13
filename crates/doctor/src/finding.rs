//! A finding: what is wrong, how that is known, and what to do.

use std::fmt::Write as _;

use fornax_runs::Position;
use serde::Serialize;

use crate::Record;
use crate::settings::Change;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It could be better.
    Advice,
    /// The result is worse for it.
    Warning,
    /// The result is worth nothing for it.
    Error,
}

impl Severity {
    /// As it stands before a finding.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// What it counts for in the order of findings.
    const fn weight(self) -> f64 {
        match self {
            Self::Advice => 0.1,
            Self::Warning => 0.6,
            Self::Error => 1.0,
        }
    }
}

/// Where something was measured. What is absent does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The layer, as the tap calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The machine being pre-trained, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<usize>,
    /// Counted from 0 over the phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<usize>,
}

impl Place {
    /// At a position of the training.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self {
            machine: position.layer,
            step: Some(position.step),
            ..Self::default()
        }
    }

    /// At the end of `epoch`.
    #[must_use]
    pub fn epoch(epoch: usize) -> Self {
        Self {
            epoch: Some(epoch),
            ..Self::default()
        }
    }

    /// In `layer`, at a step of the training.
    #[must_use]
    pub fn layer(layer: &str, step: usize) -> Self {
        Self {
            layer: Some(layer.to_owned()),
            step: Some(step),
            ..Self::default()
        }
    }

    /// Such as `layer hidden1, step 30`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(layer) = &self.layer {
            words.push(format!("layer {layer}"));
        }
        if let Some(machine) = self.machine {
            words.push(format!("pre-training of layer {}", machine + 1));
        }
        if let Some(step) = self.step {
            words.push(format!("step {step}"));
        }
        if let Some(epoch) = self.epoch {
            words.push(format!("epoch {epoch}"));
        }
        words.join(", ")
    }
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule, as its file is called.
    pub rule: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub cause: String,
    /// What was measured, beside what it should be.
    pub measured: String,
    /// Where.
    pub place: Place,
    /// What to do, in words.
    pub remedy: String,
    /// The changes of the experiment, each as `--set` takes it; empty where no setting helps.
    pub patch: Vec<String>,
    /// How sure it is, in `[0, 1]`.
    pub confidence: f64,
    /// What else was found that follows from this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Finding>,
}

impl Finding {
    pub(crate) fn new(rule: &'static str, severity: Severity, cause: impl Into<String>) -> Self {
        Self {
            rule,
            severity,
            cause: cause.into(),
            measured: String::new(),
            place: Place::default(),
            remedy: String::new(),
            patch: Vec::new(),
            confidence: 0.5,
            consequences: Vec::new(),
        }
    }

    pub(crate) fn measured(mut self, measured: impl Into<String>) -> Self {
        self.measured = measured.into();
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub(crate) fn patch(
        mut self,
        record: &Record,
        changes: impl IntoIterator<Item = Change>,
    ) -> Self {
        self.patch = record.patch(changes);
        self
    }

    pub(crate) fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence.clamp(0.0, 1.0);
        self
    }

    /// How much is won by looking at this before the others.
    #[must_use]
    pub fn worth(&self) -> f64 {
        self.severity.weight() * self.confidence
    }

    /// In one line: severity, cause, and what was measured where.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}", self.severity.word(), self.cause);
        let place = self.place.words();
        let place = if place.is_empty() {
            place
        } else {
            format!("{place}: ")
        };
        if !self.measured.is_empty() {
            let _ = write!(line, " ({place}{})", self.measured);
        }
        line
    }

    /// The whole of it, in lines: severity and cause, then what was measured where, what to do,
    /// the command that trains again with the changes, and what follows from it.
    ///
    /// `command` is what the changes are appended to as flags.
    #[must_use]
    pub fn lines(&self, command: &str) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.severity.word(), self.cause)];
        let measured = self.measured_where();
        let mut add = |label: &str, text: String| {
            if !text.is_empty() {
                lines.push(format!("  {label:<9} {text}"));
            }
        };
        add("measured", measured);
        add("remedy", self.remedy.clone());
        if !self.patch.is_empty() {
            add("patch", format!("{command} {}", self.flags()));
        }
        let follows = self.consequences.iter();
        let follows: Vec<_> = follows.map(|other| other.cause.as_str()).collect();
        add("explains", follows.join("; "));
        add(
            "sure",
            format!("{:.0} % [{}]", 100.0 * self.confidence, self.rule),
        );
        lines
    }

    /// What was measured, and where.
    #[must_use]
    pub fn measured_where(&self) -> String {
        let place = self.place.words();
        match (place.is_empty(), self.measured.is_empty()) {
            (true, _) => self.measured.clone(),
            (false, true) => place,
            (false, false) => format!("{} ({place})", self.measured),
        }
    }

    /// The changes as flags of `fornax train`.
    #[must_use]
    pub fn flags(&self) -> String {
        let flags = self.patch.iter().map(|change| {
            if change.contains([' ', '[', '"']) {
                format!("--set '{change}'")
            } else {
                format!("--set {change}")
            }
        });
        flags.collect::<Vec<_>>().join(" ")
    }
}
