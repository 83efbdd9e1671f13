//! The program `fornax`: reads the command line, does what it says, and ends with its exit code.

use clap::Parser;
use fornax_trainer::Error;
use fornax_trainer::cli::Cli;
use fornax_trainer::output::Output;
use fornax_trainer::progress::Verbosity;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: fornax_kernels::Allocator = fornax_kernels::Allocator;

fn main() -> ExitCode {
    fornax_kernels::keep_freed_memory();
    fornax_kernels::work_on_this_thread();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    let mut output = Output::new(cli.command.name(), cli.json, verbosity);
    let outcome = cli.command.run(&mut output);
    ExitCode::from(output.close(outcome))
}

/// Prints help, version, or what is wrong with the command line; the latter as the JSON envelope
/// too, where the user asked for one.
fn refuse(error: &clap::Error) -> ExitCode {
    let json = error.use_stderr() && std::env::args().any(|argument| argument == "--json");
    if !json {
        error.exit();
    }
    let output = Output::new("fornax", true, Verbosity::Normal);
    let text = error.render().to_string();
    let (message, help) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    let message = message.trim_start_matches("error: ").to_owned();
    ExitCode::from(output.close(Err(Error::Usage {
        message,
        help: help.trim().to_owned(),
    })))
}
