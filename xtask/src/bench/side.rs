//! One side of the comparison: a program, how it is called, and a run of it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::report::Report;
use super::row::Row;
use crate::precision::Precision;

/// Called as `program ROW THREADS ...`, with what is its own before and after.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// For people, and unique in a row.
    pub(crate) name: String,
    /// The program, and what comes before the row.
    pub(crate) program: Vec<OsString>,
    /// What comes after the threads.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

impl Side {
    /// Ours, on one backend.
    pub(crate) fn ours(program: &Path, precision: Precision, backend: &str) -> Self {
        Self {
            name: backend.to_owned(),
            program: vec![program.into()],
            arguments: vec![precision.name().into(), backend.into()],
            variables: &[],
        }
    }

    /// As [`Side::ours`], in f32 whatever is compared.
    pub(crate) fn ours_in_f32(program: &Path, backend: &str) -> Self {
        Self {
            name: Self::name_in_f32(backend),
            ..Self::ours(program, Precision::F32, backend)
        }
    }

    /// What [`Side::ours_in_f32`] is called.
    pub(crate) fn name_in_f32(backend: &str) -> String {
        format!("{backend} f32")
    }

    /// One run; `sizes` are flags such as `--batch` with their values, which only ours knows.
    pub(crate) fn run(&self, row: Row, threads: u16, sizes: &[(&str, usize)]) -> Result<Report> {
        let [program, before @ ..] = self.program.as_slice() else {
            bail!("the side `{}` has no program", self.name);
        };
        let threads = threads.to_string();
        let mut command = Command::new(program);
        command.args(before).args([row.name(), &threads]);
        command.args(&self.arguments);
        for (flag, size) in sizes {
            command.arg(flag).arg(size.to_string());
        }
        command.envs(self.variables.iter().copied());
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
            command.env(variable, &threads);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.context("the clock of this machine stands before 1970")?;
        command.env("BENCH_T0", now.as_secs_f64().to_string());
        let output = command
            .output()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}", output.status, last_lines(&stderr));
        }
        Report::parse(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The end of a message, where programs say what went wrong.
fn last_lines(text: &str) -> String {
    const SHOWN: usize = 5;
    let lines: Vec<_> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Side {
        Side {
            name: "shell".to_owned(),
            program: ["sh", "-c", script, "sh"].map(OsString::from).to_vec(),
            arguments: vec!["f32".into()],
            variables: &[("OWN", "7")],
        }
    }

    #[test]
    fn a_run_gets_row_threads_sizes_and_variables() {
        let script = r#"test "$* $OWN $OMP_NUM_THREADS" = "rbm 2 f32 --batch 4 7 2" || exit 3
            echo "{\"samples_per_s\":1,\"us_per_step\":2,\"first_step_s\":${BENCH_T0%.*},
                \"rss_mb\":4,\"gemm_gflops\":5,\"model_gflops\":6}" | tr -d '\n'"#;
        let report = shell(script).run(Row::Rbm, 2, &[("--batch", 4)]).unwrap();
        assert!(report.first_step_s > 1.7e9 && report.rss_mb > 3.9);
    }

    #[test]
    fn a_run_that_fails_says_why() {
        let script = "printf 'a\\nb\\nc\\nd\\ne\\nf\\n' >&2; exit 3";
        let error = shell(script).run(Row::Mlp, 1, &[]).unwrap_err().to_string();
        assert!(
            error.contains('3') && error.ends_with("b\nc\nd\ne\nf"),
            "{error}"
        );
        let mut side = shell("");
        side.program = vec!["no-such-program".into()];
        let error = side.run(Row::Mlp, 1, &[]).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }
}
