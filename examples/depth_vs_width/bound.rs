//! Part 1: how many ReLUs a single hidden layer needs at the very least.
//!
//! Each ReLU of x bends the layer's output at one point. So with w of them the output is a line of
//! at most w + 1 straight pieces, and no such layer is better than the best w + 1 pieces, even
//! pieces that need not touch each other. Those are found by dynamic programming.

use crate::sawtooth::{GOOD, Sawtooth, count};

/// The fewest hidden ReLUs with which a root mean squared error of [`GOOD`] is not impossible.
pub(crate) fn relus_for_rmse(sawtooth: &Sawtooth) -> usize {
    let num_points = sawtooth.x.len();
    let errors = errors_of_pieces(sawtooth);
    let allowed = GOOD.powi(2) * count(num_points);
    // best[j]: the least squared error with which `num_pieces` cover the first j points.
    let mut best: Vec<f64> = std::iter::once(0.0)
        .chain(errors.iter().map(|row| row[0]))
        .collect();
    let mut num_pieces = 1;
    while best[num_points] > allowed {
        // The last piece begins at some point i; what lies before is covered as well as can be.
        let covers = errors.iter().map(|row| {
            let sums = best.iter().zip(row).map(|(before, last)| before + last);
            sums.fold(f64::INFINITY, f64::min)
        });
        best = std::iter::once(0.0).chain(covers).collect();
        num_pieces += 1;
    }
    num_pieces - 1
}

/// The fewest hidden ReLUs with which an error below 1/2 everywhere is not impossible.
///
/// The corners of the sawtooth lie at 0 and 1 in turn. A fit that is closer than 1/2 to all of
/// them crosses 1/2 between each two; a straight piece crosses it once.
pub(crate) fn relus_for_sup_error(n: usize) -> usize {
    let num_pieces = 1_u16 << n;
    let corner = |k| Sawtooth::at(n, f32::from(k) / f32::from(num_pieces));
    let crossings = (0..num_pieces).filter(|&k| (corner(k) < 0.5) != (corner(k + 1) < 0.5));
    crossings.count() - 1
}

/// Row j - 1, column i: the squared error of the best straight line through points i to j - 1.
fn errors_of_pieces(sawtooth: &Sawtooth) -> Vec<Vec<f64>> {
    // Sums over the first points give the sums over any piece by one subtraction.
    let mut sums = vec![[0.0; 5]];
    let mut sum = [0.0; 5];
    for (&x, &y) in sawtooth.x.iter().zip(&sawtooth.y) {
        let (x, y) = (f64::from(x), f64::from(y));
        for (sum, term) in sum.iter_mut().zip([x, y, x * x, x * y, y * y]) {
            *sum += term;
        }
        sums.push(sum);
    }
    let error = |i: usize, j: usize| {
        let [x, y, xx, xy, yy] = std::array::from_fn(|k| sums[j][k] - sums[i][k]);
        let n = count(j - i);
        let (xx, xy, yy) = (xx - x * x / n, xy - x * y / n, yy - y * y / n);
        let explained = if xx > 0.0 { xy * xy / xx } else { 0.0 };
        (yy - explained).max(0.0)
    };
    let row = |j| (0..j).map(|i| error(i, j)).collect();
    (1..sums.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_teeth_cannot_be_shared() {
        let bound = |n| relus_for_rmse(&Sawtooth::new(n, 512));
        assert_eq!([bound(1), bound(2), bound(3)], [1, 3, 7]);
    }

    #[test]
    fn a_small_error_everywhere_needs_every_piece() {
        assert_eq!([1, 2, 3, 8].map(relus_for_sup_error), [1, 3, 7, 255]);
    }

    #[test]
    fn a_straight_line_has_no_error() {
        let x = vec![0.0, 0.25, 0.5, 1.0];
        let y = x.iter().map(|x| 3.0 - x).collect();
        let errors = errors_of_pieces(&Sawtooth { n: 0, x, y });
        assert!(errors.iter().flatten().all(|error| *error < 1e-12));
    }
}
