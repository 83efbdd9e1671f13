//! Part 4: the same small deep network, learned, one block after the other.
//!
//! The network first sees the triangle, then the sawtooth of two triangles, and so on. For each it
//! gets one more block of two ReLUs, which learns from what the blocks below put out; they stay as
//! they are. Two ReLUs often get stuck, so several are drawn until one does not.

use burn::module::Module;
use burn::tensor::Device;

use crate::deep::{Block, column, predict, stack};
use crate::sawtooth::Sawtooth;
use crate::training::{random_network, train};

/// At most; about one in ten does not get stuck.
const CANDIDATES: u64 = 100;
/// Good enough to be trained further: stuck ones stay above 0.1.
const PROMISING: f64 = 0.05;

/// The block on top of `blocks`, which fit the sawtooth before, that makes them fit this one.
///
/// None if all candidates get stuck.
pub(crate) fn next_block(blocks: &[Block], sawtooth: &Sawtooth, device: &Device) -> Option<Block> {
    let below = predict(&stack(blocks, device), &sawtooth.x, device);
    let training = device.clone().autodiff();
    let [x, y] = [&below, &sawtooth.y].map(|values| column(values, &training));
    (1..=CANDIDATES).find_map(|seed| {
        let candidate = train(random_network(&[2], seed, device), [&x, &y], 1000, 0.03);
        if sawtooth.rmse(&predict(&candidate, &below, device)) > PROMISING {
            return None;
        }
        let polished = train(candidate.train(), [&x, &y], 2000, 0.003);
        Block::of(&polished)
    })
}
