//! Labels that are probably wrong.

/// A sample whose label the network contradicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspect {
    /// Its place among the samples.
    pub place: usize,
    /// The class that it more likely is.
    pub likely: usize,
    /// How much likelier that class is than the label, in `[-1, 1]`.
    pub margin: f32,
}

/// Finds suspected wrong labels by confident learning: samples that a class other than their label
/// claims with at least the confidence that it usually has in its own. Most suspect first.
///
/// It trusts a network only where it saw no label of these samples; on training samples it finds
/// less.
///
/// # Shapes
/// - `probabilities`: `[B, K]`, row by row
/// - `labels`: B, each below K
///
/// Northcutt, Jiang and Chuang 2021, <https://arxiv.org/abs/1911.00068>
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // probabilities
pub fn suspects(probabilities: &[f32], labels: &[usize], num_classes: usize) -> Vec<Suspect> {
    let row = |place: usize| &probabilities[place * num_classes..(place + 1) * num_classes];
    let mut sums = vec![0.0_f64; num_classes];
    let mut counts = vec![0_usize; num_classes];
    for (place, &label) in labels.iter().enumerate() {
        sums[label] += f64::from(row(place)[label]);
        counts[label] += 1;
    }
    // A class that no sample has claims nothing.
    let thresholds: Vec<f32> = sums
        .iter()
        .zip(&counts)
        .map(|(sum, &count)| {
            if count == 0 {
                f32::INFINITY
            } else {
                (sum / count as f64) as f32
            }
        })
        .collect();
    let mut found: Vec<Suspect> = labels
        .iter()
        .enumerate()
        .filter_map(|(place, &label)| {
            let row = row(place);
            let claims = (0..num_classes).filter(|&class| row[class] >= thresholds[class]);
            let likely = claims.max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
            let margin = row[likely] - row[label];
            (likely != label && margin > 0.0).then_some(Suspect {
                place,
                likely,
                margin,
            })
        })
        .collect();
    found.sort_by(|a, b| b.margin.total_cmp(&a.margin));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_another_class_claims_is_suspect() {
        let probabilities = [0.9, 0.1, 0.2, 0.8, 0.05, 0.95, 0.8, 0.2, 0.45, 0.55];
        // The third is called 0 and looks like 1; the last is merely unsure.
        let found = suspects(&probabilities, &[0, 1, 0, 0, 0], 2);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].place, found[0].likely), (2, 1));
    }
}
