//! The flags that are settings of an experiment, and what they come to together with a file and `--set`.

use clap::{Args, ValueHint};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

use super::parse::{parse_number, parse_time};
use crate::architecture::Architecture;
use crate::error::Error;
use crate::experiment::Request;
use crate::overlay;
use crate::precision::Precision;
use crate::signals::DoctorLevel;

/// The settings of an experiment, from a file and from flags.
#[derive(Debug, Args, Default)]
pub struct ExperimentArgs {
    /// Kind of network; chosen from the data where it is left out.
    #[arg(value_enum)]
    pub architecture: Option<Architecture>,
    /// Name of a dataset (see `fornax data list`), or a file or folder of yours.
    #[arg(long, value_name = "NAME|PATH", value_hint = ValueHint::AnyPath)]
    pub data: Option<String>,
    /// Column to predict.
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Series: steps that the network sees.
    #[arg(long, value_name = "STEPS")]
    pub window: Option<u64>,
    /// Series: steps ahead that it predicts.
    #[arg(long, value_name = "STEPS")]
    pub horizon: Option<u64>,
    /// Series: one of several columns to forecast at once, in place of the target; `*` for every
    /// column of numbers; may be given many times.
    #[arg(long, value_name = "COLUMN")]
    pub channel: Vec<String>,
    /// Series: a column that tells several apart, such as a store; may be given many times.
    #[arg(long, value_name = "COLUMN")]
    pub series: Vec<String>,
    /// Series: a column whose values are known ahead, such as a price; the column of the time stands
    /// for its calendar; may be given many times.
    #[arg(long, value_name = "COLUMN")]
    pub known_future: Vec<String>,
    /// Share of the training split to use, above 0 up to 1.
    #[arg(long, value_name = "SHARE", value_parser = parse_number, allow_negative_numbers = true)]
    pub fraction: Option<f64>,
    /// Passes over the training split.
    #[arg(long, value_name = "N")]
    pub epochs: Option<u64>,
    /// Samples a step.
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u64>,
    /// Peak learning rate.
    #[arg(long, visible_alias = "lr", value_name = "RATE", value_parser = parse_number, allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Stop after this time, such as 90s, 10m, 2h, and keep what there is.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<f64>,
    /// Where all random choices start.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What computes: flex, ndarray, wgpu, vulkan, metal, cuda, rocm, with :N for the N-th.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// What matrix products are computed in; all else is f32.
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// How closely the doctor looks at the training; changes no result.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub doctor: Option<DoctorLevel>,
    /// Experiment file, laid over the defaults; flags and --set are laid over it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Any setting, such as --set train.optimizer=sgd; may be given many times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ExperimentArgs {
    /// Collects file, flags and `--set` into one request, later ones over earlier ones.
    ///
    /// # Errors
    /// When the file cannot be read or an assignment is malformed.
    pub fn request(&self) -> Result<Request, Error> {
        let mut settings = Value::Object(Map::new());
        if let Some(path) = &self.config {
            let text = std::fs::read_to_string(path).map_err(|source| Error::Usage {
                message: format!("{}: {source}", path.display()),
                help: "name an experiment file, such as the experiment.toml of a run".to_owned(),
            })?;
            settings = overlay::parse_file(&path.display().to_string(), &text)?;
        }
        overlay::merge(&mut settings, self.flags());
        for assignment in &self.set {
            overlay::merge(&mut settings, overlay::parse_assignment(assignment)?);
        }
        Ok(Request {
            architecture: self.architecture,
            settings,
        })
    }

    fn flags(&self) -> Value {
        let tree = json!({
            "seed": self.seed,
            "device": self.device,
            "data": {
                "source": self.data,
                "target": self.target,
                "window": self.window,
                "horizon": self.horizon,
                "channels": self.channel,
                "series": self.series,
                "known_future": self.known_future,
                "fraction": self.fraction,
            },
            "train": {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                "precision": self.precision,
                "time_limit_s": self.time,
                "doctor": self.doctor,
            },
        });
        given(tree).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// The tree without what was not given, and without tables and lists that are empty.
fn given(tree: Value) -> Option<Value> {
    match tree {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Object(table) => {
            let table: Map<String, Value> = table
                .into_iter()
                .filter_map(|(key, value)| given(value).map(|value| (key, value)))
                .collect();
            (!table.is_empty()).then_some(Value::Object(table))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_wins_over_flags() {
        let args = ExperimentArgs {
            epochs: Some(3),
            set: vec!["train.epochs=5".to_owned()],
            ..ExperimentArgs::default()
        };
        let request = args.request().expect("well formed");
        assert_eq!(request.settings, json!({"train": {"epochs": 5}}));
    }
}
