//! Four short programs, one per architecture, and an experiment on depth, `depth_vs_width`:
//! `cargo run --release --example cnn`.
