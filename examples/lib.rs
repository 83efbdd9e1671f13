//! Four short programs, one per architecture, and two experiments, `depth_vs_width` and
//! `rbm_likelihood`: `cargo run --release --example cnn`.
