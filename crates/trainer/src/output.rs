//! What a command leaves on the two streams: results on stdout, all else on stderr, and the one
//! JSON envelope.

use serde_json::{Value, json};
use std::io::{IsTerminal, Write, stderr, stdout};

use crate::error::Error;
use crate::progress::Verbosity;

/// The version of the envelope's form.
const SCHEMA: u32 = 1;

/// Where a command's words go.
#[derive(Debug)]
pub struct Output {
    /// Whether stdout gets the JSON envelope instead of text.
    pub json: bool,
    /// How much goes to stderr.
    pub verbosity: Verbosity,
    command: &'static str,
    warnings: Vec<String>,
    text: String,
    result: Value,
}

impl Output {
    /// The output of `command`.
    #[must_use]
    pub fn new(command: &'static str, json: bool, verbosity: Verbosity) -> Self {
        Self {
            json,
            verbosity,
            command,
            warnings: vec![],
            text: String::new(),
            result: Value::Null,
        }
    }

    /// Says something about the work to stderr.
    pub fn note(&self, message: &str) {
        if self.verbosity != Verbosity::Quiet {
            eprintln!("{message}");
        }
    }

    /// Says to stderr what only a user who asked for more wants to see.
    pub fn detail(&self, message: &str) {
        if self.verbosity == Verbosity::Verbose {
            eprintln!("{message}");
        }
    }

    /// Warns, on stderr and in the envelope.
    pub fn warn(&mut self, message: impl Into<String>) {
        let message = message.into();
        if self.verbosity != Verbosity::Quiet {
            eprintln!("{}: {message}", paint("warning", "33"));
        }
        self.warnings.push(message);
    }

    /// Adds a line to the result as a person reads it.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Sets the result as a program reads it.
    pub fn result(&mut self, result: Value) {
        self.result = result;
    }

    /// Writes the result, or the error, and gives the exit code.
    pub fn close(self, outcome: Result<(), Error>) -> u8 {
        let code = outcome.as_ref().map_or_else(Error::exit_code, |()| 0);
        if let Err(error) = &outcome {
            eprintln!("{}: {}", paint("error", "31"), chain(error));
            if let Some(help) = error.help() {
                eprintln!("{}: {help}", paint("help", "36"));
            }
        }
        let text = if self.json {
            let error = outcome.err().map(|error| {
                json!({"kind": error.kind(), "exit_code": code, "message": chain(&error),
                    "help": error.help()})
            });
            let envelope = json!({"schema": SCHEMA, "ok": code == 0, "command": self.command,
                "result": self.result, "warnings": self.warnings, "error": error});
            format!("{envelope}\n")
        } else {
            self.text
        };
        // A reader that went away, as `| head` does, is no fault of the command.
        let _ = stdout().lock().write_all(text.as_bytes());
        code
    }
}

/// An error with its causes, in one sentence.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Colours a word on a terminal, unless the user asked for none.
fn paint(word: &str, colour: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !stderr().is_terminal() {
        return word.to_owned();
    }
    format!("\x1b[1;{colour}m{word}\x1b[0m")
}
