//! The program `fornax`: reads the command line, does what it says, and ends with its exit code.

use clap::Parser;
use fornax_trainer::cli::Cli;
use fornax_trainer::output::Output;
use fornax_trainer::progress::Verbosity;
use std::process::ExitCode;

/// Each step frees and asks for large buffers; this allocator keeps them instead of returning
/// them to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let verbosity = if cli.quiet {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    };
    let mut output = Output::new(cli.command.name(), cli.json, verbosity);
    let outcome = cli.command.run(&mut output);
    ExitCode::from(output.close(outcome))
}
