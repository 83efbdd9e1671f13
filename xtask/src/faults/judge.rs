//! What became of every training: whether it was hurt, what was said of it, and whether that helped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::pool;
use super::runs::{Finding, Runs, Trained};
use super::statistics::mean_and_margin;
use super::suite::{Base, Fault, Part, Suite, Training};
use super::tools::{Recorded, Tool};

/// Seeds from which a base is trained as it is.
const SEEDS: usize = 4;

/// A base whose result is lower has nothing that a fault could take away.
const TRAINS_WELL: f64 = 0.3;

/// A result that is less than this below the mean of the healthy ones is as good, however little
/// those differ.
const LEAST_HARM: f64 = 0.02;

/// Share of what a fault took that a repair has to bring back.
const REPAIRED: f64 = 0.9;

/// After these shares of the epochs the doctor is asked early.
const EARLY: [f64; 4] = [0.0, 0.1, 0.25, 0.5];

/// What was done to a training, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing, or something that it may bear and did.
    Healthy,
    /// A fault that hurt.
    Hurt,
    /// A fault that did no harm: an alarm is as false as on a healthy run.
    Unhurt,
    /// A legal setting that did harm: neither healthy nor a known fault, and left out.
    Unclear,
}

/// One training with everything that was said of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Judged {
    pub(crate) base: String,
    #[serde(skip)]
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) fault: Option<String>,
    pub(crate) state: State,
    pub(crate) score: f64,
    /// Mean of the healthy seeds, and how far below it is still noise.
    pub(crate) healthy: (f64, f64),
    /// Rules of our alarms, what matters first coming first.
    pub(crate) ours: Vec<String>,
    /// What every other tool would name.
    pub(crate) others: BTreeMap<&'static str, Vec<&'static str>>,
    pub(crate) accepts: Vec<String>,
    pub(crate) mendable: bool,
    pub(crate) patch: Vec<String>,
    /// Whether the patch brought back what was lost; absent without a patch.
    pub(crate) repaired: Option<bool>,
    /// Whether a tenth of the learning rate did.
    pub(crate) lowered: Option<bool>,
    /// Share of the epochs after which there was an alarm; 0 is before the first step.
    pub(crate) when: Option<f64>,
    pub(crate) overhead: Option<f64>,
    pub(crate) seconds: f64,
}

/// A training that is planned.
struct Planned<'a> {
    base: &'a Base,
    fault: Option<&'a Fault>,
    training: Training,
}

/// Trains everything, asks about everything, and tries the remedies. Where it shall not be
/// `thorough`, the worse severities alone are injected, and a lower learning rate is not tried.
pub(crate) fn judge(
    suite: &Suite,
    bases: &[&Base],
    runs: &Runs,
    jobs: usize,
    thorough: bool,
) -> Result<Vec<Judged>> {
    let planned = plan(suite, bases, thorough)?;
    let trained = pool::each("training", &planned, jobs, |planned| {
        let trained = runs.train(&planned.training);
        trained
            .inspect_err(|error| eprintln!("warning: {error:#}"))
            .ok()
    });
    let results: Vec<(&Planned, Trained)> = planned
        .iter()
        .zip(trained)
        .filter_map(|(planned, trained)| Some((planned, trained?)))
        .collect();
    let healthy = healthy_scores(&results);
    let results: Vec<_> = results
        .into_iter()
        .filter(|(planned, _)| healthy.contains_key(planned.base.name.as_str()))
        .collect();
    let judged = pool::each("asking", &results, jobs, |(planned, trained)| {
        let healthy = healthy[planned.base.name.as_str()];
        examine(planned, trained, healthy, runs)
    });
    let mut judged = judged.into_iter().collect::<Result<Vec<_>>>()?;
    let trainings: Vec<_> = results
        .iter()
        .map(|(planned, _)| &planned.training)
        .collect();
    let pairs: Vec<_> = judged.iter().zip(trainings).collect();
    let outcomes = pool::each("mending", &pairs, jobs, |(judged, training)| {
        mend(judged, training, runs, thorough)
    });
    for (judged, outcome) in judged.iter_mut().zip(outcomes) {
        (judged.repaired, judged.lowered, judged.when) = outcome?;
    }
    Ok(judged)
}

fn plan<'a>(suite: &'a Suite, bases: &[&'a Base], thorough: bool) -> Result<Vec<Planned<'a>>> {
    let mut planned = Vec::new();
    for &base in bases {
        let mut add = |fault, training: Option<Training>| {
            planned.extend(training.map(|training| Planned {
                base,
                fault,
                training,
            }));
        };
        for seed in 1..=SEEDS {
            add(None, Some(base.seeded(seed)));
        }
        for variation in &suite.healthy {
            add(None, base.varied(variation)?);
        }
        for fault in &suite.faults {
            let first = if thorough {
                0
            } else {
                fault.num_severities() - 1
            };
            for severity in first..fault.num_severities() {
                add(Some(fault), base.with_fault(fault, severity)?);
            }
        }
    }
    Ok(planned)
}

/// Mean and margin of each base as it is; those that do not train well are left out, which is said.
fn healthy_scores<'a>(results: &[(&Planned<'a>, Trained)]) -> BTreeMap<&'a str, (f64, f64)> {
    let mut scores = BTreeMap::<&str, Vec<f64>>::new();
    for (planned, trained) in results {
        if planned.training.name.contains("/seed-") {
            scores
                .entry(&planned.base.name)
                .or_default()
                .push(trained.score);
        }
    }
    let mut healthy = BTreeMap::new();
    for (base, scores) in scores {
        let (mean, margin) = mean_and_margin(&scores);
        // Bits per character are counted below zero.
        if (0.0..TRAINS_WELL).contains(&mean) {
            eprintln!("warning: `{base}` reaches {mean:.3} only, and is left out");
            continue;
        }
        healthy.insert(base, (mean, margin.max(LEAST_HARM)));
    }
    healthy
}

fn examine(
    planned: &Planned,
    trained: &Trained,
    healthy: (f64, f64),
    runs: &Runs,
) -> Result<Judged> {
    let run = runs.run(&planned.training);
    let findings = runs.diagnose(&run)?;
    let alarms: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.is_alarm())
        .collect();
    let (mean, margin) = healthy;
    let worse = trained.score < mean - margin;
    let state = match planned.fault {
        None if worse => State::Unclear,
        None => State::Healthy,
        Some(fault) if worse || fault.misleads && trained.score > mean + margin => State::Hurt,
        Some(_) => State::Unhurt,
    };
    let others = recorded(&run)?;
    let others = Tool::ALL.map(|tool| (tool.name(), tool.causes(&others)));
    Ok(Judged {
        base: planned.base.name.clone(),
        part: planned.base.part,
        name: planned.training.name.clone(),
        fault: planned.fault.map(|fault| fault.name.clone()),
        state,
        score: trained.score,
        healthy,
        ours: alarms.iter().map(|alarm| alarm.rule.clone()).collect(),
        others: others.into(),
        accepts: planned
            .fault
            .map_or(Vec::new(), |fault| fault.accepts.clone()),
        mendable: planned.fault.is_some_and(|fault| fault.mendable),
        patch: alarms
            .first()
            .map_or(Vec::new(), |alarm| alarm.patch.clone()),
        repaired: None,
        lowered: None,
        when: None,
        overhead: trained.overhead,
        seconds: trained.seconds,
    })
}

fn recorded(run: &Path) -> Result<Recorded> {
    let read = |name: &str| fs::read_to_string(run.join(name));
    Recorded::read(&read("events.jsonl")?, &read("experiment.toml")?)
}

type Mended = (Option<bool>, Option<bool>, Option<f64>);

/// Tries the remedies of a hurt training, blindly, and asks how early it was seen.
fn mend(judged: &Judged, training: &Training, runs: &Runs, thorough: bool) -> Result<Mended> {
    if judged.state != State::Hurt {
        return Ok((None, None, None));
    }
    let (mean, _) = judged.healthy;
    let enough = judged.score + REPAIRED * (mean - judged.score);
    let tried = |name: &str, changes: &[String]| {
        let mut mended = training.clone();
        mended.name = format!("{}-{name}", training.name);
        mended.settings.extend(changes.iter().cloned());
        // More data or a larger network may take its time, but not all day.
        mended.settings.push("train.time_limit_s=30".to_owned());
        let trained = runs.train(&mended);
        // Settings that are refused mend nothing.
        trained.is_ok_and(|trained| trained.score >= enough)
    };
    let mut repaired = None;
    let mut lowered = None;
    if judged.mendable {
        repaired = (!judged.patch.is_empty()).then(|| tried("mended", &judged.patch));
        let last = |key: &str| {
            let mut settings = training.settings.iter().rev();
            settings.find_map(|setting| setting.strip_prefix(key)?.strip_prefix('='))
        };
        let rate = last("train.learning_rate").filter(|_| thorough);
        if let Some(rate) = rate.and_then(|rate| rate.parse::<f64>().ok()) {
            let change = format!("train.learning_rate={}", rate / 10.0);
            lowered = Some(tried("lowered", &[change]));
        }
    }
    let when = if judged.ours.is_empty() {
        None
    } else {
        Some(first_alarm(training, runs)?)
    };
    Ok((repaired, lowered, when))
}

/// The share of the epochs after which there is an alarm.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn first_alarm(training: &Training, runs: &Runs) -> Result<f64> {
    let epochs = training.settings.iter().rev().find_map(|setting| {
        let number = setting.strip_prefix("train.epochs=")?;
        number.parse::<f64>().ok()
    });
    let epochs = epochs.unwrap_or(1.0);
    for share in EARLY {
        let num_epochs = (share * epochs).ceil() as usize;
        let findings = runs.diagnose_start(&runs.run(training), num_epochs)?;
        if findings.iter().any(Finding::is_alarm) {
            return Ok(num_epochs as f64 / epochs);
        }
    }
    Ok(1.0)
}
