//! Our benchmark program, built once.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

/// Builds `crates/trainer/benches/steps` with these backends; cargo tells its progress itself.
pub(crate) fn build(backends: &[String]) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--release", "--package", "fornax-trainer"]);
    command.args(["--bench", "steps", "--features", &backends.join(",")]);
    command.arg("--message-format=json-render-diagnostics");
    command.stderr(Stdio::inherit());
    let output = command.output().context("cannot start `cargo build`")?;
    if !output.status.success() {
        bail!("the benchmark does not build; cargo's reason stands above");
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    executable(&stdout).context("cargo built no benchmark called `steps`")
}

/// One of the messages of cargo, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == "steps")
        })
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_the_messages_of_cargo() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"fornax"},"executable":"t/fornax"}
            {"reason":"compiler-artifact","target":{"name":"steps"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"steps"},"executable":"t/steps-1"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some("t/steps-1".into()));
        assert_eq!(executable("{\"reason\":\"build-finished\"}"), None);
    }
}
