//! A multi-layer perceptron tells three kinds of penguin apart by their measurements.
//!
//! Shows: a table with missing values in, hidden layers of your own choice, a confusion matrix out.
//! Run:   cargo run --release --example mlp
//!        cargo run --release --example mlp --no-default-features --features wgpu
//! Gives: test accuracy 0.981 (52 penguins, one run, seed 1) in 0.05 s,
//!        on flex and two cores of an AMD EPYC (AVX-512), Fornax 0.1.0.

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::Device;
use fornax_data::{DataConfig, DataFolders, InputShape, Task, epoch_order};
use fornax_mlp::MlpConfig;
use fornax_trainer::architecture::Network;
use fornax_trainer::batch::{self, Layout};
use fornax_trainer::evaluate::evaluate;
use fornax_trainer::step::{Learner, Objective};
use std::error::Error;

const EPOCHS: usize = 60;
const BATCH: usize = 16;
const LEARNING_RATE: f64 = 2e-3;

fn main() -> Result<(), Box<dyn Error>> {
    // Data: numbers are standardised, missing ones filled, words become one column a word.
    let data = fornax_data::open(&DataConfig::new("penguins"), 1, &DataFolders::default())?;
    println!("{}", data.reading.join("\n"));
    let InputShape::Vector { width } = data.input else {
        return Err("not a table".into());
    };
    let Task::Classification { classes } = &data.task else {
        return Err("no classes".into());
    };

    // Model: two hidden layers.
    let device = Device::default();
    let training = device.clone().autodiff();
    device.seed(1);
    let config = MlpConfig::new(width, classes.len()).with_widths(vec![32, 16]);
    let network = Network::Mlp(config.init(&training));
    let mut learner = Learner {
        network,
        optimizer: AdamConfig::new().init(),
    };

    // Train.
    let objective = Objective::CrossEntropy {
        label_smoothing: 0.0,
        class_weights: None,
    };
    for epoch in 0..EPOCHS {
        let mut loss = 0.0;
        for indices in epoch_order(data.train.len(), 1, epoch).chunks(BATCH) {
            let batch = data.train.batch(indices)?;
            let inputs = batch::inputs(&batch, Layout::Flat, &training);
            let targets = batch::targets(&batch, &training).ok_or("no labels")?;
            let (next, outcome) = learner.step(&inputs, targets, &objective, LEARNING_RATE, None);
            learner = next;
            loss = outcome.loss;
        }
        if epoch % 10 == 9 {
            println!("epoch {:>2}  loss of the last batch {loss:.4}", epoch + 1);
        }
    }

    // Look: rows are the true kinds, columns the answers.
    let network = learner.network.valid();
    let metrics = evaluate(&network, &data.test, &data, Layout::Flat, &device, BATCH)?;
    println!("test accuracy {:.3}", metrics.values()["accuracy"]);
    for (class, row) in classes.iter().zip(metrics.confusion().unwrap_or_default()) {
        println!("{class:<10} {row:?}");
    }
    Ok(())
}
