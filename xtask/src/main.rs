//! The project's chores: fetching datasets, measuring speed and learning, holding the sources to
//! the rules, running every check.

mod bench;
mod ci;
mod datasets;
mod faults;
mod machine;
mod precision;
mod reproduce;
mod sections;
mod statistics;
mod table;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Bench(bench::Options),
    Ci(ci::Options),
    /// Lists, fetches and verifies the known datasets
    #[command(subcommand)]
    Datasets(datasets::Verb),
    Faults(faults::Options),
    Reproduce(reproduce::Options),
    /// Holds the sources to the rules that no compiler checks
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Bench(options) => bench::run(&options),
        Verb::Ci(options) => ci::run(&options),
        Verb::Datasets(verb) => datasets::run(&verb),
        Verb::Reproduce(options) => reproduce::run(&options),
        Verb::Faults(options) => faults::run(&options),
        Verb::Tidy => tidy::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
