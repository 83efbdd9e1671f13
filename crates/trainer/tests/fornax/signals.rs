//! The signals of real trainings: looking closely changes no bit of the weights.

use std::fs;

use serde_json::Value;

use crate::program::Folder;

/// Trains at every level and compares what is left; the events at `full`.
#[track_caller]
fn same_bits(arguments: &str) -> Vec<Value> {
    let folder = Folder::new();
    let train = |level: &str| {
        folder
            .run(&format!(
                "train {arguments} --no-report --quiet --doctor {level} --out {level}"
            ))
            .ok();
        let run = folder.path().join(level);
        let weights = fs::read(run.join("model/weights.safetensors")).expect("weights");
        let events = fs::read_to_string(run.join("events.jsonl")).expect("events");
        let events = events
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"));
        (weights, events.collect::<Vec<Value>>())
    };
    let (off, silent) = train("off");
    assert!(of_kind(&silent, "signals").is_empty());
    let [_, full] = ["light", "full"].map(|level| {
        let (weights, events) = train(level);
        assert!(
            weights == off,
            "{level} changes the weights of `{arguments}`"
        );
        let num_signals = of_kind(&events, "signals").len();
        assert!(
            num_signals >= 3,
            "{num_signals} at {level} of `{arguments}`"
        );
        events
    });
    full
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[test]
fn looking_changes_no_bit_of_a_perceptron() {
    let settings = "mlp --data digits --epochs 2 --set model.widths=[16,8] --set model.dropout=0.2 \
                    --set model.batch_norm=true --set train.clip_norm=0.5 --set train.optimizer=sgd";
    let events = same_bits(&format!("{settings} --device flex"));
    let recall = of_kind(&events, "class_recall");
    assert_eq!(recall.len(), 2);
    assert_eq!(recall[0]["recall"].as_array().map(Vec::len), Some(10));
    #[cfg(feature = "ndarray")]
    same_bits(&format!("{settings} --device ndarray"));
}

#[test]
fn looking_changes_no_bit_of_convolutions() {
    let settings = "cnn --data digits --fraction 0.3 --epochs 1 --set model.widths=[4,4] \
                    --set model.dense=[8] --set train.optimizer=rmsprop";
    same_bits(&format!("{settings} --device flex"));
    #[cfg(feature = "ndarray")]
    same_bits(&format!("{settings} --device ndarray"));
}

#[test]
fn looking_changes_no_bit_of_a_recurrent_network_and_sees_its_gradient_by_time() {
    let events = same_bits(
        "rnn --data japanese-vowels --epochs 1 --set model.d_hidden=8 --set model.num_layers=2 \
         --set model.dropout=0.2 --set model.cell=gru",
    );
    for signals in of_kind(&events, "signals") {
        let by_time = signals["gradient_by_time"].as_array().expect("a list");
        assert!(by_time.len() >= 7, "{by_time:?}");
        assert!(
            by_time.iter().all(|norm| norm.as_f64() > Some(0.0)),
            "{by_time:?}"
        );
    }
}

#[test]
fn looking_changes_no_bit_of_a_network_of_tokens() {
    same_bits("rnn --data moby-dick --fraction 0.01 --epochs 1 --set model.d_hidden=8");
}

#[test]
fn looking_changes_no_bit_of_a_belief_network() {
    for persistent in [false, true] {
        let events = same_bits(&format!(
            "dbn --data digits --fraction 0.5 --epochs 2 --set model.widths=[12,8] \
             --set pretrain.epochs=2 --set pretrain.batch_size=20 \
             --set pretrain.persistent={persistent}"
        ));
        let machines = of_kind(&events, "machine");
        assert_eq!(machines.len(), 4);
        for machine in machines {
            assert!(machine["update_ratio"].as_f64() > Some(0.0), "{machine}");
            assert!(machine["chain_correlation"].is_number(), "{machine}");
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_is_traced_to_where_it_began() {
    let folder = Folder::new();
    let finished = folder.run(
        "train mlp --data digits --epochs 3 --set train.optimizer=sgd \
         --set train.learning_rate=1e30 --no-report --out run",
    );
    assert_eq!(finished.code(), Some(4), "{}", finished.stderr());
    let events = fs::read_to_string(folder.path().join("run/events.jsonl")).expect("events");
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let [found] = of_kind(&events, "not_finite")[..] else {
        panic!("{events:?}");
    };
    let layer = found["first_layer"].as_str().expect("a layer");
    assert!(["hidden1", "hidden2", "logits"].contains(&layer), "{found}");
}
