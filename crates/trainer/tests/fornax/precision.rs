//! What `--precision` makes of a training.

use serde_json::Value;
use std::fs;

use crate::program::Folder;

const SMALL: [&str; 3] = [
    "mlp --data digits --epochs 8",
    "rnn --data digits --epochs 20 --set model.d_hidden=32",
    "dbn --data digits --epochs 30 --set pretrain.epochs=8 --set model.widths=[64]",
];

fn accuracy(result: &Value) -> f64 {
    result["test"]["accuracy"].as_f64().expect("an accuracy")
}

/// Those other than f32 that this CPU has, with how far from f32's their accuracy may be.
fn precisions() -> Vec<(&'static str, f64)> {
    use fornax_kernels::Precision::{Bf16, High};
    let all = [("high", High, 0.03), ("bf16", Bf16, 0.04)];
    let (here, skipped): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, precision, _)| precision.is_supported());
    for (name, ..) in skipped {
        eprintln!("skipped: this CPU has no {name}");
    }
    let named = here.into_iter().map(|(name, _, off)| (name, off));
    named.collect()
}

#[test]
fn networks_learn_in_every_precision_nearly_what_they_learn_in_f32() {
    for small in SMALL {
        let folder = Folder::new();
        let train = |precision: &str| {
            let arguments = format!("train {small} --precision {precision} --out {precision}");
            let result = folder.run(&format!("{arguments} --json")).json();
            let weights = folder
                .path()
                .join(precision)
                .join("model/weights.safetensors");
            (accuracy(&result), fs::read(weights).expect("weights"))
        };
        let (f32, weights) = train("f32");
        assert!(f32 > 0.8, "{small}: {f32} in f32");
        for (name, off) in precisions() {
            let (ours, rounded) = train(name);
            assert!(weights != rounded, "{small}: {name} has no effect");
            assert!(
                (f32 - ours).abs() < off,
                "{small}: {f32} in f32, {ours} in {name}"
            );
            let eval = folder.run(&format!("eval {name} --json")).json();
            assert_eq!(eval["metrics"]["accuracy"].as_f64(), Some(ours), "{small}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for (small, (name, _)) in SMALL
        .iter()
        .flat_map(|small| precisions().into_iter().map(move |name| (small, name)))
    {
        let folder = Folder::new();
        let weights = ["1", "2", "3"].map(|threads| {
            let run = format!("with-{threads}");
            let arguments = format!("train {small} --precision {name} --out {run} --quiet");
            let mut command = folder.command(&arguments);
            let output = command.env("RAYON_NUM_THREADS", threads).output();
            assert!(output.expect("the program starts").status.success());
            let path = folder.path().join(run).join("model/weights.safetensors");
            fs::read(path).expect("weights")
        });
        assert!(weights[0] == weights[1], "{small} {name}: 1 and 2 threads");
        assert!(weights[0] == weights[2], "{small} {name}: 1 and 3 threads");
    }
}

#[test]
fn a_precision_that_is_not_to_be_had_is_said_and_leaves_f32() {
    let lacking = [
        ("high", fornax_kernels::Precision::High),
        ("bf16", fornax_kernels::Precision::Bf16),
    ];
    let folder = Folder::new();
    let small = "train mlp --data digits --epochs 1 --set model.widths=[16]";
    folder.run(&format!("{small} --out f32")).ok();
    for (name, precision) in lacking {
        let run = folder
            .run(&format!("{small} --precision {name} --out {name}"))
            .ok();
        let warning = format!("warning: precision {name}: this CPU lacks AMX");
        let is_said = run.stderr().contains(&warning);
        assert_eq!(is_said, !precision.is_supported(), "{}", run.stderr());
        let weights = |run: &str| {
            fs::read(folder.path().join(run).join("model/weights.safetensors")).expect("weights")
        };
        let is_f32 = weights("f32") == weights(name);
        assert_eq!(is_f32, !precision.is_supported(), "{name}");
    }
}
