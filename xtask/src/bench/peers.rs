//! The other frameworks: where they are, and the modes in which they take part.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow};

use super::row::Row;
use super::side::Side;
use crate::precision::Precision;
use crate::workspace;

/// A framework that we compare ourselves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Torch,
    Jax,
    Tensorflow,
}

/// Has glibc keep freed memory for the next step, as an allocator made for training does.
const KEEP_MEMORY: &[(&str, &str)] = &[
    ("MALLOC_MMAP_MAX_", "0"),
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

impl Framework {
    fn title(self) -> &'static str {
        match self {
            Self::Torch => "PyTorch",
            Self::Jax => "JAX",
            Self::Tensorflow => "TensorFlow",
        }
    }

    /// Its module, which is also the package to install.
    fn module(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::Jax => "jax",
            Self::Tensorflow => "tensorflow",
        }
    }

    /// The modes that make a difference in a row, the one that is usually the fastest last.
    fn modes(self, row: Row, precision: Precision) -> Vec<Mode> {
        let mode = |title, argument: &str| Mode {
            title,
            argument: argument.to_owned(),
            variables: &[],
        };
        match self {
            Self::Jax => vec![mode("", "jit")],
            Self::Tensorflow => vec![mode(" XLA", "xla"), mode("", "graph")],
            Self::Torch => {
                let mut modes = vec![mode("", "eager")];
                let mut best = Vec::new();
                if row.has_images() {
                    modes.push(mode(" channels-last", "channels_last"));
                    best.push("channels_last");
                }
                if row.has_adam() {
                    modes.push(mode(" fused Adam", "fused"));
                    best.push("fused");
                }
                if precision == Precision::Bf16 {
                    modes.push(mode(" bf16", "bf16"));
                    modes.push(tuned(" bf16 tuned", &[best.as_slice(), &["bf16"]].concat()));
                }
                modes.push(tuned(" tuned", &best));
                modes
            }
        }
    }
}

/// One way to run a framework.
#[derive(Debug, PartialEq)]
struct Mode {
    /// What it adds to the framework's name.
    title: &'static str,
    /// What the program calls it.
    argument: String,
    variables: &'static [(&'static str, &'static str)],
}

/// Everything that helps, together with the settings of the allocator.
fn tuned(title: &'static str, modes: &[&str]) -> Mode {
    Mode {
        title,
        argument: if modes.is_empty() {
            "eager".to_owned()
        } else {
            modes.join("+")
        },
        variables: KEEP_MEMORY,
    }
}

/// A framework and the interpreter that has it.
#[derive(Debug)]
pub(crate) struct Peer {
    framework: Framework,
    python: PathBuf,
}

impl Peer {
    /// Takes the first of the interpreters that has the framework.
    pub(crate) fn find(framework: Framework, pythons: &[PathBuf]) -> Result<Self> {
        let found = pythons
            .iter()
            .find(|python| has_module(python, framework.module()));
        let python = found.cloned().ok_or_else(|| {
            let (title, module) = (framework.title(), framework.module());
            let names = pythons
                .iter()
                .map(|python| format!("`{}`", python.display()));
            let names = names.collect::<Vec<_>>().join(", ");
            anyhow!(
                "{title} is not compared with: {names} cannot import `{module}`\nhelp: `pip \
                 install {module}`, or name a Python that has it by `--python PATH`"
            )
        })?;
        Ok(Self { framework, python })
    }

    /// The interpreter, where this is PyTorch.
    pub(crate) fn of_torch(&self) -> Option<&Path> {
        (self.framework == Framework::Torch).then_some(&self.python)
    }

    /// Its sides in a row; of `best_only` just the mode that is usually the fastest, in both precisions.
    pub(crate) fn sides(&self, row: Row, precision: Precision, best_only: bool) -> Vec<Side> {
        let mut modes = self.framework.modes(row, precision);
        if best_only {
            // Which of the two precisions is faster, only a run tells.
            let kept = match (self.framework, precision) {
                (Framework::Torch, Precision::Bf16) => 2,
                _ => 1,
            };
            modes.drain(..modes.len() - kept);
        }
        let program = format!("steps_{}.py", self.framework.module());
        let program = workspace::root().join("xtask").join("peers").join(program);
        let side = |mode: Mode| Side {
            name: format!("{}{}", self.framework.title(), mode.title),
            // -B: no compiled files among the sources.
            program: vec![
                self.python.clone().into(),
                "-B".into(),
                program.clone().into(),
            ],
            arguments: vec![OsString::from(mode.argument)],
            variables: mode.variables,
        };
        modes.into_iter().map(side).collect()
    }
}

/// Whether this Python runs and has the module; does not import it, which would take seconds.
fn has_module(python: &Path, module: &str) -> bool {
    let script = "import importlib.util, sys\n\
                  sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";
    let output = Command::new(python).args(["-c", script, module]).output();
    output.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(framework: Framework, row: Row, precision: Precision, expected: &[&str]) {
        let modes = framework.modes(row, precision);
        let modes: Vec<_> = modes.iter().map(|mode| mode.argument.as_str()).collect();
        assert_eq!(modes, expected);
    }

    #[test]
    fn a_row_gets_the_modes_that_matter_to_it() {
        use Framework::{Jax, Torch};
        let (f32, bf16) = (Precision::F32, Precision::Bf16);
        check(Jax, Row::Cnn, bf16, &["jit"]);
        check(Torch, Row::Rbm, f32, &["eager", "eager"]);
        check(Torch, Row::Lstm, f32, &["eager", "fused", "fused"]);
        let all = ["eager", "channels_last", "fused", "channels_last+fused"];
        check(Torch, Row::Cnn, f32, &all);
        let inference = ["eager", "channels_last", "channels_last"];
        check(Torch, Row::CnnInference1, f32, &inference);
        check(Torch, Row::Rbm, bf16, &["eager", "bf16", "bf16", "eager"]);
    }

    #[test]
    fn only_the_best_mode_is_left_when_time_is_short() {
        let peer = Peer {
            framework: Framework::Torch,
            python: "python".into(),
        };
        let names = |precision, best_only| -> Vec<String> {
            let sides = peer.sides(Row::Mlp, precision, best_only).into_iter();
            sides.map(|side| side.name).collect()
        };
        assert_eq!(names(Precision::F32, true), ["PyTorch tuned"]);
        let both = ["PyTorch bf16 tuned", "PyTorch tuned"];
        assert_eq!(names(Precision::Bf16, true), both);
        assert_eq!(
            names(Precision::F32, false),
            ["PyTorch", "PyTorch fused Adam", "PyTorch tuned"]
        );
    }

    #[test]
    fn a_missing_package_comes_with_its_remedy() {
        let error = Peer::find(Framework::Jax, &["no-such-python".into()]).unwrap_err();
        let expected = "JAX is not compared with: `no-such-python` cannot import `jax`\nhelp: `pip \
                        install jax`, or name a Python that has it by `--python PATH`";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn every_framework_has_its_program() {
        for framework in [Framework::Torch, Framework::Jax, Framework::Tensorflow] {
            let peer = Peer {
                framework,
                python: "python".into(),
            };
            let sides = peer.sides(Row::Mlp, Precision::F32, true);
            assert!(Path::new(&sides[0].program[2]).is_file(), "{sides:?}");
        }
    }
}
