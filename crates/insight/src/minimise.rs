//! The limited-memory BFGS method: a minimum of a smooth convex function in few evaluations.

use burn::tensor::Tensor;
use std::collections::VecDeque;

/// Steps that are remembered to guess the curvature.
const MEMORY: usize = 8;

/// The gradient may be so much smaller than at the start before the search ends.
const TOLERANCE: f64 = 1e-3;

/// Minimises `function`, which gives value and gradient, from `start` in at most `max_steps` steps.
///
/// Liu and Nocedal 1989, <https://doi.org/10.1007/BF01589116>, with a line search that halves.
pub(crate) fn minimise(
    start: Tensor<2>,
    max_steps: usize,
    function: impl Fn(&Tensor<2>) -> (f64, Tensor<2>),
) -> Tensor<2> {
    let mut x = start;
    let (mut value, mut gradient) = function(&x);
    let first_norm = dot(&gradient, &gradient).sqrt();
    let mut memory: VecDeque<Step> = VecDeque::new();
    for _ in 0..max_steps {
        let norm = dot(&gradient, &gradient).sqrt();
        if norm <= TOLERANCE * first_norm || !norm.is_finite() {
            break;
        }
        let mut direction = -newton_like(&memory, gradient.clone());
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            memory.clear();
            direction = -gradient.clone();
            slope = -norm * norm;
        }
        // Nothing is known of the scale before the first step.
        let mut length = if memory.is_empty() {
            1.0 / norm.max(1.0)
        } else {
            1.0
        };
        let mut next = None;
        for _ in 0..20 {
            let candidate = x.clone() + direction.clone() * length;
            let (candidate_value, candidate_gradient) = function(&candidate);
            if candidate_value <= value + 1e-4 * length * slope {
                next = Some((candidate, candidate_value, candidate_gradient));
                break;
            }
            length *= 0.5;
        }
        let Some((next_x, next_value, next_gradient)) = next else {
            break; // no step makes it smaller: single precision ends here
        };
        let step = Step::new(next_x.clone() - x, next_gradient.clone() - gradient.clone());
        (x, value, gradient) = (next_x, next_value, next_gradient);
        if let Some(step) = step {
            memory.push_back(step);
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
    }
    x
}

/// How far a step went, and how the gradient changed on the way.
struct Step {
    moved: Tensor<2>,
    turned: Tensor<2>,
    /// Their product, above 0.
    curvature: f64,
}

impl Step {
    fn new(moved: Tensor<2>, turned: Tensor<2>) -> Option<Self> {
        let curvature = dot(&moved, &turned);
        (curvature > 1e-12).then_some(Self {
            moved,
            turned,
            curvature,
        })
    }
}

/// The gradient times the inverse curvature that the remembered steps imply.
fn newton_like(memory: &VecDeque<Step>, mut gradient: Tensor<2>) -> Tensor<2> {
    let mut shares = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let share = dot(&step.moved, &gradient) / step.curvature;
        gradient = gradient - step.turned.clone() * share;
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        gradient = gradient * (last.curvature / dot(&last.turned, &last.turned));
    }
    for (step, share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(&step.turned, &gradient) / step.curvature;
        gradient = gradient + step.moved.clone() * (share - back);
    }
    gradient
}

fn dot(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    f64::from((a.clone() * b.clone()).sum().into_scalar::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_narrow_valley_is_walked_to_its_end() {
        let device = Device::flex();
        let scales = Tensor::<2>::from_floats([[1.0, 30.0, 1000.0]], &device);
        let goal = Tensor::<2>::from_floats([[3.0, -2.0, 0.5]], &device);
        let found = minimise(Tensor::zeros([1, 3], &device), 100, |x| {
            let gradient = (x.clone() - goal.clone()) * scales.clone();
            let value = dot(&(x.clone() - goal.clone()), &gradient) / 2.0;
            (value, gradient)
        });
        let error = (found - goal).abs().max().into_scalar::<f32>();
        assert!(error < 0.01, "{error}");
    }
}
