//! Whether a network is as sure as it is right, and what it gains by keeping silent when unsure.

/// Bins of the calibration error, as it is usually reported.
pub const NUM_BINS: usize = 15;

/// Samples whose confidence lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// How many there are.
    pub count: usize,
    /// Mean confidence, that is the probability of the answer given.
    pub confidence: f64,
    /// Share of right answers.
    pub accuracy: f64,
}

/// The bins of equal width and the expected calibration error: the mean distance between
/// confidence and accuracy, each bin weighing as many samples as it has.
///
/// # Shapes
/// - `confidences`: B, in `[0, 1]`
/// - `right`: B
///
/// Guo et al. 2017, <https://arxiv.org/abs/1706.04599>
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn calibration(confidences: &[f32], right: &[bool]) -> (Vec<Bin>, f64) {
    let mut bins = vec![Bin::default(); NUM_BINS];
    for (&confidence, &right) in confidences.iter().zip(right) {
        // The upper end belongs to a bin, as in the reference: (0, 1/15], (1/15, 2/15], ..
        let place = (f64::from(confidence) * NUM_BINS as f64).ceil() as usize;
        let bin = &mut bins[place.clamp(1, NUM_BINS) - 1];
        bin.count += 1;
        bin.confidence += f64::from(confidence);
        bin.accuracy += f64::from(u8::from(right));
    }
    let mut error = 0.0;
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        let count = bin.count as f64;
        bin.confidence /= count;
        bin.accuracy /= count;
        error += count * (bin.confidence - bin.accuracy).abs();
    }
    (bins, error / confidences.len().max(1) as f64)
}

/// One choice of how often to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Abstention {
    /// Share of the samples that get an answer: the surest ones.
    pub coverage: f64,
    /// Share of right answers among those.
    pub accuracy: f64,
    /// Confidence from which on an answer is given.
    pub threshold: f32,
}

/// Accuracy when only the surest samples are answered, at `num_points` coverages up to 1.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of samples
pub fn abstain_curve(confidences: &[f32], right: &[bool], num_points: usize) -> Vec<Abstention> {
    let mut order: Vec<usize> = (0..confidences.len()).collect();
    order.sort_by(|&a, &b| confidences[b].total_cmp(&confidences[a]));
    let mut hits = 0;
    let mut curve = Vec::with_capacity(num_points);
    let total = order.len();
    for (index, &sample) in order.iter().enumerate() {
        hits += usize::from(right[sample]);
        let answered = index + 1;
        // The first sample past each of the points.
        if answered * num_points / total > index * num_points / total {
            curve.push(Abstention {
                coverage: answered as f64 / total as f64,
                accuracy: hits as f64 / answered as f64,
                threshold: confidences[sample],
            });
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_and_wrong_is_an_error_of_its_confidence() {
        let (bins, error) = calibration(&[0.9, 0.9, 0.55, 1.0], &[false, false, true, true]);
        assert!((error - (2.0 * 0.9 + 0.45) / 4.0).abs() < 1e-6, "{error}");
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 4);
    }

    #[test]
    fn silence_on_the_unsure_half_raises_accuracy() {
        let curve = abstain_curve(&[0.6, 0.9, 0.5, 0.8], &[false, true, false, true], 2);
        assert_eq!(curve.len(), 2);
        assert!((curve[0].accuracy - 1.0).abs() < 1e-9 && (curve[0].coverage - 0.5).abs() < 1e-9);
        assert!((curve[1].accuracy - 0.5).abs() < 1e-9);
        assert!(abstain_curve(&[], &[], 5).is_empty());
    }
}
