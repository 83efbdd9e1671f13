//! `cargo xtask bench`: how fast our networks train, run in turn with those of the peers.

mod contest;
mod growth;
mod ours;
mod peers;
mod race;
mod report;
mod result;
mod row;
mod side;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::precision::Precision;
use crate::{machine, sections, workspace};
use peers::{Framework, Peer};
use result::RowResult;
use row::Row;
use side::Side;

/// Measures training and inference, and compares them with other frameworks
///
/// Each run is a process of its own; the sides take turns, so that a machine that slows down slows
/// all of them down. Results go to `bench.json` and `bench.md` in the folder where cargo builds,
/// after every row: Ctrl-C loses no row that is done.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // Flags are independent of each other.
pub(crate) struct Options {
    /// Compare with PyTorch
    #[arg(long)]
    vs_torch: bool,
    /// Compare with JAX
    #[arg(long)]
    vs_jax: bool,
    /// Compare with TensorFlow
    #[arg(long)]
    vs_tf: bool,
    /// Interpreters to look for the peers' packages in, the first to have one is taken
    #[arg(
        long,
        value_name = "PATH",
        value_delimiter = ',',
        default_value = "python3"
    )]
    python: Vec<PathBuf>,
    /// Rows to run; all where none are named
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    rows: Vec<Row>,
    /// Numbers of threads to run each row with; 1 and all where none are named
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Backends of ours, which are the features that the benchmark is built with
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "flex"
    )]
    backend: Vec<String>,
    /// Precision of the products of matrices; the f32 of the peers and ours always takes part
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    /// Units of each hidden layer, instead of what the row has; ours alone
    #[arg(long, value_name = "N", conflicts_with_all = ["vs_torch", "vs_jax", "vs_tf", "growth"])]
    width: Option<usize>,
    /// Runs of each side in each row; 3 where nothing else is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Also measure how cost grows with batch, width, depth, length and threads; ours alone
    #[arg(long)]
    growth: bool,
    /// Also race PyTorch to 99 % of MNIST, with the program that people use
    #[arg(long, requires = "vs_torch")]
    race: bool,
    /// Each peer in its best mode only, the ends of every growth, and one round
    #[arg(long)]
    quick: bool,
    /// Write the table into `SPEED.md` too, in place of the last one of this precision and processor
    #[arg(long)]
    save: bool,
}

/// The beginning of `SPEED.md`.
const INTRODUCTION: &str = "\
# How fast Fornax trains

Written by `cargo xtask bench --save`. Each row is one model that every framework builds alike, trained
(or asked, where it says inference) on the same shapes by its own best code for a CPU: PyTorch
tuned (fused Adam, images channels-last, memory kept), JAX with `jit`, TensorFlow with `tf.function` or
XLA. Each run is a process of its own; the sides take turns. `/s` counts training samples, or characters for
`charlm`; a ratio above 1 means that Fornax is faster than the best of the others. The GEMM peak is what
a product of two large matrices reaches in the same process. `first step` counts from the start of the
process. The models are in [xtask/peers](xtask/peers) and
[crates/trainer/benches/steps](crates/trainer/benches/steps).
";

/// All that `bench.json` holds.
#[derive(Serialize)]
struct Results {
    command: String,
    machine: String,
    commit: String,
    rounds: u16,
    rows: Vec<RowResult>,
    growth: Vec<growth::Point>,
    race: Vec<race::Heat>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    // Before all that takes long.
    let digits = options.race.then(race::digits).transpose()?;
    let folder = workspace::metadata()?.target_directory;
    let peers = find_peers(options);
    let program = ours::build(&options.backend)?;
    let ours: Vec<_> = options
        .backend
        .iter()
        .map(|backend| Side::ours(&program, options.precision, backend))
        .collect();
    let in_f32: Vec<_> = match options.precision {
        Precision::F32 => Vec::new(),
        _ => options
            .backend
            .iter()
            .map(|backend| Side::ours_in_f32(&program, backend))
            .collect(),
    };
    machine::warn_if_busy();

    let mut failed = 0;
    let mut results = Results {
        command: command_line(std::env::args().skip(1)),
        machine: machine::describe(),
        commit: machine::commit(),
        rounds: rounds(options),
        rows: Vec::new(),
        growth: Vec::new(),
        race: Vec::new(),
    };
    for row in rows(options) {
        for threads in threads(options) {
            let theirs = peers
                .iter()
                .flat_map(|peer| peer.sides(row, options.precision, options.quick));
            let sides = ours.iter().chain(&in_f32).cloned().chain(theirs);
            let sides: Vec<_> = sides.collect();
            let sizes: Vec<_> = options
                .width
                .map(|width| ("--width", width))
                .into_iter()
                .collect();
            let measured = contest::run(&sides, row, threads, &sizes, results.rounds);
            failed += sides.len() - measured.len();
            let precision = options.precision;
            let new = RowResult::all(row, threads, precision, &options.backend, &measured);
            results.rows.extend(new);
            write(&results, &folder)?;
        }
    }
    if options.growth {
        for side in &ours {
            let most = machine::num_processors();
            let (points, lost) = growth::run(side, &rows(options), most, options.quick);
            failed += lost;
            results.growth.extend(points);
            write(&results, &folder)?;
        }
    }
    if let Some(python) = peers.iter().find_map(Peer::of_torch)
        && let Some(digits) = digits
    {
        results.race = race::run(python, &digits, &folder, results.rounds)?;
        write(&results, &folder)?;
    }
    print!("{}", markdown(&results));
    if options.save {
        let path = workspace::root().join("SPEED.md");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let sections = before.find("\n## ").map_or("", |begin| &before[begin..]);
        let document = format!("{INTRODUCTION}\n{}", sections.trim_start());
        let document = sections::with_section(&document, &heading(options), &markdown(&results));
        std::fs::write(&path, document)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        println!("{}", path.display());
    }
    if failed > 0 {
        bail!("{failed} measurements are missing; the reasons stand above");
    }
    Ok(())
}

/// Of the section of `SPEED.md`.
fn heading(options: &Options) -> String {
    let (precision, processor) = (options.precision.name(), machine::processor());
    match options.width {
        Some(width) => format!("{precision}, width {width}, on {processor}"),
        None => format!("{precision} on {processor}"),
    }
}

/// The frameworks that were asked for and are there; says what to install for the others.
fn find_peers(options: &Options) -> Vec<Peer> {
    let asked = [
        (options.vs_torch, Framework::Torch),
        (options.vs_jax, Framework::Jax),
        (options.vs_tf, Framework::Tensorflow),
    ];
    let mut found = Vec::new();
    for framework in asked
        .into_iter()
        .filter_map(|(asked, framework)| asked.then_some(framework))
    {
        match Peer::find(framework, &options.python) {
            Ok(peer) => found.push(peer),
            Err(error) => eprintln!("warning: {error:#}"),
        }
    }
    found
}

fn rows(options: &Options) -> Vec<Row> {
    if options.rows.is_empty() {
        return Row::value_variants().to_vec();
    }
    options.rows.clone()
}

fn threads(options: &Options) -> Vec<u16> {
    if !options.threads.is_empty() {
        return options.threads.clone();
    }
    let mut threads = vec![1, machine::num_processors()];
    threads.dedup();
    threads
}

fn rounds(options: &Options) -> u16 {
    options.rounds.unwrap_or(if options.quick { 1 } else { 3 })
}

/// What was typed, without where this machine keeps its interpreters.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut shown = vec!["cargo xtask".to_owned()];
    let mut skip = false;
    for argument in arguments {
        let is_python = argument == "--python";
        if !skip && !is_python && !argument.starts_with("--python=") {
            shown.push(argument);
        }
        skip = is_python;
    }
    shown.join(" ")
}

fn write(results: &Results, folder: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(results).context("the results are no JSON")?;
    for (name, text) in [("bench.json", json + "\n"), ("bench.md", markdown(results))] {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn markdown(results: &Results) -> String {
    let Results {
        command,
        machine,
        commit,
        rounds,
        ..
    } = results;
    let runs = if *rounds == 1 { "run" } else { "runs in turn" };
    let mut text = format!("`{command}`, {rounds} {runs}, {machine}, commit {commit}\n\n");
    text += &result::table(&results.rows);
    text += "\nOf two numbers the second is the best peer's. Ratios are taken round by round.\n";
    if !results.growth.is_empty() {
        text += "\nHow cost grows:\n\n";
        text += &growth::table(&results.growth);
    }
    if !results.race.is_empty() {
        text += "\n";
        text += &race::section(&results.race);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::command_line;

    #[test]
    fn the_command_is_shown_without_the_interpreters() {
        let typed = "bench --vs-torch --python /opt/a,/opt/b --rows mlp --python=c --quick";
        let shown = command_line(typed.split(' ').map(str::to_owned));
        assert_eq!(shown, "cargo xtask bench --vs-torch --rows mlp --quick");
    }
}
