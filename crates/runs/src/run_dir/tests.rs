//! Tests of the folder of a run.

use std::collections::BTreeSet;
use std::thread;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::RunErrorKind;

/// A folder with runs of these names.
fn folder_of(names: &[&str]) -> TempDir {
    let folder = tempdir().unwrap();
    for name in names {
        let run = RunDir::create_at(&folder.path().join(name)).unwrap();
        fs::write(run.experiment(), "seed = 1").unwrap();
    }
    folder
}

fn name(run: &RunDir) -> &str {
    run.path().file_name().unwrap().to_str().unwrap()
}

fn message(error: &RunError) -> String {
    let help = miette::Diagnostic::help(error).map(|help| help.to_string());
    format!("{error}\n{}", help.unwrap_or_default())
}

#[test]
fn new_run_takes_the_number_after_the_highest() {
    let folder = folder_of(&[
        "digits-mlp-1",
        "digits-mlp-9",
        "digits-mlp-x",
        "digits-cnn-20",
    ]);
    assert_eq!(
        name(&RunDir::create(folder.path(), "digits-mlp").unwrap()),
        "digits-mlp-10"
    );
    assert_eq!(
        name(&RunDir::create(folder.path(), "digits-rnn").unwrap()),
        "digits-rnn-1"
    );
}

#[test]
fn no_name_makes_the_number_overflow() {
    let folder = folder_of(&["a-18446744073709551615", "a-4294967295"]);
    assert_eq!(
        name(&RunDir::create(folder.path(), "a").unwrap()),
        "a-4294967296"
    );
}

#[test]
fn runs_made_at_once_get_a_folder_each() {
    let folder = tempdir().unwrap();
    let make = || RunDir::create(&folder.path().join("runs"), "digits-mlp").unwrap();
    let runs: BTreeSet<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(runs.len(), 8);
}

#[test]
fn stem_becomes_a_plain_name() {
    #[track_caller]
    fn check(stem: &str, expected: &str) {
        assert_eq!(plain_name(stem), expected);
    }
    check("digits-mlp", "digits-mlp");
    check("../my data.csv-mlp", "my-data.csv-mlp");
    check("größe_1-mlp", "größe_1-mlp");
    check("..", "run");
    check("a/\0\n", "a");
    check(&"ä".repeat(300), &"ä".repeat(100));
}

#[test]
fn given_folder_is_taken_when_it_is_empty() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    for path in ["mine", "deep/er"] {
        let run = RunDir::create_at(&folder.path().join(path)).unwrap();
        assert!(
            run.checkpoint(CheckpointKind::Last)
                .parent()
                .unwrap()
                .is_dir()
        );
        assert!(run.weights().parent().unwrap().is_dir());
    }
}

#[test]
fn given_folder_is_refused_when_something_lies_there() {
    let folder = folder_of(&["mine"]);
    fs::write(folder.path().join("file"), "").unwrap();
    for path in ["mine", "file"] {
        let error = RunDir::create_at(&folder.path().join(path)).unwrap_err();
        assert!(matches!(error, RunError::Occupied { .. }), "{error}");
        assert_eq!(error.kind(), RunErrorKind::Usage);
    }
}

#[test]
fn file_in_the_way_is_an_error_with_its_path() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunDir::create(&file.join("runs"), "a").unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn open_says_what_is_missing_and_what_lies_near() {
    let folder = folder_of(&["digits-cnn-1", "digits-mlp-1"]);
    let path = |name: &str| folder.path().join(name);
    assert_eq!(
        name(&RunDir::open(&path("digits-mlp-1")).unwrap()),
        "digits-mlp-1"
    );

    let misspelt = message(&RunDir::open(&path("digits-mpl-1")).unwrap_err());
    assert!(misspelt.contains("there is no such folder"), "{misspelt}");
    let [mlp, cnn] = ["digits-mlp-1", "digits-cnn-1"].map(|near| misspelt.find(near).unwrap());
    assert!(mlp < cnn, "the likeliest is named first: {misspelt}");

    let parent = message(&RunDir::open(folder.path()).unwrap_err());
    assert!(parent.contains("it has no experiment.toml"), "{parent}");
    assert!(
        parent.contains("did you mean") && parent.contains("digits-cnn-1"),
        "{parent}"
    );

    let file = message(&RunDir::open(&path("digits-mlp-1/experiment.toml")).unwrap_err());
    assert!(file.contains("it is no folder"), "{file}");
}

#[test]
fn open_on_the_file_of_a_run_names_the_run() {
    let folder = folder_of(&["digits-mlp-1"]);
    let file = folder.path().join("digits-mlp-1").join("experiment.toml");
    let help = message(&RunDir::open(&file).unwrap_err());
    assert!(
        help.contains("did you mean") && help.contains("digits-mlp-1?"),
        "{help}"
    );
}

#[test]
fn list_begins_with_the_newest() {
    let folder = folder_of(&["a-1", "a-2", "a-3"]);
    fs::create_dir(folder.path().join("no-run")).unwrap();
    let touched = fs::File::options()
        .write(true)
        .open(folder.path().join("a-2/experiment.toml"));
    let later = SystemTime::now() + std::time::Duration::from_mins(1);
    touched.unwrap().set_modified(later).unwrap();
    let runs = RunDir::list(folder.path());
    assert_eq!(runs.len(), 3);
    assert_eq!(name(&runs[0]), "a-2");
    assert!(RunDir::list(&folder.path().join("gone")).is_empty());
}

#[test]
fn one_process_at_a_time_trains_a_run() {
    let folder = folder_of(&["a-1"]);
    let run = RunDir::open(&folder.path().join("a-1")).unwrap();
    let lock = run.lock().unwrap();
    let error = run.lock().unwrap_err();
    assert!(matches!(error, RunError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("a-1"), "{error}");
    drop(lock);
    drop(run.lock().unwrap());
}

#[test]
fn lock_sweeps_half_written_files_away() {
    let folder = folder_of(&["a-1"]);
    let run = RunDir::open(&folder.path().join("a-1")).unwrap();
    let litter = run
        .path()
        .join("checkpoints")
        .join(format!("{PART_PREFIX}x7"));
    fs::write(&litter, "half").unwrap();
    drop(run.lock().unwrap());
    assert!(!litter.exists());
    assert!(run.experiment().exists());
}

#[test]
#[cfg(unix)]
fn missing_permission_is_its_own_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    for error in [
        RunDir::create(folder.path(), "a").unwrap_err(),
        RunDir::create_at(&folder.path().join("a")).unwrap_err(),
        crate::write_atomic(&folder.path().join("a"), b"").unwrap_err(),
        crate::EventLog::open_append(&folder.path().join("a")).unwrap_err(),
    ] {
        assert!(
            matches!(error, RunError::PermissionDenied { .. }),
            "{error}"
        );
    }
}
