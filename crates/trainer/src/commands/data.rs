//! `fornax data list`: the datasets that can be named.

use fornax_data::Whereabouts;
use serde_json::json;

use crate::commands::data_folders;
use crate::output::Output;

pub(super) fn list(output: &mut Output) {
    let known = fornax_data::list(&data_folders());
    let width = known
        .iter()
        .map(|dataset| dataset.name.len())
        .max()
        .unwrap_or(0);
    for dataset in &known {
        let place = match &dataset.whereabouts {
            Whereabouts::Shipped => "shipped".to_owned(),
            Whereabouts::Fetched(folder) => folder.display().to_string(),
            Whereabouts::NotFetched(command) => format!("fetch it: {command}"),
        };
        let place = if dataset.readable {
            place
        } else {
            "cannot be read yet".to_owned()
        };
        let (name, title, shape) = (&dataset.name, &dataset.title, &dataset.shape);
        output.line(format!("{name:<width$}  {title}, {shape}  [{place}]"));
    }
    output.result(json!(known));
}
