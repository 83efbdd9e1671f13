//! `fornax predict`: a run's model on files it has not seen.

use burn::tensor::{Device, activation};
use fornax_data::{Split, Task};
use fornax_runs::RunDir;
use serde_json::{Value, json};
use std::path::Path;

use crate::architecture::Network;
use crate::batch;
use crate::cli::PredictArgs;
use crate::commands::open_device;
use crate::error::Error;
use crate::evaluate::chunks;
use crate::experiment::Experiment;
use crate::model::SavedModel;
use crate::output::Output;
use crate::step::to_vec;

/// Items that are predicted at a time.
const BATCH: usize = 256;
/// Characters that a text model offers for what comes next.
const OFFERED: usize = 5;

pub(super) fn run(args: &PredictArgs, output: &mut Output) -> Result<(), Error> {
    let run = RunDir::open(&args.run)?;
    let experiment = Experiment::load(&run.experiment())?;
    let device = open_device(&experiment, args.device.as_deref(), output)?;
    let (saved, network) = SavedModel::load(&run, &device)?;
    // All files are read before the first is answered: a wrong one costs no waiting.
    let inputs = args
        .inputs
        .iter()
        .map(|path| Ok((path, saved.preprocess.open_inputs(path)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut predictions = vec![];
    for (path, split) in &inputs {
        predict_file(
            &saved,
            &network,
            path,
            split,
            &device,
            output,
            &mut predictions,
        )?;
    }
    output.result(json!({"run": run.path(), "predictions": predictions}));
    Ok(())
}

fn predict_file(
    saved: &SavedModel,
    network: &Network,
    path: &Path,
    split: &Split,
    device: &Device,
    output: &mut Output,
    predictions: &mut Vec<Value>,
) -> Result<(), Error> {
    let layout = saved.layout()?;
    for indices in chunks(split.len(), BATCH) {
        let batch = split.batch(&indices)?;
        let outputs = network.forward(&batch::inputs(&batch, layout, device));
        let outputs = match saved.task {
            Task::Classification { .. } | Task::NextToken { .. } => {
                to_vec(activation::softmax(outputs, 1))
            }
            Task::Regression { .. } | Task::Forecast { .. } => to_vec(outputs),
        };
        let width = outputs.len() / indices.len().max(1);
        for (row, &index) in outputs.chunks_exact(width.max(1)).zip(&indices) {
            let place = split.place(index);
            let (line, value) = answer(&saved.task, split, index, row);
            output.line(format!("{}:{place}  {line}", path.display()));
            let mut entry = json!({"input": path, "item": place});
            crate::overlay::merge(&mut entry, value);
            predictions.push(entry);
        }
    }
    Ok(())
}

/// One prediction, for people and for programs.
fn answer(task: &Task, split: &Split, index: usize, row: &[f32]) -> (String, Value) {
    match task {
        Task::Classification { classes } => {
            let best = most_likely(row, 1)
                .first()
                .copied()
                .unwrap_or((0, f32::NAN));
            let class = &classes[best.0];
            let probabilities: serde_json::Map<String, Value> = classes
                .iter()
                .zip(row)
                .map(|(class, p)| (class.clone(), json!(p)))
                .collect();
            let line = format!("{class}  {:.1} %", 100.0 * best.1);
            (
                line,
                json!({"class": class, "probability": best.1, "probabilities": probabilities}),
            )
        }
        Task::Regression { target } => {
            let value = split
                .unscale(&[index], row)
                .first()
                .copied()
                .unwrap_or(f64::NAN);
            (
                format!("{target} {value:.4}"),
                json!({"target": target, "value": value}),
            )
        }
        task @ Task::Forecast { .. } => {
            let target = task.column(split.channel(index)).unwrap_or_default();
            let values = split.unscale(&[index], row);
            let texts: Vec<_> = values.iter().map(|value| format!("{value:.4}")).collect();
            (
                format!("{target} {}", texts.join(" ")),
                json!({"target": target, "values": values}),
            )
        }
        Task::NextToken { vocabulary } => {
            let last = &row[row.len().saturating_sub(vocabulary.len())..];
            let offered: Vec<_> = most_likely(last, OFFERED)
                .into_iter()
                .map(|(token, p)| (vocabulary[token], p))
                .collect();
            let texts: Vec<_> = offered
                .iter()
                .map(|(char, p)| format!("{char:?} {:.1} %", 100.0 * p))
                .collect();
            (
                format!("next {}", texts.join("  ")),
                json!({"next": offered}),
            )
        }
    }
}

fn most_likely(row: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut ranked: Vec<_> = row.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count);
    ranked
}
