//! `fornax report`: the page that shows what a run learned, drawn anew.

use fornax_runs::RunDir;
use serde_json::json;

use crate::cli::ReportArgs;
use crate::commands::open_device;
use crate::commands::resume::reopen;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::insight::Subject;
use crate::output::Output;

pub(super) fn run(args: &ReportArgs, output: &mut Output) -> Result<(), Error> {
    let run = RunDir::open(&args.run)?;
    let experiment = Experiment::load(&run.experiment())?;
    let device = open_device(&experiment, args.device.as_deref(), output)?;
    let resolved = reopen(&experiment)?;
    let report = Subject::open(&run, &resolved, device)?.report()?;
    report.write(&run)?;
    output.line(run.report().display().to_string());
    output.result(json!({
        "run": run.path(),
        "report": run.report(),
        "numbers": run.report_json(),
        "seconds": report.seconds,
    }));
    Ok(())
}
