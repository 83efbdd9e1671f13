//! What the rules get to know of a dataset: counts and ranges, and what quick models make of it.

use burn::tensor::Device;
use fornax_data::Dataset;
use fornax_data::check::Report;
use fornax_runs::DataSignals;

use super::quick_model::QuickModel;
use crate::error::Error;

/// Suspected wrong labels that are named.
const NAMED: usize = 10;

/// Items of each split whose values are looked at: enough for every rule.
pub(crate) const MOST_ITEMS: usize = 50_000;
/// Training samples that quick models are fitted to: enough for every rule, in a second or two.
pub(crate) const MOST_SAMPLES: usize = 2_000;

/// Looks at a dataset of which `report` tells already, by quick models of `samples` training samples;
/// by none where there are 0.
///
/// # Errors
/// When an item can no longer be read.
pub(crate) fn signals(
    dataset: &Dataset,
    report: &Report,
    device: &Device,
    seed: u64,
    samples: usize,
) -> Result<DataSignals, Error> {
    let mut signals = of_report(dataset, report);
    // Numbers that are none would make nonsense of every distance.
    if samples > 0 && signals.num_not_finite == 0 {
        let quick = QuickModel::fit(dataset, device, seed, samples)?;
        signals.reference = quick.reference;
        signals.neighbour_gain = quick.neighbour_gain;
        signals.num_suspected_labels = quick.num_suspects;
        signals.label_check = quick.label_check;
        let named = quick.suspects.iter().take(NAMED);
        signals.suspected_labels = named.map(|&place| dataset.train.place(place)).collect();
    }
    Ok(signals)
}

/// What a report of a dataset says, as far as rules judge it.
fn of_report(dataset: &Dataset, report: &Report) -> DataSignals {
    let columns = |is_constant: bool| {
        let left_out = report.left_out.iter();
        left_out
            .filter(|left| match left.why.as_str() {
                "it holds one value" => is_constant,
                "it counts the rows" | "every cell differs" => !is_constant,
                _ => false, // left out as told
            })
            .map(|left| left.column.clone())
            .collect()
    };
    let baseline = dataset.baseline.to_beat().valid;
    DataSignals {
        num_not_finite: report.values.num_not_finite,
        lowest: report.values.lowest.into(),
        highest: report.values.highest.into(),
        mean: report.values.mean,
        deviation: report.values.deviation,
        class_counts: dataset.train.class_counts().unwrap_or_default(),
        shared_by_splits: report.shared_by_splits.count,
        conflicting: report.conflicting.count,
        duplicates: report.exact_duplicates.count,
        num_checked: report.num_checked,
        constant_columns: columns(true),
        identifier_columns: columns(false),
        baseline: (!dataset.valid.is_empty() && baseline.is_finite()).then_some(baseline),
        ..DataSignals::default()
    }
}
