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

#[test]
fn networks_learn_in_bf16_nearly_what_they_learn_in_f32() {
    if !fornax_kernels::Precision::Bf16.is_supported() {
        eprintln!("skipped: this CPU lacks AVX512-BF16");
        return;
    }
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
        let ((f32, weights), (bf16, rounded)) = (train("f32"), train("bf16"));
        assert!(weights != rounded, "{small}: bf16 has no effect");
        assert!(f32 > 0.8, "{small}: {f32} in f32");
        assert!(
            (f32 - bf16).abs() < 0.04,
            "{small}: {f32} in f32, {bf16} in bf16"
        );
        let eval = folder.run("eval bf16 --json").json();
        assert_eq!(eval["metrics"]["accuracy"].as_f64(), Some(bf16), "{small}");
    }
}

#[test]
fn bits_in_bf16_do_not_depend_on_the_number_of_threads() {
    for small in SMALL {
        let folder = Folder::new();
        let weights = ["1", "2", "3"].map(|threads| {
            let run = format!("with-{threads}");
            let arguments = format!("train {small} --precision bf16 --out {run} --quiet");
            let mut command = folder.command(&arguments);
            let output = command.env("RAYON_NUM_THREADS", threads).output();
            assert!(output.expect("the program starts").status.success());
            let path = folder.path().join(run).join("model/weights.safetensors");
            fs::read(path).expect("weights")
        });
        assert!(weights[0] == weights[1], "{small}: 1 and 2 threads");
        assert!(weights[0] == weights[2], "{small}: 1 and 3 threads");
    }
}

#[test]
fn a_precision_that_is_not_to_be_had_is_said_and_leaves_f32() {
    let folder = Folder::new();
    let small = "train mlp --data digits --epochs 1 --set model.widths=[16]";
    folder.run(&format!("{small} --out f32")).ok();
    let high = folder
        .run(&format!("{small} --precision high --out high"))
        .ok();
    let warning = "warning: precision high: there are no kernels for it yet; products stay in f32";
    assert!(high.stderr().contains(warning), "{}", high.stderr());
    let weights = |run: &str| {
        fs::read(folder.path().join(run).join("model/weights.safetensors")).expect("weights")
    };
    assert!(weights("f32") == weights("high"));
}
