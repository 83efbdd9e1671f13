//! Sums over many numbers in one pass, from which norms, means and deviations follow.

/// Numbers that are added up in `f32` before they go into a sum of `f64`: few enough that rounding
/// stays small, enough that the loop is a handful of vector instructions.
const BLOCK: usize = 512;

/// Partial sums of a block, side by side in vector registers.
const LANES: usize = 16;

/// What was added up of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sums {
    count: f64,
    sum: f64,
    magnitudes: f64,
    squares: f64,
}

impl Sums {
    /// The sums of these numbers.
    #[allow(clippy::cast_precision_loss)] // a count
    pub(super) fn of(values: &[f32]) -> Self {
        let mut sums = Self {
            count: values.len() as f64,
            ..Self::default()
        };
        for block in values.chunks(BLOCK) {
            let [sum, magnitudes, squares] = add_up(block, |x| [x, x.abs(), x * x]);
            sums.sum += sum;
            sums.magnitudes += magnitudes;
            sums.squares += squares;
        }
        if !sums.squares.is_finite() {
            // The square of a large `f32` is infinite where the number is not.
            let squares = values.iter().map(|&x| f64::from(x) * f64::from(x));
            sums.squares = squares.sum();
            sums.magnitudes = values.iter().map(|&x| f64::from(x.abs())).sum();
            sums.sum = values.iter().map(|&x| f64::from(x)).sum();
        }
        sums
    }

    /// Adds the sums of other numbers.
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.magnitudes += other.magnitudes;
        self.squares += other.squares;
    }

    /// Whether every number was finite.
    pub(super) fn is_finite(self) -> bool {
        self.squares.is_finite()
    }

    /// The Euclidean norm; 0 of nothing.
    pub(super) fn norm(self) -> f64 {
        self.squares.sqrt()
    }

    /// NaN of nothing, as are the next two.
    pub(super) fn mean(self) -> f64 {
        self.sum / self.count
    }

    pub(super) fn mean_magnitude(self) -> f64 {
        self.magnitudes / self.count
    }

    pub(super) fn deviation(self) -> f64 {
        let mean = self.mean();
        (self.squares / self.count - mean * mean).max(0.0).sqrt()
    }
}

/// Squared Euclidean distance of two lists of one length.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    pairs(a, b, |a, b| (a - b) * (a - b))
}

/// Inner product of two lists of one length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    pairs(a, b, |a, b| a * b)
}

fn add_up<const N: usize>(block: &[f32], terms: impl Fn(f32) -> [f32; N]) -> [f64; N] {
    let mut lanes = [[0.0_f32; LANES]; N];
    let (whole, rest) = block.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in chunk.iter().enumerate() {
            let terms = terms(x);
            for (lanes, term) in lanes.iter_mut().zip(terms) {
                lanes[lane] += term;
            }
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().map(|&x| f64::from(x)).sum::<f64>());
    for &x in rest {
        for (sum, term) in sums.iter_mut().zip(terms(x)) {
            *sum += f64::from(term);
        }
    }
    sums
}

fn pairs(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = [0.0_f32; LANES];
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                lanes[lane] += term(a[lane], b[lane]);
            }
        }
        let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, b));
        sum += lanes.into_iter().chain(rest).map(f64::from).sum::<f64>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_near(value: f64, expected: f64) {
        assert!(
            (value - expected).abs() <= 1e-6 * expected.abs().max(1.0),
            "{value} is not {expected}"
        );
    }

    #[test]
    fn sums_are_those_of_one_number_after_the_other() {
        let values: Vec<f32> = (0_u16..1777).map(|i| f32::from(i % 13) - 5.0).collect();
        let sums = Sums::of(&values);
        let exact: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        let mean = exact.iter().sum::<f64>() / 1777.0;
        let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1777.0;
        is_near(sums.mean(), mean);
        is_near(sums.deviation(), variance.sqrt());
        is_near(sums.norm(), exact.iter().map(|x| x * x).sum::<f64>().sqrt());
        let magnitudes = exact.iter().map(|x| x.abs()).sum::<f64>();
        is_near(sums.mean_magnitude(), magnitudes / 1777.0);
        let other: Vec<f32> = values.iter().map(|x| x + 0.5).collect();
        is_near(squared_distance(&values, &other), 1777.0 * 0.25);
        is_near(dot(&values, &values), sums.norm().powi(2));
    }

    #[test]
    fn large_numbers_are_finite_and_nan_is_not() {
        let mut values = vec![1e30_f32; 600];
        let sums = Sums::of(&values);
        assert!(sums.is_finite());
        is_near(sums.norm() / (600.0_f64.sqrt() * 1e30), 1.0);
        values[599] = f32::NAN;
        assert!(!Sums::of(&values).is_finite());
        values[599] = f32::NEG_INFINITY;
        assert!(!Sums::of(&values).is_finite());
    }
}
