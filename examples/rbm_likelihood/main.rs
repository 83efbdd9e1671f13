//! How likely a restricted Boltzmann machine finds digits that it never saw.
//!
//! Shows: the log-likelihood of MNIST's test images, each pixel drawn once as black or white, in
//!        nats. For 20 hidden units the partition function is summed exactly, beside the estimate of
//!        annealed importance sampling; for 500 only the estimate is possible. Fantasies as a picture.
//! Run:   `cargo xtask datasets fetch mnist`, then
//!        `cargo run --release --example rbm_likelihood`
//! Gives: for 20 units log Z is 175.35 summed, and 175.38 estimated; a test image has -175.3 nats. With
//!        500 units CD-1 comes to -151.5, and chains that persist to -110.3. In 151 s,
//!        on flex and two cores of an AMD EPYC (AVX-512), Fornax 0.1.0.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use fornax_data::{DataConfig, DataFolders, Dataset, Split, epoch_order};
use fornax_dbn::{Annealing, ContrastiveDivergence, Rbm, RbmConfig, Visible};
use fornax_trainer::batch::{self, Inputs, Layout};
use image::GrayImage;
use serde::Serialize;

const SIDE: u32 = 28;
const BATCH: usize = 100;
/// Fantasies a side of the picture, and the steps of Gibbs sampling before it.
const FANTASIES: u32 = 10;
const GIBBS_STEPS: usize = 2000;
/// For the numbers and the picture; `cargo xtask reproduce rbm-likelihood` reads them there.
const FOLDER: &str = "runs/rbm-likelihood";

/// What is trained: hidden units, the rule in words, and the rule.
const MACHINES: [(usize, &str, usize, bool); 3] = [
    (20, "CD-1", 1, false),
    (500, "CD-1", 1, false),
    (500, "PCD-1", 1, true),
];
const EPOCHS: usize = 30;

#[derive(Serialize)]
struct Row {
    hidden: usize,
    rule: &'static str,
    /// log Z: summed where that is possible, and estimated, with three standard errors.
    exact: Option<f64>,
    estimate: f64,
    interval: [f64; 2],
    /// Mean log-likelihood of an image, by the sum where there is one.
    train: f64,
    test: f64,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let device = Device::default();
    let config = DataConfig {
        normalize: false,
        ..DataConfig::new("mnist")
    };
    let data = fornax_data::open(&config, 1, &DataFolders(vec!["data".into()]))?;
    device.seed(1);
    let test = binary(pixels(
        &data.test,
        &(0..data.test.len()).collect::<Vec<_>>(),
        &device,
    )?);
    let sample: Vec<usize> = (0..data.test.len().min(data.train.len())).collect();
    let train = binary(pixels(&data.train, &sample, &device)?);
    let means = train.clone().mean_dim(0).squeeze_dim(0); // [D]

    fs::create_dir_all(FOLDER)?;
    let mut rows = Vec::new();
    for (hidden, rule, k, persistent) in MACHINES {
        let began = Instant::now();
        let contrastive = ContrastiveDivergence::new()
            .with_k(k)
            .with_persistent(persistent)
            .with_weight_decay(0.0);
        let rbm = learn(&data, hidden, &contrastive, &means, &device)?;
        let exact = rbm.log_partition();
        let found = rbm.estimate_log_partition(means.clone(), Annealing::default());
        let log_z = exact.unwrap_or(found.estimate);
        let likelihood = |data: &Tensor<2>| -> f64 {
            let unnormalised = rbm.log_likelihood_proxy(data.clone()).mean();
            f64::from(unnormalised.into_scalar::<f32>()) - log_z
        };
        let row = Row {
            hidden,
            rule,
            exact,
            estimate: found.estimate,
            interval: found.interval,
            train: likelihood(&train),
            test: likelihood(&test),
            seconds: began.elapsed().as_secs_f64(),
        };
        println!("{}", serde_json::to_string(&row)?);
        rows.push(row);
        picture(&rbm, &Path::new(FOLDER).join("fantasies.png"))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let results = serde_json::json!({"machines": rows, "epochs": EPOCHS, "seconds": seconds});
    fs::write(
        Path::new(FOLDER).join("results.json"),
        format!("{results:#}\n"),
    )?;
    println!("{FOLDER}");
    Ok(())
}

/// Trains a machine whose visible biases start at the means of the data.
fn learn(
    data: &Dataset,
    hidden: usize,
    rule: &ContrastiveDivergence,
    means: &Tensor<1>,
    device: &Device,
) -> Result<Rbm, Box<dyn Error>> {
    device.seed(2);
    let config = RbmConfig::new((SIDE * SIDE) as usize, hidden);
    let mut rbm = config.init(device).with_visible_means(means.clone());
    let mut state = rule.init_state(&rbm);
    for epoch in 0..EPOCHS {
        let rule = rule.at_epoch(Visible::Bernoulli, epoch, EPOCHS);
        for indices in epoch_order(data.train.len(), 1, epoch).chunks(BATCH) {
            let batch = binary(pixels(&data.train, indices, device)?);
            (rbm, state, _) = rule.step(rbm, state, batch, None);
        }
    }
    Ok(rbm)
}

/// `[B, D]`, in `[0, 1]`
fn pixels(split: &Split, indices: &[usize], device: &Device) -> Result<Tensor<2>, Box<dyn Error>> {
    match batch::inputs(&split.batch(indices)?, Layout::Flat, device) {
        Inputs::Flat(pixels) => Ok(pixels),
        _ => Err("pixels lie flat".into()),
    }
}

/// Draws each pixel as black or white.
fn binary(pixels: Tensor<2>) -> Tensor<2> {
    let draw = pixels.random_like(Distribution::Uniform(0.0, 1.0));
    draw.lower(pixels).float()
}

/// Means of visible units at the end of long chains, side by side.
fn picture(rbm: &Rbm, path: &Path) -> Result<(), Box<dyn Error>> {
    let num_chains = (FANTASIES * FANTASIES) as usize;
    let start = Tensor::zeros([num_chains, rbm.d_hidden()], &rbm.device());
    let start = rbm.sample_v_given_h(start);
    let end = (0..GIBBS_STEPS).fold(start, |visible, _| rbm.gibbs_vhv(visible));
    let means = rbm.visible_given_hidden(rbm.sample_h_given_v(end));
    let means: Vec<f32> = means.into_data().iter().collect();
    let picture = GrayImage::from_fn(FANTASIES * SIDE, FANTASIES * SIDE, |x, y| {
        let chain = y / SIDE * FANTASIES + x / SIDE;
        let pixel = (chain * SIDE + y % SIDE) * SIDE + x % SIDE;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // means are in [0, 1]
        image::Luma([(255.0 * means[pixel as usize]) as u8])
    });
    Ok(picture.save(path)?)
}
