//! What a run says of itself: one line of JSON, its last.

use anyhow::{Context, Result};
use serde::Deserialize;

/// The numbers of one run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Report {
    /// Median over the run's windows; tokens where those are counted.
    pub(crate) samples_per_s: f64,
    pub(crate) us_per_step: f64,
    /// From just before the start of the process to the end of its first step.
    pub(crate) first_step_s: f64,
    /// The most memory that the process held.
    pub(crate) rss_mb: f64,
    /// A product of two f32 matrices of 1024 x 1024 in the same process.
    pub(crate) gemm_gflops: f64,
    /// The matrix work of the model's steps.
    pub(crate) model_gflops: f64,
}

impl Report {
    /// Reads the last line of what a run printed.
    pub(crate) fn parse(stdout: &str) -> Result<Self> {
        let mut lines = stdout.lines().rev().map(str::trim);
        let last = lines.find(|line| !line.is_empty());
        let last = last.context("the run printed nothing")?;
        serde_json::from_str(last).with_context(|| format!("the last line is no report: `{last}`"))
    }
}

#[cfg(test)]
pub(crate) fn example(samples_per_s: f64) -> Report {
    Report {
        samples_per_s,
        us_per_step: 128e6 / samples_per_s,
        first_step_s: 0.5,
        rss_mb: 40.0,
        gemm_gflops: 100.0,
        model_gflops: samples_per_s / 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_report() {
        let stdout = "loading\n{\"model\":\"mlp\",\"tag\":\"a\",\"samples_per_s\":1000.0,\
            \"best\":1100.0,\"us_per_step\":128000.0,\"first_step_s\":0.5,\"rss_mb\":40,\
            \"gemm_gflops\":100.0,\"model_gflops\":10.0}\n\n";
        assert_eq!(Report::parse(stdout).unwrap(), example(1000.0));
    }

    #[test]
    fn anything_else_is_refused_and_shown() {
        let error = |stdout| Report::parse(stdout).unwrap_err().to_string();
        assert_eq!(error(" \n"), "the run printed nothing");
        assert_eq!(error("{}\nbye"), "the last line is no report: `bye`");
        assert_eq!(
            error("{\"rss_mb\":1}"),
            "the last line is no report: `{\"rss_mb\":1}`"
        );
    }
}
