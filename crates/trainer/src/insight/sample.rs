//! Which samples a report looks at, so that it costs little beside the training.

use fornax_data::{Dataset, Split, Task, epoch_order};

use fornax_insight::condense::MAX_WIDTH;

use crate::experiment::Experiment;

/// Training samples that are looked at, at most.
const MOST: usize = 20_000;
/// Held-out samples that are judged, at most: an interval hardly narrows beyond.
const MOST_HELD_OUT: usize = 20_000;
/// One sample is looked at for so many that training saw: this, not the size of the data, keeps
/// the cost of a report in proportion to that of its training.
const SEEN_PER_LOOK: usize = 24;
/// Products of a probe's step, so that a thousand classes do not cost a hundred times more than ten.
const MOST_PRODUCTS: usize = 400_000_000;
/// Fewer samples than this say nothing.
const FEWEST: usize = 200;

/// Places of samples to look at.
pub(super) struct Sample<'a> {
    /// Training samples, in random order.
    pub(super) fit: Vec<usize>,
    /// Features of a layer that are measured, at most.
    pub(super) max_width: usize,
    /// The split that probes are scored on, and its name.
    pub(super) held_out_split: &'a Split,
    pub(super) held_out_name: &'static str,
    /// Places in that split.
    pub(super) held_out: Vec<usize>,
}

impl<'a> Sample<'a> {
    /// Layers are judged on the samples that the network itself is judged on, so that both can be
    /// compared: the test split, which this chooses nothing by. Without one the validation split has
    /// to do, and without that a part of the training split that the probes do not see.
    pub(super) fn choose(dataset: &'a Dataset, experiment: &Experiment) -> Self {
        let splits = [("test", &dataset.test), ("valid", &dataset.valid)];
        Self::of_first(splits, dataset, experiment)
    }

    /// Samples by which a setting may be chosen: the validation split, where there is one.
    pub(super) fn to_choose_by(dataset: &'a Dataset, experiment: &Experiment) -> Self {
        let splits = [("valid", &dataset.valid), ("test", &dataset.test)];
        Self::of_first(splits, dataset, experiment)
    }

    /// Judged on the first split that is there.
    fn of_first(
        splits: [(&'static str, &'a Split); 2],
        dataset: &'a Dataset,
        experiment: &Experiment,
    ) -> Self {
        let num_train = dataset.train.len();
        let seen = num_train * experiment.train.epochs;
        let is_text = matches!(dataset.task, Task::NextToken { .. });
        // A sample of text is a hundred characters, each with a prediction of its own.
        let (fewest, most) = if is_text { (16, 64) } else { (FEWEST, MOST) };
        let count = (seen / SEEN_PER_LOOK).clamp(fewest, most);
        let most_held_out = if is_text { 32 } else { MOST_HELD_OUT };
        let outputs = dataset.task.num_outputs().max(1);
        let max_width = (MOST_PRODUCTS / (count * outputs)).clamp(64, MAX_WIDTH);
        let order = epoch_order(num_train, experiment.seed, usize::MAX);
        let (name, split) = splits
            .into_iter()
            .find(|(_, split)| !split.is_empty())
            .unwrap_or(("train", &dataset.train));
        if name == "train" {
            let kept = num_train / 4;
            let (held_out, fit) = order.split_at(kept);
            return Self {
                fit: fit.iter().copied().take(count).collect(),
                max_width,
                held_out_split: split,
                held_out_name: "train (kept from the probes)",
                held_out: held_out.iter().copied().take(most_held_out).collect(),
            };
        }
        // Evenly spread, so that a sorted file is not judged by its beginning.
        let held_out = spread(split.len(), most_held_out);
        Self {
            fit: order.into_iter().take(count).collect(),
            max_width,
            held_out_split: split,
            held_out_name: name,
            held_out,
        }
    }
}

/// At most `count` of the places below `len`, in order, as far from each other as that allows.
pub(super) fn spread(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|index| index * len / count).collect()
}
