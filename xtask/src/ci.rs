//! `cargo xtask ci`: every check, cheapest first.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{tidy, workspace};

/// Runs every check, cheapest first
///
/// These are: format, tidy, clippy, tests, documents, licences, and the
/// tests of the wgpu backend. Build results go where cargo puts them, `CARGO_TARGET_DIR` included;
/// those of the wgpu tests, which need another feature set, to `wgpu` in there.
#[derive(Args)]
pub(crate) struct Options {
    /// Also run the tests in modules called `slow`
    #[arg(long)]
    slow: bool,
    /// Run what is left after a step failed
    #[arg(long)]
    keep_going: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let steps = steps(options.slow, &workspace::metadata()?.target_directory);
    let mut report = Vec::new();
    for step in &steps {
        eprintln!("\n── {}: {}", step.name, step.shown());
        let started = Instant::now();
        let outcome = step.run()?;
        eprintln!(
            "── {}: {} after {}",
            step.name,
            outcome.label(),
            clock(started.elapsed())
        );
        report.push((step.name, outcome, started.elapsed()));
        if outcome == Outcome::Failed && !options.keep_going {
            break;
        }
    }
    eprintln!();
    print!("{}", summary(&report));
    let failed = report
        .iter()
        .filter(|(_, outcome, _)| *outcome == Outcome::Failed);
    let failed: Vec<_> = failed.map(|(name, ..)| *name).collect();
    let left = steps.len() - report.len();
    match (failed.as_slice(), left) {
        ([], _) => Ok(()),
        (names, 0) => bail!("failed: {}", names.join(", ")),
        (names, left) => bail!(
            "failed: {}; {left} later checks were not run\nhelp: `cargo xtask ci --keep-going` \
             runs them all the same",
            names.join(", ")
        ),
    }
}

/// One check.
struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    /// Cargo with these arguments, and with these variables beside our own.
    Cargo {
        arguments: &'static str,
        variables: Vec<(&'static str, String)>,
    },
    Tidy,
    Deny,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Ok,
    Failed,
    /// The reason.
    Skipped(&'static str),
}

fn steps(slow: bool, target_directory: &Path) -> Vec<Step> {
    let cargo = |name, arguments| Step {
        name,
        work: Work::Cargo {
            arguments,
            variables: vec![],
        },
    };
    let cargo_with = |name, arguments, variable, value| Step {
        name,
        work: Work::Cargo {
            arguments,
            variables: vec![(variable, value)],
        },
    };
    let mut steps = vec![
        cargo("format", "fmt --all --check"),
        Step {
            name: "tidy",
            work: Work::Tidy,
        },
        cargo(
            "clippy",
            "clippy --workspace --all-targets --features ndarray -- -D warnings",
        ),
        cargo("tests", "test --workspace --features ndarray"),
        cargo_with(
            "documents",
            "doc --workspace --no-deps --features ndarray",
            "RUSTDOCFLAGS",
            "-D warnings".into(),
        ),
        Step {
            name: "licences",
            work: Work::Deny,
        },
        // Another feature set would rebuild Burn in the same folder each time.
        cargo_with(
            "wgpu",
            "test --profile wgpu --package fornax-trainer --no-default-features \
             --features flex,wgpu-untuned --test fornax backends -- --nocapture",
            "CARGO_TARGET_DIR",
            target_directory.join("wgpu").to_string_lossy().into_owned(),
        ),
    ];
    if slow {
        let arguments = "test --workspace --features ndarray slow -- --ignored";
        steps.push(cargo("slow tests", arguments));
    }
    steps
}

impl Step {
    /// What a person would type.
    fn shown(&self) -> String {
        match &self.work {
            Work::Cargo {
                arguments,
                variables,
            } => {
                let variable = |(key, value): &(&str, String)| format!("{key}='{value}' ");
                let variables: String = variables.iter().map(variable).collect();
                format!("{variables}cargo {arguments}")
            }
            Work::Tidy => "cargo xtask tidy".to_owned(),
            Work::Deny => "cargo deny check".to_owned(),
        }
    }

    fn run(&self) -> Result<Outcome> {
        match &self.work {
            Work::Cargo {
                arguments,
                variables,
            } => {
                let mut command = workspace::cargo();
                command.args(arguments.split_whitespace());
                command.envs(variables.iter().map(|(key, value)| (key, value)));
                outcome_of(&mut command)
            }
            Work::Tidy => Ok(tidy::run().map_or_else(
                |error| {
                    eprintln!("error: {error:#}");
                    Outcome::Failed
                },
                |()| Outcome::Ok,
            )),
            Work::Deny => {
                let asked = workspace::cargo().args(["deny", "--version"]).output();
                if asked.is_ok_and(|output| output.status.success()) {
                    outcome_of(workspace::cargo().args(["deny", "check"]))
                } else {
                    Ok(Outcome::Skipped("cargo-deny is not installed"))
                }
            }
        }
    }
}

fn outcome_of(command: &mut Command) -> Result<Outcome> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    Ok(if status.success() {
        Outcome::Ok
    } else {
        Outcome::Failed
    })
}

impl Outcome {
    fn label(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Failed => "FAILED".to_owned(),
            Self::Skipped(reason) => format!("skipped: {reason}"),
        }
    }
}

fn summary(report: &[(&str, Outcome, Duration)]) -> String {
    let line = |(name, outcome, elapsed): &(&str, Outcome, Duration)| {
        format!("{name:<12} {:>9}  {}\n", clock(*elapsed), outcome.label())
    };
    report.iter().map(line).collect()
}

/// `1 h 02 min`, `3 min 04 s`, `5.6 s`
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wgpu_tests_build_apart_and_slow_tests_come_last() {
        let steps = steps(true, Path::new("t"));
        let shown: Vec<_> = steps.iter().map(Step::shown).collect();
        assert_eq!(shown[0], "cargo fmt --all --check");
        assert!(
            shown
                .iter()
                .any(|shown| shown.starts_with("CARGO_TARGET_DIR='t/wgpu' cargo test"))
        );
        assert!(shown.last().unwrap().ends_with("slow -- --ignored"));
    }

    #[test]
    fn the_summary_names_times_and_reasons() {
        let report = [
            ("tidy", Outcome::Ok, Duration::from_millis(1500)),
            ("licences", Outcome::Skipped("no"), Duration::ZERO),
            ("tests", Outcome::Failed, Duration::from_secs(3725)),
        ];
        let expected = "tidy             1.5 s  ok\n\
                        licences         0.0 s  skipped: no\n\
                        tests        1 h 02 min  FAILED\n";
        assert_eq!(summary(&report), expected);
        assert_eq!(clock(Duration::from_secs(64)), "1 min 04 s");
    }
}
