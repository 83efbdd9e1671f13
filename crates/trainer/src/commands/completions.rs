//! `fornax completions`: what a shell needs to complete this command line.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::cli::Cli;
use crate::output::Output;

pub(super) fn run(shell: Shell, output: &mut Output) {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "fornax", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    output.result(json!({"shell": shell.to_string(), "script": script}));
    output.line(script.trim_end());
}
