//! `cargo xtask faults`: how well the doctor finds what makes trainings fail, and how often it cries
//! wolf, beside the published rules of other tools.

mod damage;
mod judge;
mod page;
mod pool;
mod runs;
mod statistics;
mod suite;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::{machine, workspace};
use judge::{Judged, judge};
use runs::Runs;
use suite::{Base, Part};

/// Bases of the short suite.
const QUICK: [&str; 4] = ["wine-mlp-2", "digits-mlp-2", "digits-cnn-2", "vowels-rnn-1"];

/// Injects known faults into healthy trainings, and scores the doctor's findings
///
/// A fault counts only where it hurts the result beyond the noise of healthy seeds. Trainings that
/// are done are kept, so that a suite that was interrupted goes on; findings are always asked for
/// anew. The results go to `FAULTS.md`, those of the short suite to `faults.md` in the folder of the
/// runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Four bases, the worse severity alone: ten minutes
    #[arg(long)]
    quick: bool,
    /// The worse severity alone, and no trial of a lower learning rate: half the time
    #[arg(long)]
    worst: bool,
    /// Only the bases on which thresholds are chosen, or only those that they are then tried on
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// Folder of the runs; `faults` where cargo builds if it is left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The program to try; built where it is left out
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Trainings at once, each on one thread; as many as there are processors where it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let suite = suite::load()?;
    let target = workspace::metadata()?.target_directory;
    let folder = options.out.clone().unwrap_or_else(|| target.join("faults"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let folder = folder.canonicalize()?;
    let program = match &options.program {
        Some(program) => program.canonicalize()?,
        None => workspace::build_program()?,
    };
    let jobs = options.jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let runs = Runs::open(&suite, program, folder.clone())?;
    let bases: Vec<&Base> = suite
        .bases
        .iter()
        .filter(|base| chosen(options, base))
        .collect();
    let judged = judge(
        &suite,
        &bases,
        &runs,
        jobs,
        !options.quick && !options.worst,
    )?;
    let text = page::markdown(&page::Page {
        command: command_line(options),
        machine: machine::describe(),
        commit: machine::commit(),
        thresholds: thresholds()?,
        thorough: !options.quick && !options.worst,
        suite: &suite,
        judged: &judged,
    });
    let path = if options.quick {
        folder.join("faults.md")
    } else {
        workspace::root().join("FAULTS.md")
    };
    fs::write(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
    write_confusion(&judged, &folder)?;
    print!("{text}");
    eprintln!("{}", path.display());
    Ok(())
}

fn chosen(options: &Options, base: &Base) -> bool {
    options.part.is_none_or(|part| base.part == part)
        && (!options.quick || QUICK.contains(&base.name.as_str()))
}

/// What was asked for, without the paths of this machine.
fn command_line(options: &Options) -> String {
    let mut command = "cargo xtask faults".to_owned();
    if options.quick {
        command += " --quick";
    }
    if options.worst {
        command += " --worst";
    }
    if let Some(part) = options.part {
        command += match part {
            Part::Development => " --part development",
            Part::Test => " --part test",
        };
    }
    command
}

/// Every run with what was said of it, one a line, for whoever improves a rule.
fn write_confusion(judged: &[Judged], folder: &Path) -> Result<()> {
    let mut text = String::new();
    for run in judged {
        text += &serde_json::to_string(run)?;
        text.push('\n');
    }
    Ok(fs::write(folder.join("judged.jsonl"), text)?)
}

/// Checksum of all sources of the doctor: the same checksum, the same thresholds.
fn thresholds() -> Result<String> {
    let mut files = Vec::new();
    collect(&workspace::root().join("crates/doctor/src"), &mut files)?;
    files.sort();
    let mut all = Vec::new();
    for file in &files {
        all.extend(fs::read(file)?);
    }
    Ok(sha256(&all))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("no `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
