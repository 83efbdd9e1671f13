//! Tests of the file of events.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::{
    DataSignals, FinishReason, LayerSignals, MachineSignals, NotFinite, Position, Quantity,
    RunErrorKind, Signals, StepTimes,
};

fn at(at: Position, kind: EventKind) -> Event {
    Event {
        kind,
        at,
        elapsed_ms: 7,
    }
}

fn step(step: usize, loss: f64) -> Event {
    at(
        Position::train(step),
        EventKind::Step {
            epoch: 1,
            loss,
            learning_rate: 0.1,
        },
    )
}

fn epoch(step: usize, loss: f64) -> Event {
    let kind = EventKind::Epoch {
        epoch: step,
        num_epochs: 9,
        learning_rate: 1e-3,
        train: BTreeMap::from([("loss".to_owned(), loss)]),
        valid: BTreeMap::new(),
        samples_per_s: 12.5,
        best: true,
    };
    at(Position::train(step), kind)
}

fn pretrain_epoch(layer: usize, step: usize) -> Event {
    let kind = EventKind::PretrainEpoch {
        epoch: step,
        num_epochs: 9,
        learning_rate: 0.1,
        reconstruction_error: 0.5,
        free_energy_train: -1.0,
        free_energy_valid: None,
        pseudo_log_likelihood: None,
    };
    at(Position::pretrain(layer, step), kind)
}

fn resumed(position: Position) -> Event {
    at(position, EventKind::Resumed)
}

fn finished(step: usize) -> Event {
    at(
        Position::train(step),
        EventKind::Finished {
            reason: FinishReason::Completed,
        },
    )
}

/// What is read after each line of `text`, in a file of its own.
fn read(text: impl AsRef<[u8]>) -> Result<Vec<Event>, RunError> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, text).unwrap();
    read_events(&path)
}

fn lines(events: &[Event]) -> String {
    events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap() + "\n")
        .collect()
}

#[track_caller]
fn check(written: &[Event], expected: &[Event]) {
    assert_eq!(read(lines(written)).unwrap(), expected);
}

#[test]
fn event_is_one_flat_line() {
    assert_eq!(
        serde_json::to_string(&at(Position::pretrain(1, 30), EventKind::Interrupted)).unwrap(),
        r#"{"event":"interrupted","layer":1,"step":30,"elapsed_ms":7}"#
    );
    assert_eq!(
        serde_json::to_string(&step(30, f64::NAN)).unwrap(),
        r#"{"event":"step","epoch":1,"loss":null,"learning_rate":0.1,"step":30,"elapsed_ms":7}"#
    );
}

#[test]
fn every_event_is_read_as_it_was_written() {
    let started = EventKind::Started {
        data: "digits".to_owned(),
        architecture: "mlp".to_owned(),
        task: "classification".to_owned(),
        device: "flex".to_owned(),
        seed: u64::MAX,
        num_train: 1,
        num_valid: 2,
        num_test: 3,
        num_parameters: 4,
        versions: BTreeMap::from([("burn".to_owned(), "0.22.1".to_owned())]),
    };
    let evaluated = EventKind::Evaluated {
        split: "test".to_owned(),
        metrics: BTreeMap::from([]),
    };
    check_round_trip(&[
        at(Position::pretrain(0, 0), started),
        pretrain_epoch(0, 5),
        at(
            Position::train(0),
            EventKind::Warning {
                message: "a \"word\"\nmore".to_owned(),
            },
        ),
        step(5, 0.1 + 0.2),
        epoch(5, 1.0 / 3.0),
        at(
            Position::train(5),
            EventKind::Checkpoint {
                kind: crate::CheckpointKind::Best,
            },
        ),
        at(
            Position::train(6),
            EventKind::Diverged {
                epoch: 2,
                loss: 1e300,
            },
        ),
        at(Position::train(6), evaluated),
        finished(6),
    ]);
}

#[test]
fn every_event_of_the_doctor_is_read_as_it_was_written() {
    let layer = LayerSignals {
        name: "hidden1".to_owned(),
        weight_norm: 1.5,
        weight_deviation: 0.25,
        gradient_norm: 1e-3,
        gradient_mean: 1e-5,
        update_ratio: 1e-3,
        activation_mean: 0.5,
        activation_deviation: 0.25,
        dead: Some(0.125),
        saturated: None,
    };
    let signals = Signals {
        epoch: 1,
        num_steps: 5,
        loss: 2.5,
        highest_loss: 3.0,
        highest_loss_step: 2,
        gradient_norm: 0.5,
        gradient_noise: Some(1.25),
        layers: vec![layer],
        gradient_by_time: vec![0.5, 0.25],
    };
    let machine = MachineSignals {
        hidden_mean: 0.5,
        stuck: 0.0,
        update_ratio: 0.01,
        chain_correlation: Some(0.75),
    };
    let recall = EventKind::ClassRecall {
        epoch: 1,
        recall: vec![0.5, 1.0],
    };
    let settling = EventKind::Settling {
        epoch: 2,
        since: 0,
        layers: vec!["hidden1".to_owned()],
        similarity: vec![0.9],
    };
    let times = StepTimes {
        num_steps: 3,
        loading_ms: 0.5,
        forward_ms: 1.5,
        backward_ms: 2.5,
        optimizer_ms: 0.25,
        instrumentation_ms: 0.125,
        doctor_ms: 0.75,
    };
    let up_down = EventKind::UpDownEpoch {
        epoch: 1,
        num_epochs: 2,
        learning_rate: 0.05,
        reconstruction_error: 0.25,
    };
    check_round_trip(&[
        at(Position::train(2), settling),
        at(
            Position::pretrain(1, 0),
            EventKind::Data(DataSignals {
                neighbour_gain: Some(1.5),
                baseline: Some(0.1),
                reference: Some(0.9),
                memorised: Some(0.5),
                range_test: vec![[1e-3, 2.5], [1e-2, 2.0]],
                ..DataSignals::default()
            }),
        ),
        at(Position::pretrain(1, 5), EventKind::Machine(machine)),
        at(Position::train(5), EventKind::Signals(signals)),
        at(Position::train(5), recall),
        at(Position::train(5), EventKind::StepTimes(times)),
        at(Position::pretrain(2, 9), up_down),
    ]);
}

#[track_caller]
fn check_round_trip(events: &[Event]) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut log = EventLog::open_append(&path).unwrap();
    for event in events {
        log.append(event.clone()).unwrap();
    }
    log.sync().unwrap();
    assert_eq!(log.events(), events);
    assert_eq!(read_events(&path).unwrap(), events);
    for event in events {
        check_any_number_may_be_nan(event);
    }
}

/// A number that is not finite is written as `null`, whichever of them it is.
#[track_caller]
fn check_any_number_may_be_nan(event: &Event) {
    fn without_numbers(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => *value = Value::Null,
            Value::Array(values) => values.iter_mut().for_each(without_numbers),
            Value::Object(values) => values.values_mut().for_each(without_numbers),
            _ => {}
        }
    }
    let mut written = serde_json::to_value(event).unwrap();
    without_numbers(&mut written);
    let events = read(format!("{written}\n")).unwrap();
    assert_eq!(serde_json::to_value(&events[0]).unwrap(), written);
}

#[test]
fn a_layer_that_is_named_is_not_taken_for_that_of_the_position() {
    let found = NotFinite {
        what: Quantity::Activation,
        layer: "hidden1".to_owned(),
        items: vec!["line 7".to_owned()],
    };
    check_round_trip(&[
        at(
            Position::pretrain(1, 3),
            EventKind::NotFinite(found.clone()),
        ),
        at(Position::train(3), EventKind::NotFinite(found)),
    ]);
}

#[test]
fn number_that_is_not_finite_is_read_as_nan() {
    let events = read(lines(&[step(1, f64::INFINITY), epoch(1, f64::NAN)])).unwrap();
    let EventKind::Step { loss, .. } = events[0].kind else {
        panic!("{events:?}")
    };
    let EventKind::Epoch { train, .. } = &events[1].kind else {
        panic!("{events:?}")
    };
    assert!(loss.is_nan() && train["loss"].is_nan());
}

#[test]
fn positions_are_ordered_as_training_passes_them() {
    let passed = [
        Position::pretrain(0, 0),
        Position::pretrain(0, 9),
        Position::pretrain(1, 0),
        Position::train(0),
        Position::train(3),
    ];
    assert!(passed.is_sorted());
}

#[test]
fn resuming_supersedes_what_came_after_its_position() {
    check(
        &[
            step(1, 1.0),
            epoch(2, 0.9),
            step(3, 0.8),
            resumed(Position::train(2)),
            step(3, 0.7),
        ],
        &[
            step(1, 1.0),
            epoch(2, 0.9),
            resumed(Position::train(2)),
            step(3, 0.7),
        ],
    );
    let back = resumed(Position::pretrain(0, 4));
    check(
        &[
            pretrain_epoch(0, 4),
            pretrain_epoch(1, 2),
            epoch(1, 1.0),
            back.clone(),
        ],
        &[pretrain_epoch(0, 4), back],
    );
}

#[test]
fn resuming_a_finished_run_reopens_it() {
    let more = resumed(Position::train(2));
    check(
        &[step(2, 1.0), finished(2), more.clone()],
        &[step(2, 1.0), more],
    );
}

#[test]
fn epoch_reported_again_after_resuming_counts_once() {
    // A checkpoint inside the last step of an epoch is older than the validation after it.
    let back = resumed(Position::train(2));
    check(
        &[
            step(2, 1.0),
            epoch(2, 0.5),
            back.clone(),
            epoch(2, 0.5),
            step(3, 0.4),
        ],
        &[step(2, 1.0), back, epoch(2, 0.5), step(3, 0.4)],
    );
}

#[test]
fn event_of_a_later_version_is_left_out() {
    let later = r#"{"event":"dreamt","of":["sheep"]}"#.to_owned() + "\n";
    let wider = r#"{"event":"interrupted","step":1,"elapsed_ms":7,"why":"ctrl-c"}"#;
    let events = read(later + wider).unwrap();
    assert_eq!(events, [at(Position::train(1), EventKind::Interrupted)]);
}

#[test]
fn torn_line_is_left_out_at_the_end_and_before_a_session() {
    let whole = lines(&[step(1, 1.0)]);
    let torn = &lines(&[step(2, 1.0)])[..20];
    let next = lines(&[resumed(Position::train(1))]);
    let both = [step(1, 1.0), resumed(Position::train(1))];
    assert_eq!(read(format!("{whole}{torn}")).unwrap(), both[..1]);
    assert_eq!(read(format!("{whole}{torn}\n{next}")).unwrap(), both);
    let zeros = "\0".repeat(100);
    assert_eq!(read(format!("{whole}{zeros}\n{next}")).unwrap(), both);
}

#[test]
fn damaged_line_is_an_error_with_its_number() {
    #[track_caller]
    fn check(text: &str, line: usize) {
        let error = read(text).unwrap_err();
        assert_eq!(error.kind(), RunErrorKind::Data);
        assert!(
            error
                .to_string()
                .contains(&format!("events.jsonl:{line}: ")),
            "{error}"
        );
    }
    let whole = lines(&[step(1, 1.0)]);
    let torn = &whole[..20];
    check(&format!("{whole}\n{torn}\n{whole}"), 3); // no session begins after it
    check(&format!("{whole}rubbish\n"), 2);
    check(r#"{"event":"step","step":-1}"#, 1);
    check("[]", 1);
}

#[test]
fn missing_file_is_an_error_with_its_path() {
    let error = read_events(Path::new("nowhere/events.jsonl")).unwrap_err();
    assert!(error.to_string().contains("events.jsonl"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_is_its_own_error() {
    let mut log = EventLog::open_append(Path::new("/dev/full")).unwrap();
    let error = log.append(step(1, 1.0)).unwrap_err();
    assert!(matches!(error, RunError::DiskFull { .. }), "{error}");
}

/// Three events in a file that was cut to `size` bytes.
fn cut_log(size: usize) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut bytes = lines(&[step(1, 1.0), step(2, 0.5), step(3, 0.25)]).into_bytes();
    bytes.truncate(size);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

proptest! {
    #[test]
    fn log_cut_anywhere_goes_on(size in 0_usize..300) {
        let (_folder, path) = cut_log(size);
        let before = read_events(&path).unwrap().len();
        let mut log = EventLog::open_append(&path).unwrap();
        log.append(resumed(Position::train(9))).unwrap();
        log.append(step(10, 0.1)).unwrap();
        let after = read_events(&path).unwrap();
        prop_assert_eq!(log.events(), &after);
        prop_assert_eq!(after.len(), before + 2);
        prop_assert_eq!(&after[before + 1], &step(10, 0.1));
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes);
    }
}
