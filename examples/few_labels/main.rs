//! What pre-training without labels is worth when few digits have one.
//!
//! Shows: the test error on MNIST of a network of 500, 500 and 2000 hidden units that learns from 100 to
//!        57,000 labels: as a deep belief network that saw all digits without their labels before, as a
//!        perceptron of sigmoids with weights drawn by Xavier's rule, and as one of rectifiers by He's.
//!        The three have the same labels, the same steps and each the learning rate that suits it best.
//! Run:   `cargo xtask datasets fetch mnist`, then
//!        `cargo run --release --example few_labels`
//! Gives: from 100 labels an error of 20.4 % after pre-training, 28.5 % with sigmoids and 23.6 % with
//!        rectifiers; from all of them 1.4, 2.2 and 1.5 %. In 2277 s with a build beside it,
//!        on flex and two cores of an AMD EPYC (AVX-512), Fornax 0.1.0.

mod figure;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor};
use fornax_data::{DataConfig, DataFolders, Dataset, Split, epoch_order};
use fornax_dbn::{ContrastiveDivergence, Dbn, DbnConfig, Visible};
use fornax_layers::Activation;
use fornax_mlp::MlpConfig;
use fornax_trainer::architecture::Network;
use fornax_trainer::batch::{self, Inputs, Layout};
use fornax_trainer::evaluate::evaluate;
use fornax_trainer::schedule::Schedule;
use fornax_trainer::step::{Learner, Objective};
use serde::{Deserialize, Serialize};

const NUM_PIXELS: usize = 28 * 28;
const NUM_CLASSES: usize = 10;
const WIDTHS: [usize; 3] = [500, 500, 2000];
/// For each layer.
const PRETRAIN_EPOCHS: usize = 10;
const PRETRAIN_BATCH: usize = 100;
/// The share of the steps over which the learning rate of one cycle rises.
const WARM_UP: f64 = 0.2;
/// Peaks of the learning rate: the first seed, which does not count, chooses by the validation split.
const RATES: [f64; 3] = [5e-4, 1e-3, 2e-3];
/// Those that count: 1, 2 and so on.
const SEEDS: u64 = 5;
/// For the numbers and the picture; `cargo xtask reproduce few-labels` reads them there.
const FOLDER: &str = "runs/few-labels";

/// How many digits have labels, and how they are learned.
#[derive(Debug)]
struct Lesson {
    /// Absent for all.
    labels: Option<usize>,
    batch_size: usize,
    epochs: usize,
}

const LESSONS: [Lesson; 5] = [
    lesson(Some(100), 20, 60),
    lesson(Some(600), 50, 60),
    lesson(Some(1000), 50, 60),
    lesson(Some(3000), 100, 40),
    lesson(None, 128, 8),
];

const fn lesson(labels: Option<usize>, batch_size: usize, epochs: usize) -> Lesson {
    Lesson {
        labels,
        batch_size,
        epochs,
    }
}

/// Where a network starts from.
#[derive(Debug, Clone, Copy)]
enum Start {
    PreTrained,
    Sigmoids,
    Rectifiers,
}

const STARTS: [Start; 3] = [Start::PreTrained, Start::Sigmoids, Start::Rectifiers];

/// A number for each lesson and start.
type Table = [[f64; STARTS.len()]; LESSONS.len()];

/// What a seed came to, kept so that the whole can be taken up again.
#[derive(Serialize, Deserialize)]
struct Kept {
    recipe: String,
    table: Table,
}

/// What all seeds came to; `cargo xtask reproduce` reads it.
#[derive(Serialize)]
struct Results {
    /// Of each lesson; absent for all of them.
    labels: [Option<usize>; LESSONS.len()],
    /// Peaks of the learning rate.
    rates: Table,
    /// Test errors in percent, seed by seed.
    errors: Vec<Table>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let device = Device::default();
    fs::create_dir_all(FOLDER)?;
    let recipe = format!("{WIDTHS:?} {PRETRAIN_EPOCHS} {PRETRAIN_BATCH} {LESSONS:?} {RATES:?}");
    let rates = kept("rates", &recipe, || best_rates(&device))?;
    println!("learning rates: {rates:?}");
    let recipe = format!("{recipe} {rates:?}");
    let mut errors = Vec::new();
    for seed in 1..=SEEDS {
        let table = kept(&format!("seed-{seed}"), &recipe, || {
            let stack = pretrained(seed, &device)?;
            let error = |lesson: &Lesson, start, rate| {
                let data = digits(lesson.labels, seed)?;
                let network = learned(lesson, start, &stack, &data, rate, seed, &device)?;
                error(&network, &data.test, &data, &device)
            };
            each(|lesson, start| error(&LESSONS[lesson], STARTS[start], rates[lesson][start]))
        })?;
        println!("seed {seed}: {table:?}");
        errors.push(table);
    }
    let results = Results {
        labels: LESSONS.each_ref().map(|lesson| lesson.labels),
        rates,
        errors,
        seconds: started.elapsed().as_secs_f64(),
    };
    let folder = Path::new(FOLDER);
    let numbers = serde_json::to_string_pretty(&results)?;
    fs::write(folder.join("results.json"), numbers + "\n")?;
    fs::write(folder.join("plot.svg"), figure::svg(&results))?;
    println!("{FOLDER}");
    Ok(())
}

/// What an earlier call computed by the same recipe, or `compute` does now.
fn kept(
    name: &str,
    recipe: &str,
    compute: impl FnOnce() -> Result<Table, Box<dyn Error>>,
) -> Result<Table, Box<dyn Error>> {
    let path: PathBuf = Path::new(FOLDER).join(format!("{name}.json"));
    let before = fs::read(&path).ok();
    let before = before.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    if let Some(kept) = before.filter(|kept| kept.recipe == recipe) {
        return Ok(kept.table);
    }
    let table = compute()?;
    let recipe = recipe.to_owned();
    fs::write(path, serde_json::to_string(&Kept { recipe, table })?)?;
    Ok(table)
}

/// A number for each place in the lessons and in the starts.
fn each(
    mut number: impl FnMut(usize, usize) -> Result<f64, Box<dyn Error>>,
) -> Result<Table, Box<dyn Error>> {
    let mut table = Table::default();
    for (lesson, row) in table.iter_mut().enumerate() {
        for (start, place) in row.iter_mut().enumerate() {
            *place = number(lesson, start)?;
        }
    }
    Ok(table)
}

/// The learning rates with the lowest errors on the validation split, by a seed that does not count.
fn best_rates(device: &Device) -> Result<Table, Box<dyn Error>> {
    let seed = 0;
    let stack = pretrained(seed, device)?;
    each(|lesson, start| {
        let (lesson, start) = (&LESSONS[lesson], STARTS[start]);
        let data = digits(lesson.labels, seed)?;
        let mut best = [f64::INFINITY, RATES[0]];
        for rate in RATES {
            let network = learned(lesson, start, &stack, &data, rate, seed, device)?;
            let error = error(&network, &data.valid, &data, device)?;
            println!("{lesson:?}, {start:?}, {rate}: {error:.2} % in validation");
            if error < best[0] {
                best = [error, rate];
            }
        }
        Ok(best[1])
    })
}

/// MNIST with so many labels in training, as many of each class.
fn digits(labels: Option<usize>, seed: u64) -> Result<Dataset, Box<dyn Error>> {
    let config = DataConfig {
        normalize: false, // Binary units want probabilities.
        valid_fraction: 0.05,
        labels,
        ..DataConfig::new("mnist")
    };
    Ok(fornax_data::open(
        &config,
        seed,
        &DataFolders(vec!["data".into()]),
    )?)
}

/// A stack that saw every digit of the training split, and no label.
fn pretrained(seed: u64, device: &Device) -> Result<Dbn, Box<dyn Error>> {
    let data = digits(None, seed)?;
    let split = &data.train;
    device.seed(seed);
    let config = DbnConfig::new(NUM_PIXELS, NUM_CLASSES).with_widths(WIDTHS.to_vec());
    let mut stack = config.with_labels(false).init(device);
    let sample: Vec<usize> = (0..split.len().min(10_000)).collect();
    let means = pixels(split, &sample, device)?.mean_dim(0).squeeze_dim(0); // [D]
    stack.rbms[0] = stack.rbms[0].clone().with_visible_means(means);
    for layer in 0..stack.rbms.len() {
        let rule = ContrastiveDivergence::new();
        let mut state = rule.init_state(&stack.rbms[layer]);
        for epoch in 0..PRETRAIN_EPOCHS {
            let rule = rule.at_epoch(Visible::Bernoulli, epoch, PRETRAIN_EPOCHS);
            for indices in epoch_order(split.len(), seed, epoch).chunks(PRETRAIN_BATCH) {
                let features = stack.propagate(pixels(split, indices, device)?, layer);
                let rbm = stack.rbms.remove(layer);
                let (rbm, next, _) = rule.step(rbm, state, features, None);
                stack.rbms.insert(layer, rbm);
                state = next;
            }
        }
    }
    Ok(stack)
}

/// A network after its lesson: Adam, over one cycle of the learning rate.
fn learned(
    lesson: &Lesson,
    start: Start,
    stack: &Dbn,
    data: &Dataset,
    rate: f64,
    seed: u64,
    device: &Device,
) -> Result<Network, Box<dyn Error>> {
    device.seed(seed);
    let perceptron = MlpConfig::new(NUM_PIXELS, NUM_CLASSES).with_widths(WIDTHS.to_vec());
    let network = match start {
        Start::PreTrained => stack.unroll(NUM_CLASSES, device),
        Start::Sigmoids => perceptron.with_activation(Activation::Sigmoid).init(device),
        Start::Rectifiers => perceptron.with_activation(Activation::Relu).init(device),
    };
    let mut learner = Learner {
        network: Network::Mlp(network).train(),
        optimizer: AdamConfig::new().init(),
    };
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.0,
        class_weights: None,
    };
    let learning = device.clone().autodiff();
    let steps = data.train.len().div_ceil(lesson.batch_size) * lesson.epochs;
    let mut step = 0;
    for epoch in 0..lesson.epochs {
        for indices in epoch_order(data.train.len(), seed, epoch).chunks(lesson.batch_size) {
            let batch = data.train.batch(indices)?;
            let inputs = batch::inputs(&batch, Layout::Flat, &learning);
            let targets = batch::targets(&batch, &learning).ok_or("digits have labels")?;
            let rate = rate * Schedule::OneCycle.factor(step, steps, WARM_UP);
            (learner, _) = learner.step(&inputs, targets, &objective, rate, None);
            step += 1;
        }
    }
    Ok(learner.network.valid())
}

/// Wrong answers in percent.
fn error(
    network: &Network,
    split: &Split,
    data: &Dataset,
    device: &Device,
) -> Result<f64, Box<dyn Error>> {
    let metrics = evaluate(network, split, data, Layout::Flat, device, 1000)?;
    Ok(100.0 * (1.0 - metrics.values()["accuracy"]))
}

/// `[B, D]`, in `[0, 1]`
fn pixels(split: &Split, indices: &[usize], device: &Device) -> Result<Tensor<2>, Box<dyn Error>> {
    match batch::inputs(&split.batch(indices)?, Layout::Flat, device) {
        Inputs::Flat(pixels) => Ok(pixels),
        _ => Err("pixels lie flat".into()),
    }
}
