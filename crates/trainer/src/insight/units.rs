//! The strips of the layers: health, what pruning costs, and what the most telling units look for.

use std::collections::BTreeMap;
use std::ops::Range;

use fornax_data::{InputShape, Split, Task};
use fornax_insight::units::{UnitHealth, informativeness, unit_columns, unit_health};
use fornax_insight::watch::Prune;
use fornax_layers::{Activation, Feature, StandIn};
use fornax_runs::report::{Exhibit, Layer, UnitView};

use super::exhibits::Exhibits;
use super::filters::filters;
use super::ideals::{ideal_images, ideals};
use super::layers::BATCH;
use super::verdict::Judged;
use super::{Sample, Subject};
use crate::architecture::{Network, NetworkConfig};
use crate::batch;
use crate::error::Error;
use crate::evaluate::{chunks, update};
use crate::metrics::Metrics;
use crate::step::to_vec;

/// Samples whose features are kept whole, and numbers of all of them.
const SAMPLES: usize = 512;
const NUMBERS: usize = 1 << 24;
/// Units of a layer that are shown.
const UNITS: usize = 8;
/// What excites a unit most.
const EXHIBITS: usize = 6;
/// Rows of a table of which the mean is shown.
const TYPICAL: usize = 20;

/// A strip for each layer.
pub(super) fn strips(
    subject: &Subject,
    sample: &Sample,
    exhibits: &Exhibits,
    judged: &Judged,
) -> Result<Vec<Layer>, Error> {
    let train = &subject.dataset.train;
    let places = kept(subject, train, &sample.fit)?;
    let Some(features) = whole(subject, train, &places)? else {
        return Ok(Vec::new());
    };
    let labels = labels(train, &places)?;
    let last = features.len() - 1;
    let mut layers = Vec::with_capacity(features.len());
    let mut prune = BTreeMap::new();
    for (index, feature) in features.iter().enumerate() {
        let range = if index == last { None } else { range(subject) };
        let health = unit_health(&unit_columns(feature), range);
        if index < last {
            prune.insert(feature.name.clone(), spare(&health));
        }
        let filters = if index == 0 {
            filters(subject)
        } else {
            Vec::new()
        };
        let num_classes = subject.dataset.task.num_outputs();
        let units = match (&subject.dataset.task, index == last) {
            (Task::Classification { .. }, true) => ideals(subject, exhibits),
            (Task::NextToken { .. }, _) => Vec::new(),
            _ => telling(
                subject,
                exhibits,
                train,
                &places,
                feature,
                &labels,
                num_classes,
            )?,
        };
        layers.push(Layer {
            name: feature.name.clone(),
            num_units: health.num_units,
            // The last layer's numbers are answers, not units that could go.
            dead: if index == last { 0 } else { health.dead.len() },
            saturated: health.saturated.len(),
            duplicates: if index == last {
                0
            } else {
                health.duplicates.len()
            },
            pruned: None,
            filters,
            units,
        });
    }
    cost_of_pruning(subject, judged, &prune, &mut layers)?;
    Ok(layers)
}

/// As many of the samples as fit.
fn kept(subject: &Subject, split: &Split, places: &[usize]) -> Result<Vec<usize>, Error> {
    let Some(&first) = places.first() else {
        return Ok(Vec::new());
    };
    let batch = split.batch(&[first])?;
    let inputs = batch::inputs(&batch, subject.layout, &subject.device);
    let widths = subject
        .network
        .features(&inputs)
        .into_iter()
        .map(|feature| feature.values.dims()[1]);
    let widest = widths.max().unwrap_or(1);
    let most = if matches!(subject.dataset.task, Task::NextToken { .. }) {
        16
    } else {
        SAMPLES
    };
    let count = (NUMBERS / widest.max(1)).clamp(8, most);
    Ok(places.iter().copied().take(count).collect())
}

/// The features of all layers for the items at `places`.
fn whole(
    subject: &Subject,
    split: &Split,
    places: &[usize],
) -> Result<Option<Vec<Feature>>, Error> {
    if places.is_empty() {
        return Ok(None);
    }
    let batch = split.batch(places)?;
    let inputs = batch::inputs(&batch, subject.layout, &subject.device);
    let features = subject.network.features(&inputs);
    Ok((!features.is_empty()).then_some(features))
}

fn labels(split: &Split, places: &[usize]) -> Result<Vec<usize>, Error> {
    Ok(match split.batch(places)?.targets {
        fornax_data::Targets::Classes(classes) => classes
            .into_iter()
            .map(|class| usize::try_from(class).unwrap_or(0))
            .collect(),
        _ => vec![0; places.len()],
    })
}

/// The ends of what a hidden unit can say, where it has two.
fn range(subject: &Subject) -> Option<(f32, f32)> {
    let activation = match subject.config {
        NetworkConfig::Mlp(config) => config.activation,
        NetworkConfig::Cnn(config) => config.activation,
        NetworkConfig::Dbn(_) => Activation::Sigmoid,
        NetworkConfig::Rnn(_) => Activation::Tanh,
    };
    match activation {
        Activation::Sigmoid => Some((0.0, 1.0)),
        Activation::Tanh => Some((-1.0, 1.0)),
        Activation::Relu | Activation::Gelu | Activation::LeakyRelu => None,
    }
}

/// The units that could go, each with what stands for it.
fn spare(health: &UnitHealth) -> Vec<StandIn> {
    let dead = health.dead.iter().map(|&unit| StandIn {
        unit,
        source: unit,
        scale: 0.0,
        shift: health.means[unit],
    });
    let duplicates = health.duplicates.iter().map(|duplicate| StandIn {
        unit: duplicate.unit,
        source: duplicate.twin,
        scale: duplicate.scale,
        shift: duplicate.shift,
    });
    dead.chain(duplicates).collect()
}

/// A network of which a layer lacks some units, and the tap that keeps them away.
fn without(network: &Network, layer: &str, units: &[StandIn]) -> (Network, Prune) {
    let number = layer.strip_prefix("layer").map(str::parse);
    if let (Network::Rnn(rnn), Some(Ok(number))) = (network, number) {
        // A state is read by the next step before a tap could change it.
        let pruned = rnn.clone().without_units(number, units);
        return (Network::Rnn(pruned), Prune::default());
    }
    let off = BTreeMap::from([(layer.to_owned(), units.to_vec())]);
    (network.clone(), Prune { off })
}

/// Measures what it costs to switch off the spare units of each layer.
fn cost_of_pruning(
    subject: &Subject,
    judged: &Judged,
    spare: &BTreeMap<String, Vec<StandIn>>,
    layers: &mut [Layer],
) -> Result<(), Error> {
    let places = &judged.places[..judged.places.len().min(2000)];
    for layer in layers.iter_mut() {
        let Some(units) = spare.get(&layer.name).filter(|units| !units.is_empty()) else {
            continue;
        };
        let (network, mut tap) = without(&subject.network, &layer.name, units);
        let mut metrics = Metrics::for_task(&subject.dataset.task);
        for chunk in chunks(places.len(), BATCH) {
            let items: Vec<usize> = chunk.iter().map(|&index| places[index]).collect();
            let batch = judged.split.batch(&items)?;
            let inputs = batch::inputs(&batch, subject.layout, &subject.device);
            let outputs = to_vec(network.forward_tap(&inputs, &mut tap));
            update(&mut metrics, &outputs, &batch, judged.split, &items);
        }
        let (name, _) = metrics.primary();
        layer.pruned = metrics.values().get(name).copied();
    }
    Ok(())
}

/// The units that tell most about the class, each with what excites it most.
fn telling(
    subject: &Subject,
    exhibits: &Exhibits,
    split: &Split,
    places: &[usize],
    feature: &Feature,
    labels: &[usize],
    num_classes: usize,
) -> Result<Vec<UnitView>, Error> {
    let peaks = Peaks::of(feature);
    let is_class = matches!(subject.dataset.task, Task::Classification { .. });
    let targets = targets(split, places)?;
    let shares: Vec<f64> = if is_class {
        informativeness(&peaks.values, peaks.num_units, labels, num_classes)
    } else {
        (0..peaks.num_units)
            .map(|unit| peaks.correlation(unit, &targets).abs())
            .collect()
    };
    let mut order: Vec<usize> = (0..peaks.num_units)
        .filter(|&unit| shares[unit] > 0.0)
        .collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
    order.truncate(UNITS);
    let num_exhibits = match subject.dataset.input {
        InputShape::Image { .. } => EXHIBITS,
        _ => 3,
    };
    let field = receptive_field(subject, &feature.name);
    let best: Vec<usize> = order
        .iter()
        .filter_map(|&unit| peaks.best(unit, 1).first().map(|&row| places[row]))
        .collect();
    let starts = split.batch(&best)?.inputs;
    let ideals = ideal_images(subject, &feature.name, &order, Some(&starts), exhibits);
    let mut ideals = ideals.into_iter();
    let views = order
        .into_iter()
        .map(|unit| {
            let best = peaks.best(unit, num_exhibits);
            let shown = best.iter().map(|&row| {
                let place = places[row];
                match (field, &subject.dataset.input, feature.shape.as_slice()) {
                    (Some(side), &InputShape::Image { height, width, .. }, &[_, rows, columns])
                        if side < height.max(width) =>
                    {
                        let at = peaks.at[row * peaks.num_units + unit];
                        let centre = [
                            (2 * (at / columns) + 1) * height / (2 * rows),
                            (2 * (at % columns) + 1) * width / (2 * columns),
                        ];
                        let Ok(fornax_data::Inputs::Dense { values, .. }) =
                            split.batch(&[place]).map(|batch| batch.inputs)
                        else {
                            return exhibits.item(split, place, None);
                        };
                        Exhibit::Image {
                            picture: exhibits.patch(&values, centre, side),
                        }
                    }
                    _ => match stretch(subject, feature, peaks.at[row * peaks.num_units + unit]) {
                        Some(steps) => exhibits.stretch(split, place, steps),
                        None => exhibits.item(split, place, None),
                    },
                }
            });
            let shown = match subject.dataset.input {
                // What the rows have in common says more than each of them.
                InputShape::Vector { .. } => vec![
                    exhibits.typical(
                        split,
                        &peaks
                            .best(unit, TYPICAL)
                            .iter()
                            .map(|&row| places[row])
                            .collect::<Vec<_>>(),
                    ),
                ],
                _ => shown.collect(),
            };
            UnitView {
                unit,
                follows: if is_class {
                    follows(subject, &peaks, unit, labels, num_classes)
                } else {
                    let way = if peaks.correlation(unit, &targets) > 0.0 {
                        "rises"
                    } else {
                        "falls"
                    };
                    format!(
                        "{way} with the answer (r = {:.2})",
                        peaks.correlation(unit, &targets)
                    )
                },
                exhibits: shown,
                ideal: ideals.next(),
            }
        })
        .collect();
    Ok(views)
}

/// The largest value of each unit over the places of a sample, and where it stood.
struct Peaks {
    num_units: usize,
    /// `[B, U]`
    values: Vec<f32>,
    /// `[B, U]`
    at: Vec<usize>,
}

impl Peaks {
    fn of(feature: &Feature) -> Self {
        let [batch, _] = feature.values.dims();
        let columns = unit_columns(feature); // [B * P, U]
        let [num_rows, num_units] = columns.dims();
        let num_places = num_rows / batch.max(1);
        let all = to_vec(columns);
        let mut values = vec![f32::NEG_INFINITY; batch * num_units];
        let mut at = vec![0; batch * num_units];
        for (row, units) in all.chunks_exact(num_units.max(1)).enumerate() {
            let (sample, place) = (row / num_places, row % num_places);
            for (unit, &value) in units.iter().enumerate() {
                let peak = sample * num_units + unit;
                if value > values[peak] {
                    values[peak] = value;
                    at[peak] = place;
                }
            }
        }
        Self {
            num_units,
            values,
            at,
        }
    }

    /// Of a unit with numbers that the samples should lead to; 0 where one of the two never changes.
    #[allow(clippy::cast_precision_loss)] // counts of samples
    fn correlation(&self, unit: usize, targets: &[f32]) -> f64 {
        let count = targets.len().max(1) as f64;
        let value = |row: usize| f64::from(self.values[row * self.num_units + unit]);
        let mean_value = (0..targets.len()).map(value).sum::<f64>() / count;
        let mean_target = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / count;
        let (mut product, mut of_values, mut of_targets) = (0.0, 0.0, 0.0);
        for (row, target) in targets.iter().enumerate() {
            let (a, b) = (value(row) - mean_value, f64::from(*target) - mean_target);
            product += a * b;
            of_values += a * a;
            of_targets += b * b;
        }
        let scale = (of_values * of_targets).sqrt();
        if scale > 0.0 { product / scale } else { 0.0 }
    }

    /// The samples that excite a unit most.
    fn best(&self, unit: usize, count: usize) -> Vec<usize> {
        let value = |row: usize| self.values[row * self.num_units + unit];
        let mut rows: Vec<usize> = (0..self.values.len() / self.num_units.max(1)).collect();
        rows.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
        rows.truncate(count);
        rows
    }
}

/// The first number that each sample should lead to.
fn targets(split: &Split, places: &[usize]) -> Result<Vec<f32>, Error> {
    Ok(match split.batch(places)?.targets {
        fornax_data::Targets::Values { values, width } => values
            .chunks_exact(width.max(1))
            .map(|row| row[0])
            .collect(),
        _ => vec![0.0; places.len()],
    })
}

/// The class whose samples excite a unit most on average.
#[allow(clippy::cast_precision_loss)] // counts of samples
fn follows(
    subject: &Subject,
    peaks: &Peaks,
    unit: usize,
    labels: &[usize],
    num_classes: usize,
) -> String {
    let mut sums = vec![(0.0_f64, 0_usize); num_classes];
    for (row, &label) in labels.iter().enumerate() {
        sums[label].0 += f64::from(peaks.values[row * peaks.num_units + unit]);
        sums[label].1 += 1;
    }
    let mean = |class: usize| sums[class].0 / sums[class].1 as f64;
    let seen = (0..num_classes).filter(|&class| sums[class].1 > 0);
    let most = seen.max_by(|&a, &b| mean(a).total_cmp(&mean(b)));
    let names = subject.dataset.preprocess.classes().unwrap_or_default();
    most.and_then(|class| names.get(class))
        .map_or(String::new(), |name| format!("mostly {name}"))
}

/// The steps of a series or a text that a unit had seen last, or saw at all, at one of its places.
fn stretch(subject: &Subject, feature: &Feature, at: usize) -> Option<Range<usize>> {
    let (InputShape::Sequence { max_len, .. } | InputShape::Documents { max_len, .. }) =
        subject.dataset.input
    else {
        return None;
    };
    match (&subject.network, feature.shape.as_slice()) {
        (Network::Cnn(_), &[_, 1, places]) => {
            let field = receptive_field(subject, &feature.name)?;
            let centre = (2 * at + 1) * max_len / (2 * places);
            let start = centre.saturating_sub(field / 2);
            (field < max_len).then(|| start..(start + field).min(max_len))
        }
        (Network::Rnn(_), &[_, _]) => Some(at.saturating_sub(max_len / 20)..at + 1),
        _ => None,
    }
}

/// How many pixels wide the part of an image is that one place of a block's maps sees; `None` for
/// layers that see all of it.
fn receptive_field(subject: &Subject, layer: &str) -> Option<usize> {
    let NetworkConfig::Cnn(config) = subject.config else {
        return None;
    };
    let blocks = layer.strip_prefix("block")?.parse().ok()?;
    Some(config.receptive_field(blocks)[1])
}
