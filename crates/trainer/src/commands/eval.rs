//! `fornax eval`: how good a run's best weights are on one split of its data.

use fornax_data::Task;
use fornax_runs::RunDir;
use serde_json::json;
use std::fmt::Write;

use crate::cli::{EvalArgs, SplitName};
use crate::commands::open_device;
use crate::commands::resume::reopen;
use crate::error::Error;
use crate::evaluate::evaluate;
use crate::experiment::Experiment;
use crate::model::SavedModel;
use crate::output::Output;
use crate::progress::metric;

pub(super) fn run(args: &EvalArgs, output: &mut Output) -> Result<(), Error> {
    let run = RunDir::open(&args.run)?;
    let experiment = Experiment::load(&run.experiment())?;
    let device = open_device(&experiment, args.device.as_deref(), output)?;
    let (saved, network) = SavedModel::load(&run, &device)?;
    let dataset = reopen(&experiment)?.dataset;
    let (name, split) = match args.split {
        SplitName::Train => ("train", &dataset.train),
        SplitName::Valid => ("valid", &dataset.valid),
        SplitName::Test => ("test", &dataset.test),
    };
    if split.is_empty() {
        return Err(Error::Usage {
            message: format!("the data of this run has no {name} split"),
            help: "choose another with `--split`".to_owned(),
        });
    }
    let batch_size = experiment.train.batch_size;
    let metrics = evaluate(
        &network,
        split,
        &dataset,
        saved.layout()?,
        &device,
        batch_size,
    )?;
    let values = metrics.values();
    output.line(format!("{name} split, {} samples", split.len()));
    for (name, value) in &values {
        output.line(metric(name, *value));
    }
    if let Task::Forecast { channels, .. } = &dataset.task
        && !channels.is_empty()
    {
        output.line("errors are in standard deviations of each column");
    }
    let confusion = metrics.confusion();
    if let (Some(rows), Some(classes)) = (&confusion, dataset.preprocess.classes()) {
        output.line(confusion_table(rows, classes));
    }
    output.line(format!("to beat: {}", dataset.baseline));
    output.result(json!({
        "run": run.path(),
        "split": name,
        "num_samples": split.len(),
        "metrics": values,
        "confusion": confusion,
        "classes": dataset.preprocess.classes(),
        "baseline": dataset.baseline,
    }));
    Ok(())
}

/// Most classes whose confusion matrix still fits a terminal.
const TABLE_CLASSES: usize = 20;

/// Rows are the true classes, columns the predicted ones.
fn confusion_table(rows: &[Vec<u64>], classes: &[String]) -> String {
    if classes.len() > TABLE_CLASSES {
        return format!("confusion matrix of {} classes: see --json", classes.len());
    }
    let width = rows
        .iter()
        .flatten()
        .max()
        .map_or(1, |most| most.to_string().len())
        + 1;
    let label = classes
        .iter()
        .map(|class| class.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::from("confusion matrix (rows: true class, columns: predicted)");
    for (class, row) in classes.iter().zip(rows) {
        let _ = write!(text, "\n{class:>label$} ");
        for count in row {
            let _ = write!(text, "{count:>width$}");
        }
    }
    text
}
