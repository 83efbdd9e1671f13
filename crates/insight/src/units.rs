//! The health of a layer's units: dead, saturated, or doing what another does already.

use burn::tensor::Tensor;
use fornax_layers::Feature;

/// A unit that correlates more than this with another does the same.
const DUPLICATE: f32 = 0.99;

/// A unit this near to an end of its range, relative to the range, is at the end.
const NEAR_END: f32 = 0.02;

/// A unit that is at an end of its range for more than this share of samples is saturated.
const SATURATED: f32 = 0.95;

/// Units beyond this are not compared pair by pair.
const MAX_PAIRS: usize = 2048;

/// A unit that correlates with an earlier one so much that it is spare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicate {
    /// The spare unit.
    pub unit: usize,
    /// The earlier one.
    pub twin: usize,
    /// `scale * twin + shift` is the spare unit's value.
    pub scale: f32,
    /// See `scale`.
    pub shift: f32,
}

/// What a layer's units do on some samples.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitHealth {
    /// How many units there are: feature maps of a convolution, else single features.
    pub num_units: usize,
    /// Units that give the same value whatever they see.
    pub dead: Vec<usize>,
    /// Units that sit at an end of their range nearly always.
    pub saturated: Vec<usize>,
    /// Units that an earlier one says as well.
    pub duplicates: Vec<Duplicate>,
    /// Mean value of each unit.
    pub means: Vec<f32>,
    /// Share of the values above zero.
    pub active_share: f32,
}

/// One row for each sample and place, one column for each unit: `[B * places, units]`.
///
/// The units of maps `[C, H, W]` are the C maps, those of sequences `[T, D]` the D features.
#[must_use]
pub fn unit_columns(feature: &Feature) -> Tensor<2> {
    let values = feature.values.clone();
    let [batch, _] = values.dims();
    match *feature.shape.as_slice() {
        [channels, height, width] => values
            .reshape([batch, channels, height * width])
            .swap_dims(1, 2)
            .reshape([batch * height * width, channels]),
        [steps, channels] => values.reshape([batch * steps, channels]),
        _ => values,
    }
}

/// Examines units.
///
/// # Shapes
/// - `columns`: `[rows, units]`, as [`unit_columns`] gives them
/// - `range`: the ends that the activation cannot pass, where it has two
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts
pub fn unit_health(columns: &Tensor<2>, range: Option<(f32, f32)>) -> UnitHealth {
    let [num_rows, num_units] = columns.dims();
    let to_vec = |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().iter::<f32>().collect() };
    let mean = columns.clone().mean_dim(0); // [1, U]
    let centred = columns.clone() - mean.clone();
    let deviation = (centred.clone() * centred.clone()).mean_dim(0).sqrt(); // [1, U]
    let means = to_vec(mean);
    let deviations = to_vec(deviation.clone());
    let is_dead = |unit: usize| deviations[unit] <= 1e-6 * means[unit].abs().max(1e-6);
    let dead: Vec<usize> = (0..num_units).filter(|&unit| is_dead(unit)).collect();
    let saturated = match range {
        None => Vec::new(),
        Some((low, high)) => {
            let margin = NEAR_END * (high - low);
            let at_end = columns.clone().lower_elem(low + margin).float()
                + columns.clone().greater_elem(high - margin).float();
            let share = to_vec(at_end.mean_dim(0));
            let at_end = |&unit: &usize| share[unit] > SATURATED && !is_dead(unit);
            (0..num_units).filter(at_end).collect()
        }
    };
    let mut duplicates = Vec::new();
    if num_units <= MAX_PAIRS && num_rows > 2 {
        let scaled = centred / deviation.clamp_min(1e-12);
        let correlation = scaled.clone().transpose().matmul(scaled) / num_rows as f32; // [U, U]
        let correlation = to_vec(correlation);
        for unit in (0..num_units).filter(|&unit| !is_dead(unit)) {
            let row = &correlation[unit * num_units..unit * num_units + unit];
            let is_twin = |&twin: &usize| row[twin].abs() > DUPLICATE && !is_dead(twin);
            duplicates.extend((0..unit).find(is_twin).map(|twin| {
                let scale = row[twin] * deviations[unit] / deviations[twin];
                Duplicate {
                    unit,
                    twin,
                    scale,
                    shift: means[unit] - scale * means[twin],
                }
            }));
        }
    }
    let active = columns.clone().greater_elem(0.0).float().mean();
    UnitHealth {
        num_units,
        dead,
        saturated,
        duplicates,
        means,
        active_share: active.into_scalar::<f32>(),
    }
}

/// How much each unit tells about the class: variance of its means over the classes, relative to
/// all its variance, in `[0, 1]`.
///
/// # Shapes
/// - `activity`: `[B, U]`, one value a sample and unit
/// - `labels`: B
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts
pub fn informativeness(
    activity: &[f32],
    num_units: usize,
    labels: &[usize],
    num_classes: usize,
) -> Vec<f64> {
    let rows = activity.chunks_exact(num_units.max(1));
    let mut sums = vec![0.0; num_units * num_classes];
    let mut counts = vec![0.0; num_classes];
    let mut squares = vec![0.0; num_units];
    for (row, &label) in rows.zip(labels) {
        counts[label] += 1.0;
        for (unit, &value) in row.iter().enumerate() {
            let value = f64::from(value);
            sums[label * num_units + unit] += value;
            squares[unit] += value * value;
        }
    }
    let count = labels.len().max(1) as f64;
    (0..num_units)
        .map(|unit| {
            let of = |class: usize| sums[class * num_units + unit];
            let mean = (0..num_classes).map(of).sum::<f64>() / count;
            let between: f64 = (0..num_classes)
                .filter(|&class| counts[class] > 0.0)
                .map(|class| of(class) * of(class) / counts[class])
                .sum::<f64>()
                / count
                - mean * mean;
            let total = squares[unit] / count - mean * mean;
            if total > 1e-12 { between / total } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn dead_saturated_and_duplicate_units_are_found() {
        let rows = [
            [0.0, 1.0, 0.3, 0.6, 0.1],
            [0.0, 0.999, 0.6, 1.2, 0.9],
            [0.0, 1.0, 0.1, 0.2, 0.4],
            [0.0, 0.998, 0.5, 1.0, 0.2],
        ];
        let columns = Tensor::<2>::from_floats(rows, &Device::flex());
        let health = unit_health(&columns, Some((0.0, 1.0)));
        assert_eq!(health.dead, [0]);
        assert_eq!(health.saturated, [1]);
        let [duplicate] = health.duplicates.as_slice() else {
            panic!("{health:?}");
        };
        assert_eq!((duplicate.unit, duplicate.twin), (3, 2));
        assert!((duplicate.scale - 2.0).abs() < 1e-4 && duplicate.shift.abs() < 1e-4);
    }

    #[test]
    fn maps_are_units_at_every_place() {
        let feature = Feature {
            name: "block1".into(),
            shape: vec![2, 1, 3],
            values: Tensor::<2>::from_floats([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], &Device::flex()),
        };
        let columns: Vec<f32> = unit_columns(&feature).into_data().iter::<f32>().collect();
        assert_eq!(columns, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn a_unit_that_follows_the_class_is_informative() {
        let activity = [1.0, 0.2, 1.0, 0.8, 0.0, 0.2, 0.0, 0.8];
        let shares = informativeness(&activity, 2, &[0, 0, 1, 1], 2);
        assert!(
            (shares[0] - 1.0).abs() < 1e-9 && shares[1].abs() < 1e-9,
            "{shares:?}"
        );
    }
}
