//! The settings of an experiment: reading them, and changing them as `--set` does.

use serde_json::{Value, json};

use crate::Record;

/// A change of a setting.
pub(crate) struct Change {
    key: &'static str,
    value: Value,
}

/// Sets the setting called `key`, such as `train.epochs`.
pub(crate) fn set(key: &'static str, value: impl Into<Value>) -> Change {
    Change {
        key,
        value: value.into(),
    }
}

impl Record<'_> {
    /// The setting called `key`, such as `train.epochs`, if this experiment has it.
    pub(crate) fn setting(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        parts.try_fold(self.experiment, |tree, part| tree.get(part))
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.setting(key)?.as_f64()
    }

    pub(crate) fn word(&self, key: &str) -> &str {
        self.setting(key).and_then(Value::as_str).unwrap_or("")
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.setting(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn numbers(&self, key: &str) -> Vec<f64> {
        let list = self.setting(key).and_then(Value::as_array);
        list.map_or(Vec::new(), |list| {
            list.iter().filter_map(Value::as_f64).collect()
        })
    }

    /// The whole number of a setting; 0 where there is none.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.setting(key).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The changes as `--set` takes them: those whose key this experiment has with another value.
    pub(crate) fn patch(&self, changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        let changes = changes.into_iter().filter(|change| {
            self.setting(change.key)
                .is_some_and(|now| *now != change.value)
        });
        changes
            .map(|Change { key, value }| match value {
                Value::String(word) => format!("{key}={word}"),
                value => format!("{key}={value}"),
            })
            .collect()
    }
}

/// A learning rate or the like in two digits, which is all that it needs.
pub(crate) fn rounded(value: f64) -> Value {
    let text = format!("{value:.1e}");
    json!(text.parse::<f64>().unwrap_or(value))
}
