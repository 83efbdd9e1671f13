//! Takes steps of one model on made-up data and prints how fast, as one line of JSON.
//!
//! `cargo xtask bench` builds and runs it, in turn with the programs of the peers.

mod flops;
mod measure;
mod work;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use fornax_trainer::device::{self, DeviceSpec};
use fornax_trainer::precision::Precision;

use work::Work;

/// As in the binary, so that the same program is measured that people run.
#[global_allocator]
static ALLOCATOR: fornax_kernels::Allocator = fornax_kernels::Allocator;

/// Takes steps of one model and prints how fast.
#[derive(Parser)]
#[command(name = "steps")]
struct Cli {
    /// The model, and its use
    #[arg(value_enum)]
    row: Row,
    /// What `RAYON_NUM_THREADS` is set to
    threads: usize,
    /// What matrices are multiplied in
    #[arg(value_enum)]
    precision: Precision,
    /// The device, such as `flex` or `wgpu:0`
    backend: DeviceSpec,
    #[command(flatten)]
    sizes: Sizes,
    /// What `cargo bench` adds; of no effect
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured, by the names of `cargo xtask bench`, which tells more of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    Mlp,
    Cnn,
    Burncnn,
    Lstm,
    Gru,
    Charlm,
    Rbm,
    #[value(name = "cnn_inference_256")]
    CnnInference256,
    #[value(name = "cnn_inference_1")]
    CnnInference1,
}

/// Sizes other than those of the row.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Sizes {
    /// Samples in a batch
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Units of each hidden layer; feature maps of the first block, of which the others have twice
    /// as many
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Hidden layers, or blocks
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Steps of each sequence
    #[arg(long, value_name = "N")]
    seq_len: Option<usize>,
}

fn main() -> ExitCode {
    let started = measure::start_of_process();
    fornax_kernels::keep_freed_memory();
    fornax_kernels::work_on_this_thread();
    match run(&Cli::parse(), started) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli, started: f64) -> Result<String, String> {
    let (name, threads) = ("RAYON_NUM_THREADS", cli.threads.to_string());
    if std::env::var(name).as_ref() != Ok(&threads) {
        return Err(format!(
            "`{name}` is not {threads}, and only it sets the threads"
        ));
    }
    let device = device::open(&cli.backend).map_err(|error| error.to_string())?;
    if let Some(warning) = cli.precision.apply(&device) {
        return Err(warning); // a figure for another precision would be a wrong one
    }
    device.seed(0);
    let work = Work::of(cli.row, &cli.sizes, &device)?;
    let row = cli.row.to_possible_value();
    let row = row.as_ref().map_or("", |row| row.get_name());
    let tag = format!("fornax-{}-{}", cli.backend, threads);
    Ok(measure::report(work, &device, started, row, &tag))
}
