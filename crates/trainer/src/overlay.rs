//! Lays a user's settings over complete defaults and refuses every key that the defaults lack.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// How alike a misspelt key and its suggestion have to be, from 0 to 1.
const ALIKE: f64 = 0.6;

/// Why a setting was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OverlayError {
    /// The defaults have no such key.
    #[error("no setting is called `{key}`")]
    Unknown {
        /// The whole key, such as `train.epcohs`.
        key: String,
        /// What to do about it.
        help: String,
    },
    /// The value is of another kind than the default.
    #[error("`{key} = {value}`: expected {expected}")]
    Kind {
        /// The whole key.
        key: String,
        /// The value as it was given.
        value: String,
        /// The kind of value that fits.
        expected: String,
    },
    /// The text is not a `key=value` pair, or not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where it stands: a file, or `--set`.
        origin: String,
        /// What the parser says.
        message: String,
    },
}

impl OverlayError {
    /// What to do about it, where there is more to say than the error itself does.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { help, .. } => Some(help.clone()),
            Self::Kind { .. } | Self::Syntax { .. } => None,
        }
    }
}

/// Reads the text of an experiment file.
///
/// # Errors
/// When the text is not TOML; the message names line and column. When a number is not finite.
pub fn parse_file(origin: &str, text: &str) -> Result<Value, OverlayError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| OverlayError::Syntax {
        origin: origin.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    to_json(toml::Value::Table(table), "", origin)
}

/// Reads one `a.b=c` of `--set`, whose value is TOML, or else plain text.
///
/// # Errors
/// When there is no `=` or no key, or the number is not finite.
pub fn parse_assignment(text: &str) -> Result<Value, OverlayError> {
    let syntax = |message: &str| OverlayError::Syntax {
        origin: format!("--set {text}"),
        message: message.to_owned(),
    };
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| syntax("expected KEY=VALUE"))?;
    if key.split('.').any(|part| part.trim().is_empty()) {
        return Err(syntax("expected a key such as `train.epochs` before `=`"));
    }
    let value = match toml::from_str::<toml::Table>(&format!("value = {value}")) {
        Ok(mut table) => table
            .remove("value")
            .unwrap_or(toml::Value::String(value.to_owned())),
        Err(_) => toml::Value::String(value.trim().to_owned()),
    };
    let mut patch = to_json(value, key.trim(), "--set")?;
    for part in key.split('.').rev() {
        patch = Value::Object(Map::from_iter([(part.trim().to_owned(), patch)]));
    }
    Ok(patch)
}

/// Lays `patch` over `base`: tables are merged, all else is replaced.
///
/// # Errors
/// When `patch` has a key that `base` lacks, or a value of another kind.
pub fn overlay(base: &mut Value, patch: Value) -> Result<(), OverlayError> {
    overlay_at(base, patch, "")
}

/// Lays `patch` over `base` with no check: for collecting several patches into one.
pub fn merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, patch) => *base = patch,
    }
}

/// Reads a finished tree of settings into its type.
///
/// # Errors
/// When a value does not fit its field; the error names the whole key, below `section`.
pub fn read<T: DeserializeOwned>(section: &str, tree: &Value) -> Result<T, OverlayError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = error.path().to_string();
        let key = match (section, path.as_str()) {
            ("", path) => path.to_owned(),
            (section, ".") => section.to_owned(),
            (section, path) => format!("{section}.{path}"),
        };
        let value = path.split('.').try_fold(tree, |at, part| at.get(part));
        OverlayError::Kind {
            key,
            value: value.unwrap_or(tree).to_string(),
            expected: error.into_inner().to_string(),
        }
    })
}

fn overlay_at(base: &mut Value, patch: Value, path: &str) -> Result<(), OverlayError> {
    let (Value::Object(base), Value::Object(patch)) = (base, patch) else {
        unreachable!("both sides were checked to be tables");
    };
    for (key, value) in patch {
        let full = below(path, &key);
        let Some(slot) = base.get_mut(&key) else {
            return Err(unknown(full, &key, path, base));
        };
        check_kind(&full, slot, &value)?;
        match slot {
            Value::Object(_) => overlay_at(slot, value, &full)?,
            slot => *slot = value,
        }
    }
    Ok(())
}

/// A null in the defaults stands for a value that may be absent: it takes anything.
fn check_kind(key: &str, base: &Value, value: &Value) -> Result<(), OverlayError> {
    let fits = match base {
        Value::Null => true,
        Value::Bool(_) => value.is_boolean(),
        Value::Number(number) if number.is_f64() => value.is_number() || value.is_null(),
        Value::Number(_) => value.is_i64() || value.is_u64() || value.is_null(),
        Value::String(_) => value.is_string() || value.is_null(),
        Value::Array(_) => value.is_array(),
        Value::Object(_) => value.is_object(),
    };
    if fits {
        return Ok(());
    }
    let expected = match base {
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list in brackets, such as [64, 128]",
        Value::Object(_) | Value::Null => "a table of settings",
    };
    Err(OverlayError::Kind {
        key: key.to_owned(),
        value: value.to_string(),
        expected: expected.to_owned(),
    })
}

fn unknown(full: String, key: &str, path: &str, base: &Map<String, Value>) -> OverlayError {
    let nearest = base
        .keys()
        .map(|candidate| (strsim::jaro_winkler(candidate, key), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= ALIKE);
    let help = match nearest {
        Some((_, candidate)) if path.is_empty() => format!("did you mean `{candidate}`?"),
        Some((_, candidate)) => format!("did you mean `{path}.{candidate}`?"),
        None => "see `fornax config show` for all settings".to_owned(),
    };
    OverlayError::Unknown { key: full, help }
}

/// The value of `key`, all settings where `key` is empty.
fn to_json(value: toml::Value, key: &str, origin: &str) -> Result<Value, OverlayError> {
    check_finite(&value, key)?;
    serde_json::to_value(value).map_err(|error| OverlayError::Syntax {
        origin: origin.to_owned(),
        message: error.to_string(),
    })
}

/// JSON, which the settings become, has no other numbers.
fn check_finite(value: &toml::Value, key: &str) -> Result<(), OverlayError> {
    match value {
        toml::Value::Float(number) if !number.is_finite() => Err(OverlayError::Kind {
            key: key.to_owned(),
            value: number.to_string(),
            expected: "a finite number".to_owned(),
        }),
        toml::Value::Array(values) => values.iter().try_for_each(|value| check_finite(value, key)),
        toml::Value::Table(table) => table
            .iter()
            .try_for_each(|(part, value)| check_finite(value, &below(key, part))),
        _ => Ok(()),
    }
}

/// The whole key of `part` in the table at `path`, which is empty for the outermost.
fn below(path: &str, part: &str) -> String {
    if path.is_empty() {
        part.to_owned()
    } else {
        format!("{path}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn defaults() -> Value {
        json!({"seed": 1, "data": {"target": null}, "train": {"epochs": 3, "rate": 0.5, "widths": [1]}})
    }

    fn apply(assignment: &str) -> Result<Value, OverlayError> {
        let mut base = defaults();
        overlay(&mut base, parse_assignment(assignment)?)?;
        Ok(base)
    }

    #[track_caller]
    fn check(assignment: &str, pointer: &str, expected: &Value) {
        let tree = apply(assignment).expect("a valid setting");
        assert_eq!(tree.pointer(pointer), Some(expected));
    }

    #[test]
    fn settings_replace_the_defaults_they_name() {
        check("seed=7", "/seed", &json!(7));
        check("train.rate=1", "/train/rate", &json!(1));
        check("train.widths=[2, 3]", "/train/widths", &json!([2, 3]));
        check("data.target=species", "/data/target", &json!("species"));
        check("train.rate = 2.5", "/train/epochs", &json!(3));
    }

    #[test]
    fn misspelt_key_is_refused_with_a_suggestion() {
        let error = apply("train.epcohs=3").expect_err("no such key");
        assert_eq!(
            error.help().as_deref(),
            Some("did you mean `train.epochs`?")
        );
        assert_eq!(error.to_string(), "no setting is called `train.epcohs`");
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        for (assignment, expected) in [
            ("train.epochs=ten", "a whole number"),
            ("train.epochs=1.5", "a whole number"),
            ("train.widths=4", "a list"),
            ("train=4", "a table"),
        ] {
            let message = apply(assignment).expect_err(assignment).to_string();
            assert!(message.contains(expected), "{assignment}: {message}");
        }
    }

    #[test]
    fn assignments_without_a_key_or_value_are_refused() {
        for assignment in ["train.epochs", "=3", "train..epochs=3"] {
            assert!(
                matches!(apply(assignment), Err(OverlayError::Syntax { .. })),
                "{assignment}"
            );
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let message = |error: OverlayError| error.to_string();
        for (assignment, expected) in [
            (
                "train.rate=nan",
                "`train.rate = NaN`: expected a finite number",
            ),
            (
                "train.widths=[1, -inf]",
                "`train.widths = -inf`: expected a finite number",
            ),
        ] {
            assert_eq!(apply(assignment).map_err(message), Err(expected.to_owned()));
        }
        let file = parse_file("my.toml", "[train]\nrate = inf\n").map_err(message);
        let expected = "`train.rate = inf`: expected a finite number";
        assert_eq!(file, Err(expected.to_owned()));
    }

    #[test]
    fn a_file_that_is_not_toml_names_the_line() {
        let error = parse_file("my.toml", "seed = 1\nepochs = = 2\n").expect_err("not TOML");
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
