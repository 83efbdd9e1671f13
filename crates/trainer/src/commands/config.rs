//! `fornax config show`: the complete settings that a training would use.

use serde_json::json;

use crate::cli::ExperimentArgs;
use crate::commands::data_folders;
use crate::error::Error;
use crate::output::Output;

pub(super) fn show(args: &ExperimentArgs, output: &mut Output) -> Result<(), Error> {
    let resolved = args.request()?.resolve(&data_folders())?;
    output.line(resolved.experiment.to_toml().trim_end());
    output.result(json!(resolved.experiment));
    Ok(())
}
