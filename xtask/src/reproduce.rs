//! `cargo xtask reproduce`: trains the networks of the published tables on full data, and writes
//! `RESULTS.md` from what the runs left behind.

mod depth;
mod earlier;
mod example;
mod few_labels;
mod likelihood;
mod outcome;
mod report;
mod row;
mod training;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::precision::Precision;
use crate::workspace;
use depth::Depth;
use earlier::Earlier;
use example::Example;
use few_labels::FewLabels;
use likelihood::Likelihood;
use report::Line;
use row::{ROWS, Row};
use training::Training;

/// Trains the rows of the published tables, and writes `RESULTS.md`
///
/// A row is an experiment file, `experiments/<row>.toml`, trained over several seeds. What is
/// chosen is chosen on the validation split; the test split is looked at once, at the end. A seed
/// that is done is not trained again until its experiment file changes; one that was interrupted
/// goes on from its last checkpoint. The rows `depth-vs-width`, `few-labels` and `rbm-likelihood` are
/// examples, run each time.
#[derive(Args)]
pub(crate) struct Options {
    /// Rows to train; all where none are named
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Seeds of each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Precisions of the products of matrices to train each row in
    #[arg(long, value_enum, value_delimiter = ',', default_value = "f32")]
    precision: Vec<Precision>,
    /// One seed of the rows that take seconds, and no `RESULTS.md`: a check of the whole way
    #[arg(long)]
    quick: bool,
    /// Train the first seed of each row a second time, and compare the weights bit by bit
    #[arg(long)]
    again: bool,
    /// Train nothing: write `RESULTS.md` from what is there
    #[arg(long)]
    report: bool,
    /// A `fornax` that is built already
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// The rows that are examples.
const EXAMPLES: [Example; 3] = [depth::EXAMPLE, few_labels::EXAMPLE, likelihood::EXAMPLE];

pub(crate) fn run(options: &Options) -> Result<()> {
    let rows = rows(options)?;
    if !options.report && !rows.is_empty() {
        let program = match &options.program {
            Some(program) => std::path::absolute(program)?,
            None => workspace::build_program()?,
        };
        for row in rows {
            for &precision in &options.precision {
                train(row, precision, options, &program)?;
            }
        }
    }
    for example in EXAMPLES.iter().filter(|_| !options.report) {
        if asks_for(options, example) {
            example.run()?;
        }
    }
    let earlier = Earlier::read();
    let all = lines(&earlier)?;
    let depth: Option<Depth> = depth::EXAMPLE.results()?;
    let few_labels: Option<FewLabels> = few_labels::EXAMPLE.results()?;
    let likelihood: Option<Likelihood> = likelihood::EXAMPLE.results()?;
    print!("{}", report::table(&all));
    let tables = [
        depth.as_ref().map(Depth::table),
        few_labels.as_ref().map(FewLabels::table),
        likelihood.as_ref().map(Likelihood::table),
    ];
    for table in tables.iter().flatten() {
        print!("\n{table}");
    }
    if !options.quick {
        let path = workspace::root().join("RESULTS.md");
        let sections = [
            (depth.as_ref().map(Depth::section), depth::HEADING),
            (
                few_labels.as_ref().map(FewLabels::section),
                few_labels::HEADING,
            ),
            (
                likelihood.as_ref().map(Likelihood::section),
                likelihood::HEADING,
            ),
        ];
        let sections = sections.into_iter();
        let sections = sections.filter_map(|(new, heading)| new.or(earlier.section(heading)));
        let sections: Vec<String> = sections.map(|section| section + "\n").collect();
        let document = report::document(&all, &untrained(&all), &sections);
        std::fs::write(&path, document)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn rows(options: &Options) -> Result<Vec<&'static Row>> {
    if options.rows.is_empty() {
        return Ok(ROWS
            .iter()
            .filter(|row| row.quick || !options.quick)
            .collect());
    }
    let find = |name: &String| {
        let found = ROWS.iter().find(|row| row.name == name);
        found.with_context(|| {
            let examples = EXAMPLES.iter().map(|example| example.name);
            let names: Vec<_> = ROWS.iter().map(|row| row.name).chain(examples).collect();
            format!("no row is called `{name}`; there are {}", names.join(", "))
        })
    };
    let is_example = |name: &str| EXAMPLES.iter().any(|example| example.name == name);
    let names = options.rows.iter().filter(|name| !is_example(name));
    names.map(find).collect()
}

fn asks_for(options: &Options, example: &Example) -> bool {
    match options.rows.as_slice() {
        [] => !options.quick,
        names => names.iter().any(|name| name == example.name),
    }
}

/// Trains what is missing of a row.
fn train(
    row: &Row,
    precision: Precision,
    options: &Options,
    program: &std::path::Path,
) -> Result<()> {
    let seeds = if options.quick { 1 } else { row.seeds };
    for seed in 1..=options.seeds.unwrap_or(seeds) {
        for experiment in row.experiments() {
            let training = Training::new(experiment, seed, precision)?;
            let outcome = training.outcome_or_train(program)?;
            eprintln!(
                "{experiment}, seed {seed}: {} after {:.0} s",
                row.measure.shown(outcome.value(row.measure)?),
                outcome.seconds
            );
            if options.again && seed == 1 {
                let second = training.train_again(program)?;
                if second != outcome.weights_sha256 {
                    bail!("{experiment}, seed 1: a second training has other weights");
                }
                eprintln!("{experiment}, seed 1: a second training has the same weights");
            }
        }
    }
    Ok(())
}

/// What the seeds of each row came to; of a row without outcomes, what was said of it before.
fn lines(earlier: &Earlier) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let in_all = |row| {
        Precision::value_variants()
            .iter()
            .map(move |&precision| (row, precision))
    };
    for (row, precision) in ROWS.iter().flat_map(in_all) {
        let mut outcomes = Vec::new();
        for seed in 1.. {
            let [Some(first), second] = row.outcomes(seed, precision)? else {
                break;
            };
            outcomes.push(match (row.against, second) {
                (None, _) => first,
                (Some(_), Some(second)) => first.against(&second, row.measure)?,
                (Some(_), None) => break,
            });
        }
        let line = if outcomes.is_empty() {
            earlier.line(&row.title_in(precision))
        } else {
            Some(report::line(row, precision, &outcomes))
        };
        lines.extend(line.map(|line| (row, line)));
    }
    Ok(lines)
}

/// The rows that no seed was trained of.
fn untrained(lines: &[Line]) -> Vec<&'static Row> {
    let is_trained = |row: &&Row| lines.iter().any(|(known, _)| known.name == row.name);
    ROWS.iter().filter(|row| !is_trained(row)).collect()
}
