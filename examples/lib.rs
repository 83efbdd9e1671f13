//! Four short programs, one per architecture: `cargo run --release --example cnn`.
