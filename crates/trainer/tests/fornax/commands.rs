//! What each verb does when all is well.

use serde_json::Value;
use std::fs;

use crate::program::Folder;

/// The smallest training that still learns something.
const SMALL: &str = "train mlp --data digits --epochs 2 --set model.widths=[16]";

#[test]
fn train_leaves_a_complete_run_and_prints_its_path_last() {
    let folder = Folder::new();
    let finished = folder.run(SMALL).ok();
    assert_eq!(finished.last_line(), "runs/digits-mlp-1");
    let run = folder.path().join("runs/digits-mlp-1");
    for file in [
        "experiment.toml",
        "environment.json",
        "events.jsonl",
        "metrics.csv",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "model/manifest.json",
        "model/weights.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    assert_eq!(
        folder.run(SMALL).ok().last_line(),
        "runs/digits-mlp-2",
        "runs are never overwritten"
    );
    let weights = |run: &str| {
        fs::read(
            folder
                .path()
                .join("runs")
                .join(run)
                .join("model/weights.safetensors"),
        )
        .expect("weights")
    };
    assert!(
        weights("digits-mlp-1") == weights("digits-mlp-2"),
        "same seed, same bits"
    );
}

#[test]
fn the_experiment_of_a_run_repeats_it() {
    let folder = Folder::new();
    folder.run(&format!("{SMALL} --seed 9 --out first")).ok();
    folder
        .run("train --config first/experiment.toml --out second")
        .ok();
    let read = |run: &str, file: &str| fs::read(folder.path().join(run).join(file)).expect(file);
    for file in ["experiment.toml", "model/weights.safetensors"] {
        assert!(
            read("first", file) == read("second", file),
            "{file} differs"
        );
    }
}

#[test]
fn eval_agrees_with_what_training_said() {
    let folder = Folder::new();
    let trained = folder.run(&format!("{SMALL} --json")).json();
    let run = trained["run"].as_str().expect("a path");
    let evaluated = folder.run(&format!("eval {run} --json")).json();
    assert_eq!(
        trained["test"]["accuracy"],
        evaluated["metrics"]["accuracy"]
    );
    assert_eq!(evaluated["confusion"].as_array().map(Vec::len), Some(10));
}

#[test]
fn dry_run_checks_everything_and_writes_nothing() {
    let folder = Folder::new();
    folder.run(&format!("{SMALL} --dry-run")).ok();
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn architecture_is_chosen_from_the_data_and_the_choice_is_said() {
    let folder = Folder::new();
    for (data, architecture) in [
        ("wine", "mlp"),
        ("digits", "cnn"),
        ("japanese-vowels", "rnn"),
        ("moby-dick", "rnn"),
    ] {
        let finished = folder.run(&format!("train --data {data} --dry-run")).ok();
        let said = finished.stderr();
        assert!(
            said.contains(architecture) && said.contains("chosen"),
            "{data}:\n{said}"
        );
    }
}

#[test]
fn finished_run_is_not_trained_again() {
    let folder = Folder::new();
    folder.run(&format!("{SMALL} --out run")).ok();
    let weights = folder.path().join("run/model/weights.safetensors");
    let before = fs::metadata(&weights)
        .and_then(|meta| meta.modified())
        .expect("weights");
    let finished = folder.run("resume run").ok();
    assert!(
        finished.stderr().contains("nothing to do"),
        "{}",
        finished.stderr()
    );
    assert_eq!(
        before,
        fs::metadata(&weights)
            .and_then(|meta| meta.modified())
            .expect("weights")
    );
}

#[test]
fn time_budget_ends_training_with_a_usable_model() {
    let folder = Folder::new();
    let result = folder
        .run("train mlp --data digits --epochs 10000 --time 2s --out run --json")
        .json();
    assert_eq!(result["reason"], "time_budget");
    folder.run("eval run").ok();
}

#[test]
fn training_stops_early_when_nothing_improves_any_more() {
    let folder = Folder::new();
    let result = folder
        .run(
            "train mlp --data digits --epochs 400 --set train.patience=2 --out run --no-report \
             --json",
        )
        .json();
    assert_eq!(result["reason"], "early_stopping");
    let table = fs::read_to_string(folder.path().join("run/metrics.csv")).expect("a table");
    let best = result["best_epoch"].as_u64().expect("an epoch");
    assert_eq!(table.lines().skip(1).count() as u64, best + 2, "{table}");
}

#[test]
fn belief_network_dreams_and_refuses_classes_it_does_not_know() {
    let folder = Folder::new();
    folder
        .run(
            "train dbn --data digits --epochs 1 --set pretrain.epochs=1 --set model.widths=[32,16] \
             --out run",
        )
        .ok();
    let result = folder
        .run("generate run --label 3 --samples 2 --steps 5 --json")
        .json();
    let samples = result["samples"].as_array().expect("samples");
    assert_eq!(samples.len(), 2);
    assert_eq!(samples[0].as_array().map(Vec::len), Some(64));
    assert_eq!(folder.run("generate run --label eleven").code(), Some(2));
}

#[test]
fn an_older_run_has_the_defaults_of_settings_that_came_later() {
    let folder = Folder::new();
    folder
        .run(
            "train dbn --data digits --epochs 1 --set pretrain.epochs=1 --set model.widths=[16] \
             --out run",
        )
        .ok();
    let without = |file: &str, setting: &str| {
        let path = folder.path().join("run").join(file);
        let text = std::fs::read_to_string(&path).expect("a file of the run");
        let lines = text.lines().filter(|line| !line.contains(setting));
        let kept: Vec<&str> = lines.collect();
        assert!(kept.len() < text.lines().count(), "{setting} is in {file}");
        std::fs::write(path, kept.join("\n")).expect("a file of the run");
    };
    without("model/manifest.json", "\"up_down\"");
    without("experiment.toml", "up_down");
    folder.run("eval run").ok();
    folder.run("resume run").ok();
}

#[test]
fn every_verb_prints_one_json_envelope() {
    let folder = Folder::new();
    for arguments in [
        "data list",
        "config show mlp --data wine",
        "completions bash",
        "devices --limit 5s",
    ] {
        let finished = folder.run(&format!("{arguments} --json")).ok();
        let envelope: Value = serde_json::from_str(&finished.stdout()).expect(arguments);
        assert_eq!(envelope["schema"], 1, "{arguments}");
        assert!(!envelope["result"].is_null(), "{arguments}");
    }
    let refused = folder.run("train mlp --data nothing-of-that-name --json");
    let envelope: Value = serde_json::from_str(&refused.stdout()).expect("an envelope");
    assert_eq!(
        (&envelope["ok"], &envelope["error"]["exit_code"]),
        (&false.into(), &3.into())
    );
}

#[test]
fn devices_names_every_backend_and_tries_the_ones_it_has() {
    let text = Folder::new().run("devices --limit 5s").ok().stdout();
    for name in ["flex", "ndarray", "wgpu", "vulkan", "metal", "cuda", "rocm"] {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
}

#[test]
fn data_check_and_show_say_and_draw_what_is_there() {
    let folder = Folder::new();
    let report = folder.run("data check penguins --json").json();
    assert_eq!(report["splits"][0]["num_items"], 258);
    assert_eq!(report["fingerprint"].as_str().map(str::len), Some(64));
    let shown = folder.run("data show fashion-mini --augment").ok();
    assert_eq!(shown.last_line(), "fashion-mini.png");
    let png = fs::read(folder.path().join("fashion-mini.png")).expect("the sheet");
    assert!(png.starts_with(b"\x89PNG"));
    let refused = folder.run("data show penguins");
    assert_eq!(refused.code(), Some(3), "a table has no picture");
    let refused = folder.run("data check penguins --set data.imagesize=3");
    assert_eq!(refused.code(), Some(2));
    assert!(
        refused.stderr().contains("image_size"),
        "{}",
        refused.stderr()
    );
    let refused = folder.run("train mlp --data digits --set augment.rotat=3");
    assert_eq!(refused.code(), Some(2));
    assert!(refused.stderr().contains("rotate"), "{}", refused.stderr());
}
