//! One hidden layer can draw any curve, but may need exponentially many neurons; depth needs few.
//!
//! Shows: a sawtooth of 2ⁿ pieces, to a root mean squared error of 0.1 (a constant has 0.289). One
//!        layer: a lower bound, and the smallest that is found. n layers of two ReLUs: built by
//!        hand, and learned one after the other. Said plainly: training all weights at once from
//!        a random start does not show this; it needs many times as many, and soon fails in depth
//!        too. Parity, the usual example, is a weaker test: it depends on the sum of its d bits
//!        alone, so that one layer of about d ReLUs is enough.
//! Run:   `cargo run --release --example depth_vs_width`
//! Gives: for n = 8, one layer needs at least 219 ReLUs, and 244 are found; 8 layers of 2 have an error
//!        of 0.00002 learned, and none built. Training all at once needs 255 ReLUs in 5 layers for
//!        n = 5 (10 are enough), and fails in one; for n = 6 it fails in both. In 73 s,
//!        on flex and one core of an AMD EPYC (AVX-512), Fornax 0.1.0.

mod sawtooth;

mod bound;
mod curriculum;
mod deep;
mod naive;
mod shallow;
mod training;

mod figure;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use sawtooth::Sawtooth;
use serde::Serialize;

/// 2ⁿ pieces, with at least eight points on each.
const LARGEST_N: usize = 8;
const NUM_POINTS: u16 = 2048;
/// Where plain training has long failed, it is not tried any more.
const LARGEST_NAIVE_N: usize = 6;
/// For the numbers and the picture; `cargo xtask reproduce depth-vs-width` reads them there.
const FOLDER: &str = "runs/depth-vs-width";

/// What it takes to fit one sawtooth. Sizes are numbers of hidden ReLUs.
#[derive(Serialize)]
struct Row {
    n: usize,
    /// Part 1: with fewer, one layer cannot be good; with fewer, it is wrong by 1/2 somewhere.
    bound: usize,
    sup_bound: usize,
    /// Part 2: the smallest layer that was found.
    one_layer: Option<usize>,
    /// Parts 3 and 4: n layers of two; the error of those built, and of those learned if they were.
    deep: usize,
    built_rmse: f64,
    learned_rmse: Option<f64>,
    /// Plain training of one layer and of n, where it was tried; none where no size was enough.
    naive: Option<[Option<usize>; 2]>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let device = Device::default();
    let mut blocks = Vec::new();
    let mut rows = Vec::new();
    println!("{HEADER}");
    for n in 1..=LARGEST_N {
        let sawtooth = Sawtooth::new(n, NUM_POINTS);
        if blocks.len() + 1 == n {
            blocks.extend(curriculum::next_block(&blocks, &sawtooth, &device));
        }
        let rmse = |blocks: &[deep::Block]| {
            let network = deep::stack(blocks, &device);
            sawtooth.rmse(&deep::predict(&network, &sawtooth.x, &device))
        };
        let naive = |depth| naive::fewest_relus(&sawtooth, depth, &device);
        let bound = bound::relus_for_rmse(&sawtooth);
        let row = Row {
            n,
            bound,
            sup_bound: bound::relus_for_sup_error(n),
            one_layer: shallow::smallest_width(&sawtooth, bound),
            deep: 2 * n,
            built_rmse: rmse(&vec![deep::TRIANGLE; n]),
            learned_rmse: (blocks.len() == n).then(|| rmse(&blocks)),
            naive: (n <= LARGEST_NAIVE_N).then(|| [1, n].map(naive)),
        };
        println!("{}", row.line());
        rows.push(row);
    }

    let seconds = started.elapsed().as_secs_f64();
    let folder = Path::new(FOLDER);
    let [results, picture] = ["results.json", "plot.svg"].map(|name| folder.join(name));
    fs::create_dir_all(folder)?;
    let json = serde_json::json!({
        "sawtooths": rows,
        "naive_most": naive::MOST,
        "seconds": seconds,
    });
    fs::write(&results, serde_json::to_vec_pretty(&json)?)?;
    fs::write(&picture, figure::svg(&rows, &blocks, &device))?;
    println!(
        "{seconds:.0} s; {} and {}",
        results.display(),
        picture.display()
    );
    Ok(())
}

const HEADER: &str = "\
            one layer: ReLUs          n layers of two: RMSE      plain training: ReLUs
 n  pieces  sup ≥  rmse ≥  found      ReLUs   built  learned      one layer  n layers";

impl Row {
    fn line(&self) -> String {
        let size =
            |size: Option<usize>, none: &str| size.map_or(none.to_owned(), |s| s.to_string());
        let learned = self.learned_rmse.map(|rmse| format!("{rmse:.5}"));
        let beyond = format!("> {}", naive::MOST);
        let naive = self
            .naive
            .map(|sizes| sizes.map(|found| size(found, &beyond)));
        let [one, many] = naive.unwrap_or_else(|| ["-", "-"].map(str::to_owned));
        format!(
            "{:>2}{:>8}{:>7}{:>8}{:>7}{:>11}{:>8}{:>9}{one:>15}{many:>10}",
            self.n,
            1 << self.n,
            self.sup_bound,
            self.bound,
            size(self.one_layer, "none"),
            self.deep,
            self.built_rmse,
            learned.as_deref().unwrap_or("stuck"),
        )
    }
}
