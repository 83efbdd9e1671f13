//! The published rules of other tools, at their defaults, over the same events.
//!
//! Each gives the causes that it would name, the first one first, in the names of our rules. What a
//! tool reads and our events do not hold is left out: its rule is then silent.

use std::collections::BTreeMap;

use serde_json::Value;

/// Tools to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// The built-in rules of Amazon SageMaker Debugger.
    SageMaker,
    /// Schoop, Huang and Hartmann 2021, <https://doi.org/10.1145/3411764.3445538>
    Umlaut,
    /// Zhang et al. 2021, <https://doi.org/10.1109/ICSE43902.2021.00043>
    AutoTrainer,
    /// The advice that everybody gives first.
    LowerTheRate,
    /// A loss that did not fall, or is not finite.
    LossAlone,
}

impl Tool {
    pub(crate) const ALL: [Self; 5] = [
        Self::SageMaker,
        Self::Umlaut,
        Self::AutoTrainer,
        Self::LowerTheRate,
        Self::LossAlone,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SageMaker => "SageMaker Debugger's rules",
            Self::Umlaut => "UMLAUT's rules",
            Self::AutoTrainer => "AutoTrainer's rules",
            Self::LowerTheRate => "\"lower the learning rate\"",
            Self::LossAlone => "the loss curve alone",
        }
    }

    /// What the tool would name.
    pub(crate) fn causes(self, run: &Recorded) -> Vec<&'static str> {
        match self {
            Self::SageMaker => sage_maker(run),
            Self::Umlaut => umlaut(run),
            Self::AutoTrainer => auto_trainer(run),
            Self::LowerTheRate => vec!["high_learning_rate"],
            Self::LossAlone => loss_alone(run),
        }
    }
}

/// The events of a run by their kind, and its settings.
pub(crate) struct Recorded {
    events: BTreeMap<String, Vec<Value>>,
    settings: Value,
}

impl Recorded {
    /// From the text of `events.jsonl` and of `experiment.toml`.
    pub(crate) fn read(events: &str, experiment: &str) -> anyhow::Result<Self> {
        let mut by_kind = BTreeMap::<_, Vec<Value>>::new();
        for line in events.lines() {
            let event: Value = serde_json::from_str(line)?;
            let kind = event["event"].as_str().unwrap_or_default().to_owned();
            by_kind.entry(kind).or_default().push(event);
        }
        let settings: toml::Value = toml::from_str(experiment)?;
        Ok(Self {
            events: by_kind,
            settings: serde_json::to_value(settings)?,
        })
    }

    fn all(&self, kind: &str) -> &[Value] {
        self.events.get(kind).map_or(&[], Vec::as_slice)
    }

    fn setting(&self, path: &str) -> f64 {
        self.settings
            .pointer(path)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    }

    /// A number of each epoch, such as `/train/loss`; NaN where it is not finite or absent.
    fn of_epochs(&self, path: &str) -> Vec<f64> {
        let epochs = self.all("epoch").iter();
        epochs.map(|epoch| number(epoch, path)).collect()
    }

    /// Loss on the validation split by epoch.
    fn valid_losses(&self) -> Vec<f64> {
        let losses = self.of_epochs("/valid/log_loss");
        if losses.iter().all(|loss| loss.is_nan()) {
            return self
                .of_epochs("/valid/rmse")
                .iter()
                .map(|x| x * x)
                .collect();
        }
        losses
    }

    /// Every layer at every window, the hidden ones and the output.
    fn layers(&self) -> impl Iterator<Item = &Value> {
        let signals = self.all("signals").iter();
        signals
            .filter_map(|signals| signals["layers"].as_array())
            .flatten()
    }

    fn is_finite(&self) -> bool {
        self.all("not_finite").is_empty() && self.all("diverged").is_empty()
    }
}

fn number(event: &Value, path: &str) -> f64 {
    event
        .pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or(f64::NAN)
}

fn of_layer(layer: &Value, name: &str) -> f64 {
    layer[name].as_f64().unwrap_or(f64::NAN)
}

/// Adds a cause once.
fn name(causes: &mut Vec<&'static str>, is_so: bool, cause: &'static str) {
    if is_so && !causes.contains(&cause) {
        causes.push(cause);
    }
}

/// Defaults of `debugger-built-in-rules.md` of the developer guide.
fn sage_maker(run: &Recorded) -> Vec<&'static str> {
    let mut causes = Vec::new();
    name(&mut causes, !run.is_finite(), "not_finite");
    let any = |key: &str, is: &dyn Fn(f64) -> bool| run.layers().any(|l| is(of_layer(l, key)));
    name(
        &mut causes,
        any("gradient_mean", &|g| g < 1e-7),
        "vanishing_gradient",
    );
    name(&mut causes, any("dead", &|share| share > 0.5), "dead_units");
    name(
        &mut causes,
        any("saturated", &|share| share > 0.5),
        "saturated_units",
    );
    // Ratio of the variances of layers at the start.
    if let Some(layers) = run
        .all("signals")
        .first()
        .and_then(|s| s["layers"].as_array())
    {
        let variances = layers
            .iter()
            .map(|l| of_layer(l, "weight_deviation").powi(2));
        let (low, high) = variances.fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        name(&mut causes, high / low > 10.0, "initialisation");
    }
    name(
        &mut causes,
        any("update_ratio", &|r| r > 10.0),
        "high_learning_rate",
    );
    name(
        &mut causes,
        any("update_ratio", &|r| r < 1e-8),
        "low_learning_rate",
    );
    // The loss of ten steps before.
    let losses: Vec<f64> = run
        .all("step")
        .iter()
        .map(|step| number(step, "/loss"))
        .collect();
    let stalls = losses.windows(11).any(|w| w[10] >= w[0]);
    name(&mut causes, stalls, "plateau");
    let (train, valid) = (run.of_epochs("/train/loss"), run.valid_losses());
    let gap = train.iter().zip(&valid).any(|(t, v)| (v - t) / t > 0.1);
    name(&mut causes, gap, "overfit");
    name(
        &mut causes,
        patience(&train, 5) || patience(&valid, 10),
        "overtrained",
    );
    let counts = run
        .all("data")
        .first()
        .and_then(|data| data["class_counts"].as_array());
    if let Some(counts) = counts {
        let counts: Vec<f64> = counts.iter().filter_map(Value::as_f64).collect();
        let (low, high) = (
            counts.iter().copied().fold(f64::INFINITY, f64::min),
            counts.iter().copied().fold(0.0, f64::max),
        );
        name(&mut causes, high > 10.0 * low, "imbalance");
    }
    causes
}

/// Whether so many epochs in a row brought no tenth of an improvement.
fn patience(losses: &[f64], epochs: usize) -> bool {
    let (mut best, mut since) = (f64::INFINITY, 0);
    for &loss in losses {
        if loss < best * 0.9 {
            (best, since) = (loss, 0);
        } else {
            since += 1;
        }
        if since >= epochs {
            return true;
        }
    }
    false
}

/// `umlaut/heuristics.py`.
fn umlaut(run: &Recorded) -> Vec<&'static str> {
    let mut causes = Vec::new();
    name(&mut causes, !run.is_finite(), "not_finite");
    if let Some(data) = run.all("data").first() {
        let outside = number(data, "/lowest") < -1.0 || number(data, "/highest") > 1.0;
        name(&mut causes, outside, "unscaled_input");
        let not_finite = number(data, "/num_not_finite") > 0.0;
        name(&mut causes, not_finite, "not_finite_input");
    }
    let rate = run.setting("/train/learning_rate");
    name(&mut causes, rate > 0.01, "high_learning_rate");
    name(&mut causes, rate < 1e-7, "low_learning_rate");
    name(
        &mut causes,
        run.setting("/model/dropout") > 0.5,
        "high_dropout",
    );
    let (train, valid) = (run.of_epochs("/train/loss"), run.valid_losses());
    let pairs = || train.windows(2).zip(valid.windows(2));
    let parts = pairs().any(|(t, v)| t[1] < t[0] && v[1] > v[0]);
    name(&mut causes, parts, "overfit");
    let (train, valid) = (
        run.of_epochs("/train/accuracy"),
        run.of_epochs("/valid/accuracy"),
    );
    let good = valid.iter().skip(3).any(|accuracy| *accuracy > 0.95)
        || train.iter().zip(&valid).any(|(t, v)| v - t > 0.05);
    name(&mut causes, good, "suspiciously_good");
    causes
}

/// `AutoTrainer/utils/monitor.py` with the parameters of `reproduce.py`; it names what it sees in
/// the layers only where the accuracy is unsatisfactory too.
fn auto_trainer(run: &Recorded) -> Vec<&'static str> {
    let mut causes = Vec::new();
    let losses = run.of_epochs("/train/loss");
    let exploded = losses.iter().any(|loss| !loss.is_finite() || *loss >= 1e3);
    name(
        &mut causes,
        !run.is_finite() || exploded,
        "exploding_gradient",
    );
    let mut accuracy = run.of_epochs("/valid/accuracy");
    if accuracy.iter().all(|x| x.is_nan()) {
        accuracy = run.of_epochs("/train/accuracy");
    }
    let best = accuracy.iter().copied().fold(f64::NAN, f64::max);
    let poor = best.is_nan() || best <= 0.6;
    for signals in run.all("signals").iter().filter(|_| poor) {
        let Some(layers) = signals["layers"].as_array() else {
            continue;
        };
        let (Some(first), Some(last)) = (layers.first(), layers.last()) else {
            continue;
        };
        let (first, last) = (
            of_layer(first, "gradient_norm"),
            of_layer(last, "gradient_norm"),
        );
        name(
            &mut causes,
            first / last < 1e-3 && first < 1e-4,
            "vanishing_gradient",
        );
        name(&mut causes, first / last > 70.0, "exploding_gradient");
        let dead = layers.iter().any(|layer| of_layer(layer, "dead") >= 0.7);
        name(&mut causes, dead, "dead_units");
    }
    let steps: Vec<f64> = accuracy.windows(2).map(|w| w[0] - w[1]).collect();
    let falls = steps.iter().filter(|fall| **fall >= 0.03).count();
    name(
        &mut causes,
        falls > 0 && falls * 5 >= accuracy.len(),
        "oscillation",
    );
    let gain = steps
        .iter()
        .map(|fall| -fall)
        .fold(f64::NEG_INFINITY, f64::max);
    name(&mut causes, gain < 0.01 && best < 0.6, "low_learning_rate");
    causes
}

fn loss_alone(run: &Recorded) -> Vec<&'static str> {
    let losses = run.of_epochs("/train/loss");
    let falls = match (losses.first(), losses.last()) {
        (Some(first), Some(last)) => losses.len() < 2 || *last < 0.9 * first,
        _ => false,
    };
    if run.is_finite() && falls {
        return Vec::new();
    }
    vec!["high_learning_rate"]
}
