//! Four short programs, one per architecture, and three experiments, `depth_vs_width`, `few_labels` and
//! `rbm_likelihood`: `cargo run --release --example cnn`. What the experiments share is in here.

pub mod plot;
