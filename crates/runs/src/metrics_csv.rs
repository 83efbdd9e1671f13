//! The table of a run: one row an epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Event, EventKind};

/// The columns before the metrics, which follow in alphabetical order.
const FIRST: [&str; 7] = [
    "layer",
    "epoch",
    "step",
    "elapsed_ms",
    "learning_rate",
    "samples_per_s",
    "best",
];

/// Draws the table of all epochs from the events of a run.
///
/// Pre-training has a row an epoch too, with its `layer`. A cell is empty where an epoch lacks the
/// number, and a column that would be all empty is left out.
#[must_use]
pub fn metrics_csv(events: &[Event]) -> String {
    let rows: Vec<_> = events.iter().filter_map(row).collect();
    let filled: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.keys().map(String::as_str))
        .collect();
    let first = FIRST.into_iter().filter(|name| filled.contains(name));
    let metrics = filled.iter().copied().filter(|name| !FIRST.contains(name));
    let columns: Vec<&str> = first.chain(metrics).collect();

    let mut csv = columns.join(",") + "\n";
    for row in &rows {
        let cells: Vec<_> = columns
            .iter()
            .map(|&name| row.get(name).map_or("", String::as_str))
            .collect();
        csv += &(cells.join(",") + "\n");
    }
    csv
}

/// The filled cells of an epoch by their columns; `None` for any other event.
fn row(event: &Event) -> Option<BTreeMap<String, String>> {
    let mut row = BTreeMap::new();
    let mut fill = |name: &str, cell: &dyn ToString| row.insert(plain(name), cell.to_string());
    match &event.kind {
        EventKind::PretrainEpoch {
            epoch,
            num_epochs: _,
            learning_rate,
            reconstruction_error,
            free_energy_train,
            free_energy_valid,
            pseudo_log_likelihood,
        } => {
            fill("epoch", epoch);
            fill("learning_rate", learning_rate);
            fill("reconstruction_error", reconstruction_error);
            fill("free_energy_train", free_energy_train);
            free_energy_valid.map(|energy| fill("free_energy_valid", &energy));
            pseudo_log_likelihood.map(|likelihood| fill("pseudo_log_likelihood", &likelihood));
        }
        EventKind::UpDownEpoch {
            epoch,
            num_epochs: _,
            learning_rate,
            reconstruction_error,
        } => {
            fill("epoch", epoch);
            fill("learning_rate", learning_rate);
            fill("reconstruction_error", reconstruction_error);
        }
        EventKind::Epoch {
            epoch,
            num_epochs: _,
            learning_rate,
            train,
            valid,
            samples_per_s,
            best,
        } => {
            fill("epoch", epoch);
            fill("learning_rate", learning_rate);
            fill("samples_per_s", samples_per_s);
            fill("best", best);
            for (split, metrics) in [("train", train), ("valid", valid)] {
                for (name, value) in metrics {
                    fill(&format!("{split}_{name}"), value);
                }
            }
        }
        _ => return None,
    }
    fill("step", &event.at.step);
    fill("elapsed_ms", &event.elapsed_ms);
    event.at.layer.map(|layer| fill("layer", &layer));
    Some(row)
}

/// A column's name without what would end its cell.
fn plain(name: &str) -> String {
    name.replace([',', '"', '\n', '\r'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    fn epoch(epoch: usize, valid: &[(&str, f64)]) -> Event {
        let metrics = |pairs: &[(&str, f64)]| {
            pairs
                .iter()
                .map(|&(name, value)| (name.to_owned(), value))
                .collect()
        };
        let kind = EventKind::Epoch {
            epoch,
            num_epochs: 2,
            learning_rate: 0.001,
            train: metrics(&[("loss", 0.5), ("accuracy", 0.75)]),
            valid: metrics(valid),
            samples_per_s: 100.0,
            best: epoch == 1,
        };
        Event {
            kind,
            at: Position::train(epoch * 10),
            elapsed_ms: epoch as u64 * 1000,
        }
    }

    #[test]
    fn table_has_a_row_an_epoch() {
        let interrupted = EventKind::Interrupted;
        let events = [
            epoch(1, &[("loss", f64::NAN)]),
            Event {
                kind: interrupted,
                at: Position::train(15),
                elapsed_ms: 0,
            },
            epoch(2, &[]),
        ];
        assert_eq!(
            metrics_csv(&events),
            "epoch,step,elapsed_ms,learning_rate,samples_per_s,best,\
             train_accuracy,train_loss,valid_loss\n\
             1,10,1000,0.001,100,true,0.75,0.5,NaN\n\
             2,20,2000,0.001,100,false,0.75,0.5,\n"
        );
    }

    #[test]
    fn pretraining_has_its_own_rows_and_columns() {
        let kind = EventKind::PretrainEpoch {
            epoch: 1,
            num_epochs: 1,
            learning_rate: 0.1,
            reconstruction_error: 0.02,
            free_energy_train: -90.5,
            free_energy_valid: None,
            pseudo_log_likelihood: Some(-60.0),
        };
        let pretrained = Event {
            kind,
            at: Position::pretrain(0, 5),
            elapsed_ms: 500,
        };
        assert_eq!(
            metrics_csv(&[pretrained]),
            "layer,epoch,step,elapsed_ms,learning_rate,\
             free_energy_train,pseudo_log_likelihood,reconstruction_error\n\
             0,1,5,500,0.1,-90.5,-60,0.02\n"
        );
    }

    #[test]
    fn run_without_epochs_is_an_empty_table() {
        assert_eq!(metrics_csv(&[]), "\n");
    }
}
