//! What the claim is not: that plain training from random weights finds the small deep network.

use burn::tensor::Device;

use crate::deep::{column, predict};
use crate::sawtooth::{GOOD, Sawtooth};
use crate::training::{random_network, train};

/// The most ReLUs that are tried.
pub(crate) const MOST: usize = 256;
/// Of each size, the best of so many trainings counts.
const SEEDS: u64 = 3;
/// Trained on; [`Sawtooth`] with up to 64 pieces has at least 8 of them on each.
const NUM_POINTS: u16 = 512;

/// The fewest ReLUs, in `depth` equal layers, with which a training ends in a good fit.
///
/// Sizes double from 2 up to [`MOST`].
pub(crate) fn fewest_relus(sawtooth: &Sawtooth, depth: usize, device: &Device) -> Option<usize> {
    let sizes = (1..).map(|i| 1 << i).take_while(|size| *size <= MOST);
    let mut widths = sizes.map(|size| size / depth).filter(|width| *width >= 2);
    let is_good =
        |width| (1..=SEEDS).any(|seed| rmse(sawtooth, &vec![width; depth], seed, device) <= GOOD);
    let found = widths.find(|width| is_good(*width));
    found.map(|width| width * depth)
}

fn rmse(sawtooth: &Sawtooth, widths: &[usize], seed: u64, device: &Device) -> f64 {
    let seen = Sawtooth::new(sawtooth.n, NUM_POINTS);
    let training = device.clone().autodiff();
    let x = column(&standardised(&seen.x), &training);
    let y = column(&seen.y, &training);
    let network = train(random_network(widths, seed, device), [&x, &y], 3000, 0.01);
    sawtooth.rmse(&predict(&network, &standardised(&sawtooth.x), device))
}

/// Mean 0 and deviation 1, as every tutorial says; a uniform number of `[0, 1]` has 1/2 and 1/√12.
fn standardised(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| (x - 0.5) * 12_f32.sqrt()).collect()
}
