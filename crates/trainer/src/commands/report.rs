//! `fornax report`: the page that shows what a run learned, drawn anew.

use serde_json::json;

use crate::cli::ReportArgs;
use crate::commands::trained::Trained;
use crate::error::Error;
use crate::output::Output;

pub(super) fn run(args: &ReportArgs, output: &mut Output) -> Result<(), Error> {
    let trained = Trained::open(&args.run, args.device.as_deref(), output)?;
    let report = trained.subject()?.report()?;
    let run = &trained.run;
    report.write(run)?;
    output.line(run.report().display().to_string());
    output.result(json!({
        "run": run.path(),
        "report": run.report(),
        "numbers": run.report_json(),
        "seconds": report.seconds,
    }));
    Ok(())
}
