//! Telgarsky's sawtooth: the triangle map applied n times, a line of 2ⁿ pieces.

/// A fit is good if its root mean squared error is at most this. The best constant has 0.289.
pub(crate) const GOOD: f64 = 0.1;

/// One tooth on `[0, 1]`: up from (0, 0) to (1/2, 1), and down to (1, 0).
pub(crate) fn triangle(x: f32) -> f32 {
    if x <= 0.5 { 2.0 * x } else { 2.0 - 2.0 * x }
}

/// The function to be fitted, at points where f32 knows it exactly.
pub(crate) struct Sawtooth {
    /// How often the triangle map is applied.
    pub(crate) n: usize,
    /// Where it is looked at, rising.
    pub(crate) x: Vec<f32>,
    /// Its value there.
    pub(crate) y: Vec<f32>,
}

impl Sawtooth {
    /// `num_points`, a power of two, are the middles of as many equal parts of `[0, 1]`.
    pub(crate) fn new(n: usize, num_points: u16) -> Self {
        let middles = (0..num_points).map(|i| (f32::from(i) + 0.5) / f32::from(num_points));
        let x: Vec<_> = middles.collect();
        let y = x.iter().map(|&x| Self::at(n, x)).collect();
        Self { n, x, y }
    }

    /// The triangle map, applied `n` times to `x`.
    pub(crate) fn at(n: usize, x: f32) -> f32 {
        (0..n).fold(x, |x, _| triangle(x))
    }

    /// Root of the mean squared error of what was predicted at the points.
    pub(crate) fn rmse(&self, predictions: &[f32]) -> f64 {
        let pairs = self.y.iter().zip(predictions);
        let squares = pairs.map(|(y, p)| (f64::from(*y) - f64::from(*p)).powi(2));
        (squares.sum::<f64>() / count(self.y.len())).sqrt()
    }
}

/// A number of things as a divisor.
#[allow(clippy::cast_precision_loss)] // thousands
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)] // All are multiples of a power of two.
    fn the_composed_triangle_is_a_sawtooth() {
        let corners = |n, last: u16| {
            let corner = |k| Sawtooth::at(n, f32::from(k) / f32::from(last));
            (0..=last).map(corner).collect::<Vec<_>>()
        };
        assert_eq!(corners(1, 2), [0.0, 1.0, 0.0]);
        assert_eq!(corners(2, 4), [0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(corners(2, 8), [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5, 0.0]);
        for (k, y) in (0_u16..).zip(corners(10, 1 << 10)) {
            assert_eq!(y, f32::from(k % 2));
        }
    }

    #[test]
    fn the_best_constant_is_not_good() {
        let sawtooth = Sawtooth::new(3, 1024);
        let rmse = sawtooth.rmse(&[0.5; 1024]); // 1/√12, but for the points
        assert!((rmse - 0.2887).abs() < 1e-4, "{rmse}");
    }
}
