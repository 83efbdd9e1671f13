//! What a report says, as plain data: the form of `report.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Learning, Picture};

/// The version of this form.
pub const REPORT_FORMAT: u32 = 1;

/// Everything that a report of a run says. A part that does not fit the task is absent.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format: u32,
    /// Name of the run's folder.
    pub run: String,
    /// The result, and what it is worth.
    pub verdict: Verdict,
    /// What the doctor found, the most worthwhile first.
    pub findings: Vec<Finding>,
    /// How it was learned.
    pub learning: Learning,
    /// What each layer adds.
    pub hierarchy: Option<Hierarchy>,
    /// What the units of each layer look for.
    pub layers: Vec<Layer>,
    /// Where answers of classes go wrong.
    pub mistakes: Option<Mistakes>,
    /// Where numbers are off.
    pub errors: Option<ValueErrors>,
    /// What a network of text sees.
    pub text: Option<TextView>,
    /// What a deep belief network dreams.
    pub dreams: Option<Dreams>,
    /// How far to believe it.
    pub trust: Option<Trust>,
    /// How to run it again.
    pub reproduce: Reproduce,
    /// What this report took, in seconds.
    pub seconds: f64,
}

/// A measured value with the interval that would hold the true one in 95 of 100 such tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// What was measured; NaN where nothing could be.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share, shown in percent.
    Share,
    /// A plain number.
    Plain,
}

/// The result of a run, beside what it has to beat.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// What the network does, as the end of "The network ..".
    pub task: String,
    /// Name of the metric that counts.
    pub metric: String,
    /// How it is written.
    pub unit: Unit,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// The metric, with its interval.
    pub result: Estimate,
    /// Which split it was measured on.
    pub split: String,
    /// Samples of that split.
    pub num_samples: usize,
    /// What it has to beat, weakest first: name and value on the same split.
    pub rivals: Vec<(String, f64)>,
    /// Further metrics on that split.
    pub others: BTreeMap<String, f64>,
    /// Data, network, device, time: name and words.
    pub facts: Vec<(String, String)>,
    /// What to do next, most useful first.
    pub advice: Vec<Advice>,
}

/// A thing to do, with the command for it.
#[derive(Debug, Clone, Serialize)]
pub struct Advice {
    /// Why.
    pub sentence: String,
    /// What to type.
    pub command: Option<String>,
}

/// What the doctor found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// `error`, `warning` or `advice`.
    pub severity: String,
    /// What is wrong, in one line.
    pub cause: String,
    /// What was measured, and where.
    pub measured: String,
    /// What to do.
    pub remedy: String,
    /// What to type.
    pub command: Option<String>,
    /// How sure it is, in `[0, 1]`.
    pub confidence: f64,
    /// What follows from it.
    pub explains: Vec<String>,
    /// Where it stands on curves by epoch, counted from 1.
    pub epoch: Option<usize>,
    /// Where it stands on curves by step, counted from 0.
    pub step: Option<usize>,
}

impl Finding {
    /// Whether the result is the worse for it.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.severity != "advice"
    }
}

/// The hierarchy curve, and what goes with it.
#[derive(Debug, Clone, Serialize)]
pub struct Hierarchy {
    /// What a probe's score is: `accuracy` or `R²`.
    pub score: String,
    /// How it is written.
    pub unit: Unit,
    /// Samples that probes were fitted on, and under how many seeds.
    pub num_fit: usize,
    /// Probes of each layer.
    pub num_seeds: usize,
    /// Samples that they were scored on, and their split.
    pub num_held_out: usize,
    /// Name of that split.
    pub split: String,
    /// From the raw input to the last layer.
    pub layers: Vec<LayerScore>,
    /// Layers whose features make the decision harder than the layer before.
    pub worse: Vec<String>,
    /// Similarity of every layer to every other, row by row.
    pub cka: Vec<Vec<Option<f64>>>,
    /// Similarity of each layer to what it was before training; the raw input stays itself.
    pub cka_to_start: Vec<Option<f64>>,
}

/// How useful one layer's features are.
#[derive(Debug, Clone, Serialize)]
pub struct LayerScore {
    /// Name of the layer; `input` for the raw input.
    pub name: String,
    /// Numbers of a sample in it.
    pub width: usize,
    /// Of those, or of averages over them, how many were measured.
    pub measured_width: usize,
    /// A linear model on these features.
    pub probe: Estimate,
    /// The same in the same network with random weights.
    pub control: Option<Estimate>,
    /// The vote of the nearest neighbours.
    pub knn: f64,
    /// Variance between the classes over variance within.
    pub separability: Option<f64>,
}

/// The units of one layer.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Layer {
    /// Name of the layer.
    pub name: String,
    /// How many units it has.
    pub num_units: usize,
    /// Units that never change.
    pub dead: usize,
    /// Units at an end of their range nearly always.
    pub saturated: usize,
    /// Units that repeat another.
    pub duplicates: usize,
    /// The metric after all of those were switched off, where they were.
    pub pruned: Option<f64>,
    /// First-layer weights as pictures.
    pub filters: Vec<Picture>,
    /// The most telling units, with what excites them most.
    pub units: Vec<UnitView>,
}

/// What excites one unit.
#[derive(Debug, Clone, Serialize)]
pub struct UnitView {
    /// Its place in the layer.
    pub unit: usize,
    /// What it follows: a class, or a property of the text, with a measure of how much.
    pub follows: String,
    /// The inputs, or parts of inputs, that excite it most.
    pub exhibits: Vec<Exhibit>,
    /// The input that would excite it most, found by ascent.
    pub ideal: Option<Picture>,
}

/// An input, or a part of one, for people to look at.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Exhibit {
    /// An image.
    Image {
        /// The image.
        picture: Picture,
    },
    /// A series; what follows it, for forecasts.
    Series {
        /// Each channel's values.
        channels: Vec<Vec<f32>>,
        /// How much each step speaks for the answer; empty where that is unknown.
        weights: Vec<f32>,
        /// What followed.
        truth: Vec<f32>,
        /// What was forecast.
        forecast: Vec<f32>,
    },
    /// A row of a table: name, value, and how much it speaks for the answer.
    Row {
        /// The cells that count most.
        cells: Vec<(String, String, f32)>,
    },
    /// Characters, each with a weight that colours it, in `[-1, 1]`.
    Text {
        /// The characters.
        characters: Vec<(String, f32)>,
    },
    /// Nothing to see: too large to show.
    Omitted {
        /// What it would be.
        what: String,
    },
}

/// Where a classifier goes wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Mistakes {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The split that all of this is about.
    pub split: String,
    /// Counts by true class, then by answer.
    pub confusion: Vec<Vec<u64>>,
    /// The worst cases: surest of a wrong answer first.
    pub cases: Vec<Case>,
    /// How the maps of the cases were made.
    pub method: Option<Method>,
    /// Labels that are probably wrong.
    pub suspects: Vec<Case>,
    /// How many there are in all, and among how many samples.
    pub num_suspects: (usize, usize),
}

/// How an attribution was made, and whether it passed its checks.
#[derive(Debug, Clone, Serialize)]
pub struct Method {
    /// Name of the method.
    pub name: String,
    /// What it cannot show.
    pub limits: String,
    /// Integrated gradients: largest difference between the sum of a map and what it has to
    /// explain, relative to it.
    pub residual: Option<f64>,
    /// Correlation of the maps with those of the same network with scrambled weights; near 0 when
    /// the maps depend on what was learned.
    pub scrambled: Option<f64>,
}

/// One sample with its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Where it stands in the data.
    pub place: String,
    /// The input.
    pub exhibit: Exhibit,
    /// What spoke for the answer, drawn over an image.
    pub map: Option<Picture>,
    /// What it is, as the data say.
    pub truth: String,
    /// What the network says.
    pub answer: String,
    /// How sure it is, in `[0, 1]`.
    pub confidence: Option<f64>,
    /// The nearest training samples in the features of the last hidden layer.
    pub neighbours: Vec<NeighbourView>,
}

/// A training sample near a case.
#[derive(Debug, Clone, Serialize)]
pub struct NeighbourView {
    /// Where it stands in the data.
    pub place: String,
    /// The input.
    pub exhibit: Exhibit,
    /// Its label.
    pub label: String,
    /// Cosine of the features, at most 1.
    pub cosine: f32,
}

/// Where a network of numbers is off.
#[derive(Debug, Clone, Serialize)]
pub struct ValueErrors {
    /// What is predicted.
    pub target: String,
    /// The split.
    pub split: String,
    /// True and predicted values of (at most some hundred) samples, in original units.
    pub pairs: Vec<(f64, f64)>,
    /// Root mean squared error at each step ahead; one number for a regression.
    pub rmse_by_step: Vec<f64>,
    /// The same of the naive forecast.
    pub naive_by_step: Vec<f64>,
    /// Differences, predicted minus true: edges and counts.
    pub histogram: Vec<(f64, f64, usize)>,
    /// The worst cases.
    pub cases: Vec<Case>,
    /// How the weights of the cases were made.
    pub method: Option<Method>,
}

/// What a network of text sees.
#[derive(Debug, Clone, Serialize)]
pub struct TextView {
    /// A passage that it has not seen, each character coloured by how surprising it was.
    pub surprise: Exhibit,
    /// Bits that each class of characters costs: name, bits per character, share of the text.
    pub bits_by_class: Vec<(String, f64, f64)>,
    /// How far back a changed character still moves each layer: relative change of the state by
    /// distance.
    pub memory: Vec<MemoryCurve>,
    /// Characters back after which at most a tenth of the change is left, by layer.
    pub memory_length: Vec<(String, usize)>,
    /// Units that follow something in the text, over a passage.
    pub units: Vec<UnitView>,
    /// Why the next character: how much each earlier one speaks for it.
    pub cases: Vec<Case>,
    /// How those were made.
    pub method: Option<Method>,
}

/// How a change fades in one layer.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryCurve {
    /// Name of the layer.
    pub layer: String,
    /// Steps since the change, and how much of the change is left.
    pub points: Vec<(usize, f64)>,
}

/// What a deep belief network dreams.
#[derive(Debug, Clone, Serialize)]
pub struct Dreams {
    /// Free chains after so many Gibbs steps, each dream with its nearest training sample.
    pub free: Vec<(usize, Vec<Dream>)>,
    /// Dreams of each class.
    pub of_class: Vec<(String, Vec<Exhibit>)>,
    /// An input, and its reconstruction through one layer, two layers, and so on.
    pub reconstructions: Vec<Vec<Exhibit>>,
    /// Root mean squared error of the reconstruction through each layer.
    pub reconstruction_errors: Vec<(String, f64)>,
}

/// One dream.
#[derive(Debug, Clone, Serialize)]
pub struct Dream {
    /// What it looks like.
    pub exhibit: Exhibit,
    /// The training sample that is most like it.
    pub nearest: Exhibit,
    /// Root mean squared difference to it.
    pub distance: f64,
}

/// How far to believe a classifier.
#[derive(Debug, Clone, Serialize)]
pub struct Trust {
    /// The split.
    pub split: String,
    /// Samples.
    pub num_samples: usize,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Samples, mean confidence and accuracy of each bin that has any.
    pub bins: Vec<(usize, f64, f64)>,
    /// Share answered, accuracy of those, and the confidence from which on it answers.
    pub abstain: Vec<(f64, f64, f64)>,
    /// Each class by its name.
    pub classes: Vec<ClassScore>,
}

/// One class.
#[derive(Debug, Clone, Serialize)]
pub struct ClassScore {
    /// Name of the class.
    pub name: String,
    /// Samples of the split that are of it.
    pub count: usize,
    /// Samples of the training split that are of it.
    pub num_train: usize,
    /// Of those that are of it, the share that is found.
    pub recall: Estimate,
    /// Of the answers that name it, the share that is right; absent where none does.
    pub precision: Option<f64>,
}

/// How to run it again.
#[derive(Debug, Clone, Serialize)]
pub struct Reproduce {
    /// The command.
    pub command: String,
    /// The complete experiment.
    pub experiment: String,
    /// Versions and checksums: name and words.
    pub versions: Vec<(String, String)>,
}
