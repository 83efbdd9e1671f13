//! `fornax devices`: what can compute here, after trying it.

use serde_json::json;
use std::time::Duration;

use crate::cli::DevicesArgs;
use crate::device;
use crate::output::Output;

pub(super) fn run(args: &DevicesArgs, output: &mut Output) {
    let reports = device::survey(Duration::from_secs_f64(args.limit));
    for report in &reports {
        output.line(report.to_string());
    }
    output.result(json!(reports));
}
