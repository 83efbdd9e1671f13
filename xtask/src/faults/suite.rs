//! The suite: healthy trainings, what is done to them, and the arguments of each training.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

/// All of `suite.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suite {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) bases: Vec<Base>,
    pub(crate) healthy: Vec<Variation>,
    pub(crate) faults: Vec<Fault>,
}

/// A table that is trained on as a copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Relative to the workspace.
    pub(crate) file: String,
    /// The names of the columns, where the file does not begin with them.
    pub(crate) header: Option<String>,
    pub(crate) target: String,
    /// Whether the target is a class.
    pub(crate) classes: bool,
    /// Whether rows that are there already are left out: items that are in two splits are a fault.
    #[serde(default)]
    pub(crate) distinct: bool,
    /// Rows that are copied, spread over the file; all where it is absent.
    pub(crate) rows: Option<usize>,
}

/// Bases on which thresholds are chosen, and those that are run once afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Development,
    Test,
}

/// A training that goes well.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    pub(crate) name: String,
    pub(crate) part: Part,
    pub(crate) data: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) architecture: String,
    numbers: BTreeMap<String, f64>,
    widths: Option<Vec<u32>>,
    #[serde(default)]
    set: Vec<String>,
}

/// A change of settings that a training may bear.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variation {
    pub(crate) name: String,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    changes: Vec<String>,
    damage: Option<String>,
}

/// Something that makes a training go wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) name: String,
    #[serde(default)]
    architectures: Vec<String>,
    /// Rules that name it.
    pub(crate) accepts: Vec<String>,
    /// Whether a setting can undo it.
    #[serde(default = "yes")]
    pub(crate) mendable: bool,
    /// Whether it makes the result look better than it is, so that better is harm too.
    #[serde(default)]
    pub(crate) misleads: bool,
    severities: Vec<Severity>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Severity {
    #[serde(default)]
    changes: Vec<String>,
    damage: Option<String>,
}

/// One training: what `fornax train` is given, but for where it reads and writes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Training {
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) source: Source,
    pub(crate) seed: usize,
    /// Each as `--set` takes it.
    pub(crate) settings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A dataset by its name.
    Named(String),
    /// A copy of a table, damaged in this way.
    Copy { table: String, damage: String },
}

/// The suite that is compiled in.
pub(crate) fn load() -> Result<Suite> {
    let suite: Suite = toml::from_str(include_str!("suite.toml"))?;
    for base in &suite.bases {
        let known = |table: &String| suite.tables.contains_key(table);
        if base.data.is_some() == base.table.is_some() || !base.table.iter().all(known) {
            bail!(
                "`{}` needs either data or a table that is listed",
                base.name
            );
        }
        for fault in &suite.faults {
            for severity in 0..fault.severities.len() {
                base.with_fault(fault, severity)?;
            }
        }
        for variation in &suite.healthy {
            base.varied(variation)?;
        }
    }
    Ok(suite)
}

impl Fault {
    pub(crate) fn num_severities(&self) -> usize {
        self.severities.len()
    }
}

impl Base {
    /// As it is, from another seed.
    pub(crate) fn seeded(&self, seed: usize) -> Training {
        let source = match (&self.data, &self.table) {
            (Some(data), _) => Source::Named(data.clone()),
            (None, table) => Source::Copy {
                table: table.clone().unwrap_or_default(),
                damage: "copy".to_owned(),
            },
        };
        let mut settings: Vec<String> = self
            .numbers
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if let Some(widths) = &self.widths {
            settings.push(format!("model.widths={widths:?}").replace(' ', ""));
        }
        settings.extend(self.set.iter().cloned());
        Training {
            name: format!("{}/seed-{seed}", self.name),
            architecture: self.architecture.clone(),
            source,
            seed,
            settings,
        }
    }

    /// With a legal change, where it applies.
    pub(crate) fn varied(&self, variation: &Variation) -> Result<Option<Training>> {
        let Variation {
            name,
            architectures,
            changes,
            damage,
        } = variation;
        self.changed(name, architectures, changes, damage.as_deref(), 1)
    }

    /// With a fault, where it applies.
    pub(crate) fn with_fault(&self, fault: &Fault, severity: usize) -> Result<Option<Training>> {
        let name = format!("{}-{}", fault.name.replace(' ', "-"), severity + 1);
        let Severity { changes, damage } = &fault.severities[severity];
        self.changed(&name, &fault.architectures, changes, damage.as_deref(), 5)
    }

    fn changed(
        &self,
        name: &str,
        architectures: &[String],
        changes: &[String],
        damage: Option<&str>,
        seed: usize,
    ) -> Result<Option<Training>> {
        let suits = architectures.is_empty() || architectures.contains(&self.architecture);
        if !suits || (damage.is_some() && self.table.is_none()) {
            return Ok(None);
        }
        let mut training = self.seeded(seed);
        training.name = format!("{}/{name}", self.name);
        for change in changes {
            training.settings.push(self.resolve(change)?);
        }
        if let (Some(damage), Source::Copy { damage: done, .. }) = (damage, &mut training.source) {
            damage.clone_into(done);
        }
        Ok(Some(training))
    }

    /// `key=value` as it is; `key*=factor` from the number, the share or the widths of the base.
    fn resolve(&self, change: &str) -> Result<String> {
        let Some((key, factor)) = change.split_once("*=") else {
            return Ok(change.to_owned());
        };
        let factor: f64 = factor.parse().context("a factor is a number")?;
        if key == "model.widths" {
            let widths = self.widths.iter().flatten();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few hundred
            let widths: Vec<u32> = widths.map(|&w| (f64::from(w) * factor) as u32).collect();
            return Ok(format!("{key}={widths:?}").replace(' ', ""));
        }
        let in_set = || {
            let mut values = self.set.iter().filter_map(|set| set.split_once('='));
            values.find(|(known, _)| *known == key)?.1.parse().ok()
        };
        let default = (key == "data.fraction").then_some(1.0);
        let number = self.numbers.get(key).copied().or_else(in_set).or(default);
        let number = number.with_context(|| format!("`{}` says no {key}", self.name))?;
        let value = number * factor;
        let whole = ["epochs", "batch_size", "d_hidden"]
            .iter()
            .any(|end| key.ends_with(end));
        Ok(if whole {
            format!("{key}={}", value.round().max(1.0))
        } else {
            format!("{key}={value}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_large_enough_and_its_parts_share_no_data() {
        let suite = load().expect("a suite that fits");
        assert!(suite.bases.len() >= 24);
        let mut healthy = 4 * suite.bases.len();
        for base in &suite.bases {
            for variation in &suite.healthy {
                healthy += usize::from(base.varied(variation).expect("it fits").is_some());
            }
        }
        assert!(healthy >= 200, "{healthy}");
        let data = |part| -> Vec<_> {
            let bases = suite.bases.iter().filter(|base| base.part == part);
            bases
                .map(|base| base.data.as_ref().or(base.table.as_ref()))
                .collect()
        };
        for source in data(Part::Test) {
            assert!(!data(Part::Development).contains(&source), "{source:?}");
        }
        assert!(suite.faults.iter().all(|fault| fault.num_severities() == 2));
    }

    #[test]
    fn a_factor_multiplies_what_the_base_says() {
        let suite = load().expect("a suite that fits");
        let base = &suite.bases[0];
        let resolved = |change| base.resolve(change).expect("it fits");
        assert_eq!(
            resolved("train.learning_rate*=10"),
            "train.learning_rate=0.02"
        );
        assert_eq!(resolved("train.epochs*=0.001"), "train.epochs=1");
        assert_eq!(resolved("model.widths*=2"), "model.widths=[128,64]");
        assert_eq!(resolved("data.fraction*=0.1"), "data.fraction=0.1");
        assert_eq!(resolved("model.dropout=0.9"), "model.dropout=0.9");
        assert!(base.resolve("model.d_hidden*=2").is_err());
    }
}
