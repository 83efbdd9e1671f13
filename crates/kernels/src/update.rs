//! The step of an optimiser on one parameter, in a single pass over memory.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

#[cfg(test)]
mod tests;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::host::Host;
use crate::math::{FADED, cleared_below, mul_add, vectorised};
use crate::runs_here;

/// Elements that a thread takes at once: less is done sooner than another thread wakes up.
const CHUNK: usize = 1 << 15;

/// One step of Adam, or of AdamW where the decay is decoupled.
///
/// Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov and Hutter 2019,
/// <https://arxiv.org/abs/1711.05101>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// How far to go.
    pub learning_rate: f64,
    /// How much of the mean gradient stays, in `[0, 1)`.
    pub beta_1: f64,
    /// How much of the mean square stays, in `[0, 1)`.
    pub beta_2: f64,
    /// Keeps the step finite where the gradient is always zero; above 0.
    pub epsilon: f64,
    /// Pull towards zero.
    pub weight_decay: f64,
    /// Whether that pull leaves the moments alone, as in AdamW.
    pub decoupled: bool,
    /// Number of this step, counted from 1.
    pub time: usize,
}

/// One step of gradient descent with momentum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// How far to go.
    pub learning_rate: f64,
    /// How much of the last step stays, in `[0, 1)`.
    pub momentum: f64,
    /// Pull towards zero, which is added to the gradient.
    pub weight_decay: f64,
}

/// Moves a parameter against its gradient by the rule of Adam, and returns it with its moments: the
/// running means of the gradient and of its square, zero before the first step.
///
/// What nobody else holds is changed in place.
///
/// # Panics
/// When the shapes differ, or on a device with autodiff: a step is no part of a graph.
#[must_use]
pub fn adam<const D: usize>(
    step: AdamStep,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
) -> (Tensor<D>, [Tensor<D>; 2]) {
    if !runs_here(&parameter) {
        return adam_reference(step, parameter, gradient, moments);
    }
    let [first, second] = moments;
    let (parameter, first, second) = Dispatch::adam(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        step,
    );
    let moments = [first, second].map(Tensor::from_dispatch);
    (Tensor::from_dispatch(parameter), moments)
}

/// [`adam`] in Burn's own operations.
///
/// # Panics
/// As [`adam`].
#[must_use]
pub fn adam_reference<const D: usize>(
    step: AdamStep,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let scale = AdamScale::of(step);
    let gradient = gradient + parameter.clone() * scale.coupled_decay;
    let first = first * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let second = second * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let change = first.clone() / (second.clone().sqrt() + scale.epsilon);
    let parameter = parameter * scale.keep - change * scale.rate;
    (parameter, [first, second])
}

/// Moves a parameter by gradient descent, and returns it with its velocity: the gradient and what
/// momentum keeps of the steps before it, zero before the first.
///
/// What nobody else holds is changed in place.
///
/// # Panics
/// As [`adam`].
#[must_use]
pub fn sgd<const D: usize>(
    step: SgdStep,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    if !runs_here(&parameter) {
        return sgd_reference(step, parameter, gradient, velocity);
    }
    let (parameter, velocity) = Dispatch::sgd(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        velocity.into_dispatch(),
        step,
    );
    (
        Tensor::from_dispatch(parameter),
        Tensor::from_dispatch(velocity),
    )
}

/// [`sgd`] in Burn's own operations.
///
/// # Panics
/// As [`adam`].
#[must_use]
pub fn sgd_reference<const D: usize>(
    step: SgdStep,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    let gradient = gradient + parameter.clone() * step.weight_decay;
    let velocity = velocity * step.momentum + gradient;
    (parameter - velocity.clone() * step.learning_rate, velocity)
}

/// What is the same for all elements of a step of Adam.
struct AdamScale {
    coupled_decay: f64,
    /// How much of the parameter stays.
    keep: f64,
    /// Learning rate and the correction of the moments' start at zero.
    rate: f64,
    epsilon: f64,
}

impl AdamScale {
    fn of(step: AdamStep) -> Self {
        // Beyond so many steps both corrections are 1.
        let time = i32::try_from(step.time).unwrap_or(i32::MAX);
        let second = (1.0 - step.beta_2.powi(time)).sqrt();
        let (coupled, decoupled) = if step.decoupled {
            (0.0, step.weight_decay)
        } else {
            (step.weight_decay, 0.0)
        };
        Self {
            coupled_decay: coupled,
            keep: 1.0 - step.learning_rate * decoupled,
            rate: step.learning_rate * second / (1.0 - step.beta_1.powi(time)),
            epsilon: step.epsilon * second,
        }
    }
}

/// The operations of the backends, on tensors without a graph.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"))]
pub(crate) trait Update: Backend {
    /// Parameter, first and second moment; see [`adam`].
    fn adam(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Parameter and velocity; see [`sgd`].
    fn sgd(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        step: SgdStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: Host> Update for B {
    fn adam(
        parameter: FloatTensor<B>,
        gradient: FloatTensor<B>,
        first: FloatTensor<B>,
        second: FloatTensor<B>,
        step: AdamStep,
    ) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
        let gradient = B::values(gradient);
        let (mut parameter, mut first, mut second) =
            (B::own(parameter), B::own(first), B::own(second));
        check_lengths(&gradient, [&parameter, &first, &second]);
        let factors = AdamFactors::of(step);
        parameter
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK))
            .zip(second.par_chunks_mut(CHUNK))
            .for_each(|(((parameter, gradient), first), second)| {
                adam_chunk(factors, parameter, gradient, first, second);
            });
        (B::release(parameter), B::release(first), B::release(second))
    }

    fn sgd(
        parameter: FloatTensor<B>,
        gradient: FloatTensor<B>,
        velocity: FloatTensor<B>,
        step: SgdStep,
    ) -> (FloatTensor<B>, FloatTensor<B>) {
        let gradient = B::values(gradient);
        let (mut parameter, mut velocity) = (B::own(parameter), B::own(velocity));
        check_lengths(&gradient, [&parameter, &velocity]);
        parameter
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(velocity.par_chunks_mut(CHUNK))
            .for_each(|((parameter, gradient), velocity)| {
                sgd_chunk(step, parameter, gradient, velocity);
            });
        (B::release(parameter), B::release(velocity))
    }
}

fn check_lengths<const N: usize>(gradient: &[f32], others: [&[f32]; N]) {
    assert!(
        others.iter().all(|other| other.len() == gradient.len()),
        "a parameter, its gradient and its state are of one shape"
    );
}

/// [`AdamScale`] and the rest of a step, in the precision of the elements.
#[derive(Debug, Clone, Copy)]
struct AdamFactors {
    beta_1: f32,
    beta_2: f32,
    /// How much of the new gradient and of its square enter the moments.
    new_1: f32,
    new_2: f32,
    coupled_decay: f32,
    keep: f32,
    rate: f32,
    epsilon: f32,
}

impl AdamFactors {
    #[allow(clippy::cast_possible_truncation)] // that of the elements is all that counts
    fn of(step: AdamStep) -> Self {
        let scale = AdamScale::of(step);
        Self {
            beta_1: step.beta_1 as f32,
            beta_2: step.beta_2 as f32,
            new_1: (1.0 - step.beta_1) as f32,
            new_2: (1.0 - step.beta_2) as f32,
            coupled_decay: scale.coupled_decay as f32,
            keep: scale.keep as f32,
            rate: scale.rate as f32,
            epsilon: scale.epsilon as f32,
        }
    }
}

/// What squares are: the square of less would be subnormal.
const FADED_ROOT: f32 = 1e-16;

vectorised! {
    fn adam_chunk<const FMA: bool>(
        factors: AdamFactors,
        parameter: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let all = parameter.iter_mut().zip(gradient).zip(first).zip(second);
        for (((parameter, &gradient), first), second) in all {
            let gradient = mul_add::<FMA>(*parameter, factors.coupled_decay, gradient);
            let gradient = cleared_below(FADED, gradient);
            let square = cleared_below(FADED_ROOT, gradient);
            *first = mul_add::<FMA>(*first, factors.beta_1, gradient * factors.new_1);
            *second = mul_add::<FMA>(*second, factors.beta_2, square * square * factors.new_2);
            *first = cleared_below(FADED, *first);
            *second = cleared_below(FADED, *second);
            let change = *first / (second.sqrt() + factors.epsilon);
            *parameter = mul_add::<FMA>(*parameter, factors.keep, -(change * factors.rate));
        }
    }
}

vectorised! {
    #[allow(clippy::cast_possible_truncation)] // the precision of the elements is all that counts
    fn sgd_chunk<const FMA: bool>(
        step: SgdStep,
        parameter: &mut [f32],
        gradient: &[f32],
        velocity: &mut [f32],
    ) {
        let (momentum, decay) = (step.momentum as f32, step.weight_decay as f32);
        let rate = step.learning_rate as f32;
        for ((parameter, &gradient), velocity) in parameter.iter_mut().zip(gradient).zip(velocity) {
            let gradient = mul_add::<FMA>(*parameter, decay, gradient);
            *velocity = mul_add::<FMA>(*velocity, momentum, cleared_below(FADED, gradient));
            *velocity = cleared_below(FADED, *velocity);
            *parameter = mul_add::<FMA>(*velocity, -rate, *parameter);
        }
    }
}
