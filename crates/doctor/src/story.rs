//! Runs made up for the tests of the rules: a healthy one, and ways to make it ill.

use std::collections::BTreeMap;

use fornax_runs::{
    DataSignals, Event, EventKind, FinishReason, LayerSignals, MachineSignals, NotFinite, Position,
    Quantity, Signals,
};
use serde_json::{Value, json};

use crate::{Finding, Record, Rule};

/// Steps of an epoch.
pub(crate) const STEPS: usize = 10;

pub(crate) struct Story {
    experiment: Value,
    task: &'static str,
    accuracies: Vec<f64>,
    train_accuracies: Vec<f64>,
    losses: Vec<f64>,
    valid_losses: Vec<f64>,
    steps: Vec<f64>,
    data: Option<DataSignals>,
    signals: Vec<Signals>,
    machines: Vec<MachineSignals>,
    energies: Vec<[f64; 2]>,
    reconstruction: Vec<f64>,
    recall: Vec<f64>,
    not_finite: Option<NotFinite>,
    diverged: Option<usize>,
    num_epochs: Option<usize>,
    /// Training and validation samples.
    counts: [usize; 2],
}

impl Story {
    /// A perceptron that learns ten classes well.
    pub(crate) fn classification() -> Self {
        let data = DataSignals {
            class_counts: vec![100; 10],
            baseline: Some(0.1),
            num_checked: 1200,
            deviation: 1.0,
            ..DataSignals::default()
        };
        let layers = ["hidden1", "hidden2", "output"].map(|name| LayerSignals {
            name: name.to_owned(),
            weight_norm: 10.0,
            weight_deviation: 0.1,
            gradient_norm: 0.5,
            gradient_mean: 1e-3,
            update_ratio: 1e-3,
            activation_mean: 0.4,
            activation_deviation: 0.8,
            dead: (name != "output").then_some(0.05),
            saturated: None,
        });
        let window = |epoch| Signals {
            epoch,
            num_steps: STEPS,
            loss: 0.5,
            highest_loss: 0.8,
            highest_loss_step: 3,
            gradient_norm: 0.9,
            gradient_noise: Some(2.0),
            layers: layers.to_vec(),
            gradient_by_time: Vec::new(),
        };
        Self {
            experiment: json!({
                "architecture": "mlp", "seed": 1, "device": "flex",
                "data": {"source": "made-up", "normalize": true, "fraction": 1.0, "seq_len": 64, "drop": []},
                "augment": {"shift": 0.0, "flip": false},
                "model": {"widths": [64, 32], "activation": "relu", "dropout": 0.0,
                    "batch_norm": false},
                "train": {"epochs": 4, "batch_size": 32, "optimizer": "adam",
                    "learning_rate": 2e-3, "momentum": 0.9, "weight_decay": 0.0,
                    "schedule": "one_cycle", "warmup": 0.2, "clip_norm": null,
                    "label_smoothing": 0.0, "balance_classes": false, "patience": null},
                "pretrain": {"epochs": 3, "learning_rate": 0.1, "momentum": 0.9,
                    "weight_decay": 2e-4, "cd_steps": 1, "persistent": false,
                    "sparsity_cost": 0.0, "sparsity_target": 0.1},
            }),
            task: "classification",
            accuracies: vec![0.5, 0.8, 0.9, 0.95],
            train_accuracies: vec![],
            losses: vec![1.5, 0.7, 0.35, 0.2],
            valid_losses: vec![1.2, 0.6, 0.4, 0.3],
            steps: vec![2.3, 1.5, 1.0, 0.7, 0.5, 0.35, 0.25, 0.2],
            data: Some(data),
            signals: (1..=4).map(window).collect(),
            machines: vec![],
            energies: vec![],
            reconstruction: vec![],
            recall: vec![0.95; 10],
            not_finite: None,
            diverged: None,
            num_epochs: None,
            counts: [1000, 200],
        }
    }

    /// A recurrent network that reads thirty steps.
    pub(crate) fn recurrent() -> Self {
        let mut story = Self::classification();
        story.experiment["architecture"] = json!("rnn");
        story.experiment["model"] = json!({"cell": "elman", "d_hidden": 64, "num_layers": 1,
            "bidirectional": true, "dropout": 0.0});
        story.signals(|signals| {
            signals.layers.remove(0);
            signals.layers[0].name = "hidden1".to_owned();
            signals.layers[0].dead = None;
            signals.gradient_by_time = (0..30).map(|t| 0.02 + 1e-3 * f64::from(t)).collect();
        })
    }

    /// A deep belief network of two machines.
    pub(crate) fn dbn() -> Self {
        let mut story = Self::classification();
        story.experiment["architecture"] = json!("dbn");
        story.experiment["model"] = json!({"widths": [64, 64], "visible": "bernoulli",
            "labels": true, "dropout": 0.0});
        story.machines = vec![
            MachineSignals {
                hidden_mean: 0.3,
                stuck: 0.05,
                update_ratio: 1e-3,
                chain_correlation: Some(0.5),
            };
            3
        ];
        story.energies = vec![[-50.0, -49.5], [-60.0, -59.0], [-65.0, -64.0]];
        story.reconstruction = vec![0.1, 0.06, 0.05];
        story
    }

    /// A regression whose R² is what the accuracies say.
    pub(crate) fn regression() -> Self {
        let mut story = Self::classification();
        story.task = "regression";
        story.recall = vec![];
        story.data(|data| {
            data.class_counts.clear();
            data.baseline = Some(1.0);
        })
    }

    pub(crate) fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        *self.experiment.pointer_mut(pointer).expect("a setting") = value.into();
        self
    }

    /// Of the validation split, by epoch.
    pub(crate) fn accuracies(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.accuracies);
        self
    }

    pub(crate) fn train_accuracies(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.train_accuracies);
        self
    }

    /// Of the training split, by epoch; single steps follow it.
    pub(crate) fn losses(mut self, first: f64, values: &[f64]) -> Self {
        values.clone_into(&mut self.losses);
        self.steps = std::iter::once(first)
            .chain(values.iter().copied())
            .collect();
        self
    }

    pub(crate) fn valid_losses(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.valid_losses);
        self
    }

    /// The loss of single steps.
    pub(crate) fn steps(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.steps);
        self
    }

    pub(crate) fn recall(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.recall);
        self
    }

    pub(crate) fn data(mut self, change: impl FnOnce(&mut DataSignals)) -> Self {
        change(self.data.get_or_insert_default());
        self
    }

    /// Changes every window.
    pub(crate) fn signals(mut self, change: impl FnMut(&mut Signals)) -> Self {
        self.signals.iter_mut().for_each(change);
        self
    }

    /// Changes every hidden layer of every window.
    pub(crate) fn hidden(self, mut change: impl FnMut(&mut LayerSignals)) -> Self {
        self.signals(|signals| {
            let last = signals.layers.len() - 1;
            signals.layers[..last].iter_mut().for_each(&mut change);
        })
    }

    pub(crate) fn without_signals(mut self) -> Self {
        self.signals.clear();
        self.data = None;
        self
    }

    pub(crate) fn machines(mut self, change: impl FnMut(&mut MachineSignals)) -> Self {
        self.machines.iter_mut().for_each(change);
        self
    }

    pub(crate) fn energies(mut self, values: &[[f64; 2]]) -> Self {
        values.clone_into(&mut self.energies);
        self
    }

    pub(crate) fn reconstruction(mut self, values: &[f64]) -> Self {
        values.clone_into(&mut self.reconstruction);
        self
    }

    pub(crate) fn not_finite(mut self, what: Quantity, layer: &str) -> Self {
        self.not_finite = Some(NotFinite {
            what,
            layer: layer.to_owned(),
            items: vec!["line 17".to_owned()],
        });
        self
    }

    pub(crate) fn diverges_at(mut self, step: usize) -> Self {
        self.diverged = Some(step);
        self
    }

    /// Of so many planned epochs, only those that were told are done.
    pub(crate) fn of_epochs(mut self, num_epochs: usize) -> Self {
        self.num_epochs = Some(num_epochs);
        self
    }

    /// So many samples to train on, and to validate on.
    pub(crate) fn counts(mut self, counts: [usize; 2]) -> Self {
        self.counts = counts;
        self
    }

    /// The same run on text.
    pub(crate) fn on_text(mut self) -> Self {
        self.task = "next_token";
        self
    }

    /// Nothing beyond the simplest predictor was learned.
    pub(crate) fn poor(self) -> Self {
        let accuracy = if self.task == "regression" {
            0.01
        } else {
            0.12
        };
        self.accuracies(&[accuracy; 4])
            .losses(2.3, &[2.3, 2.3, 2.3, 2.3])
            .valid_losses(&[2.3; 4])
            .recall(&[0.12; 10])
    }

    /// Hands over the record of the run.
    pub(crate) fn told<T>(&self, listen: impl FnOnce(&Record) -> T) -> T {
        let events = self.events();
        listen(&Record::new(&events, &self.experiment))
    }

    /// What a rule says to it.
    pub(crate) fn check(&self, rule: &Rule) -> Option<Finding> {
        self.told(|record| (rule.check)(record))
    }

    #[track_caller]
    pub(crate) fn fires(&self, rule: &Rule) -> Finding {
        self.check(rule).expect("the rule fires")
    }

    #[track_caller]
    pub(crate) fn silent(&self, rule: &Rule) {
        assert_eq!(self.check(rule), None);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let event = |at, kind| Event {
            kind,
            at,
            elapsed_ms: 0,
        };
        let mut events = vec![event(
            Position::train(0),
            EventKind::Started {
                data: "made-up".to_owned(),
                architecture: self.experiment["architecture"].to_string(),
                task: self.task.to_owned(),
                device: "flex".to_owned(),
                seed: 1,
                num_train: self.counts[0],
                num_valid: self.counts[1],
                num_test: 200,
                num_parameters: 1000,
                versions: BTreeMap::new(),
            },
        )];
        events.extend(
            self.data
                .clone()
                .map(|data| event(Position::train(0), EventKind::Data(data))),
        );
        for (index, machine) in self.machines.iter().enumerate() {
            let at = Position::pretrain(0, STEPS * (index + 1));
            let [free_energy_train, valid] = self.energies[index];
            events.push(event(
                at,
                EventKind::PretrainEpoch {
                    epoch: index + 1,
                    num_epochs: self.machines.len(),
                    learning_rate: 0.1,
                    reconstruction_error: self.reconstruction[index],
                    free_energy_train,
                    free_energy_valid: Some(valid),
                    pseudo_log_likelihood: None,
                },
            ));
            events.push(event(at, EventKind::Machine(*machine)));
        }
        let total = STEPS * self.losses.len();
        for (index, &loss) in self.steps.iter().enumerate() {
            let step = index * total / self.steps.len();
            let epoch = step / STEPS + 1;
            let kind = EventKind::Step {
                epoch,
                loss,
                learning_rate: 1e-3,
            };
            events.push(event(Position::train(step), kind));
        }
        for (index, &loss) in self.losses.iter().enumerate() {
            events.extend(self.epoch(index, loss));
        }
        let at = Position::train(self.diverged.unwrap_or(total));
        if let Some(found) = &self.not_finite {
            events.push(event(at, EventKind::NotFinite(found.clone())));
        }
        if self.diverged.is_some() {
            let kind = EventKind::Diverged {
                epoch: 1,
                loss: f64::NAN,
            };
            events.push(event(at, kind));
        } else if self.num_epochs.is_none() {
            let reason = FinishReason::Completed;
            events.push(event(at, EventKind::Finished { reason }));
        }
        events
    }

    fn epoch(&self, index: usize, loss: f64) -> Vec<Event> {
        let at = Position::train(STEPS * (index + 1));
        let event = |kind| Event {
            kind,
            at,
            elapsed_ms: 0,
        };
        let accuracy = self.accuracies.get(index).copied().unwrap_or(f64::NAN);
        // Beside a mean that is off by 1, an error whose square is 0.1 explains 0.9.
        let metric = |accuracy: f64| match self.task {
            "regression" => ("rmse".to_owned(), (1.0 - accuracy).sqrt()),
            "next_token" => ("bits_per_character".to_owned(), 4.0 * (1.0 - accuracy)),
            _ => ("accuracy".to_owned(), accuracy),
        };
        let so_far = &self.accuracies[..=index.min(self.accuracies.len() - 1)];
        let best = so_far
            .iter()
            .rposition(|value| so_far.iter().all(|other| other <= value));
        let train_accuracy = self.train_accuracies.get(index).unwrap_or(&accuracy);
        let mut valid = BTreeMap::from([metric(accuracy)]);
        if let Some(&loss) = self.valid_losses.get(index) {
            valid.insert("log_loss".to_owned(), loss);
        }
        let mut events = vec![event(EventKind::Epoch {
            epoch: index + 1,
            num_epochs: self.num_epochs.unwrap_or(self.losses.len()),
            learning_rate: 1e-3,
            train: BTreeMap::from([
                ("loss".to_owned(), loss),
                ("log_loss".to_owned(), loss),
                metric(*train_accuracy),
            ]),
            valid,
            samples_per_s: 1000.0,
            best: best == Some(index),
        })];
        events.extend(
            self.signals
                .get(index)
                .map(|signals| event(EventKind::Signals(signals.clone()))),
        );
        if !self.recall.is_empty() {
            let recall = self.recall.clone();
            events.push(event(EventKind::ClassRecall {
                epoch: index + 1,
                recall,
            }));
        }
        events
    }
}
